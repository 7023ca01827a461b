"""What our cookies are called. Source: sessions-and-cookies.md, section 1."""

from __future__ import annotations

from better_auth.conf import auth_settings

SESSION_TOKEN = "session_token"
SESSION_DATA = "session_data"
DONT_REMEMBER = "dont_remember"
TWO_FACTOR = "two_factor"
TRUST_DEVICE = "trust_device"


def are_secure() -> bool:
    """``Secure`` and the ``__Secure-`` prefix come together, decided once for all cookies."""
    configured = auth_settings.cookies.secure
    return auth_settings.base_url.startswith("https://") if configured is None else configured


def cookie_name(key: str) -> str:
    return f"{'__Secure-' if are_secure() else ''}{auth_settings.cookies.prefix}.{key}"
