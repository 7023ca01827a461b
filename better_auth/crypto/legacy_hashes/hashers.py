"""One Django hasher for each family of formats; ``HASHERS`` lists them for ``PASSWORD_HASHERS``."""

from __future__ import annotations

from better_auth.crypto.legacy_hashes import modular, raw
from better_auth.crypto.legacy_hashes.framing import LegacyHasher


class Bcrypt(LegacyHasher):
    """``$2a$``, ``$2b$``, ``$2y$``, ``$2x$``; Devise with its pepper, Meteor over an inner digest."""

    algorithm = "legacy_bcrypt"
    read = staticmethod(modular.read_bcrypt)


class Argon2(LegacyHasher):
    """PHC strings of other systems, and bare keys."""

    algorithm = "legacy_argon2"
    read = staticmethod(raw.read_argon2)


class Scrypt(LegacyHasher):
    """PHC strings, and bare keys."""

    algorithm = "legacy_scrypt"
    read = staticmethod(raw.read_scrypt)


class Pbkdf2(LegacyHasher):
    """PHC and passlib strings, and bare keys (Keycloak, Discourse, FusionAuth)."""

    algorithm = "legacy_pbkdf2"
    read = staticmethod(raw.read_pbkdf2)
