"""Profiles for users whom the host made: all that are there (``adopt_users``), and each that comes.

An address belongs to at most one profile. Where several of the host's users have the same one, nobody can say
whose it is, and a wrong guess would hand one person's account to another: none of them gets it, unless an
operator chose the oldest. The host's rows are never changed.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.contrib.auth import get_user_model
from django.db import IntegrityError, router, transaction
from django.db.models import QuerySet
from django.db.models.signals import post_save
from django.utils.timezone import is_naive, make_aware

from better_auth import clock
from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import new_id
from better_auth.events import observe
from better_auth.models import CREDENTIAL, Account, UserProfile
from better_auth.storage import host_users, verified_sessions
from better_auth.storage.records import has_user_row

logger = logging.getLogger("better_auth.adoption")

ATTEMPTS = 3


class Reason(StrEnum):
    """Why a user has no address with us, and so can't sign in by e-mail."""

    MISSING = "missing"
    INVALID = "invalid"
    DUPLICATE = "duplicate"
    TAKEN = "taken"


@dataclass(frozen=True, slots=True)
class Finding:
    """A user without an address. ``others``: who has the same one, as far as that is known."""

    key: Any
    username: str
    email: str
    reason: Reason
    others: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """``shared``: the addresses of several of the host's users, with their keys from the oldest on."""

    shared: Mapping[str, Sequence[Any]]
    oldest_keeps: bool = False


@dataclass(slots=True)
class Outcome:
    """``made``: profiles; ``addressed``: those of them, or of older ones, that got their address now."""

    made: int = 0
    addressed: int = 0
    credentials: int = 0
    findings: list[Finding] = field(default_factory=list)


def waiting() -> QuerySet[Any]:
    """The host's users without a profile, or without an address in it."""
    users: Any = get_user_model()._default_manager
    rows: QuerySet[Any] = users.select_related("better_auth_profile")
    return rows.filter(better_auth_profile__email__isnull=True)


def adopt(keys: Sequence[Any], *, policy: Policy, dry_run: bool = False) -> Outcome:
    """Make the profiles and credential accounts of these users, where they are missing, in one transaction.

    A profile that is there without an address gets it once it may. Safe to call twice at once, and beside
    sign-ups and deletions: what another one did meanwhile is left as it is.
    """
    outcome = _adopt_patiently(keys, policy, dry_run)
    if outcome.made and not dry_run:
        observe("migrated_users", "host", value=outcome.made)
    return outcome


def _adopt_patiently(keys: Sequence[Any], policy: Policy, dry_run: bool) -> Outcome:
    for _ in range(ATTEMPTS - 1):
        try:
            return _adopt(keys, policy, dry_run)
        except IntegrityError:  # one of the users was deleted meanwhile: look again
            continue
    return _adopt(keys, policy, dry_run)


def _adopt(keys: Sequence[Any], policy: Policy, dry_run: bool) -> Outcome:
    outcome = Outcome()
    users = list(waiting().filter(pk__in=keys).order_by("pk"))
    addresses = _decide(users, policy, outcome)
    known = [user for user in users if _has_profile(user) and addresses[user.pk]]
    profiles = _new_profiles([user for user in users if not _has_profile(user)], addresses)
    outcome.made = len(profiles)
    outcome.credentials = sum(host_users.has_password(profile.user) for profile in profiles)
    outcome.addressed = sum(profile.email is not None for profile in profiles) + len(known)
    if dry_run:
        return outcome
    with transaction.atomic():  # begins with a write: SQLite could not turn a reader into a writer
        _insert(profiles, outcome)
        for user in known:
            if not _give(user.pk, addresses[user.pk]):
                _withdraw(user, outcome)
    return outcome


def _decide(users: Sequence[Any], policy: Policy, outcome: Outcome) -> dict[Any, str | None]:
    """The address that each user gets, or None with a finding."""
    wanted = {user.pk: host_users.address_in(host_users.raw_email(user)) for user in users}
    held = UserProfile.objects.filter(email__in=[one for one in wanted.values() if one])
    taken = set(held.values_list("email", flat=True))
    decided: dict[Any, str | None] = {}
    for user in users:
        address = wanted[user.pk]
        keys = policy.shared.get(address or "", ())
        if address is None:
            reason = Reason.INVALID if host_users.raw_email(user).strip() else Reason.MISSING
        elif address in taken:
            reason = Reason.DUPLICATE if keys else Reason.TAKEN
        elif keys and not (policy.oldest_keeps and keys[0] == user.pk):
            reason = Reason.DUPLICATE
        else:
            decided[user.pk] = address
            continue
        decided[user.pk] = None
        outcome.findings.append(_finding(user, reason, tuple(key for key in keys if key != user.pk)))
    return decided


