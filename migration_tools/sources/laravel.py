"""``laravel``: the users of a Laravel application, with the second factors of Fortify.

Roles of spatie/laravel-permission and identities of Socialite are read where they stand as usual.

Source: sources.md, section 2.15.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from migration_tools.neutral import external_id_of
from migration_tools.providers import provider_of
from migration_tools.records import LegacyAccount, LegacyPassword, LegacyUser
from migration_tools.sources.framework_tables import (
    NOT_BROUGHT,
    FrameworkTables,
    Row,
    Shape,
    filled,
    user_name,
)
from migration_tools.sources.laravel_encryption import LaravelKey
from migration_tools.sources.source import Told

NAMES = ("name", "first_name", "last_name", "username", "role", "avatar", "profile_photo_url")
TIMES = ("email_verified_at", "created_at", "updated_at", "deleted_at")
FACTORS = ("two_factor_secret", "two_factor_recovery_codes", "two_factor_confirmed_at")
# Where there is no table of identities, Socialite's documentation puts them beside the user.
SUBJECTS = {
    f"{name}_id": name
    for name in ("google", "facebook", "github", "gitlab", "apple", "twitter", "linkedin", "microsoft")
}
USER_CLASS = "user"


class Laravel(FrameworkTables):
    default_name = "laravel"
    parameters = frozenset({"app_key_env", "previous_keys_env"})
    users = Shape(
        ("users",),
        ("id", "email", "password"),
        (*NAMES, *TIMES, *FACTORS, "provider", "provider_id", *SUBJECTS),
    )
    around = {
        "accounts": Shape(
            ("connected_accounts", "social_accounts", "socialite_users"),
            ("provider", "provider_id"),
            owner="user_id",
        ),
        "roles": Shape(("model_has_roles",), ("role_id", "model_type"), owner="model_id"),
    }

    def __init__(self, told: Told) -> None:
        super().__init__(told)
        self._key = LaravelKey.of(self.parameter("app_key_env"), self.parameter("previous_keys_env"))
        self._role_names = self._names_of_roles()

    def user_from(self, row: Row, around: Mapping[str, Sequence[Row]]) -> LegacyUser:
        first, last = filled(row, "first_name") or "", filled(row, "last_name") or ""
        stored = filled(row, "password")
        user = LegacyUser(
            external_id_of(row["id"]),
            email=filled(row, "email"),
            email_verified=self.moment(row, "email_verified_at") is not None,
            name=filled(row, "name") or f"{first} {last}".strip(),
            image=filled(row, "avatar") or filled(row, "profile_photo_url"),
            username=user_name(filled(row, "username")),
            created_at=self.moment(row, "created_at"),
            updated_at=self.moment(row, "updated_at"),
            deleted_at=self.moment(row, "deleted_at"),
            password=LegacyPassword("laravel", stored) if stored else None,
            accounts=_accounts(row, around.get("accounts", ())),
            roles=self._roles(row, around.get("roles", ())),
        )
        self._read_factors(user, row)
        return user

    def _roles(self, row: Row, links: Sequence[Row]) -> tuple[str, ...]:
        """Those given to users: a role may also be given to models of other kinds, with the same numbers."""
        given = [
            self._role_names.get(link["role_id"])
            for link in links
            if str(link["model_type"]).rpartition("\\")[2].lower() == USER_CLASS
        ]
        return tuple(dict.fromkeys(filter(None, [filled(row, "role"), *given])))

    def _names_of_roles(self) -> dict[object, str]:
        if "roles" not in self._around or not self.database.has_table("roles"):
            return {}
        rows = self.database.rows(f"SELECT id, name FROM {self.database.quote('roles')}").rows  # noqa: S608
        return {row[0]: str(row[1]) for row in rows}

    def _read_factors(self, user: LegacyUser, row: Row) -> None:
        stored = filled(row, "two_factor_secret")
        # Before Fortify asked for a confirmation there was no such column.
        is_confirmed = not self.has("two_factor_confirmed_at") or filled(row, "two_factor_confirmed_at")
        if stored is None or not is_confirmed:
            return
        secret = self._key.opened(stored)
        if secret is None:
            user.warnings.append(NOT_BROUGHT)
            return
        codes = _codes(self._key.opened(filled(row, "two_factor_recovery_codes") or ""))
        user.extra = {"totp": {"secret_base32": secret}, **({"recovery_codes": codes} if codes else {})}


def _accounts(row: Row, rows: Sequence[Row]) -> tuple[LegacyAccount, ...]:
    pairs = [(filled(one, "provider"), filled(one, "provider_id")) for one in (row, *rows)]
    pairs += [(name, filled(row, column)) for column, name in SUBJECTS.items()]
    named = [(provider_of(provider), subject) for provider, subject in pairs if provider and subject]
    return tuple(LegacyAccount(*pair) for pair in dict.fromkeys(named))


def _codes(text: str | None) -> list[str]:
    try:
        found = orjson.loads(text or "[]")
    except orjson.JSONDecodeError:
        return []
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
