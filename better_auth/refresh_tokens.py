"""The lifecycle of refresh tokens: given out for a session, used once, replaced by the next, ended together.

A token is ``rt_``, a selector that its family shares, and a secret. The next secret follows from the last
token and a key of ours, so that two who use one token in one moment get the same successor, though only
digests are kept. Source: RFC 9700, section 4.14.2.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from better_auth import clock
from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import ALPHANUMERIC, derive_key, random_string, token_digest
from better_auth.crypto.jose import base64url_encode
from better_auth.models import RefreshToken
from better_auth.storage import compiled, verified_sessions
from better_auth.storage.compiled import CompiledSelect
from better_auth.storage.records import SessionRecord
from better_auth.storage.remembered import Remembered

PREFIX = "rt_"
_SELECTOR_LENGTH = 24
_SECRET_LENGTH = 43
_SELECTOR_END = len(PREFIX) + _SELECTOR_LENGTH
LENGTH = _SELECTOR_END + _SECRET_LENGTH
_COLUMNS = ("id", "session_hash", "owns_session", "token_hash", "previous_hash", "rotated_at", "expires_at")


@dataclass(frozen=True, slots=True)
class RefreshGrant:
    """A family. ``session_hash``: of the session that it lives and dies with; ``owns_session``: that was made
    for it, and nobody else knows it."""

    id: str
    session_hash: str
    owns_session: bool
    token_hash: str
    previous_hash: str
    rotated_at: datetime | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Rotated:
    """``token``: the one to use from now on."""

    grant: RefreshGrant
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reused:
    """The token was used before, and not just now."""

    grant: RefreshGrant


def issue(session: SessionRecord, *, owns_session: bool = False) -> Rotated:
    """Begin a family."""
    now = clock.now()
    selector = random_string(_SELECTOR_LENGTH, ALPHANUMERIC)
    token = PREFIX + selector + base64url_encode(secrets.token_bytes(32))
    row = RefreshToken(
        session_hash=session.token_hash,
        owns_session=owns_session,
        selector_hash=token_digest(selector),
        token_hash=token_digest(token),
        created_at=now,
        expires_at=now + _lifetime(),
    )
    compiled.insert(row)
    return Rotated(RefreshGrant(*(getattr(row, name) for name in _COLUMNS)), token)


def rotate(token: str) -> Rotated | Reused | None:
    """Use a token: of any number of parallel callers all get the one successor, for ``REFRESH_GRACE``
    seconds. None for a token that is unknown or over."""
    grant = find(token)
    if grant is None:
        return None
    now, shown, successor = clock.now(), token_digest(token), _successor(token)
    if hmac.compare_digest(grant.token_hash, shown):
        won = RefreshToken.objects.filter(pk=grant.id, token_hash=shown).update(
            token_hash=token_digest(successor),
            previous_hash=shown,
            rotated_at=now,
            expires_at=now + _lifetime(),
        )
        if won:
            return Rotated(grant, successor)
        grant = find(token)  # another request was first, or the family was ended
        if grant is None:
            return None
    if _was_used_just_now(grant, shown, now):
        return Rotated(grant, successor)
    return Reused(grant)


def find(token: str) -> RefreshGrant | None:
    """The living family of a token, be the token its last one or not."""
    if len(token) != LENGTH or not token.startswith(PREFIX) or not token.isascii():
        return None
    selector_hash = token_digest(token[len(PREFIX) : _SELECTOR_END])
    return _living(CompiledSelect(RefreshToken, "selector_hash", _COLUMNS).first(selector_hash))


def find_by_id(grant_id: str, *, from_store: bool = False) -> RefreshGrant | None:
    """The living family with this id, as of at most some seconds ago, or with ``from_store`` as of now:
    access tokens name it."""

    def read() -> tuple[RefreshGrant, tuple[str]] | None:
        grant = _living(CompiledSelect(RefreshToken, "id", _COLUMNS).first(grant_id))
        return (grant, (grant.session_hash,)) if grant else None

    if from_store:
        found = read()
        return found[0] if found else None
    return _remembered.find(grant_id, read)


def revoke(grant: RefreshGrant) -> bool:
    """End the family, and the opaque access tokens that were given out with it; False where it had ended."""
    deleted, _ = RefreshToken.objects.filter(pk=grant.id).delete()
    verified_sessions.forget_session(grant.session_hash)  # whoever remembers the family remembers it by this
    return deleted > 0


_remembered: Remembered[RefreshGrant] = Remembered()


def _living(row: list[object] | None) -> RefreshGrant | None:
    grant = RefreshGrant(*row) if row else None  # type: ignore[arg-type]
    return grant if grant is not None and grant.expires_at > clock.now() else None


def _was_used_just_now(grant: RefreshGrant, shown: str, now: datetime) -> bool:
    if grant.rotated_at is None or not hmac.compare_digest(grant.previous_hash, shown):
        return False
    return now - grant.rotated_at <= timedelta(seconds=auth_settings.tokens.refresh_grace)


def _successor(token: str) -> str:
    following = hmac.digest(_chain_key(auth_settings.secret), token.encode(), "sha256")
    return token[:_SELECTOR_END] + base64url_encode(following)


def _lifetime() -> timedelta:
    return timedelta(seconds=auth_settings.tokens.refresh_expires_in)


@lru_cache(maxsize=4)
def _chain_key(secret: str) -> bytes:
    return derive_key(secret, "refresh-token-chain")
