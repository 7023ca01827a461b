"""``authjs``: the tables of NextAuth and Auth.js, as their adapters make them.

They know no passwords; an application that has some keeps them in a column of its own, which is found if it
bears a usual name. The tokens of sessions stay valid, as bearer tokens.

Source: sources.md, section 2.12; the names of tables and columns are those of the adapters for Prisma,
Drizzle, pg, TypeORM and Supabase.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from better_auth import clock
from migration_tools.neutral import external_id_of
from migration_tools.providers import provider_of
from migration_tools.records import LegacyAccount, LegacyPassword, LegacySession, LegacyUser
from migration_tools.sources.framework_tables import FrameworkTables, Row, Shape, filled, user_name
from migration_tools.values import text_of, truth_of

PASSWORDS = ("password", "hashedPassword", "passwordHash")
OWN = ("username", "role", "createdAt", "updatedAt", *PASSWORDS)
OPTIONAL = ("name", "image", "emailVerified")
# Kinds of accounts that are no identities at a provider.
NO_IDENTITIES = frozenset({"credentials", "email", "webauthn"})
# Before there was any of this.
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
# A shorter one could be guessed, and a dot would be taken for a signature.
SESSION_TOKEN = re.compile(r"[\w-]{20,255}")


class AuthJs(FrameworkTables):
    default_name = "authjs"
    parameters = frozenset({"password_scheme", "pepper_env"})
    users = Shape(("User", "users", "user", "next_auth.users"), ("id", "email"), (*OPTIONAL, *OWN))
    around = {
        "accounts": Shape(
            ("Account", "accounts", "account", "next_auth.accounts"),
            ("provider", "providerAccountId"),
            ("type", "scope"),
            owner="userId",
        ),
        "sessions": Shape(
            ("Session", "sessions", "session", "next_auth.sessions"),
            ("sessionToken", "expires"),
            ("createdAt", "updatedAt"),
            owner="userId",
        ),
        "authenticators": Shape(
            ("Authenticator", "authenticators", "authenticator"),
            ("credentialID", "credentialPublicKey", "counter"),
            ("transports", "credentialDeviceType", "credentialBackedUp"),
            owner="userId",
        ),
    }

    def user_from(self, row: Row, around: Mapping[str, Sequence[Row]]) -> LegacyUser:
        user = LegacyUser(
            external_id_of(row["id"]),
            email=filled(row, "email"),
            email_verified=self._is_verified(row),
            name=filled(row, "name") or "",
            image=filled(row, "image"),
            username=user_name(filled(row, "username")),
            created_at=self.moment(row, "createdAt"),
            updated_at=self.moment(row, "updatedAt"),
            password=self._password(row),
            accounts=tuple(_accounts(around.get("accounts", ()))),
            sessions=tuple(self._sessions(around.get("sessions", ()), self.moment(row, "createdAt"))),
            roles=tuple(filter(None, [filled(row, "role")])),
        )
        passkeys = [_passkey(one) for one in around.get("authenticators", ())]
        user.extra = {"passkeys": passkeys} if passkeys else {}
        return user

    def _is_verified(self, row: Row) -> bool:
        """The column holds when; some have made it hold whether."""
        told = row.get("emailVerified")
        if isinstance(told, bool) or told in (0, 1, "0", "1", "t", "f", "true", "false"):
            return truth_of(told, "emailVerified")
        return self.moment(row, "emailVerified") is not None

    def _password(self, row: Row) -> LegacyPassword | None:
        stored = next((text for name in PASSWORDS if (text := filled(row, name))), None)
        if stored is None:
            return None
        pepper = self.parameter("pepper_env")
        params = {"pepper_env": pepper} if pepper else {}
        return LegacyPassword(str(self.parameter("password_scheme") or "auto"), stored, params)

    def _sessions(self, rows: Sequence[Row], since: datetime | None) -> Iterator[LegacySession]:
        """Those that live. When one began most adapters do not note: taken as old as can be, it comes with
        its user, and never again after it was ended here."""
        now = clock.now()
        for row in rows:
            expires_at = self.moment(row, "expires")
            token = text_of(row.get("sessionToken"), "sessionToken") or ""
            if expires_at is None or expires_at <= now or not SESSION_TOKEN.fullmatch(token):
                continue
            began_at = self.moment(row, "createdAt") or since or LONG_AGO
            updated_at = self.moment(row, "updatedAt") or began_at
            yield LegacySession(token, expires_at, created_at=began_at, updated_at=updated_at)


def _accounts(rows: Sequence[Row]) -> Iterator[LegacyAccount]:
    for row in rows:
        provider, subject = filled(row, "provider"), filled(row, "providerAccountId")
        if provider and subject and row.get("type") not in NO_IDENTITIES and provider != "credentials":
            yield LegacyAccount(provider_of(provider), subject, scope=filled(row, "scope"))


def _passkey(row: Row) -> dict[str, Any]:
    """Texts in base64, as Auth.js has them."""
    return {
        "credential_id": filled(row, "credentialID"),
        "public_key": filled(row, "credentialPublicKey"),
        "counter": filled(row, "counter"),
        "transports": (filled(row, "transports") or "").split(",") if filled(row, "transports") else [],
        "device_type": filled(row, "credentialDeviceType"),
        "backed_up": truth_of(row.get("credentialBackedUp"), "credentialBackedUp"),
    }
