"""From what a source calls a hash to the encoding that Django keeps."""

from __future__ import annotations

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
from better_auth.crypto.legacy_hashes import hashers
from better_auth.crypto.legacy_hashes.framing import LegacyHasher
from better_auth.crypto.legacy_hashes.parameters import Parameters
from better_auth.crypto.password_hashers import from_better_auth

Values = Mapping[str, Any]

# What no text of a hash holds; a blank at the end is a padded column, and was never part of it.
_STRANGE = re.compile(r"[\x00-\x20\x7f-\U0010ffff]")
_DJANGO = ("pbkdf2_sha256", "pbkdf2_sha1", "argon2", "bcrypt_sha256", "bcrypt", "scrypt")


def from_legacy(scheme: str, hash: str, params: Mapping[str, Any]) -> str:  # noqa: A002
    """The Django encoding of another system's hash, which is kept byte for byte inside.

    ``scheme`` names what ``hash`` is (docs/migration/hashes.md), ``params`` what stands beside it;
    ``params["allow_empty"]`` lets a hash of the empty password pass. Reads the text, computes a digest or two
    at most, and so may be called for a million rows.

    Raises ``MalformedHash`` (also for parameters that are missing or unknown), ``HashTooCostly``, and of the
    former the kinds ``UnknownAlgorithm``, ``AmbiguousHash``, ``EmptyPasswordHash``; each has a fixed ``reason``,
    and none quotes the hash.
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


def _family(hasher: type[LegacyHasher], **fixed: str | int) -> Callable[[str, Values], str]:
    def encode(stored: str, params: Values) -> str:
        parameters = Parameters({**fixed, **params})
        encoded = hasher.wrapped(stored, parameters)
        check = hasher.check(encoded)
        if check.is_instant and not parameters.flag("allow_empty") and check.fits(""):
            raise EmptyPasswordHash("the empty password")
        return encoded

    return encode


def _django(stored: str, params: Values) -> str:
    _ensure_none_but(params, "allow_empty")
    if stored.partition("$")[0] not in _DJANGO or "$" not in stored:
        raise UnknownAlgorithm("an algorithm that no hasher of Django's has")
    ensure_affordable(stored)
    return stored


def _better_auth(stored: str, params: Values) -> str:
    _ensure_none_but(params, "allow_empty")
    try:
        return from_better_auth(stored)
    except ValueError:
        raise MalformedHash("not a Better Auth scrypt hash") from None


def _phc(stored: str, params: Values) -> str:
    for prefix, encode in _PHC.items():
        if stored.startswith(prefix):
            return encode(stored, params)
    raise UnknownAlgorithm("a PHC string of a function that is not known here")


def _ensure_none_but(params: Values, *allowed: str) -> None:
    if set(params) - set(allowed):
        raise MalformedHash("a parameter that this format does not have")


_PHC = {
    "$argon2": _family(hashers.Argon2),
    "$scrypt$": _family(hashers.Scrypt),
    "$pbkdf2": _family(hashers.Pbkdf2),
}
_SCHEMES: dict[str, Callable[[str, Values], str]] = {
    "django": _django,
    "scrypt-better-auth": _better_auth,
    "bcrypt": _family(hashers.Bcrypt),
    "argon2": _family(hashers.Argon2),
    "phc": _phc,
    "scrypt": _family(hashers.Scrypt),
    "pbkdf2": _family(hashers.Pbkdf2),
}
