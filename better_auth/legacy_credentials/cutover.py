"""The day on which the former system's credentials end (``DUAL_AUTH.CUTOVER``)."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from better_auth import clock
from better_auth.conf import auth_settings
from better_auth.errors import ErrorCode
from better_auth.legacy_credentials.refusals import Refused


@lru_cache(maxsize=4)
def read_moment(text: str) -> datetime:
    """Raises ``ValueError`` for what is no date, or has no time zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no time zone")
    return moment.astimezone(UTC)


def ensure_before_cutover() -> None:
    """Raises ``Refused`` with the date. A date that can't be read is one that has passed: the system checks
    say so, and nobody is let in by a slip of the pen."""
    text = auth_settings.dual_auth.cutover
    if text is None:
        return
    try:
        moment: datetime | None = read_moment(text)
    except ValueError:
        moment = None
    if moment is None or clock.timestamp() >= moment.timestamp():
        told = f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "a date in the past"
        raise Refused(
            ErrorCode.LEGACY_TOKENS_ENDED,
            f"Credentials of the former system ended on {told}. Please sign in again.",
        )