def _new_profiles(users: Sequence[Any], addresses: Mapping[Any, str | None]) -> list[UserProfile]:
    ids = [str(user.pk) for user in users]
    used = dict(UserProfile.objects.filter(public_id__in=ids).values_list("public_id", "pk"))
    now = clock.now()
    return [
        UserProfile(
            user=user,
            # An id that came from another system may be what this key reads as.
            public_id=str(user.pk) if used.get(str(user.pk), user.pk) == user.pk else new_id(),
            email=addresses[user.pk],
            name=_name_of(user),
            role=auth_settings.user.default_role,
            created_at=_joined(user) or now,
            updated_at=now,
        )
        for user in users
    ]


def _insert(profiles: Sequence[UserProfile], outcome: Outcome) -> None:
    """Rows that are there already stay; an address that was taken meanwhile leaves its profile without."""
    UserProfile.objects.bulk_create(profiles, ignore_conflicts=True)
    there = _public_ids(profiles)
    late = [profile for profile in profiles if profile.pk not in there]
    for profile in late:
        if profile.email is not None:
            profile.email = None
            _withdraw(profile.user, outcome)
    if late:
        UserProfile.objects.bulk_create(late, ignore_conflicts=True)
        there = _public_ids(profiles)
    accounts = [
        Account(user=profile.user, provider_id=CREDENTIAL, account_id=there[profile.pk])
        for profile in profiles
        if profile.pk in there and host_users.has_password(profile.user)
    ]
    Account.objects.bulk_create(accounts, ignore_conflicts=True)


def _public_ids(profiles: Sequence[UserProfile]) -> dict[Any, str]:
    """As stored: another run may have made some of them."""
    keys = [profile.pk for profile in profiles]
    return dict(UserProfile.objects.filter(pk__in=keys).values_list("pk", "public_id"))


def _give(key: Any, address: str | None) -> bool:
    """Put an address into a profile that has none; False if another profile has it."""
    try:
        with transaction.atomic():
            rows = UserProfile.objects.filter(pk=key, email__isnull=True)
            rows.update(email=address, email_verified=False, email_verified_at=None, updated_at=clock.now())
            verified_sessions.forget_user(key)
    except IntegrityError:
        return False
    return True


def _withdraw(user: Any, outcome: Outcome) -> None:
    outcome.addressed -= 1
    outcome.findings.append(_finding(user, Reason.TAKEN, ()))


def _finding(user: Any, reason: Reason, others: tuple[Any, ...]) -> Finding:
    return Finding(user.pk, str(user.get_username()), host_users.raw_email(user), reason, others)


def _has_profile(user: Any) -> bool:
    return getattr(user, "better_auth_profile", None) is not None


def _name_of(user: Any) -> str:
    full_name = user.get_full_name().strip() if hasattr(user, "get_full_name") else ""
    return full_name or str(user.get_username())


def _joined(user: Any) -> datetime | None:
    moment = getattr(user, "date_joined", None)
    if not isinstance(moment, datetime):
        return None
    return clock.to_milliseconds(make_aware(moment) if is_naive(moment) else moment)


# --- users whom the host makes or changes from now on ---


def connect() -> None:
    """Follow the host's own code, where the user model is the host's.

    All senders, because a proxy of the user model and a model that extends it send under their own names.
    """
    if not has_user_row():
        post_save.connect(follow, dispatch_uid="better_auth.adoption")


def follow(
    *, instance: Any, created: bool, raw: bool, using: str, update_fields: Any = None, **kwargs: Any
) -> None:
    """After each save of a user: make the missing profile, follow a changed address.

    Whatever goes wrong here, the host's save stands; a log line tells, and ``adopt_users`` makes up for it.
    """
    if raw or not isinstance(instance, get_user_model()) or hasattr(instance, host_users.PROFILE_FOLLOWS):
        return
    if update_fields is not None and not created and host_users.email_column() not in update_fields:
        return
    if using != router.db_for_write(UserProfile):
        return
    # In the host's transaction our failure must not end it; outside, SQLite lets no reader turn writer.
    in_transaction = transaction.get_connection(using).in_atomic_block
    try:
        with transaction.atomic() if in_transaction else nullcontext():
            _follow(instance)
    except Exception as fault:  # the message of a database may quote the address
        logger.error("user %s was saved, but not their profile: %s", instance.pk, type(fault).__name__)


def _follow(user: Any) -> None:
    profile = UserProfile.objects.filter(pk=user.pk).first()
    address = host_users.address_in(host_users.raw_email(user))
    if profile is not None and (profile.email == address or host_users.email_column() is None):
        return
    if profile is not None and profile.email is not None:
        UserProfile.objects.filter(pk=user.pk).update(
            email=None, email_verified=False, email_verified_at=None, updated_at=clock.now()
        )
    others = host_users.holders(address).exclude(pk=user.pk).values_list("pk", flat=True) if address else ()
    shared = {address: (*others, user.pk)} if address and others else {}
    outcome = adopt([user.pk], policy=Policy(shared))
    for finding in outcome.findings:
        if finding.reason in (Reason.DUPLICATE, Reason.TAKEN):
            logger.warning("user %s has an address that is another user's: it was left out", user.pk)
