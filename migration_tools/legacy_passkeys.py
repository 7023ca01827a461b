"""Passkeys as other systems keep them, read into the form that they have here. Pure.

Known are: the neutral form, Better Auth's and Auth.js's, Keycloak's, Kratos's, and the whole answers to a
registration that django-allauth keeps. What was only asked for beside a password there is no way in by itself
here, and is left where it is.
"""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from webauthn.helpers import bytes_to_base64url, parse_attestation_object

from better_auth.crypto.passkey_answers import LONGEST_CREDENTIAL_ID, ensure_public_key, transports_of

IDS = ("credential_id", "credentialId", "credentialID", "id")
KEYS = ("public_key", "publicKey", "credentialPublicKey")
COUNTERS = ("counter", "sign_count", "signCount")
NAMES = ("name", "label", "display_name")
LONGEST_NAME = 1000
BASE64 = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class UsablePasskey:
    """``credential_id`` in base64url, ``public_key`` in standard base64."""

    credential_id: str
    public_key: str
    counter: int
    name: str | None
    device_type: str
    backed_up: bool
    transports: str
    aaguid: str | None
    created_at: datetime | None


def usable(told: Iterable[Any]) -> dict[str, UsablePasskey]:
    """Those that can sign in here, by credential."""
    found = (read(one) for one in told if isinstance(one, Mapping))
    return {one.credential_id: one for one in found if one is not None}


def read(told: Mapping[str, Any]) -> UsablePasskey | None:
    """None where it is no way in, or nothing that we could verify a signature with."""
    if not _is_way_in(told):
        return None
    try:
        credential, key, counter = _from_registration(told) if "credential" in told else _from_members(told)
        ensure_public_key(key)
    except Exception:  # whatever the parsers of a foreign text raise: it is kept, and not used
        return None
    if not 0 < len(credential) <= LONGEST_CREDENTIAL_ID:
        return None
    return UsablePasskey(
        bytes_to_base64url(credential),
        b64encode(key).decode(),
        counter,
        _name(told),
        "multiDevice" if _is_synchronised(told) else "singleDevice",
        bool(told.get("backed_up", told.get("backedUp"))) and _is_synchronised(told),
        transports_of(_listed(told.get("transports"))),
        _aaguid(told.get("aaguid")),
        _moment(told.get("created_at")),
    )


def _is_way_in(told: Mapping[str, Any]) -> bool:
    """Keycloak and Kratos say of what kind it is, django-allauth whether it goes without a password."""
    if told.get("second_factor"):
        return False
    if "credential" in told:
        return told.get("passwordless") is True
    return told.get("kind") != "webauthn" or told.get("is_passwordless") is True


def _from_members(told: Mapping[str, Any]) -> tuple[bytes, bytes, int]:
    authenticator = told.get("authenticator")
    members = {**(authenticator if isinstance(authenticator, Mapping) else {}), **told}
    return _bytes(_first(told, IDS)), _bytes(_first(told, KEYS)), _counter(_first(members, COUNTERS))


def _from_registration(told: Mapping[str, Any]) -> tuple[bytes, bytes, int]:
    data = parse_attestation_object(_bytes(told["credential"]["response"]["attestationObject"])).auth_data
    if data.attested_credential_data is None:
        raise ValueError("no credential")
    attested = data.attested_credential_data
    return attested.credential_id, attested.credential_public_key, data.sign_count


def _first(told: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((told[name] for name in names if told.get(name) is not None), None)


def _bytes(text: Any) -> bytes:
    """Base64 of either alphabet, with padding or without. Raises ``ValueError``."""
    plain = str(text or "").rstrip("=").replace("+", "-").replace("/", "_")
    if not BASE64.fullmatch(plain):
        raise ValueError("no base64")
    return urlsafe_b64decode(plain + "=" * (-len(plain) % 4))


def _counter(value: Any) -> int:
    text = str(value if value is not None else 0)
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) < 2**32):
        raise ValueError("no counter")
    return int(text)


def _name(told: Mapping[str, Any]) -> str | None:
    name = _first(told, NAMES)
    text = name.strip().replace("\x00", "")[:LONGEST_NAME] if isinstance(name, str) else ""
    return text or None


def _is_synchronised(told: Mapping[str, Any]) -> bool:
    kind = str(told.get("device_type") or told.get("deviceType") or "")
    return kind.replace("_", "").lower() == "multidevice"


def _listed(value: Any) -> list[Any]:
    return value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []


def _aaguid(value: Any) -> str | None:
    try:
        return str(UUID(value)) if isinstance(value, str) else None
    except ValueError:
        return None


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None
