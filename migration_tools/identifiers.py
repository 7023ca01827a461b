"""Ids of rows that a run writes: made of what they stand for, so that a run that is resumed, or made again
after a rollback, writes the same."""

from __future__ import annotations

from hashlib import blake2b


def user_id(source: str, external_id: str) -> str:
    """For a user whose legacy id can't be kept."""
    return _digest("user", source, external_id)


def account_id(source: str, external_id: str, provider: str, subject: str) -> str:
    return _digest("account", source, external_id, provider, subject)


def session_id(token_digest: str) -> str:
    return _digest("session", token_digest)


def _digest(*parts: str) -> str:
    return blake2b("\0".join(parts).encode(), digest_size=16, person=b"migration").hexdigest()
