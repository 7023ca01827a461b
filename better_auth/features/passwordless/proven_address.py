"""Somebody has shown that an address is theirs: sign them in, whoever they are.

Source: passwordless.md, "Promotion of unverified accounts". Whoever signed up with the address and never
proved it may be anybody: what they left behind (password, accounts, sessions, keys) must not open the account
of its owner.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import transaction

from better_auth import (
    clock,
    hooks,
    legacy,
    unproven_access,
    users,
)
from better_auth.errors import BadRequest, ErrorCode, Unprocessable
from better_auth.events import AuthMethod, Client, EmailVerified, SignedUp, publish
from better_auth.sign_in import SignInOutcome, complete_sign_in
from better_auth.storage.records import UserRecord
from better_auth.usernames import Code as UsernameCode


@dataclass(frozen=True, slots=True)
class Arrival:
    """``columns`` reads what new users say of themselves; it may refuse, and is asked for them only."""

    email: str
    name: str = ""
    image: str | None = None
    columns: Callable[[], dict[str, Any]] = dict


@dataclass(frozen=True, slots=True)
class Entered:
    outcome: SignInOutcome
    is_new: bool


def enter(arrival: Arrival, *, may_sign_up: bool, method: AuthMethod, client: Client) -> Entered | None:
    """In the caller's transaction, in which the proof is spent. None for a stranger who may not sign up.

    Raises what a host's hook refuses with, and ``Forbidden`` for a banned user.
    """
    user, is_new = users.find_by_email(arrival.email), False
    if user is None:
        if not may_sign_up:
            return None
        user, is_new = _sign_up(arrival, method=method, client=client)
    if not user.email_verified:
        user = _promote(user, method=method, client=client)
    return Entered(complete_sign_in(user, method=method, client=client), is_new)


def _sign_up(arrival: Arrival, *, method: AuthMethod, client: Client) -> tuple[UserRecord, bool]:
    """The user, and whether they are new: an account that waits in the legacy system comes over instead."""
    address = users.normalize_email(arrival.email)
    waiting = legacy.find_waiting(address)
    claim = legacy.find_claim(waiting.reference) if waiting else None
    claimed = claim.take(make_password(None), client=client) if claim else None
    if claimed:
        return claimed, False
    try:
        with transaction.atomic():
            return _create(arrival, method=method, client=client), True
    except users.ColumnTaken:
        raise BadRequest(UsernameCode.USERNAME_IS_ALREADY_TAKEN) from None
    except users.EmailTaken:
        user = users.find_by_email(address)  # made by another request of the same moment
        if user is None:
            raise Unprocessable(ErrorCode.FAILED_TO_CREATE_USER) from None
        return user, False


def _create(arrival: Arrival, *, method: AuthMethod, client: Client) -> UserRecord:
    columns = arrival.columns()
    fields = columns.get("additional_fields", {})
    hooks.before_sign_up(email=arrival.email, name=arrival.name, fields=fields, client=client)
    user = users.create(
        email=arrival.email,
        name=arrival.name,
        image=arrival.image,
        email_verified=True,
        email_verified_at=clock.now(),
        **columns,
    )
    publish(SignedUp(client=client, subject_id=user.id, method=method))
    hooks.after_sign_up(user, client=client)
    return user


def _promote(user: UserRecord, *, method: AuthMethod, client: Client) -> UserRecord:
    """Under a lock: of two proofs at once the second must not end the session that the first one made."""
    users.lock(user)
    user = users.get(user)
    if user.email_verified:
        return user
    unproven_access.revoke(user, method=method, client=client)
    user = users.update(user, email_verified=True, email_verified_at=clock.now())
    publish(EmailVerified(client=client, subject_id=user.id, method=method))
    return user
