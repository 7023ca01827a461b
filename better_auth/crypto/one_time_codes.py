"""Codes of authenticator apps: HOTP and TOTP. Source: RFC 4226, RFC 6238; two-factor.md, section 5.

Written here and not taken from django-otp, which knows SHA-1 alone, while authenticators that were enrolled
elsewhere may use SHA-256 or SHA-512; and which, imported, listens to every sign-in.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

ALGORITHMS = {"SHA1": "sha1", "SHA256": "sha256", "SHA512": "sha512"}
# Steps to either side of the present one: clocks differ, and typing takes its time.
TOLERANCE = 1
_IMPORTED = "base32:"
_CODE = re.compile(r"\d{4,10}", re.ASCII)
_UNESCAPED = "-_.!~*'()"


class UnusableSecret(ValueError):
    """What is to be a secret is none."""


@dataclass(frozen=True, slots=True)
class Authenticator:
    """What an authenticator app and we share. ``period`` in seconds; ``algorithm`` one of ``ALGORITHMS``."""

    key: bytes = field(repr=False)
    digits: int = 6
    period: int = 30
    algorithm: str = "SHA1"

    def step_at(self, timestamp: float) -> int:
        return int(timestamp) // self.period

    def code(self, step: int) -> str:
        return hotp(self.key, step, digits=self.digits, algorithm=self.algorithm)

    def find_step(self, code: str, *, timestamp: float) -> int | None:
        """The step whose code this is, if it is near enough; every step is compared, whichever fits."""
        if not _CODE.fullmatch(code):
            return None
        now, found = self.step_at(timestamp), None
        for step in range(max(0, now - TOLERANCE), now + TOLERANCE + 1):
            if hmac.compare_digest(self.code(step), code):
                found = step
        return found

    def uri(self, *, issuer: str, account: str) -> str:
        """What a QR code shows an authenticator app, as the protocol writes it."""
        secret = base64.b32encode(self.key).decode().rstrip("=")
        label = f"{quote(issuer, safe=_UNESCAPED)}:{quote(account, safe=_UNESCAPED)}"
        query = f"secret={secret}&issuer={quote_plus(issuer)}&digits={self.digits}&period={self.period}"
        algorithm = "" if self.algorithm == "SHA1" else f"&algorithm={self.algorithm}"
        return f"otpauth://totp/{label}?{query}{algorithm}"


def hotp(key: bytes, counter: int, *, digits: int = 6, algorithm: str = "SHA1") -> str:
    """RFC 4226, section 5.3, with any of the hashes of RFC 6238."""
    mac = hmac.digest(key, counter.to_bytes(8, "big"), ALGORITHMS[algorithm])
    offset = mac[-1] & 15
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def key_of(secret: str) -> bytes:
    """The HMAC's key of a stored secret: its UTF-8 bytes, or, of one that was imported as ``base32:…``, what
    that stands for. Raises ``UnusableSecret``."""
    if not secret.startswith(_IMPORTED):
        return secret.encode()
    text = re.sub(r"[\s=-]", "", secret.removeprefix(_IMPORTED)).upper()
    try:
        key = base64.b32decode(text + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError):
        raise UnusableSecret("not base32") from None
    if not key:
        raise UnusableSecret("an empty secret")
    return key


def imported(base32: str) -> str:
    """How a secret that is known in base32 is stored."""
    return _IMPORTED + base32
