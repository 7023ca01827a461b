"""Public keys of a former system: a file with a JWKS or a PEM key, or the address of a JWKS.

A file is read once; who replaces it restarts. What is fetched is kept and fetched anew by the same rules as
an auth server's key set (``resource_server.key_source``, with the times of RESOURCE_SERVER).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.core.exceptions import SynchronousOnlyOperation
from django.core.signals import setting_changed

from better_auth.auth_server.connection import AuthServer, Call
from better_auth.conf.resource_schema import AuthServerSettings
from better_auth.crypto.jws import RSA_BITS, PublicKey
from better_auth.crypto.jwt_reading import kid_in
from better_auth.errors import AuthServerUnavailable, ErrorCode
from better_auth.legacy_credentials.refusals import Refused
from better_auth.resource_server.key_set import KeySet, VerifyingKey, read_keys
from better_auth.resource_server.key_source import KeySource
from better_auth.resource_server.waiting import follow

LOOPBACK = ("127.0.0.1", "::1", "localhost")
LONGEST_SET = 256 * 1024


class UnusableKeys(ValueError):
    """The setting names no keys that could be used; the message says why."""


def find_key(where: str, header: Mapping[str, object]) -> PublicKey | None:
    """The key that a token's header names, if it is for the algorithm that the header names, too; a PEM file
    has but one. Raises ``Refused`` where the keys can't be had."""
    kid, algorithm = kid_in(header), header.get("alg")
    if is_address(where):
        key = _fetched(where, kid) if kid else None
        return key.public if key is not None and key.algorithm == algorithm else None
    try:
        held = read_file(where)
    except UnusableKeys:
        raise Refused(ErrorCode.LEGACY_SYSTEM_UNAVAILABLE) from None
    if isinstance(held, dict):
        key = held.get(kid or "")
        return key.public if key is not None and key.algorithm == algorithm else None
    return held if algorithm == _algorithm_of(held) else None


def is_address(where: str) -> bool:
    return where.startswith(("https://", "http://"))


def ensure_usable(where: str) -> None:
    """Without fetching anything. Raises ``UnusableKeys``."""
    if not is_address(where):
        read_file(where)
        return
    parts = urlsplit(where)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise UnusableKeys("keys that come over plain http are anybody's: use https")
    if not parts.hostname or not parts.path.strip("/") or parts.username:
        raise UnusableKeys("the address has no host, no path, or a name and password")


@lru_cache(maxsize=8)
def read_file(path: str) -> dict[str, VerifyingKey] | PublicKey:
    """Keys by their names, or the one key of a PEM file. Raises ``UnusableKeys``."""
    try:
        content = Path(path).read_bytes()
    except OSError as fault:
        raise UnusableKeys(f"the file can't be read ({type(fault).__name__})") from None
    if content.lstrip().startswith(b"-----BEGIN"):
        return _pem_key(content)
    try:
        found = read_keys(content, None)
    except ValueError:
        raise UnusableKeys("the file holds neither a JWKS nor a PEM key") from None
    if not found:
        raise UnusableKeys("no key of the file can be used: each needs a kid")
    return found


def _pem_key(content: bytes) -> PublicKey:
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        raise UnusableKeys("the file holds no public key") from None
    is_curve = isinstance(key, EllipticCurvePublicKey) and key.curve.name == "secp256r1"
    is_strong = isinstance(key, RSAPublicKey) and key.key_size >= RSA_BITS
    if is_curve or is_strong or isinstance(key, Ed25519PublicKey):
        return cast(PublicKey, key)
    raise UnusableKeys("the key is for none of EdDSA, ES256, RS256, or too short")


def _algorithm_of(key: PublicKey) -> str:
    if isinstance(key, RSAPublicKey):
        return "RS256"
    return "EdDSA" if isinstance(key, Ed25519PublicKey) else "ES256"


def _fetched(where: str, kid: str) -> VerifyingKey | None:
    source = _source(where)
    try:
        held = source.current()
        if held is None or kid not in held.by_kid:
            held = follow(source.newer(held))
    except (AuthServerUnavailable, SynchronousOnlyOperation):
        raise Refused(ErrorCode.LEGACY_SYSTEM_UNAVAILABLE) from None
    return held.by_kid.get(kid) if isinstance(held, KeySet) else None


@lru_cache(maxsize=4)
def _source(where: str) -> KeySource:
    parts = urlsplit(where)
    server = AuthServer(AuthServerSettings(url=f"{parts.scheme}://{parts.netloc}"))
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    call = Call(
        operation="legacy_jwks",
        method="GET",
        path=path,
        is_from_root=True,
        is_repeatable=True,
        longest=LONGEST_SET,
    )
    return KeySource(lambda: server.send(call))


def forget() -> None:
    _source.cache_clear()
    read_file.cache_clear()


def _setting_changed(*, setting: str, **kwargs: object) -> None:
    if setting == "BETTER_AUTH":
        forget()


setting_changed.connect(_setting_changed, dispatch_uid="better_auth.legacy_credentials.keys")
