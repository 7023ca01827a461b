"""Ids of rows that a run writes: made of what they stand for, so that a run that is resumed, or made again
after a rollback, writes the same."""

from __future__ import annotations

from hashlib import blake2b


def user_id(source: str, external_id: str) -> str:
    """For a user whose legacy id can't be kept."""
    return _digest("user", source, external_id)


def account_id(source: str, external_id: str, provider: str, subject: str, *, number: int) -> str:
    """``number``: of the record in the input. Ids that grow with it are appended to their index, where others
    would be put into pages all over it: what a million users cost would grow with the table."""
    return f"{number:010x}{_digest('account', source, external_id, provider, subject)[10:]}"


def session_id(token_digest: str) -> str:
    return _digest("session", token_digest)


def _digest(*parts: str) -> str:
    return blake2b("\0".join(parts).encode(), digest_size=16, person=b"migration").hexdigest()
