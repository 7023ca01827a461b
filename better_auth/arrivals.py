"""Users who come from elsewhere, many at once, with the accounts and sessions they had there.

Like ``users.create`` for each, but without events, mails and model signals: nothing happened to these people.
The caller has looked whether ids, addresses, user names and identities are free; the unique indexes decide,
and a conflict undoes the whole call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import transaction

from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import token_digest
from better_auth.models import CREDENTIAL, Account, Session, UserProfile
from better_auth.storage import bulk, host_users
from better_auth.storage.records import has_user_row

# An unusable password, as Django marks it; its random tail only matters to Django's own reset links.
NO_PASSWORD = UNUSABLE_PASSWORD_PREFIX + "arrived-without-one"


@dataclass(slots=True)
class ArrivingAccount:
    """``id``: of the row."""

    id: str
    provider_id: str
    account_id: str
    created_at: datetime
    issuer: str | None = None
    scope: str | None = None


@dataclass(slots=True)
class ArrivingSession:
    """``token``: the one that the client has and goes on with."""

    id: str
    token: str = field(repr=False)
    expires_at: datetime
    created_at: datetime
    updated_at: datetime
    ip_address: str = ""
    user_agent: str = ""
    active_organization_id: str | None = None
    active_team_id: str | None = None


@dataclass(slots=True)
class Arrival:
    """``id``: the one on the wire; ``email``: normalised, or None; ``password``: Django's encoding.

    ``columns`` are those of ``AuthColumns``, ``host`` those of a user model that is not ours, ``key`` its
    primary key once it is written.
    """

    id: str
    email: str | None
    password: str | None = field(repr=False)
    columns: dict[str, Any]
    accounts: Sequence[ArrivingAccount] = ()
    sessions: Sequence[ArrivingSession] = ()
    host: Mapping[str, Any] = field(default_factory=dict)
    key: Any = None


def insert(arrivals: Sequence[Arrival], *, at: datetime) -> None:
    """Write them all, or none. ``at``: what is put down where the source tells no time.

    Raises ``IntegrityError`` where something is not free after all.
    """
    with transaction.atomic():
        if has_user_row():
            _insert_rows(arrivals, at)
        else:
            _insert_profiles(arrivals, at)
        bulk.insert(Account, _account_rows(arrivals))
        bulk.insert(Session, _session_rows(arrivals))


def add_accounts(key: Any, accounts: Sequence[ArrivingAccount]) -> None:
    """To a user who is there."""
    bulk.insert(Account, (_account_row(one, key) for one in accounts))


def add_sessions(key: Any, sessions: Sequence[ArrivingSession]) -> list[str]:
    """To a user who is there; those that they have already are left out. The ids of the others."""
    digests = {token_digest(one.token): one for one in sessions}
    there = set(Session.objects.filter(token_hash__in=digests).values_list("token_hash", flat=True))
    coming = [one for digest, one in digests.items() if digest not in there]
    bulk.insert(Session, (_session_row(one, key) for one in coming))
    return [one.id for one in coming]


def _insert_rows(arrivals: Sequence[Arrival], at: datetime) -> None:
    model: Any = get_user_model()
    limit = model._meta.get_field("password").max_length
    known = {column.attname for column in model._meta.concrete_fields}
    role = auth_settings.user.default_role
    rows = []
    for one in arrivals:
        one.key = one.id
        password = _column(one.password, limit)
        rows.append(
            {
                "created_at": at,
                "updated_at": at,
                "role": role,
                **one.columns,
                **{name: value for name, value in one.host.items() if name in known},
                "id": one.id,
                "email": one.email,
                "password": password,
            }
        )
    if bulk.has_one_table(model):
        bulk.insert(model, rows)
        return
    for row in rows:  # a host's model that extends another's table
        model(**row).save(force_insert=True)


def _insert_profiles(arrivals: Sequence[Arrival], at: datetime) -> None:
    limit = host_users.password_length()
    newcomers = [
        host_users.Newcomer(one.email, _column(one.password, limit), one.id, one.host) for one in arrivals
    ]
    role = auth_settings.user.default_role
    for one, key in zip(arrivals, host_users.insert_many(newcomers), strict=True):
        one.key = key
    bulk.insert(
        UserProfile,
        (
            {
                "created_at": at,
                "updated_at": at,
                "role": role,
                **one.columns,
                "user_id": one.key,
                "public_id": one.id,
                "email": one.email,
            }
            for one in arrivals
        ),
    )


def _account_rows(arrivals: Sequence[Arrival]) -> list[dict[str, Any]]:
    limit = host_users.password_length()
    rows = []
    for one in arrivals:
        for account in one.accounts:
            row = _account_row(account, one.key)
            if account.provider_id == CREDENTIAL and one.password and not _fits(one.password, limit):
                row["password"] = one.password
            rows.append(row)
    return rows


def _account_row(account: ArrivingAccount, key: Any) -> dict[str, Any]:
    return {
        "id": account.id,
        "user_id": key,
        "provider_id": account.provider_id,
        "account_id": account.account_id,
        "issuer": account.issuer,
        "scope": account.scope,
        "created_at": account.created_at,
        "updated_at": account.created_at,
    }


def _session_rows(arrivals: Sequence[Arrival]) -> list[dict[str, Any]]:
    return [_session_row(session, one.key) for one in arrivals for session in one.sessions]


def _session_row(session: ArrivingSession, key: Any) -> dict[str, Any]:
    return {
        "id": session.id,
        "user_id": key,
        "token_hash": token_digest(session.token),
        "created_at": session.created_at,
        "updated_at": session.updated_at,
        "expires_at": session.expires_at,
        "last_seen_at": session.updated_at,
        "ip_address": session.ip_address,
        "user_agent": session.user_agent,
        "active_organization_id": session.active_organization_id,
        "active_team_id": session.active_team_id,
    }


def _column(password: str | None, limit: int | None) -> str:
    """What goes into the user's own column: a hash that is too long for it stands in the account."""
    return password if password is not None and _fits(password, limit) else NO_PASSWORD


def _fits(password: str, limit: int | None) -> bool:
    return limit is None or len(password) <= limit
