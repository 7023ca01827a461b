"""``devise``: the users of a Rails application with Devise.

Source: sources.md, section 2.14; the columns are those of Devise's own migration, of its modules and of
devise-two-factor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from better_auth import clock
from migration_tools.neutral import external_id_of
from migration_tools.providers import provider_of
from migration_tools.records import LegacyAccount, LegacyPassword, LegacyUser
from migration_tools.sources.framework_tables import (
    LOCKED,
    NOT_BROUGHT,
    FrameworkTables,
    Row,
    Shape,
    filled,
    user_name,
)
from migration_tools.sources.rails_encryption import RailsKeys
from migration_tools.sources.source import SourceFault, Told
from migration_tools.values import text_of, truth_of

NAMES = ("name", "full_name", "first_name", "last_name", "username", "login", "avatar_url", "role")
MODULES = ("confirmed_at", "unconfirmed_email", "locked_at", "provider", "uid", "password_salt")
FACTORS = ("otp_secret", "encrypted_otp_secret", "otp_required_for_login", "otp_backup_codes")
TIMES = ("created_at", "updated_at", "deleted_at", "discarded_at")
PARAMETERS = ("pepper_env", "pepper_position", "encryptor", "stretches", "unlock_in")
KEYS = ("otp_primary_key_env", "otp_salt_env")
UNLOCK_IN = 3600
AUTHLOGIC = "authlogic_sha512"


class Devise(FrameworkTables):
    default_name = "devise"
    parameters = frozenset({*PARAMETERS, *KEYS})
    users = Shape(("users",), ("id", "email", "encrypted_password"), (*NAMES, *MODULES, *FACTORS, *TIMES))
    around = {
        "identities": Shape(("identities", "authorizations"), ("provider", "uid"), owner="user_id"),
    }

    def __init__(self, told: Told) -> None:
        super().__init__(told)
        self._keys = RailsKeys.of(*(self.parameter(name) for name in KEYS))
        unlock_in = self.parameter("unlock_in")
        self._unlock_in = UNLOCK_IN if unlock_in is None else unlock_in
        if type(self._unlock_in) is not int or self._unlock_in < 0:
            raise SourceFault("[parameters]: unlock_in wants seconds, 0 for locks that do not end")
        if self.parameter("encryptor") not in (None, "bcrypt", AUTHLOGIC):
            raise SourceFault(f"[parameters]: encryptor wants bcrypt or {AUTHLOGIC}")

    def user_from(self, row: Row, around: Mapping[str, Sequence[Row]]) -> LegacyUser:
        first, last = filled(row, "first_name") or "", filled(row, "last_name") or ""
        user = LegacyUser(
            external_id_of(row["id"]),
            email=filled(row, "email"),
            email_verified=self.moment(row, "confirmed_at") is not None,
            name=filled(row, "name") or filled(row, "full_name") or f"{first} {last}".strip(),
            image=filled(row, "avatar_url"),
            username=user_name(filled(row, "username") or filled(row, "login")),
            created_at=self.moment(row, "created_at"),
            updated_at=self.moment(row, "updated_at"),
            deleted_at=self.moment(row, "deleted_at") or self.moment(row, "discarded_at"),
            password=self._password(row),
            accounts=_accounts([row, *around.get("identities", ())]),
            roles=tuple(filter(None, [filled(row, "role")])),
        )
        self._lock(user, self.moment(row, "locked_at"))
        if filled(row, "unconfirmed_email"):
            user.warnings.append("unconfirmed-email-left")
        self._read_factors(user, row)
        return user

    def _password(self, row: Row) -> LegacyPassword | None:
        stored = filled(row, "encrypted_password")
        if stored is None:
            return None
        params: dict[str, Any] = {
            name: self.parameter(name) for name in ("pepper_env", "pepper_position") if self.parameter(name)
        }
        if self.parameter("encryptor") != AUTHLOGIC:
            # devise-encryptable's digests have no prefix: they are counted as unknown.
            return LegacyPassword("devise", stored, params)
        rounds = self.parameter("stretches") or 20
        salt = text_of(row.get("password_salt"), "password_salt")
        params |= {"salt": salt or None, "position": "suffix", "rounds": rounds, "loop": "hex"}
        return LegacyPassword("sha512", stored, params)

    def _lock(self, user: LegacyUser, since: datetime | None) -> None:
        """Locks for too many wrong passwords end by themselves, unless only a mail or nobody unlocks."""
        until = since + timedelta(seconds=self._unlock_in) if since and self._unlock_in else None
        if since is None or (until is not None and until <= clock.now()):
            return
        user.disabled, user.ban_reason, user.ban_expires = True, LOCKED, until

    def _read_factors(self, user: LegacyUser, row: Row) -> None:
        if not truth_of(row.get("otp_required_for_login"), "otp_required_for_login"):
            return
        stored = filled(row, "otp_secret")
        secret = self._keys.opened(stored) if stored else None
        if secret is None:
            user.warnings.append(NOT_BROUGHT)
            return
        codes = [{"scheme": "bcrypt", "hash": one} for one in _codes(row.get("otp_backup_codes"))]
        user.extra = {"totp": {"secret_base32": secret}, **({"recovery_codes": codes} if codes else {})}


def _accounts(rows: Sequence[Row]) -> tuple[LegacyAccount, ...]:
    """Of the user's own columns, and of a table for those who have several."""
    pairs = [(filled(row, "provider"), filled(row, "uid")) for row in rows]
    return tuple(LegacyAccount(provider_of(provider), uid) for provider, uid in pairs if provider and uid)


def _codes(value: Any) -> list[str]:
    """An array of PostgreSQL's, or JSON in a text column; YAML is not read."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return []
    return [one for one in value or () if isinstance(one, str) and one.startswith("$2")]
