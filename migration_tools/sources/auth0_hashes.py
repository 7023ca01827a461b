"""From Auth0's ``password_hash`` and ``custom_password_hash`` to a scheme of ours.

Source: Auth0's import schema, version of 2024.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from migration_tools.sources.vendor_values import UNKNOWN, object_in, told

DIGESTS = frozenset({"md5", "sha1", "sha256", "sha512"})
# Keys that are not bare, so that all stands in the text.
WHOLE = {"argon2": "argon2", "pbkdf2": "pbkdf2", "ldap": "ldap"}


def password_of(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """The password of a record, as the neutral record has it. Raises ``Refused``."""
    custom = object_in(row.get("custom_password_hash"), "custom_password_hash")
    if custom:
        return _custom(custom)
    stored = row.get("password_hash")
    return {"scheme": "bcrypt", "hash": stored} if isinstance(stored, str) and stored else None


def _custom(custom: Mapping[str, Any]) -> dict[str, Any] | None:
    algorithm = str(custom.get("algorithm") or "").lower()
    stored = object_in(custom.get("hash"), "custom_password_hash.hash")
    value = stored.get("value")
    if not isinstance(value, str) or not value:
        return None
    typed = _typed(custom)
    if algorithm in WHOLE:
        return _password(WHOLE[algorithm], value, **({} if algorithm == "ldap" else typed))
    if algorithm == "bcrypt":
        return _password("bcrypt", value, **typed, **_salt(custom))
    if algorithm in DIGESTS:
        return _password(algorithm, value, encoding=_encoding(stored), **typed, **_salt(custom))
    if algorithm == "hmac":
        return _hmac(value, stored, {**typed, **_salt(custom)})
    if algorithm == "scrypt":
        return _scrypt(value, stored, custom, typed)
    # MD4, and whatever comes next.
    return {"scheme": f"{UNKNOWN}-{algorithm}", "hash": value}


def _hmac(value: str, stored: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    key = object_in(stored.get("key"), "custom_password_hash.hash.key")
    digest = str(stored.get("digest") or "").lower()
    if digest in ("whirlpool", "md4"):
        return {"scheme": f"{UNKNOWN}-{digest}", "hash": value}
    return _password(
        "hmac",
        value,
        digest=digest,
        encoding=_encoding(stored),
        key=key.get("value"),
        key_encoding=key.get("encoding"),
        **more,
    )


def _scrypt(
    value: str, stored: Mapping[str, Any], custom: Mapping[str, Any], typed: Mapping[str, Any]
) -> dict[str, Any]:
    """A salt is always before the password here, and so has no place of its own."""
    salt = {name: one for name, one in _salt(custom).items() if name != "position"}
    return _password(
        "scrypt",
        value,
        encoding=_encoding(stored),
        work_factor=custom.get("cost"),
        block_size=custom.get("blockSize"),
        parallelism=custom.get("parallelization"),
        **typed,
        **salt,
    )


def _typed(custom: Mapping[str, Any]) -> dict[str, Any]:
    """How the old system wrote what was typed."""
    encoding = object_in(custom.get("password"), "custom_password_hash.password").get("encoding")
    return {} if encoding in (None, "utf8") else {"password_encoding": encoding}


def _salt(custom: Mapping[str, Any]) -> dict[str, Any]:
    salt = object_in(custom.get("salt"), "custom_password_hash.salt")
    if not salt.get("value"):
        return {}
    return told(salt=salt["value"], salt_encoding=salt.get("encoding"), position=salt.get("position"))


def _encoding(stored: Mapping[str, Any]) -> Any:
    """Where it is base64, the URL-safe alphabet is understood as well."""
    found = stored.get("encoding")
    is_url_safe = found == "base64" and {"-", "_"} & set(str(stored.get("value")))
    return "base64url" if is_url_safe else found


def _password(scheme: str, stored: str, **params: Any) -> dict[str, Any]:
    return {"scheme": scheme, "hash": stored, "params": told(**params)}
