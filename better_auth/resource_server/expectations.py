"""What a token must say to be good here, whichever way it was verified."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.core.signals import setting_changed

from better_auth import clock
from better_auth.conf import auth_settings
from better_auth.crypto.jose import InvalidToken
from better_auth.crypto.jwt_reading import Claims, ensure_acceptable, is_for


def issuer() -> str:
    """``iss`` of the auth server's tokens."""
    return _expected()[0]


def ensure_for_us(claims: Claims) -> None:
    """Of a JWT: in its time, by our auth server, about somebody and for this service. Raises
    ``InvalidToken``."""
    expected, audiences = _expected()
    ensure_acceptable(claims, issuer=expected, now=clock.timestamp())
    if not is_for(claims, *audiences):
        raise InvalidToken("for another service")


def ensure_told_for_us(answer: Claims) -> None:
    """Of an answer of ``/introspect``: most members are optional (RFC 7662, section 2.2), but must be right
    where they are. Raises ``InvalidToken``."""
    expected, audiences = _expected()
    now = clock.timestamp()
    ensure_acceptable({"iss": expected, "exp": now + 1, **answer}, issuer=expected, now=now)
    own_name = auth_settings.auth_server.client_id or expected
    if "aud" in answer and not is_for(answer, *audiences, own_name):
        raise InvalidToken("for another service")


# Issuer and audiences, as the settings have them.
_kept: tuple[str, tuple[str, ...]] | None = None


def _expected() -> tuple[str, tuple[str, ...]]:
    global _kept
    if _kept is None:
        parts = urlsplit(auth_settings.auth_server.url or "")
        expected = auth_settings.resource_server.issuer or f"{parts.scheme}://{parts.netloc}"
        _kept = expected, auth_settings.resource_server.audiences or (expected,)
    return _kept


def _setting_changed(*, setting: str, **kwargs: object) -> None:
    global _kept
    if setting == "BETTER_AUTH":
        _kept = None


setting_changed.connect(_setting_changed, dispatch_uid="better_auth.resource_server.expectations")
