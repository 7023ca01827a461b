"""Signed cookie values: ``payload.signature``, HMAC-SHA256 in padded standard base64."""

from __future__ import annotations

import hmac
import re
from binascii import b2a_base64
from urllib.parse import quote, unquote_to_bytes

_SIGNATURE_LENGTH = 44
# What encodeURIComponent leaves alone beside letters and digits.
_UNESCAPED = "-_.!~*'()"
_MALFORMED_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def sign_value(payload: str, *, secret: str) -> str:
    """The signed value as it stands in a ``Set-Cookie`` header, percent-encoded."""
    return quote(sign_raw(payload, secret=secret), safe=_UNESCAPED)


def sign_raw(payload: str, *, secret: str) -> str:
    """The signed value with nothing percent-encoded, as the bearer plugin hands it out."""
    return f"{payload}.{_signature(payload, secret).decode('ascii')}"


def unsign_value(value: str, *, secret: str) -> str | None:
    """The payload if the signature holds, else None; whatever a client sends, never an exception.

    Takes both the percent-encoded and the decoded form. The signature does not name the cookie: the
    caller must not accept a value signed for one cookie where another meaning is expected.
    """
    # Every failure below is a ValueError: a broken escape, bytes that are no UTF-8, a lone surrogate,
    # a signature outside ASCII.
    try:
        signed = _percent_decode(value) if "%" in value else value
        dot = signed.rfind(".")
        if dot < 1 or len(signed) - dot - 1 != _SIGNATURE_LENGTH or signed[-1] != "=":
            return None
        payload = signed[:dot]
        given = signed[dot + 1 :].encode("ascii")
        # Comparing the text, not the decoded bytes, also refuses the three other spellings that the
        # unused bits of the last base64 character allow.
        if hmac.compare_digest(_signature(payload, secret), given):
            return payload
    except ValueError:
        pass
    return None


def _signature(payload: str, secret: str) -> bytes:
    return b2a_base64(hmac.digest(secret.encode(), payload.encode(), "sha256"), newline=False)


def _percent_decode(value: str) -> str:
    """Like decodeURIComponent, and as strict: Python's ``unquote`` would keep or repair what is broken."""
    # A token's signature escapes only these three; the general way costs more than the HMAC.
    value = value.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=")
    if "%" not in value:
        return value
    if _MALFORMED_ESCAPE.search(value):
        raise ValueError("malformed percent-encoding")
    return unquote_to_bytes(value).decode("utf-8")
