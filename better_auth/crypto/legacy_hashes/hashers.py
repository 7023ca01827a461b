"""One Django hasher for each family of formats; ``HASHERS`` lists them for ``PASSWORD_HASHERS``."""

from __future__ import annotations

from better_auth.crypto.legacy_hashes import (
    aspnet,
    checks,
    digests,
    firebase,
    kratos,
    ldap,
    mediawiki,
    modular,
    nextcloud,
    phpass,
    raw,
    unix_crypt,
    werkzeug,
    wordpress,
)
from better_auth.crypto.legacy_hashes.framing import LegacyHasher
from better_auth.crypto.legacy_hashes.typed import plain


class Bcrypt(LegacyHasher):
    """``$2a$``, ``$2b$``, ``$2y$``, ``$2x$``; Devise with its pepper, Meteor over an inner digest."""

    algorithm = "legacy_bcrypt"
    read = staticmethod(raw.read_bcrypt)
    rounds = 10

    def salt(self) -> str:
        return checks.bcrypt_setting(self.rounds)

    def encode(self, password: str, salt: str) -> str:
        """Written to spend its time alone (``PASSWORD.EQUALIZED_ALGORITHMS``), at the cost that most have."""
        return f"{self.algorithm}$${checks.bcrypt_hash(plain(password)[: checks.BCRYPT_BYTES], salt)}"


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


class Firebase(LegacyHasher):
    """Firebase's scrypt, in the words of five exporters."""

    algorithm = "legacy_firebase"
    read = staticmethod(firebase.read)


class Ldap(LegacyHasher):
    """``{SSHA}`` and its relatives."""

    algorithm = "legacy_ldap"
    read = staticmethod(ldap.read)


class UnixCrypt(LegacyHasher):
    """``$1$``, ``$apr1$``, ``$5$``, ``$6$``."""

    algorithm = "legacy_crypt"
    read = staticmethod(unix_crypt.read)


class Phpass(LegacyHasher):
    """phpass, phpBB, Drupal 7."""

    algorithm = "legacy_phpass"
    read = staticmethod(phpass.read)


class WordPress(LegacyHasher):
    """All that ``wp_users`` may hold."""

    algorithm = "legacy_wordpress"
    read = staticmethod(wordpress.read)


class AspNet(LegacyHasher):
    """ASP.NET Identity, versions 2 and 3."""

    algorithm = "legacy_aspnet"
    read = staticmethod(aspnet.read)


class Digest(LegacyHasher):
    """MD5, SHA-1, SHA-2 and SHA-3 over salt and password (Symfony, Redmine, tables of one's own)."""

    algorithm = "legacy_digest"
    read = staticmethod(digests.read)


class Hmac(LegacyHasher):
    """HMAC of the password."""

    algorithm = "legacy_hmac"
    read = staticmethod(digests.read_hmac)


class MediaWiki(LegacyHasher):
    """MediaWiki's colon-separated forms."""

    algorithm = "legacy_mediawiki"
    read = staticmethod(mediawiki.read)


class Kratos(LegacyHasher):
    """Ory Kratos' own reading of modular strings."""

    algorithm = "legacy_kratos"
    read = staticmethod(kratos.read)


class Werkzeug(LegacyHasher):
    """Flask's strings."""

    algorithm = "legacy_werkzeug"
    read = staticmethod(werkzeug.read)


class Nextcloud(LegacyHasher):
    """ownCloud's and Nextcloud's numbered hashes."""

    algorithm = "legacy_nextcloud"
    read = staticmethod(nextcloud.read)


class PasslibBcryptSha256(LegacyHasher):
    """passlib's ``$bcrypt-sha256$``."""

    algorithm = "legacy_bcrypt_sha256"
    read = staticmethod(modular.read_bcrypt_sha256)


FAMILIES: dict[str, type[LegacyHasher]] = {
    family.algorithm: family
    for family in (
        Bcrypt,
        Argon2,
        Scrypt,
        Pbkdf2,
        Firebase,
        Ldap,
        UnixCrypt,
        Phpass,
        WordPress,
        AspNet,
        Digest,
        Hmac,
        MediaWiki,
        Kratos,
        Werkzeug,
        Nextcloud,
        PasslibBcryptSha256,
    )
}

# For the end of ``PASSWORD_HASHERS``: the first five bear Django's names, and take its hashers' place.
HASHERS = (
    *(
        f"better_auth.crypto.legacy_hashes.django_removed.{name}"
        for name in ("TruncatingBcrypt", "SaltedMD5", "SaltedSHA1", "UnsaltedMD5", "UnsaltedSHA1")
    ),
    *(f"{__name__}.{family.__name__}" for family in FAMILIES.values()),
)
