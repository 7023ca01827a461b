"""From what a source calls a hash to the encoding that Django keeps."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from better_auth.crypto.hash_limits import (
    AmbiguousHash,
    EmptyPasswordHash,
    MalformedHash,
    UnknownAlgorithm,
    ensure_affordable,
)
from better_auth.crypto.legacy_hashes import hashers, vendors
from better_auth.crypto.legacy_hashes.framing import LegacyHasher
from better_auth.crypto.legacy_hashes.parameters import Parameters
from better_auth.crypto.password_hashers import from_better_auth

Values = Mapping[str, Any]
Encoder = Callable[[str, Values], str]

# What no text of a hash holds; a blank at the end is a padded column, and was never part of it.
_STRANGE = re.compile(r"[^\x21-\x7e]")
_BARE_HEX = re.compile(r"[0-9a-fA-F]{32,128}")
_BETTER_AUTH = re.compile(r"[0-9a-f]{32}:[0-9a-f]{128}")


def from_legacy(scheme: str, hash: str, params: Mapping[str, Any]) -> str:
    """The Django encoding of another system's hash, which is kept byte for byte inside.

    ``scheme`` names what ``hash`` is (docs/migration/hashes.md), ``params`` what stands beside it;
    ``params["allow_empty"]`` lets a hash of the empty password pass. Reads the text, computes a digest or a
    few at most, and so may be called for a million rows.

    Raises ``MalformedHash`` (also for parameters that are missing or unknown), ``HashTooCostly``, and of
    the former the kinds ``UnknownAlgorithm``, ``AmbiguousHash``, ``EmptyPasswordHash``; each has a fixed
    ``reason``, and none quotes the hash.
    """
    encode = _SCHEMES.get(scheme)
    if encode is None:
        raise UnknownAlgorithm("a scheme that is not known here")
    if not isinstance(hash, str) or not hash or _STRANGE.search(hash):
        raise MalformedHash("no text of a hash")
    try:
        return encode(hash, params)
    except UnicodeError:
        raise MalformedHash("text that is no Unicode") from None


def _wrap(hasher: type[LegacyHasher], stored: str, params: Values) -> str:
    encoded = hasher.wrap(stored, Parameters(params))
    reading = hasher.reading(encoded)
    if reading.check.is_instant and not reading.allows_empty and reading.check.fits(""):
        raise EmptyPasswordHash("the empty password")
    return encoded


def _family(hasher: type[LegacyHasher], **fixed: str | int) -> Encoder:
    return lambda stored, params: _wrap(hasher, stored, _with_fixed(params, fixed))


def _vendor(hasher: type[LegacyHasher], translate: vendors.Translator) -> Encoder:
    """A vendor's own names for parameters, in the words of the family."""
    return lambda stored, params: _wrap(hasher, stored, vendors.translated(translate, params))


def _with_fixed(params: Values, fixed: Values) -> Values:
    """A mapping may say once more what the scheme says, but nothing else."""
    for name in set(params) & set(fixed):
        if str(params[name]).lower() not in (fixed[name], "none"):
            raise MalformedHash("a parameter that contradicts the scheme")
    return {**params, **fixed}


def _prefixes(table: Mapping[str, Encoder]) -> Encoder:
    """Whichever prefix fits; a source that writes several formats."""

    def encode(stored: str, params: Values) -> str:
        for prefix, candidate in table.items():
            if stored.startswith(prefix):
                return candidate(stored, params)
        raise UnknownAlgorithm("a prefix that is not known here")

    return encode


def _django(stored: str, params: Values) -> str:
    """What any hasher of Django's wrote, removed ones too: unsalted digests are bare hex or follow ``$$``."""
    allow_empty = _flag_alone(params)
    if _DJANGO_DIGEST.fullmatch(stored):
        if not allow_empty and _is_of_empty_password(stored):
            raise EmptyPasswordHash("the empty password")
        return stored
    if stored.startswith(("md5$", "sha1$")):
        raise MalformedHash("not a salted digest of Django's")
    if not stored.startswith(_DJANGO_PREFIXES) or stored.startswith("argon2$argon2d"):
        raise UnknownAlgorithm("an algorithm that no hasher of Django's has")
    ensure_affordable(stored)
    return stored


