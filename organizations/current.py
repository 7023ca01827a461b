"""The organization that a caller is in, remembered for as long as their session is."""

from __future__ import annotations

from typing import Any

from better_auth.storage import verified_sessions


def forget(user_key: Any) -> None:
    """What this user may do has changed: from the commit on every process asks anew."""
    verified_sessions.forget_user(user_key)
