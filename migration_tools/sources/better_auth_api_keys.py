"""The API keys of a Better Auth server: those of each user, and those of the organizations they are in.

What is kept there of a key is its SHA-256, by which it is known here, too; a key that was kept in plain text
(``disableKeyHashing``) is hashed as it is read.

Source: api-key.md, sections 2 and 8.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from typing import Any

import orjson

from better_auth import clock
from better_auth.crypto.identifiers import api_key_digest
from better_auth.kept_json import is_keepable
from migration_tools.records import LegacyApiKey, Refused
from migration_tools.sources.databases import Database
from migration_tools.sources.source import SourceFault
from migration_tools.values import moment_of, text_of, truth_of

TABLE = "apikey"
UNREADABLE = "api-key-unreadable"
# Older servers know keys of users only.
OWNERS = ("referenceId", "userId")
WANTED = ("id", "key", "createdAt")
TIMES = ("expiresAt", "lastRefillAt", "lastRequest", "updatedAt")
COUNTS = ("remaining", "refillAmount", "refillInterval", "rateLimitMax", "rateLimitTimeWindow")
OPTIONAL: Mapping[str, tuple[str, ...]] = {
    TABLE: (
        *OWNERS,
        *TIMES,
        *COUNTS,
        *("configId", "name", "start", "prefix", "enabled", "rateLimitEnabled", "requestCount"),
        *("permissions", "metadata"),
    )
}
DEFAULT = "default"
# SHA-256 in base64url without padding; a key in plain text is longer.
HASHED = re.compile(r"[A-Za-z0-9_-]{43}")
LONGEST, LONGEST_PREFIX, LARGEST_JSON = 255, 64, 65_536
# What JavaScript counts exactly.
LARGEST = 2**53 - 1
Row = Mapping[str, Any]
Found = tuple[tuple[LegacyApiKey, ...], bool]


class ApiKeyTable:
    """``table_of``: what the table is called there, or None where it is not; ``names_of``: the same of its
    columns, ``names``. A server without the plugin has no keys. Raises ``SourceFault``."""

    def __init__(
        self,
        database: Database,
        table_of: Callable[[str], str | None],
        names_of: Callable[[str, Sequence[str]], dict[str, str]],
    ) -> None:
        self._database = database
        self._table = table_of(TABLE)
        self.names = names_of(TABLE, WANTED) if self._table else {}
        self._column = next((name for name in OWNERS if name in self.names), "")
        if self._table and not self._column:
            raise SourceFault(
                f"{TABLE} has no column referenceId: "
                f"name it in the mapping, columns = {{ '{TABLE}.referenceId' = … }}"
            )

    @property
    def owner(self) -> str:
        """The column with whose key it is."""
        return self.names[self._column]

    def keys_of(
        self, user_keys: Sequence[Any], organizations: Mapping[Any, Sequence[str]]
    ) -> dict[Any, Found]:
        """By the user's key: their API keys and those of their ``organizations`` (ids by user), but for what
        has expired; and whether some could not be read."""
        if not self._table:
            return {}
        own = self._owned([str(key) for key in user_keys], is_organization=False)
        places = sorted({one for ids in organizations.values() for one in ids})
        shared = self._owned(places, is_organization=True) if self._column == OWNERS[0] else {}
        nothing: Found = ((), False)
        found = {}
        for key in user_keys:
            parts = [own.get(str(key), nothing)]
            parts += [shared.get(place, nothing) for place in organizations.get(key, ())]
            found[key] = (tuple(one for keys, _ in parts for one in keys), any(bad for _, bad in parts))
        return found

    def _owned(self, ids: Sequence[str], *, is_organization: bool) -> dict[str, Found]:
        """Ids go as text: the column that holds both kinds of them is one."""
        if not ids or self._table is None:
            return {}
        columns = list(dict.fromkeys(self.names.values()))
        rows = self._database.related(self._table, self.owner, ids, names=columns)
        found = {}
        for owner, theirs in rows.items():
            place = str(owner) if is_organization else None
            made = [_made({name: row[one] for name, one in self.names.items()}, place) for row in theirs]
            keys = tuple(one for one in made if isinstance(one, LegacyApiKey))
            found[str(owner)] = (keys, False in made)
        return found


def _made(row: Row, organization_id: str | None) -> LegacyApiKey | bool:
    """True for a key that is over, False for one that can't be stored: its owner comes all the same."""
    try:
        expires_at = moment_of(row.get("expiresAt"), "expiresAt", UTC)
        if expires_at is not None and expires_at <= clock.now():
            return True
        return _key(row, organization_id)
    except Refused:
        return False


