"""``wordpress``: ``wp_users`` and ``wp_usermeta``, under whatever prefix.

Nobody's address is said to be verified, because WordPress does not note that. Roles stand serialized in the
meta table, and so do the secrets of the plugin Two-Factor.

Source: sources.md, section 2.16.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from migration_tools.neutral import external_id_of
from migration_tools.records import LegacyPassword, LegacyUser
from migration_tools.sources.framework_tables import (
    NOT_BROUGHT,
    FrameworkTables,
    Row,
    Shape,
    filled,
    user_name,
)
from migration_tools.sources.php_values import NotSerialized, unserialize
from migration_tools.sources.source import Told
from migration_tools.values import truth_of

PREFIX = "wp_"
SPAM = "migrated:spam"
# WordPress notes that somebody was deleted, and not when.
LONG_AGO = datetime(2003, 5, 27, tzinfo=UTC)
FACTOR_KEY = "_two_factor_totp_key"
FACTOR_PROVIDERS = "_two_factor_enabled_providers"
FACTOR_CODES = "_two_factor_backup_codes"
META = ("first_name", "last_name", FACTOR_KEY, FACTOR_PROVIDERS, FACTOR_CODES)
BASE32 = re.compile(r"[A-Z2-7]+=*")


class WordPress(FrameworkTables):
    default_name = "wordpress"
    key = "ID"
    parameters = frozenset({"prefix", "site"})
    users = Shape(
        ("users",),
        ("ID", "user_login", "user_pass", "user_email"),
        ("user_registered", "display_name", "spam", "deleted"),
    )
    around = {"usermeta": Shape(("usermeta",), ("meta_key", "meta_value"), owner="user_id")}

    def __init__(self, told: Told) -> None:
        super().__init__(told)
        site = self.parameter("site")
        prefix = self._prefix if site in (None, 1) else f"{self._prefix}{site}_"
        self._capabilities = f"{prefix}capabilities"

    @property
    def _prefix(self) -> str:
        return str(self.parameter("prefix") or PREFIX)

    def names_of(self, name: str, shape: Shape) -> Sequence[str]:
        return [f"{self._prefix}{one}" for one in shape.names]

    def wanted_of(self, name: str) -> tuple[str, Sequence[str]]:
        return "meta_key", (*META, self._capabilities)

    def user_from(self, row: Row, around: Mapping[str, Sequence[Row]]) -> LegacyUser:
        meta = {str(one["meta_key"]): one["meta_value"] for one in around.get("usermeta", ())}
        full = f"{filled(meta, 'first_name') or ''} {filled(meta, 'last_name') or ''}".strip()
        stored = filled(row, "user_pass")
        created_at = self.moment(row, "user_registered")
        is_deleted = truth_of(row.get("deleted"), "deleted")
        is_spam = truth_of(row.get("spam"), "spam")
        user = LegacyUser(
            external_id_of(row["ID"]),
            email=filled(row, "user_email"),
            name=filled(row, "display_name") or full,
            username=user_name(filled(row, "user_login")),
            created_at=created_at,
            deleted_at=(created_at or LONG_AGO) if is_deleted else None,
            disabled=is_spam,
            ban_reason=SPAM if is_spam else None,
            password=LegacyPassword("wordpress", stored) if stored else None,
            roles=_roles(meta.get(self._capabilities)),
        )
        _read_factors(user, meta)
        return user


def _roles(stored: Any) -> tuple[str, ...]:
    found = _unserialized(stored)
    return tuple(str(name) for name, is_given in found.items() if is_given)


def _read_factors(user: LegacyUser, meta: Mapping[str, Any]) -> None:
    enabled = [str(one) for one in _unserialized(meta.get(FACTOR_PROVIDERS)).values()]
    if not enabled:
        return
    secret = (filled(meta, FACTOR_KEY) or "").replace(" ", "").upper()
    if "Two_Factor_Totp" not in enabled or not BASE32.fullmatch(secret):
        user.warnings.append(NOT_BROUGHT)
        return
    codes = [
        {"scheme": "wordpress", "hash": one}
        for one in _unserialized(meta.get(FACTOR_CODES)).values()
        if isinstance(one, str)
    ]
    user.extra = {"totp": {"secret_base32": secret}, **({"recovery_codes": codes} if codes else {})}


def _unserialized(stored: Any) -> Mapping[Any, Any]:
    """An array, or nothing: what a plugin has spoilt there takes no user with it."""
    try:
        found = unserialize(stored) if isinstance(stored, str | bytes) and stored else {}
    except NotSerialized:
        return {}
    return found if isinstance(found, Mapping) else {}
