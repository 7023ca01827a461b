"""The neutral record: one JSON object for each user (docs/migration/README.md, "The neutral record").

Any source whose rows already look like this needs no mapping.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

from migration_tools.records import LegacyAccount, LegacyPassword, LegacyUser, Refused
from migration_tools.values import moment_of, text_of, truth_of

TEXTS = frozenset({"email", "name", "image", "username", "phone_number", "ban_reason"})
TRUTHS = frozenset({"email_verified", "phone_number_verified", "disabled", "is_staff", "is_superuser"})
MOMENTS = frozenset({"created_at", "updated_at", "ban_expires", "deleted_at"})
LISTS = frozenset({"roles", "groups"})
EXTRAS = ("totp", "recovery_codes", "passkeys", "mail_codes")
KNOWN = frozenset(
    {"external_id", "password", "accounts", "metadata", *TEXTS, *TRUTHS, *MOMENTS, *LISTS, *EXTRAS}
)
LONGEST_ID = 255


def user_from(row: Mapping[str, Any], zone: tzinfo | None = None) -> LegacyUser:
    """The user that a neutral record tells of. Raises ``Refused``.

    What is unknown is a warning, not a fault: a misspelt name should be seen, and lose nobody.
    """
    if type(row) is not dict and not isinstance(row, Mapping):
        raise Refused("invalid-record", "not an object")
    user = LegacyUser(external_id_of(row.get("external_id")))
    for name, value in row.items():
        if value is None:
            continue
        if name in TEXTS:
            setattr(user, name, text_of(value, name))
        elif name in TRUTHS:
            setattr(user, name, truth_of(value, name))
        elif name in MOMENTS:
            setattr(user, name, moment_of(value, name, zone))
        elif name in LISTS:
            setattr(user, name, tuple(_texts(value, name)))
        elif name == "password":
            user.password = password_from(value)
        elif name == "accounts":
            user.accounts = _accounts(value)
        elif name == "metadata":
            user.metadata = _metadata(value)
        elif name not in KNOWN:
            user.warnings.append("unknown-field")
    user.warnings[1:] = ()
    user.extra = {name: row[name] for name in EXTRAS if row.get(name)}
    return user


def external_id_of(value: Any) -> str:
    """The id that the other system knows the user by; text of at most 255 characters."""
    text = text_of(value, "external_id")
    if text is None or not text.strip():
        raise Refused("missing-id", "the record has no external_id")
    if len(text) > LONGEST_ID:
        raise Refused("invalid-id", f"the id is longer than {LONGEST_ID} characters")
    return text


def _accounts(value: Any) -> tuple[LegacyAccount, ...]:
    if not isinstance(value, list | tuple):
        raise Refused("invalid-value", "accounts is no list")
    return tuple(account_from(one) for one in value)


def _metadata(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Refused("invalid-value", "metadata is no object")
    return value


def password_from(value: Any) -> LegacyPassword | None:
    """``{"scheme": …, "hash": …}`` with what else the scheme needs, or None where there is no hash."""
    if type(value) is not dict and not isinstance(value, Mapping):
        raise Refused("invalid-value", "password is no object with scheme and hash")
    scheme, stored = value.get("scheme"), value.get("hash")
    if stored is None or stored == "":
        return None
    if not isinstance(scheme, str) or not isinstance(stored, str):
        raise Refused("invalid-value", "password wants a scheme and a hash, both text")
    params = value.get("params")
    if params is None:
        params = {name: one for name, one in value.items() if name not in ("scheme", "hash", "params")}
    if not isinstance(params, Mapping):
        raise Refused("invalid-value", "password.params is no object")
    return LegacyPassword(scheme, stored, params)


def account_from(value: Any) -> LegacyAccount:
    if not isinstance(value, Mapping):
        raise Refused("invalid-value", "an account is no object")
    provider, subject = text_of(value.get("provider"), "provider"), text_of(value.get("subject"), "subject")
    if not provider or not subject:
        raise Refused("invalid-account", "an account wants a provider and a subject")
    if len(provider) > LONGEST_ID or len(subject) > LONGEST_ID:
        raise Refused("invalid-account", f"provider or subject is longer than {LONGEST_ID} characters")
    return LegacyAccount(
        provider,
        subject,
        issuer=text_of(value.get("issuer"), "issuer"),
        scope=text_of(value.get("scope"), "scope"),
    )


def _texts(value: Any, name: str) -> list[str]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        raise Refused("invalid-value", f"{name} is no list")
    return [text for text in ((text_of(part, name) or "").strip() for part in parts) if text]
