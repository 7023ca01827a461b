"""The audit log hears of keys that were refused, at a bounded pace."""

from __future__ import annotations

import time

from apikeys.errors import KeyRefused
from apikeys.events import ApiKeyRefused
from apikeys.records import KeyRecord
from better_auth.bounded import Bounded
from better_auth.events import AuthMethod, publish

# A program that goes on with a dead key would fill the log.
PAUSE_SECONDS = 60
_told: Bounded[float] = Bounded(10_000)


def tell(key: KeyRecord, refusal: KeyRefused) -> None:
    """Once a minute for each key and reason; of keys that nobody knows there is nothing to tell."""
    reason, now = refusal.code.name if refusal.code else "", time.monotonic()
    told = f"{key.id} {reason}".encode()
    if now - _told.get(told, float("-inf")) < PAUSE_SECONDS:
        return
    _told.put(told, now)
    publish(
        ApiKeyRefused(
            subject_id=key.reference_id,
            method=AuthMethod.API_KEY,
            details={**key.named(), "reason": reason},
        )
    )


def forget() -> None:
    _told.clear()
