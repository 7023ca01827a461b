"""What still hangs on the system that people came from: until there is nothing, its code and tables stay."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import (
    BasePasswordHasher,
    get_hasher,
    get_hashers,
    identify_hasher,
    is_password_usable,
)
from django.db.models import Count, Max, Q, Sum

from better_auth import clock
from better_auth.adopted_keys import ADOPTED
from better_auth.conf import auth_settings
from better_auth.crypto.legacy_hashes import LegacyHasher
from better_auth.models import CREDENTIAL, Account, LegacyUse, MigrationStatus, SigningKey
from better_auth.storage.records import carrier_model
from migration_tools import journal, statistics
from migration_tools.models import MigrationRecord, MigrationRun, RecordState, RunState

UNREADABLE = "unknown"
CHUNK = 5000
RECENT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Leftover:
    """``code``: for scripts; ``advice``: how it comes to its end."""

    code: str
    text: str
    advice: str


@dataclass(slots=True)
class HashUse:
    """How many users have a hash of one algorithm, when one of them signed in last, and which environment
    variables hold what it can't be verified without."""

    count: int = 0
    never: int = 0
    last_sign_in: datetime | None = None
    variables: Counter[str] = field(default_factory=Counter)

    def add(self, last_sign_in: datetime | None) -> None:
        self.count += 1
        if last_sign_in is None:
            self.never += 1
        elif self.last_sign_in is None or last_sign_in > self.last_sign_in:
            self.last_sign_in = last_sign_in


@dataclass(frozen=True, slots=True)
class Survey:
    """``unused``: algorithms of ``PASSWORD_HASHERS`` for other systems' hashes that nobody has."""

    leftovers: tuple[Leftover, ...]
    unused: tuple[str, ...]


def survey() -> Survey:
    """Without leftovers the other system is needed for nothing any more. Only reads."""
    uses = hashes()
    looks: list[Callable[[], Iterator[Leftover]]] = [
        _open_runs,
        _records,
        _waiting_passwords,
        lambda: _hashes(uses),
        lambda: _variables(uses),
        _keys,
        _credentials,
        _rollbacks,
        lambda: _settings(uses),
    ]
    hashers = [str(one.algorithm) for one in get_hashers() if isinstance(one, LegacyHasher)]
    return Survey(
        tuple(one for look in looks for one in look()),
        tuple(algorithm for algorithm in hashers if algorithm not in uses),
    )


def hashes() -> dict[str, HashUse]:
    """By algorithm, wherever the hash stands. Reads every user once."""
    uses: dict[str, HashUse] = {}
    for encoded, last_sign_in in _stored_hashes():
        hasher = _hasher_of(encoded)
        use = uses.setdefault(str(hasher.algorithm) if hasher else UNREADABLE, HashUse())
        use.add(last_sign_in)
        if isinstance(hasher, LegacyHasher):
            use.variables.update(hasher.variables(encoded))
    return uses


def _hasher_of(encoded: str) -> BasePasswordHasher | None:
    try:
        return identify_hasher(encoded)
    except ValueError:
        return None


def _stored_hashes() -> Iterator[tuple[str, datetime | None]]:
    user: Any = get_user_model()
    has_moment = "last_login" in {one.name for one in user._meta.get_fields()}
    of_users = ("password", *(["last_login"] if has_moment else []))
    of_accounts = ("password", *(["user__last_login"] if has_moment else []))
    accounts = Account.objects.filter(provider_id=CREDENTIAL, password__isnull=False)
    for rows in (user._default_manager.values_list(*of_users), accounts.values_list(*of_accounts)):
        for encoded, *moment in rows.order_by().iterator(chunk_size=CHUNK):
            if encoded and is_password_usable(encoded):
                yield encoded, moment[0] if moment else None


def _open_runs() -> Iterator[Leftover]:
    for run in MigrationRun.objects.filter(state__in=journal.OPEN).order_by("pk"):
        yield Leftover("open-run", journal.describe(run), "end it, one way or the other")


def _records() -> Iterator[Leftover]:
    for one in statistics.status():
        behind = {state: one.states.get(state, 0) for state in (RecordState.PENDING, RecordState.FAILED)}
        told = [f"{count:,} {state}" for state, count in behind.items() if count]
        if told:
            advice = f"migrate_users --resume tries them again; --status --name {one.source} counts them"
            yield Leftover("users-behind", f"users of {one.source} are not here: {', '.join(told)}", advice)


