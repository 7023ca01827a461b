"""What both ceremonies share: the site that passkeys are bound to, and challenges, each good for one try."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from better_auth import verifications
from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import new_deletion_token
from better_auth.crypto.passkey_answers import Expectation
from better_auth.passkeys import PasskeyRecord
from better_auth.verifications import Purpose

CHALLENGE_SECONDS = 300
CHALLENGE_BYTES = 32
TIMEOUT_MS = 60_000
REQUIRED = "required"


class Ceremony(StrEnum):
    REGISTRATION = "registration"
    AUTHENTICATION = "authentication"


@dataclass(frozen=True, slots=True)
class Begun:
    """``token`` names the challenge, for the client's cookie; ``options`` are the browser's."""

    token: str = field(repr=False)
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Challenge:
    """``user`` and ``context``: what registration was begun with; ``signed_in``: whether the user began it
    themselves, in a session."""

    value: bytes
    user: dict[str, str]
    context: str | None
    signed_in: bool = False


def rp_id() -> str:
    """The domain that passkeys are bound to."""
    return auth_settings.passkey.rp_id or urlsplit(auth_settings.base_url).hostname or "localhost"


def rp_name() -> str:
    return auth_settings.passkey.rp_name or auth_settings.app_name


def expectation(challenge: Challenge, origins: list[str]) -> Expectation:
    is_required = auth_settings.passkey.user_verification == REQUIRED
    return Expectation(challenge.value, rp_id(), origins, user_verification=is_required)


def issue_challenge(
    ceremony: Ceremony,
    *,
    subject: str,
    user: dict[str, str] | None = None,
    context: str | None = None,
    signed_in: bool = False,
) -> tuple[str, str]:
    """A token and the challenge that it names, in base64url, for five minutes."""
    token, challenge = new_deletion_token(), bytes_to_base64url(secrets.token_bytes(CHALLENGE_BYTES))
    told = {"user": user or {}, "context": context, "signed_in": signed_in}
    payload = {"type": ceremony, "challenge": challenge, **told}
    verifications.issue(
        purpose=Purpose.PASSKEY_CHALLENGE,
        token=token,
        subject=subject,
        expires_in=CHALLENGE_SECONDS,
        payload=payload,
    )
    return token, challenge


def take_challenge(ceremony: Ceremony, token: str | None) -> Challenge | None:
    """The challenge, for this one try; None where it is gone, expired, or of the other ceremony, which has
    then lost it, too."""
    found = verifications.consume(purpose=Purpose.PASSKEY_CHALLENGE, token=token) if token else None
    if found is None or found.payload.get("type") != ceremony:
        return None
    payload = found.payload
    value = base64url_to_bytes(payload["challenge"])
    return Challenge(value, payload["user"], payload["context"], bool(payload.get("signed_in")))


def descriptors(passkeys: list[PasskeyRecord]) -> list[dict[str, Any]]:
    """How browsers are told of credentials (WebAuthn, section 5.8.3)."""
    return [
        {
            "id": one.credential_id,
            **({"transports": one.transports.split(",")} if one.transports else {}),
            "type": "public-key",
        }
        for one in passkeys
    ]
