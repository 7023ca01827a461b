"""JWTs that a former system signed: their signatures, by the one kind of key that the settings name.

With a secret only HMAC is done, with public keys never: what a token says of its algorithm chooses nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass

from django.core.signals import setting_changed

from better_auth.bounded import Bounded
from better_auth.crypto.jose import InvalidToken, base64url_decode
from better_auth.crypto.jws import ALGORITHMS, PublicKey
from better_auth.crypto.jwt_reading import Claims, claims_in_part, is_jwt, read_header, signed_claims
from better_auth.legacy_credentials import keys
from better_auth.legacy_credentials.refusals import Refused
from better_auth.legacy_credentials.schemes import JWT, SIMPLEJWT, JwtRules, is_on, rules_of

HMACS = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
ALL_ALGORITHMS = (*HMACS, *ALGORITHMS)
# Of tokens whose signature was found good when they first came. Nobody but the former system can fill it.
MOST_VERIFIED = 4096


@dataclass(frozen=True, slots=True)
class Signed:
    scheme: str
    claims: Claims


@dataclass(frozen=True, slots=True)
class _Verified:
    """``key``: the public one that the signature was checked by, which ``header`` names."""

    signed: Signed
    header: Mapping[str, object]
    key: PublicKey | None


_verified: Bounded[_Verified] = Bounded(MOST_VERIFIED)


def read_signed(token: str) -> Signed | None:
    """The claims, and of which scheme they are; None where neither system has signed them. Their time is the
    caller's to judge, at each coming. Raises ``Refused`` where the keys can't be had."""
    for scheme in (JWT, SIMPLEJWT):
        if is_on(scheme):
            found = _verified_by(scheme, token)
            if found is not None:
                _verified.put(_digest(token), found)
                return found.signed
    return None


def find_known(token: str) -> Signed | None:
    """The same for a token that came before, whose signature was found good then, by a key that is still
    one."""
    found = _verified.get(_digest(token)) if is_jwt(token) else None
    return found.signed if found is not None and _has_its_key(found) else None


def _has_its_key(found: _Verified) -> bool:
    """A key that is withdrawn where the former system publishes its keys ends whatever it signed."""
    if found.key is None:
        return True
    try:
        return keys.find_key(rules_of(found.signed.scheme).keys or "", found.header) is found.key
    except Refused:  # whoever asks next is told why
        return False


def forget() -> None:
    """Check every signature anew."""
    _verified.clear()


def _verified_by(scheme: str, token: str) -> _Verified | None:
    header_text, payload_text, signature_text = token.split(".")
    rules: JwtRules = rules_of(scheme)
    try:
        header = read_header(header_text)
        algorithm = header.get("alg")
        if algorithm not in rules.algorithms:
            return None
        if rules.keys:
            public = keys.find_key(rules.keys, header) if algorithm in ALGORITHMS else None
            return _Verified(Signed(scheme, signed_claims(public, token)), header, public) if public else None
        if algorithm not in HMACS or not rules.secret:
            return None
        signed = f"{header_text}.{payload_text}".encode("ascii")
        expected = hmac.digest(rules.secret.encode(), signed, HMACS[str(algorithm)])
        if not hmac.compare_digest(expected, base64url_decode(signature_text)):
            return None
        return _Verified(Signed(scheme, claims_in_part(payload_text)), header, None)
    except (InvalidToken, ValueError):
        return None


def _digest(token: str) -> bytes:
    return hashlib.blake2b(token.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _setting_changed(*, setting: str, **kwargs: object) -> None:
    if setting == "BETTER_AUTH":
        forget()


setting_changed.connect(_setting_changed, dispatch_uid="better_auth.legacy_credentials.signed")
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_verified.renew)
