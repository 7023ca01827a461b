"""The tokens that a client holds."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

# So long before its end a token is replaced: it must still be good when it arrives.
LEEWAY_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Tokens:
    """``access_token``: any bearer token; without ``refresh_token`` it is used as it is, to its end.
    ``expires_at``: seconds since 1970, None where nobody knows. Neither is shown by ``repr``."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_at: float | None = None

    @property
    def is_due(self) -> bool:
        """It can be replaced, and should be before it is used again."""
        if self.refresh_token is None or self.expires_at is None:
            return False
        return self.expires_at - time.time() < LEEWAY_SECONDS
