"""Devices on which somebody has shown their second factor, and need not show it again for a while.

Source: two-factor.md, "Trust device". The cookie opens nothing by itself: the password is asked either way.
"""

from __future__ import annotations

import hashlib
import hmac

from better_auth import verifications
from better_auth.authentication.cookie_names import TRUST_DEVICE
from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import URL_SAFE, random_string
from better_auth.crypto.jose import base64url_encode
from better_auth.events import Client
from better_auth.sessions import Keepsake
from better_auth.storage.records import UserRecord
from better_auth.verifications import Purpose

PREFIX, RANDOM_LENGTH = "trust-device-", 32
LONGEST = 128
FORGOTTEN = Keepsake(TRUST_DEVICE)


def trust(user: UserRecord) -> Keepsake:
    """What the device is to keep."""
    identifier, seconds = (
        PREFIX + random_string(RANDOM_LENGTH, URL_SAFE),
        auth_settings.two_factor.trust_device_expires_in,
    )
    verifications.issue(purpose=Purpose.TRUSTED_DEVICE, token=identifier, subject=user.id, expires_in=seconds)
    return Keepsake(TRUST_DEVICE, f"{_mac(user, identifier)}!{identifier}", seconds)


def renew(user: UserRecord, *, client: Client) -> Keepsake | None:
    """What a trusted device keeps from now on: each is good for one sign-in. None for any other device."""
    identifier = _read(user, client)
    if identifier is None:
        return None
    found = verifications.consume(purpose=Purpose.TRUSTED_DEVICE, token=identifier)
    return trust(user) if found and found.subject == user.id else None


def forget(user: UserRecord, *, client: Client) -> None:
    """This device is trusted no more."""
    identifier = _read(user, client)
    if identifier is not None:
        verifications.consume(purpose=Purpose.TRUSTED_DEVICE, token=identifier)


def forget_all(user: UserRecord) -> None:
    verifications.revoke(purpose=Purpose.TRUSTED_DEVICE, subject=user.id)


def _read(user: UserRecord, client: Client) -> str | None:
    """What the device shows, if it is this user's; its signature was verified at the edge."""
    if len(client.trusted_device) > LONGEST:
        return None
    mac, _, identifier = client.trusted_device.partition("!")
    is_theirs = bool(identifier) and hmac.compare_digest(mac.encode(), _mac(user, identifier).encode())
    return identifier if is_theirs else None


def _mac(user: UserRecord, identifier: str) -> str:
    key, message = auth_settings.secret.encode(), f"{user.id}!{identifier}".encode()
    return base64url_encode(hmac.digest(key, message, hashlib.sha256))
