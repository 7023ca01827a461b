"""The ``Authorization`` header: what a request shows in it, and how a client of ours writes it."""

from __future__ import annotations

from base64 import b64decode, b64encode
from urllib.parse import quote_plus, unquote_plus


def bearer_token(header: str) -> str | None:
    """The token of ``Bearer <token>``; the scheme's case does not matter (RFC 6750)."""
    scheme, _, token = header.strip().partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def header_token(header: str) -> str | None:
    """The token of ``Token <token>``, as REST framework's ``TokenAuthentication`` reads it."""
    scheme, _, token = header.strip().partition(" ")
    return token.strip() or None if scheme.lower() == "token" else None


def basic_credentials(header: str) -> tuple[str, str] | None:
    """Name and secret of ``Basic``, each percent-encoded before they are joined (RFC 6749, section 2.3.1)."""
    scheme, _, encoded = header.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, secret = b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:
        return None
    return (unquote_plus(name), unquote_plus(secret)) if colon else None


def basic(name: str, secret: str) -> str:
    """The header that ``basic_credentials`` reads."""
    joined = f"{quote_plus(name)}:{quote_plus(secret)}"
    return "Basic " + b64encode(joined.encode()).decode()
