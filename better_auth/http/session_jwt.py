"""The JWT of a session: its claims, and the header ``set-auth-jwt``.

Source: jwt-bearer-multisession.md, section 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from better_auth import access_tokens, clock, hooks
from better_auth.conf import auth_settings
from better_auth.http import wire
from better_auth.http.reply import Reply
from better_auth.storage.records import SessionRecord, UserRecord

FEATURE = "jwt"
HEADER = "set-auth-jwt"


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of one user, written once, around those that the moment decides.

    ``issued_at`` and ``expires_at`` (Unix seconds) only where the host's hook sets them.
    """

    of_user: bytes
    of_server: bytes
    issued_at: Any = None
    expires_at: Any = None

    def payload(self, now: int, *, expires_in: int) -> bytes:
        """The claims in the protocol's order."""
        issued_at = now if self.issued_at is None else self.issued_at
        # Counted from what stands there, be it the host's.
        expires_at = issued_at + expires_in if self.expires_at is None else self.expires_at
        return b'{"iat":%b,%b,"exp":%b,%b' % (
            orjson.dumps(issued_at),
            self.of_user,
            orjson.dumps(expires_at),
            self.of_server,
        )


def is_on() -> bool:
    return FEATURE in auth_settings.features


def claims_of(user: UserRecord, session: SessionRecord, **more: Any) -> Claims:
    """The whole user, or what the host's hook says instead; ``sub`` is the user in any case, ``act`` whoever
    acts in their name (RFC 8693, section 4.1). ``more``: claims that nobody may replace."""
    payload = hooks.jwt_claims(user, session) if hooks.has_jwt_claims() else wire.user_object(user)
    return _claims(payload, sub=user.id, **_actor(session.impersonated_by), **more)


def claims_of_copy(copy: Mapping[str, Any]) -> Claims | None:
    """Of a session and its user as a copy in a cookie has them; None where the host's hook wants more."""
    if hooks.has_jwt_claims():
        return None
    user, session = copy["user"], copy["session"]
    return _claims(user, sub=user["id"], **_actor(session.get("impersonatedBy")))


def mint(claims: Claims, *, expires_in: int | None = None) -> str:
    """A token, good from now on for ``expires_in`` seconds, or as long as the settings say."""
    now = clock.epoch_ms(clock.now()) // 1000
    return access_tokens.sign(claims.payload(now, expires_in=expires_in or auth_settings.jwt.expires_in))


def is_announced() -> bool:
    """Whether answers to reads of a session carry a token."""
    return is_on() and bool(auth_settings.jwt.in_header)


def announce(reply: Reply, claims: Claims) -> None:
    """Put a token into the answer."""
    reply.expose(HEADER, mint(claims))


def headers(token: str) -> tuple[tuple[str, str], ...]:
    """The same for an answer that has no reply."""
    return ((HEADER, token), ("Access-Control-Expose-Headers", HEADER))


def _actor(impersonator_id: str | None) -> dict[str, Any]:
    return {"act": {"sub": impersonator_id}} if impersonator_id else {}


def _claims(payload: Mapping[str, Any], **fixed: Any) -> Claims:
    rest = dict(payload)
    issuer = rest.pop("iss", access_tokens.issuer())
    audience = rest.pop("aud", access_tokens.audience())
    issued_at, expires_at = rest.pop("iat", None), rest.pop("exp", None)
    return Claims(
        orjson.dumps(rest | fixed)[1:-1],
        orjson.dumps({"iss": issuer, "aud": audience})[1:],
        issued_at,
        expires_at,
    )
