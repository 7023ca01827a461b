"""``kratos``: identities of Ory Kratos, as they are imported there and as they are listed.

What an identity looks like its schema says, which is everybody's own; the usual names of traits are known,
others the mapping tells.

Source: sources.md, section 2.19; Ory's API reference, "Create an identity" and "List identities".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from migration_tools import neutral
from migration_tools.clear_text import hashed
from migration_tools.factors import totp_from
from migration_tools.records import LegacyUser, Refused
from migration_tools.sources.json_records import JsonRecords
from migration_tools.sources.vendor_values import (
    FACTOR_LEFT,
    account,
    full_name,
    object_in,
    objects_in,
    roles_in,
    texts_in,
    told,
)

NOT_EXPORTED = "hash-not-exported"
HOOK = "password-behind-a-hook"
TRAITS = {
    "email_trait": ("email", "emails", "mail"),
    "name_trait": ("name", "full_name", "display_name"),
    "username_trait": ("username", "user_name", "login"),
    "phone_trait": ("phone", "phone_number", "phones"),
}
PICTURES = ("picture", "avatar", "image")
SOCIAL = ("oidc", "saml")
PASSKEYS = ("webauthn", "passkey")
# Mails and messages with a code need nothing to be brought.
WITHOUT_SECRET = frozenset({"code", "link", "profile"})


class KratosIdentities(JsonRecords):
    default_name = "kratos"
    wanted = frozenset({"*", "identities.*"})
    has_lines = has_own_fields = True
    parameters = frozenset(TRAITS)

    def user_from(self, row: Mapping[str, Any], around: Mapping[str, str]) -> LegacyUser:
        row = object_in(row.get("create"), "create") or row  # one of a batch
        if "traits" not in row:
            raise Refused("invalid-record", "no identity: it has no traits")
        traits = object_in(row["traits"], "traits")
        found = {name: self._trait(traits, name) for name in TRAITS}
        credentials = object_in(row.get("credentials"), "credentials")
        names = _identifiers(credentials)
        email = _first(found["email_trait"]) or next((one for one in names if "@" in one), None)
        external_id = row.get("id") or row.get("external_id") or next(iter(names), None) or email
        keys = _Credentials(str(external_id), credentials)
        phone = _first(found["phone_trait"])
        user = neutral.user_from(
            told(
                external_id=external_id,
                email=email,
                email_verified=_is_verified(row, email),
                name=_name(found["name_trait"])
                or full_name(traits.get("first_name"), traits.get("last_name")),
                username=_username(found["username_trait"]),
                image=next(filter(None, texts_in([traits.get(name) for name in PICTURES])), None),
                phone_number=phone,
                phone_number_verified=_is_verified(row, phone),
                created_at=row.get("created_at"),
                updated_at=row.get("updated_at"),
                disabled=row.get("state") == "inactive",
                password=keys.password,
                accounts=keys.accounts,
                # Traits are the user's own to write; both kinds of metadata are not.
                roles=[role for part in ("metadata_public", "metadata_admin") for role in _roles(row, part)],
                metadata=self._others(traits),
                totp=keys.totp,
                recovery_codes=keys.recovery_codes,
                passkeys=keys.passkeys,
            )
        )
        user.warnings += keys.warnings
        return user

    def _trait(self, traits: Mapping[str, Any], name: str) -> Any:
        path = self.parameter(name)
        if path is None:
            return next((traits[one] for one in TRAITS[name] if traits.get(one)), None)
        value: Any = traits
        for part in str(path).split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return value

    def _others(self, traits: Mapping[str, Any]) -> dict[str, Any]:
        """Traits that have no place of their own here."""
        known = {one for usual in TRAITS.values() for one in usual} | {*PICTURES, "first_name", "last_name"}
        known |= {str(self.parameter(name)).split(".")[0] for name in TRAITS if self.parameter(name)}
        return {name: value for name, value in traits.items() if name not in known}


class _Credentials:
    """What an identity's credentials come to."""

    def __init__(self, owner: str, credentials: Mapping[str, Any]) -> None:
        self.password: dict[str, Any] | None = None
        self.accounts: list[dict[str, Any]] = []
        self.totp: list[dict[str, Any]] = []
        self.recovery_codes: list[str] = []
        self.passkeys: list[dict[str, Any]] = []
        self.warnings: list[str] = []
        self._owner = owner
        for kind in credentials:
            credential = object_in(credentials[kind], "credentials")
            self._read(kind, credential, object_in(credential.get("config"), "config"))

    def _read(self, kind: str, credential: Mapping[str, Any], config: Mapping[str, Any]) -> None:
        if kind == "password":
            self._read_password(config)
        elif kind in SOCIAL:
            self.accounts += _accounts(credential, config)
        elif kind == "totp":
            self._read_totp(config)
        elif kind == "lookup_secret":
            codes = objects_in(config.get("recovery_codes"), "recovery_codes")
            self.recovery_codes += [
                str(one["code"]) for one in codes if one.get("code") and not one.get("used_at")
            ]
        elif kind in PASSKEYS:
            found = objects_in(config.get("credentials"), "credentials")
            self.passkeys += [{"kind": kind, **one} for one in found]
        elif kind not in WITHOUT_SECRET:
            self.warnings.append(FACTOR_LEFT)

    def _read_password(self, config: Mapping[str, Any]) -> None:
        stored, clear = config.get("hashed_password"), config.get("password")
        if stored:
            self.password = {"scheme": "kratos", "hash": stored}
        elif clear:
            self.password = hashed(str(clear), self._owner)
        else:
            self.warnings.append(HOOK if config.get("use_password_migration_hook") else NOT_EXPORTED)

    def _read_totp(self, config: Mapping[str, Any]) -> None:
        address = config.get("totp_url")
        if not isinstance(address, str) or not address.startswith("otpauth://"):
            self.warnings.append(FACTOR_LEFT)
            return
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        self.totp.append(
            totp_from(
                query.get("secret"),
                digits=query.get("digits"),
                period=query.get("period"),
                algorithm=query.get("algorithm"),
            )
        )


def _accounts(credential: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Of a list without configurations the identifiers tell, ``google:1099``."""
    providers = objects_in(config.get("providers"), "providers")
    pairs = [(one.get("provider"), one.get("subject")) for one in providers]
    if not pairs:
        parts = (one.partition(":") for one in texts_in(credential.get("identifiers")))
        pairs = [(provider, subject) for provider, _, subject in parts]
    yield from (one for pair in pairs if (one := account(*pair)))


def _identifiers(credentials: Mapping[str, Any]) -> list[str]:
    """What the password's owner types."""
    password = object_in(credentials.get("password"), "credentials")
    return texts_in(password.get("identifiers"))


def _is_verified(row: Mapping[str, Any], value: Any) -> bool:
    addresses = objects_in(row.get("verifiable_addresses"), "verifiable_addresses")
    return any(
        one.get("verified") is True and str(one.get("value")).lower() == str(value).lower()
        for one in addresses
    )


def _roles(row: Mapping[str, Any], part: str) -> list[str]:
    found = row.get(part)
    return roles_in(found) if isinstance(found, Mapping) else []


def _first(value: Any) -> Any:
    """Of several addresses the first one."""
    return next(iter(texts_in(value)), None) if isinstance(value, list) else value


def _name(value: Any) -> str:
    if isinstance(value, Mapping):
        return full_name(value.get("first"), value.get("last")) or full_name(
            value.get("first_name"), value.get("last_name")
        )
    return full_name(value)


def _username(value: Any) -> str | None:
    return value if isinstance(value, str) and "@" not in value else None
