"""Access tokens: signed ones (JWT), which others verify by themselves, and opaque ones, which only we read.

A token is told apart by its shape and by the key that its header names, never by trying keys on it.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from functools import lru_cache

import orjson
from django.core.signals import setting_changed

from better_auth import clock, signing_keys
from better_auth.bounded import Bounded
from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import derive_key
from better_auth.crypto.jose import InvalidToken, base64url_decode, base64url_encode
from better_auth.crypto.jwt_reading import (
    Claims,
    claims_in,
    ensure_acceptable,
    is_jwt,
    read_header,
    signed_claims,
)

SHARED_KID = "shared-secret"

OPAQUE_PREFIX = "at_"
_GRANT_LENGTH = 32
_EXPIRY_LENGTH = 10
_TAG_LENGTH = 43
OPAQUE_LENGTH = len(OPAQUE_PREFIX) + _GRANT_LENGTH + _EXPIRY_LENGTH + _TAG_LENGTH

# Of tokens whose signature was found good: their keys and claims by digest. Nobody but us can fill it.
_verified: Bounded[tuple[str, Claims]] = Bounded(4096)


@dataclass(frozen=True, slots=True)
class OpaqueToken:
    """``grant_id``: of the refresh token's row, which the token was given out with; ``expires_at``: Unix
    seconds."""

    grant_id: str
    expires_at: int


def sign(payload: bytes) -> str:
    """A JWT over claims that are JSON already, under the key or the secret of the settings."""
    if auth_settings.jwt.algorithm == "HS256":
        signing_input = f"{_shared_header()}.{base64url_encode(payload)}"
        return f"{signing_input}.{base64url_encode(_shared_signature(signing_input))}"
    return signing_keys.signer().sign(payload)


def can_sign_at_once() -> bool:
    """Whether signing asks neither the database nor anybody else."""
    return auth_settings.jwt.algorithm == "HS256" or signing_keys.signer_in_memory() is not None


def issuer() -> str:
    return auth_settings.jwt.issuer or auth_settings.base_url


def audience() -> str:
    return auth_settings.jwt.audience or auth_settings.base_url


def verify_jwt(token: str) -> Claims | None:
    """The claims of a token of ours; None where no key of ours is named, so that somebody else may know it.

    It must be in its time, by our issuer and about somebody (``sub``); whom it is for is the caller's to
    judge (``is_for``). Raises ``InvalidToken``.
    """
    if not is_jwt(token):
        return None
    verified = _check_signature(token)
    return _ensure_ours(verified[1]) if verified else None


def verify_jwt_again(token: str) -> Claims | None:
    """The same for tokens that may come more than once: the signature is checked at their first coming."""
    if not is_jwt(token):
        return None
    digest = hashlib.blake2b(token.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    verified = _verified.get(digest)
    if verified is None or not (verified[0] == SHARED_KID or signing_keys.is_published(verified[0])):
        verified = _check_signature(token)
        if verified is None:
            return None
        _verified.put(digest, verified)
    return _ensure_ours(verified[1])


def forget() -> None:
    """Check every signature anew."""
    _verified.clear()


def issue_opaque(grant_id: str) -> tuple[str, int]:
    """A token for this grant, and the seconds that it is good for."""
    seconds = auth_settings.tokens.access_expires_in
    expiry = clock.epoch_ms(clock.now()) // 1000 + seconds
    body = f"{OPAQUE_PREFIX}{grant_id:>{_GRANT_LENGTH}}{expiry:0{_EXPIRY_LENGTH}d}"
    return body + _tag(body), seconds


def read_opaque(token: str) -> OpaqueToken | None:
    """None where the token has another shape. Raises ``InvalidToken`` where we have not made it, or its time
    is over. Whether the grant still stands is the caller's to ask."""
    if len(token) != OPAQUE_LENGTH or not token.startswith(OPAQUE_PREFIX):
        return None
    body, tag = token[:-_TAG_LENGTH], token[-_TAG_LENGTH:]
    try:
        if not hmac.compare_digest(_tag(body).encode(), tag.encode()):
            raise InvalidToken("not ours")
    except UnicodeEncodeError:
        raise InvalidToken("not ours") from None
    at = len(OPAQUE_PREFIX) + _GRANT_LENGTH
    expires_at = int(body[at:])
    if expires_at <= clock.timestamp():
        raise InvalidToken("expired")
    return OpaqueToken(body[len(OPAQUE_PREFIX) : at].strip(), expires_at)


def _check_signature(token: str) -> tuple[str, Claims] | None:
    """The id of the key and the claims, which nobody has looked at before the signature was found good."""
    header_text, payload_text, signature_text = token.split(".")
    key = signing_keys.key_for(header_text)
    if key is None:
        return _check_shared_signature(header_text, payload_text, signature_text)
    return key.kid, signed_claims(key.public, token)


def _check_shared_signature(
    header_text: str, payload_text: str, signature_text: str
) -> tuple[str, Claims] | None:
    """HS256, only where there is a secret for it. Others that have it need not name a key, and may be of a
    system that we know nothing of: without a key's name nothing is refused here, but passed over."""
    if not auth_settings.jwt.secret:
        return None
    header = read_header(header_text)
    if header.get("alg") != "HS256" or header.get("kid", SHARED_KID) != SHARED_KID:
        return None
    try:
        expected = _shared_signature(f"{header_text}.{payload_text}")
        if hmac.compare_digest(expected, base64url_decode(signature_text)):
            return SHARED_KID, claims_in(base64url_decode(payload_text))
    except ValueError:
        pass
    if "kid" in header:
        raise InvalidToken("signature does not match")
    return None


def _ensure_ours(claims: Claims) -> Claims:
    ensure_acceptable(claims, issuer=issuer(), now=clock.timestamp())
    return claims


@lru_cache(maxsize=1)
def _shared_header() -> str:
    return base64url_encode(orjson.dumps({"alg": "HS256", "kid": SHARED_KID}))


def _shared_signature(signing_input: str) -> bytes:
    key = (auth_settings.jwt.secret or "").encode()
    return hmac.digest(key, signing_input.encode("ascii"), "sha256")


def _tag(body: str) -> str:
    return base64url_encode(hmac.digest(_tag_key(auth_settings.secret), body.encode(), "sha256"))


@lru_cache(maxsize=4)
def _tag_key(secret: str) -> bytes:
    return derive_key(secret, "access-token")


def _setting_changed(*, setting: str, **kwargs: object) -> None:
    if setting == "BETTER_AUTH":
        forget()


setting_changed.connect(_setting_changed, dispatch_uid="better_auth.access_tokens")