def _is_of_empty_password(stored: str) -> bool:
    salt, _, digest = stored.partition("$")[2].rpartition("$")
    digest = digest or stored
    name = "sha1" if len(digest) == 40 else "md5"
    return hashlib.new(name, salt.encode(), usedforsecurity=False).hexdigest() == digest


def _better_auth(stored: str, params: Values) -> str:
    _flag_alone(params)
    try:
        return from_better_auth(stored)
    except ValueError:
        raise MalformedHash("not a Better Auth scrypt hash") from None


def _flag_alone(params: Values) -> bool:
    parameters = Parameters(params)
    allow_empty = parameters.flag("allow_empty")
    parameters.ensure_all_read()
    return allow_empty


def _auto(stored: str, params: Values) -> str:
    """By the prefix alone. What several systems write in one shape is refused, not guessed."""
    if _BARE_HEX.fullmatch(stored) or stored.startswith(_AMBIGUOUS_PREFIXES):
        raise AmbiguousHash("several systems write such a text; name the scheme")
    if _BETTER_AUTH.fullmatch(stored):
        return _better_auth(stored, params)
    return _KNOWN_PREFIXES(stored, params)


_DJANGO_DIGEST = re.compile(r"(?:md5\$[^$]*\$)?[0-9a-f]{32}|sha1\$[^$]*\$[0-9a-f]{40}")
_DJANGO_PREFIXES = ("pbkdf2_sha256$", "pbkdf2_sha1$", "argon2$", "bcrypt_sha256$", "bcrypt$", "scrypt$")

_BCRYPT = _family(hashers.Bcrypt)
_ARGON2 = _family(hashers.Argon2)
_SCRYPT = _family(hashers.Scrypt)
_PBKDF2 = _family(hashers.Pbkdf2)
_FIREBASE = _family(hashers.Firebase)
_LDAP = _family(hashers.Ldap)
_CRYPT = _family(hashers.UnixCrypt)
_PHPASS = _family(hashers.Phpass)
_WORDPRESS = _family(hashers.WordPress)
_KRATOS = _family(hashers.Kratos)
_WERKZEUG = _family(hashers.Werkzeug)
_MEDIAWIKI = _family(hashers.MediaWiki)
_NEXTCLOUD = _family(hashers.Nextcloud)
_BCRYPT_SHA256 = _family(hashers.PasslibBcryptSha256)

_PHC = {"$argon2": _ARGON2, "$scrypt$": _SCRYPT, "$pbkdf2": _PBKDF2}
_CRYPTS = {"$1$": _CRYPT, "$apr1$": _CRYPT, "$5$": _CRYPT, "$6$": _CRYPT}
_PHPASSES = dict.fromkeys(("$P$", "$H$", "$S$", "U$S$", "U$P$"), _PHPASS)
_PASSLIB = {
    "$2": _BCRYPT,
    "$bcrypt-sha256$": _BCRYPT_SHA256,
    **_PHC,
    **_CRYPTS,
    "$P$": _PHPASS,
    "$H$": _PHPASS,
}
_KNOWN_PREFIXES = _prefixes(
    {
        **dict.fromkeys(_DJANGO_PREFIXES, _django),
        **_PASSLIB,
        **_PHPASSES,
        "$wp$": _WORDPRESS,
        "$fbscrypt$": _FIREBASE,
        "$f_scrypt$": _FIREBASE,
        **dict.fromkeys(
            ("$firescrypt$", "$md5-crypt$", "$sha256-crypt$", "$sha512-crypt$", "$hmac-", "$md5$pf="), _KRATOS
        ),
        "{": _LDAP,
        "scrypt:": _WERKZEUG,
        "pbkdf2:": _WERKZEUG,
        **dict.fromkeys((":A:", ":B:", ":pbkdf2:", ":bcrypt:", ":argon2:"), _MEDIAWIKI),
        **dict.fromkeys(("1|$2", "2|$argon2i$", "3|$argon2id$"), _NEXTCLOUD),
    }
)
# Django and old Werkzeug mean two things by md5$salt$hex, NetBSD and Kratos by $sha1$; Kratos means SHA-3 by
# the last two.
_AMBIGUOUS_PREFIXES = (
    *("md5$", "sha1$", "sha256$", "sha512$", "$md5$", "$sha1$", "$sha256$", "$sha512$"),
    *("$pbkdf2-sha224$", "$pbkdf2-sha384$"),
)