def _waiting_passwords() -> Iterator[Leftover]:
    carrier: Any = carrier_model()
    by_provider = Account.objects.exclude(provider_id=CREDENTIAL).values("user_id")
    waiting = carrier._default_manager.filter(migration_status=MigrationStatus.PENDING)
    count = waiting.exclude(pk__in=by_provider).count()
    if count:
        advice = "they choose one by a reset (announce_migration --needs-reset), or bring it in lazy mode"
        yield Leftover("no-password", f"{count:,} users have no way in of their own here yet", advice)


def _hashes(uses: Mapping[str, HashUse]) -> Iterator[Leftover]:
    preferred = get_hasher().algorithm
    for algorithm, use in sorted(uses.items()):
        if algorithm == preferred:
            continue
        moment = f"the last sign-in {use.last_sign_in:%Y-%m-%d}" if use.last_sign_in else "no sign-in yet"
        never = f", {use.never:,} of them never signed in" if use.never and use.last_sign_in else ""
        advice = (
            "nobody can verify it: put its hasher back, or let its owners reset their passwords"
            if algorithm == UNREADABLE
            else f"each becomes {preferred} at its owner's next sign-in; without its hasher they reset it"
        )
        yield Leftover(
            "hashes", f"{use.count:,} passwords are hashed as {algorithm}: {moment}{never}", advice
        )


def _variables(uses: Mapping[str, HashUse]) -> Iterator[Leftover]:
    counts: Counter[str] = Counter()
    for use in uses.values():
        counts += use.variables
    for name, count in sorted(counts.items()):
        state = "set" if os.environ.get(name) else "NOT set in this process"
        text = f"{count:,} passwords need the environment variable {name} ({state})"
        yield Leftover("secrets", text, "keep it until these hashes are gone")


def _keys() -> Iterator[Leftover]:
    keys = SigningKey.objects.filter(replaces__startswith=ADOPTED)
    grace = timedelta(days=auth_settings.jwt.grace_days)
    last = keys.order_by("-expires_at").values_list("expires_at", flat=True).first()
    if last is not None:
        text = (
            f"{keys.count():,} signing keys of the other server verify tokens until {last + grace:%Y-%m-%d}"
        )
        yield Leftover("signing-keys", text, "cleanup_auth deletes them after that day")


def _credentials() -> Iterator[Leftover]:
    """The schemes whose credentials still came within ``RECENT``; a refused one needs nothing any more."""
    seen = LegacyUse.objects.filter(
        Q(accepted__gt=0) | Q(exchanged__gt=0), day__gt=clock.now().date() - RECENT
    )
    counts = (
        seen.order_by("scheme").values_list("scheme").annotate(Sum("accepted"), Sum("exchanged"), Max("day"))
    )
    for scheme, accepted, exchanged, last in counts:
        came = f"{accepted + exchanged:,} credentials of scheme {scheme} came in {RECENT.days} days"
        text = f"{came}, the last on {last}"
        yield Leftover("credentials", text, "legacy_report names the clients that still send them")


def _rollbacks() -> Iterator[Leftover]:
    ended = (RunState.FINISHED, RunState.LAZY)
    runs = MigrationRun.objects.filter(rollback_closed_at=None, state__in=ended)
    for name, count in runs.order_by("source").values_list("source").annotate(Count("pk")):
        kept = MigrationRecord.objects.filter(source=name, former__isnull=False).count()
        hidden = f", with former values of {kept:,} users (encrypted)" if kept else ""
        text = f"{count:,} runs of {name} can still be rolled back{hidden}"
        yield Leftover("open-rollback", text, f"migrate_users --close-rollback --name {name}")


def _settings(uses: Mapping[str, HashUse]) -> Iterator[Leftover]:
    rules = auth_settings.migration
    if rules.mode != "off":
        text = f"MIGRATION.MODE is {rules.mode}: the legacy system behind {rules.source} is asked"
        yield Leftover("settings", text, "switch it off when it is asked nothing any more")
    if auth_settings.dual_auth.enabled:
        text = "ENABLE_DUAL_AUTH is on: credentials of the legacy system are taken"
        yield Leftover("settings", text, "switch it off when none come any more, or set the cutover's date")
    for algorithm in auth_settings.password.equalized_algorithms:
        if algorithm not in uses:
            text = f"PASSWORD.EQUALIZED_ALGORITHMS has {algorithm}, and nobody has such a hash"
            yield Leftover("settings", text, "take it out: each failed sign-in pays for it")
