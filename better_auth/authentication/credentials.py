"""What a caller has shown us, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from better_auth.errors import ErrorCode, Unauthorized
from better_auth.events import Client


@dataclass(frozen=True, slots=True)
class Credentials:
    """``bearer``: the token of an ``Authorization: Bearer`` header; ``api_key``: of a header for API keys;
    ``renew``: using the session may prolong it; ``read_only``: nothing is written at all, not even to tidy up
    a dead session, but that a use of an API key counts; ``from_store``: what is remembered of a session does
    not serve, the database is asked; ``for_session``: only what a session stands behind counts;
    ``any_audience``: a token need not be meant for us, the caller judges for whom it is; ``any_kind``: the
    bearer token may be of a kind that is shown in another header otherwise; ``header_token``: what an
    ``Authorization`` header shows after ``Token``; ``takes_legacy``: credentials of the former system count,
    where the settings have them; ``is_counted``: the use of an API key was counted with this request
    before."""

    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)
    bearer: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    client: Client = field(default_factory=Client)
    renew: bool = True
    read_only: bool = False
    from_store: bool = False
    for_session: bool = False
    any_audience: bool = False
    any_kind: bool = False
    header_token: str | None = field(default=None, repr=False)
    takes_legacy: bool = True
    is_counted: bool = False


class InvalidCredentials(Unauthorized):
    """These credentials are of my kind, and they are bad. ``retry_after``: seconds until they may be good;
    ``is_final``: the refusal has changed something, and who asks again might be told another one."""

    retry_after: float | None = None
    is_final: bool = False

    def __init__(self, code: Enum = ErrorCode.UNAUTHORIZED, message: str | None = None) -> None:
        super().__init__(code, message)


class InvalidBearer(InvalidCredentials):
    """A bearer token with a signature that is not ours."""


class SessionEnded(InvalidCredentials):
    """Credentials of a session that is over: the client should drop them."""


class BearerEnded(SessionEnded):
    """They were a bearer token: unlike a cookie that a browser sends along, meant for this very request."""


class LegacyRefused(InvalidCredentials):
    """A credential of the former system, which is not taken: the code says why."""

    def __init__(self, code: ErrorCode, message: str | None = None, *, status: int = 401) -> None:
        super().__init__(code, message)
        self.status = status


class LegacyCookieRefused(LegacyRefused, SessionEnded):
    """It was a cookie, which a browser sends along whatever it is asking for."""