_SCHEMES: dict[str, Encoder] = {
    "auto": _auto,
    "django": _django,
    "scrypt-better-auth": _better_auth,
    "phc": _prefixes(_PHC),
    "bcrypt": _BCRYPT,
    "argon2": _ARGON2,
    "scrypt": _SCRYPT,
    "pbkdf2": _PBKDF2,
    "crypt": _prefixes({**_CRYPTS, "$2": _BCRYPT}),
    "ldap": _LDAP,
    "forgerock": _LDAP,
    "phpass": _prefixes(_PHPASSES),
    "phpbb": _prefixes({**_PHPASSES, "$2": _BCRYPT, "$argon2": _ARGON2}),
    "drupal": _prefixes({**_PHPASSES, "$2": _BCRYPT, "$argon2": _ARGON2}),
    "wordpress": _WORDPRESS,
    "aspnet-identity": _family(hashers.AspNet),
    "firebase-scrypt": _FIREBASE,
    "supabase": _prefixes({"$2": _BCRYPT, "$argon2": _ARGON2, "$fbscrypt$": _FIREBASE}),
    "supertokens": _prefixes({"$2": _BCRYPT, "$argon2": _ARGON2, "$f_scrypt$": _FIREBASE}),
    "devise": _prefixes({"$2": _BCRYPT}),
    "meteor": _family(hashers.Bcrypt, inner="sha256"),
    "laravel": _prefixes({"$2": _BCRYPT, "$argon2": _ARGON2}),
    "symfony": _prefixes(
        {
            "$2": _BCRYPT,
            "$argon2": _ARGON2,
            "": _vendor(hashers.Digest, vendors.symfony),
        }
    ),
    "redmine": _family(hashers.Digest, digest="sha1", inner="sha1"),
    "keycloak": vendors.by_algorithm(
        {
            "argon2": _vendor(hashers.Argon2, vendors.keycloak_argon2),
            "": _vendor(hashers.Pbkdf2, vendors.keycloak_pbkdf2),
        }
    ),
    "discourse": _vendor(hashers.Pbkdf2, vendors.discourse),
    "stytch": _vendor(hashers.Scrypt, vendors.stytch),
    "fusionauth": vendors.by_algorithm(
        {
            "bcrypt": _vendor(hashers.Bcrypt, vendors.fusionauth_bcrypt),
            "": _vendor(hashers.Pbkdf2, vendors.fusionauth_pbkdf2),
        }
    ),
    "gitea": vendors.by_algorithm(
        {
            "argon2": _vendor(hashers.Argon2, vendors.gitea_argon2),
            "scrypt": _vendor(hashers.Scrypt, vendors.gitea_scrypt),
            "bcrypt": _vendor(hashers.Bcrypt, vendors.gitea_bcrypt),
            "": _vendor(hashers.Pbkdf2, vendors.gitea_pbkdf2),
        }
    ),
    "kratos": _KRATOS,
    "mediawiki": _MEDIAWIKI,
    "nextcloud": _NEXTCLOUD,
    "werkzeug": _WERKZEUG,
    "passlib": _prefixes({**_PASSLIB, "{": _LDAP}),
    "hmac": _family(hashers.Hmac),
    **{
        name: _family(hashers.Digest, digest=name)
        for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3-256", "sha3-512")
    },
}
SCHEMES = tuple(_SCHEMES)
