"""What is kept for a rollback, and factors for later: encrypted, because it holds hashes and secrets.

The keys are those of ``better_auth.sealing``, the text is not: a run seals a row for each user, and this way
of doing it is the fastest there is.
"""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import Any

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from better_auth import sealing
from better_auth.crypto.identifiers import derive_key

PURPOSE = "migration-journal"


class Unreadable(sealing.Undecryptable):
    """It was written under another secret."""


def seal(content: Any) -> str:
    """Any JSON value."""
    return _fernets()[0].encrypt(orjson.dumps(content)).decode()


def unseal(sealed: str) -> Any:
    """Raises ``Unreadable``."""
    try:
        return orjson.loads(MultiFernet(_fernets()).decrypt(sealed.encode()))
    except InvalidToken:
        raise Unreadable from None


def reseal(sealed: str) -> str | None:
    """The same under the key in force; None where it is that already. Raises ``Unreadable``."""
    try:
        _fernets()[0].decrypt(sealed.encode())
    except InvalidToken:
        return seal(unseal(sealed))
    return None


def _fernets() -> list[Fernet]:
    return [_fernet(key.secret) for key in sealing.known_keys()]


@lru_cache(maxsize=8)
def _fernet(secret: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(derive_key(secret, PURPOSE)))
