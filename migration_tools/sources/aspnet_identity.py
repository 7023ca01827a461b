"""``aspnet-identity``: the tables of ASP.NET Core Identity, and of Identity 2 before it.

Source: sources.md, section 2.17.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

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
from migration_tools.sources.source import Told
from migration_tools.values import moment_of, text_of, truth_of

OWN_TOKENS = "[AspNetUserStore]"
FACTORS = ("AuthenticatorKey", "RecoveryCodes")
LOCKOUTS = ("LockoutEnd", "LockoutEndDateUtc", "LockoutEnabled")
PHONES = ("PhoneNumber", "PhoneNumberConfirmed")
NAMES = ("Name", "DisplayName", "FullName", "FirstName", "LastName")
# A lock that no database can count to the end of.
FOREVER = 9000


class AspNetIdentity(FrameworkTables):
    default_name = "aspnet-identity"
    key = "Id"
    users = Shape(
        ("AspNetUsers", "asp_net_users", "aspnetusers"),
        ("Id", "UserName", "Email", "PasswordHash"),
        ("EmailConfirmed", "TwoFactorEnabled", *PHONES, *LOCKOUTS, *NAMES),
    )
    around = {
        "logins": Shape(
            ("AspNetUserLogins", "asp_net_user_logins", "aspnetuserlogins"),
            ("LoginProvider", "ProviderKey"),
            owner="UserId",
        ),
        "tokens": Shape(
            ("AspNetUserTokens", "asp_net_user_tokens", "aspnetusertokens"),
            ("LoginProvider", "Name", "Value"),
            owner="UserId",
        ),
        "roles": Shape(
            ("AspNetUserRoles", "asp_net_user_roles", "aspnetuserroles"), ("RoleId",), owner="UserId"
        ),
        "passkeys": Shape(
            ("AspNetUserPasskeys", "asp_net_user_passkeys"), ("CredentialId", "Data"), owner="UserId"
        ),
    }
    role_tables = ("AspNetRoles", "asp_net_roles", "aspnetroles")

    def __init__(self, told: Told) -> None:
        super().__init__(told)
        self._role_names = self._names_of_roles()

    def wanted_of(self, name: str) -> tuple[str, Sequence[str]] | None:
        """Providers' tokens stand there, too, and are no business of ours."""
        return ("Name", FACTORS) if name == "tokens" else None

    def user_from(self, row: Row, around: Mapping[str, Sequence[Row]]) -> LegacyUser:
        first, last = filled(row, "FirstName") or "", filled(row, "LastName") or ""
        names = (filled(row, name) for name in ("Name", "DisplayName", "FullName"))
        user = LegacyUser(
            external_id_of(row["Id"]),
            email=filled(row, "Email"),
            email_verified=truth_of(row.get("EmailConfirmed"), "EmailConfirmed"),
            name=next(filter(None, names), f"{first} {last}".strip()),
            username=user_name(filled(row, "UserName")),
            phone_number=filled(row, "PhoneNumber"),
            phone_number_verified=truth_of(row.get("PhoneNumberConfirmed"), "PhoneNumberConfirmed"),
            password=_password(filled(row, "PasswordHash")),
            accounts=tuple(
                LegacyAccount(provider_of(str(one["LoginProvider"])), str(one["ProviderKey"]))
                for one in around.get("logins", ())
            ),
            roles=tuple(
                self._role_names[one["RoleId"]]
                for one in around.get("roles", ())
                if one["RoleId"] in self._role_names
            ),
        )
        _lock(user, row)
        if truth_of(row.get("TwoFactorEnabled"), "TwoFactorEnabled"):
            _read_factors(user, around.get("tokens", ()))
        passkeys = [_passkey(one) for one in around.get("passkeys", ())]
        if passkeys:
            user.extra = {**user.extra, "passkeys": passkeys}
        return user

    def _names_of_roles(self) -> dict[object, str]:
        table = next((one for one in self.role_tables if self.database.has_table(one)), None)
        if table is None or "roles" not in self._around:
            return {}
        relation = self.database.quote(table)
        rows = self.database.rows(f"SELECT * FROM {relation}").dicts()  # noqa: S608
        lower = [{name.lower(): value for name, value in row.items()} for row in rows]
        return {row["id"]: str(row["name"]) for row in lower}


def _password(stored: str | None) -> LegacyPassword | None:
    """Hashers of another kind may be plugged in; theirs have a prefix, and Identity's are bare base64."""
    if stored is None:
        return None
    return LegacyPassword("auto" if stored.startswith(("$", "{")) else "aspnet-identity", stored)


def _lock(user: LegacyUser, row: Row) -> None:
    """Locked out until a time, which stands for ever at the end of the calendar."""
    until = _moment(row.get("LockoutEnd")) or _moment(row.get("LockoutEndDateUtc"))
    is_on = row.get("LockoutEnabled") is None or truth_of(row["LockoutEnabled"], "LockoutEnabled")
    if until is None or not is_on or until <= clock.now():
        return
    user.disabled, user.ban_reason = True, LOCKED
    user.ban_expires = None if until.year >= FOREVER else until


def _moment(value: Any) -> datetime | None:
    """``2030-01-01 00:00:00.0000000 +00:00`` as SQL Server writes it; times without a zone are UTC here."""
    if isinstance(value, str):
        value = value.strip().replace(" +", "+").replace(" -", "-")
    return moment_of(value, "LockoutEnd", clock.now().tzinfo)


def _read_factors(user: LegacyUser, tokens: Sequence[Row]) -> None:
    """The key is made when the page is looked at, so it counts only where the second factor is on."""
    own = {str(one["Name"]): filled(one, "Value") for one in tokens if one["LoginProvider"] == OWN_TOKENS}
    secret = own.get("AuthenticatorKey")
    if not secret:
        user.warnings.append(NOT_BROUGHT)
        return
    codes = [code for code in (own.get("RecoveryCodes") or "").split(";") if code]
    user.extra = {"totp": {"secret_base32": secret}, **({"recovery_codes": codes} if codes else {})}


def _passkey(row: Row) -> dict[str, Any]:
    """``data`` is the JSON that .NET 10 keeps of it."""
    found = row["CredentialId"]
    is_text = isinstance(found, str)
    return {"credential_id": found if is_text else bytes(found).hex(), "data": text_of(row["Data"], "Data")}