def _key(row: Row, organization_id: str | None) -> LegacyApiKey:
    stored = _text(row, "key", None) or ""
    created_at = moment_of(row["createdAt"], "createdAt", UTC) or clock.now()
    key_id, config_id = _text(row, "id"), _text(row, "configId") or DEFAULT
    if not stored or not key_id:
        raise Refused("invalid-value", "id or key")
    columns = {
        "key_hash": stored if HASHED.fullmatch(stored) else api_key_digest(stored),
        "name": _text(row, "name"),
        "start": _text(row, "start"),
        "prefix": _text(row, "prefix", LONGEST_PREFIX),
        "enabled": _is_on(row, "enabled"),
        "rate_limit_enabled": _is_on(row, "rateLimitEnabled"),
        "remaining": _count(row, "remaining"),
        "refill_amount": _count(row, "refillAmount"),
        "refill_interval": _count(row, "refillInterval"),
        "rate_limit_max": _count(row, "rateLimitMax"),
        "rate_limit_time_window": _count(row, "rateLimitTimeWindow"),
        "request_count": _count(row, "requestCount") or 0,
        "expires_at": moment_of(row.get("expiresAt"), "expiresAt", UTC),
        "last_refill_at": moment_of(row.get("lastRefillAt"), "lastRefillAt", UTC),
        "last_request": moment_of(row.get("lastRequest"), "lastRequest", UTC),
        "permissions": _permissions(row.get("permissions")),
        "metadata": _object(row.get("metadata"), "metadata"),
        "created_at": created_at,
        "updated_at": moment_of(row.get("updatedAt"), "updatedAt", UTC) or created_at,
    }
    return LegacyApiKey(key_id, config_id, organization_id, columns)


def _text(row: Row, name: str, limit: int | None = LONGEST) -> str | None:
    text = text_of(row.get(name), name)
    if text is not None and limit is not None and len(text) > limit:
        raise Refused("invalid-value", name)
    return text


def _is_on(row: Row, name: str) -> bool:
    """On unless it is told to be off."""
    return row.get(name) is None or truth_of(row[name], name)


def _count(row: Row, name: str) -> int | None:
    value = row.get(name)
    if value is None:
        return None
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        raise Refused("invalid-value", name) from None
    if isinstance(value, bool) or number != value or not 0 <= number <= LARGEST:
        raise Refused("invalid-value", name)
    return number


def _permissions(value: Any) -> dict[str, list[str]] | None:
    granted = _object(value, "permissions")
    if granted is not None and not all(_is_texts(actions) for actions in granted.values()):
        raise Refused("invalid-value", "permissions")
    return granted


def _object(value: Any, name: str) -> dict[str, Any] | None:
    """From JSON, old rows of which were written twice over; PostgreSQL may have it as a type of its own."""
    for _ in range(2):
        if isinstance(value, str | bytes) and value:
            if len(value) > LARGEST_JSON:
                raise Refused("invalid-value", name)
            try:
                value = orjson.loads(value)
            except orjson.JSONDecodeError:
                raise Refused("invalid-value", name) from None
    if value is None or value == "":
        return None
    if not isinstance(value, dict) or not is_keepable(value):
        raise Refused("invalid-value", name)
    return value


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
