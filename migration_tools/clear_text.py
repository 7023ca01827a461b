"""Passwords that a source holds in clear text: hashed as soon as they are read.

The hash is the same at each reading, so that a later run sees whether the password has changed there.
"""

from __future__ import annotations

import hmac
from functools import lru_cache

from django.contrib.auth.hashers import PBKDF2PasswordHasher

from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import derive_key

PURPOSE = "migration-clear-text"
ITERATIONS = 600_000


def hashed(password: str, owner: str) -> dict[str, str]:
    """A password as the neutral record has it. ``owner``: whose it is, so that no two have the same hash.

    Costs as much as a sign-in. The first one replaces the hash with one of ours.
    """
    return {"scheme": "django", "hash": _hashed(password, owner)}


@lru_cache(maxsize=10_000)
def _hashed(password: str, owner: str) -> str:
    key = derive_key(auth_settings.secret, PURPOSE)
    salt = hmac.digest(key, owner.encode(), "sha256").hex()[:32]
    return str(PBKDF2PasswordHasher().encode(password, salt, ITERATIONS))
