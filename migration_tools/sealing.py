"""What is kept for a rollback, and factors for later: encrypted, because it holds hashes and secrets."""

from __future__ import annotations

import base64
from typing import Any

import orjson
from cryptography.fernet import Fernet, InvalidToken

from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import derive_key

PURPOSE = "migration-journal"


class Unreadable(Exception):
    """It was written under another secret."""


def seal(content: Any) -> str:
    """Any JSON value."""
    return _fernet().encrypt(orjson.dumps(content)).decode()


def unseal(sealed: str) -> Any:
    """Raises ``Unreadable``."""
    try:
        return orjson.loads(_fernet().decrypt(sealed.encode()))
    except InvalidToken:
        raise Unreadable from None


def _fernet() -> Fernet:
    return Fernet(base64.urlsafe_b64encode(derive_key(auth_settings.secret, PURPOSE)))
