"""Who somebody of the former system is here: by their id there and the journal of the migration.

An address says nothing about it: it may be somebody else's by now. Whoever has the journal connects it
(``migration_tools``); where the users are this project's own, the id is their primary key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError

from better_auth import clock, users
from better_auth.errors import ErrorCode
from better_auth.legacy_credentials.refusals import Refused
from better_auth.legacy_credentials.schemes import HOST
from better_auth.storage.local_sessions import name_of_user
from better_auth.storage.records import UserRecord
from better_auth.storage.remembered import Remembered

LONGEST_ID = 255
# Beyond these no database has a primary key.
LARGEST_KEY = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Standing:
    """What became of a legacy id; ``user_key`` only where the user is here."""

    state: Literal["here", "gone", "rolled_back", "not_here"]
    user_key: Any = None


class Journal(Protocol):
    """What a connected app answers."""

    def standing(self, source: str, legacy_id: str) -> Standing: ...

    def find_legacy_id(self, source: str, user_key: Any) -> str | None: ...


_connected: Journal | None = None
_resolved: Remembered[UserRecord] = Remembered()
CODES = {
    "gone": ErrorCode.LEGACY_USER_DELETED,
    "rolled_back": ErrorCode.LEGACY_USER_ROLLED_BACK,
    "not_here": ErrorCode.LEGACY_USER_NOT_MIGRATED,
}


def connect(journal: Journal) -> None:
    """At the app's start."""
    global _connected
    _connected = journal


def is_connected() -> bool:
    return _connected is not None


def legacy_id_in(value: object) -> str:
    """A claim as the journal has ids: text, or a whole number in its usual spelling.

    Raises ``Refused`` for whatever else it may be.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        if abs(value) <= LARGEST_KEY:
            return str(value)
    elif isinstance(value, str) and _is_id(value):
        return value
    raise Refused(ErrorCode.LEGACY_TOKEN_INVALID)


def _is_id(text: str) -> bool:
    """Nothing that a database would not take, or take for something else."""
    return 0 < len(text) <= LONGEST_ID and text.strip() == text and text.isprintable()


def resolve(source: str, legacy_id: str, *, from_store: bool = False) -> UserRecord:
    """The user, as of at most some seconds ago; a migration's and a rollback's changes are seen as those of
    users and sessions are. Raises ``Refused`` with what became of them."""

    def read() -> tuple[UserRecord, tuple[str]]:
        user = _read(source, legacy_id)
        return user, (name_of_user(user.key),)

    user = read()[0] if from_store else _resolved.find(f"{source}\n{legacy_id}", read)
    if user is None:
        raise Refused(ErrorCode.LEGACY_USER_NOT_MIGRATED)
    if user.deleted_at is not None:
        raise Refused(ErrorCode.LEGACY_USER_DELETED)
    if user.is_shut_out(clock.now()):
        raise Refused(ErrorCode.LEGACY_USER_BANNED)
    return user


def find_legacy_id(source: str, user: UserRecord) -> str | None:
    """The other way round."""
    if source == HOST:
        return str(user.key)
    return _connected.find_legacy_id(source, user.key) if _connected else None


def _read(source: str, legacy_id: str) -> UserRecord:
    """Raises ``Refused``."""
    find: Callable[[], Standing] = (
        (lambda: _of_host(legacy_id)) if source == HOST else (lambda: _of_journal(source, legacy_id))
    )
    standing = find()
    if standing.state != "here":
        raise Refused(CODES[standing.state])
    user = users.find_by_key(standing.user_key)
    if user is None:
        raise Refused(ErrorCode.LEGACY_USER_DELETED if source != HOST else CODES["not_here"])
    return user


def _of_journal(source: str, legacy_id: str) -> Standing:
    return _connected.standing(source, legacy_id) if _connected else Standing("not_here")


def _of_host(legacy_id: str) -> Standing:
    """A primary key, in the one spelling that it has: ``007`` is nobody's."""
    model = get_user_model()
    try:
        key = model._meta.pk.to_python(legacy_id)
    except (ValidationError, ValueError):
        return Standing("not_here")
    if str(key) != legacy_id or (isinstance(key, int) and abs(key) > LARGEST_KEY):
        return Standing("not_here")
    known = model._default_manager.filter(pk=key).values_list("pk", flat=True).first()
    return Standing("not_here") if known is None else Standing("here", known)
