"""``keycloak``: realm exports, in one file or with the users in files of their own.

What credentials look like is told by their shape, not by ``keycloakVersion``, which hand-kept files carry on.
Source: Keycloak's realm representation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from migration_tools import neutral
from migration_tools.clear_text import hashed
from migration_tools.factors import base32_of, totp_from
from migration_tools.records import LegacyUser, PassedOver
from migration_tools.sources.json_records import JsonRecords
from migration_tools.sources.vendor_values import (
    FACTOR_LEFT,
    UNKNOWN,
    account,
    full_name,
    object_in,
    objects_in,
    texts_in,
    told,
)

TEMPORARY = "temporary-password"
FEDERATED = "password-in-user-federation"
MUST_CHANGE = "must-change-password"
OTP = frozenset({"otp", "totp"})
WEBAUTHN = frozenset({"webauthn", "webauthn-passwordless"})
ARGON2 = ("memory", "parallelism", "type", "version")


class KeycloakRealm(JsonRecords):
    default_name = "keycloak"
    wanted = frozenset({"users.*", "*.users.*"})
    has_own_fields = True
    parameters = frozenset({"realm"})

    def user_from(self, row: Mapping[str, Any], around: Mapping[str, str]) -> LegacyUser:
        realm = around.get("realm") or self.parameter("realm") or ""
        if self.parameter("realm") and realm != self.parameter("realm"):
            raise PassedOver("another-realm", "a user of another realm than the mapping names")
        if row.get("serviceAccountClientId") or row.get("serviceAccountClientLink"):
            raise PassedOver("service-account", "a client's account, no person's")
        username = row.get("username")
        # Files that were written by hand have no ids.
        external_id = row.get("id") or (f"{realm}/{username}" if realm else username)
        credentials = _Credentials(f"{realm}/{external_id}")
        for one in objects_in(row.get("credentials"), "credentials"):
            credentials.read(one)
        if row.get("federationLink") and not credentials.password:
            credentials.warnings.append(FEDERATED)
        if "UPDATE_PASSWORD" in texts_in(row.get("requiredActions")) and credentials.password:
            credentials.warnings.append(MUST_CHANGE)
        name = full_name(row.get("firstName"), row.get("lastName"))
        user = neutral.user_from(
            told(
                external_id=external_id,
                email=row.get("email"),
                email_verified=row.get("emailVerified"),
                username=username if "@" not in str(username) else None,
                name=name or username,
                created_at=row.get("createdTimestamp"),
                disabled=row.get("enabled") is False,
                password=credentials.password,
                accounts=_accounts(row),
                roles=list(_roles(row)),
                groups=[path.lstrip("/") for path in texts_in(row.get("groups"))],
                metadata=_attributes(row),
                totp=credentials.totp,
                recovery_codes=credentials.recovery_codes,
                passkeys=credentials.passkeys,
            )
        )
        user.warnings += credentials.warnings
        return user


def _accounts(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = objects_in(row.get("federatedIdentities"), "federatedIdentities")
    return [one for each in found if (one := account(each.get("identityProvider"), each.get("userId")))]


def _roles(row: Mapping[str, Any]) -> Iterator[str]:
    yield from texts_in(row.get("realmRoles"))
    for client, roles in object_in(row.get("clientRoles"), "clientRoles").items():
        yield from (f"{client}:{role}" for role in texts_in(roles))


def _attributes(row: Mapping[str, Any]) -> dict[str, Any]:
    found = object_in(row.get("attributes"), "attributes").items()
    return {name: one[0] if isinstance(one, list) and len(one) == 1 else one for name, one in found}


class _Credentials:
    """What a user's credentials come to, read one after the other."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self.password: dict[str, Any] | None = None
        self.totp: list[dict[str, Any]] = []
        self.recovery_codes: list[Any] = []
        self.passkeys: list[dict[str, Any]] = []
        self.warnings: list[str] = []

    def read(self, credential: Mapping[str, Any]) -> None:
        kind = credential.get("type")
        secret = object_in(credential.get("secretData"), "secretData")
        data = object_in(credential.get("credentialData"), "credentialData")
        if kind == "password":
            self.password = self.password or self._password(credential, secret, data)
        elif kind in OTP:
            self._otp(credential, secret, data)
        elif kind in WEBAUTHN:
            self.passkeys.append({"kind": kind, **told(label=credential.get("userLabel")), **data})
        elif kind == "recovery-authn-codes":
            self.recovery_codes.append({**data, **secret})
        elif kind != "password-history":
            self.warnings.append(FACTOR_LEFT)

    def _password(
        self, credential: Mapping[str, Any], secret: Mapping[str, Any], data: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        if not secret and credential.get("value"):  # written by hand, in clear text
            if credential.get("temporary"):
                self.warnings.append(TEMPORARY)
                return None
            return hashed(str(credential["value"]), self._owner)
        stored = secret.get("value") or credential.get("hashedSaltedValue")
        if not isinstance(stored, str):
            return None
        data = data or credential
        algorithm, iterations = str(data.get("algorithm") or "pbkdf2"), data.get("hashIterations")
        if isinstance(iterations, int) and iterations < 1:  # the realm's default of that time
            return {"scheme": UNKNOWN, "hash": "iterations-not-told"}
        if algorithm == "bcrypt":  # of an extension
            return {"scheme": "bcrypt", "hash": stored}
        params = told(
            algorithm=algorithm,
            iterations=iterations,
            salt=secret.get("salt") or credential.get("salt"),
        )
        if algorithm == "argon2":
            more = object_in(data.get("additionalParameters"), "additionalParameters")
            params |= {name: _first(more[name]) for name in ARGON2 if name in more}
        return {"scheme": "keycloak", "hash": stored, "params": params}

    def _otp(self, credential: Mapping[str, Any], secret: Mapping[str, Any], data: Mapping[str, Any]) -> None:
        flat = data or credential
        value = secret.get("value") or credential.get("value") or credential.get("hashedSaltedValue")
        if str(flat.get("subType") or credential.get("type")).lower() not in OTP or not isinstance(
            value, str
        ):
            self.warnings.append(FACTOR_LEFT)
            return
        # The secret is the text itself, unless it says otherwise.
        is_base32 = str(flat.get("secretEncoding")).upper() == "BASE32"
        self.totp.append(
            totp_from(
                value if is_base32 else base32_of(value.encode()),
                digits=flat.get("digits"),
                period=flat.get("period"),
                algorithm=flat.get("algorithm"),
            )
        )


def _first(value: Any) -> Any:
    """Parameters stand in lists of text."""
    return value[0] if isinstance(value, list) and value else value
