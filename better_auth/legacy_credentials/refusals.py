"""Why a credential of the former system is not taken."""

from __future__ import annotations

from better_auth.errors import ErrorCode

UNAUTHORIZED, UNAVAILABLE = 401, 503


class Refused(Exception):
    """``scheme`` is empty until it is known; ``message`` replaces the catalogue's text."""

    def __init__(self, code: ErrorCode, message: str | None = None, *, scheme: str = "") -> None:
        super().__init__(code.name)
        self.code, self.message, self.scheme = code, message, scheme

    @property
    def status(self) -> int:
        """Where the former system could not be asked, nobody knows whether the credential is good."""
        return UNAVAILABLE if self.code is ErrorCode.LEGACY_SYSTEM_UNAVAILABLE else UNAUTHORIZED
