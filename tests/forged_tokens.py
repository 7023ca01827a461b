"""Tokens that nobody may accept, made from a good one. Sources: RFC 8725, attacks.md section D."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

import jwt
import orjson

from better_auth.crypto import jws
from better_auth.crypto.jose import base64url_encode


@dataclass(frozen=True)
class Genuine:
    """A good token, and what everybody knows of its key."""

    token: str
    claims: dict[str, Any]
    kid: str
    public_pem: bytes
    jwks: bytes


NAMES = sorted([
    "alg none", "alg None", "alg NONE", "alg nOnE", "alg ", "jku", "x5u", "jwk", "crit", "other algorithm",
    "no algorithm", "algorithm no text", "other type", "kid as list", "kid as object", "kid null",
    "kid missing", "kid of a file", "kid of SQL", "kid of a URL", "kid with null", "kid long", "kid unknown",
    "public key as secret", "public jwk as secret", "empty secret", "empty shared secret",
    "our cookies' secret", "another's key", "signature cut", "signature empty", "signature longer",
    "signature with other last bits", "signature padded", "payload changed", "header deep", "header deeper",
    "header no object", "header garbage", "header empty", "beyond ASCII", "lone surrogate", "only dots",
    "four parts", "five parts", "64 KB", "64 KB of payload", "64 KB of dots",
])  # fmt: skip

# Of a token with a good signature; to be put over good claims.
BAD_CLAIMS: list[dict[str, Any]] = [
    {"exp": None},
    {"exp": "9999999999"},
    {"exp": True},
    {"exp": -1},
    {"exp": 0},
    {"exp": [9999999999]},
    {"nbf": 9999999999},
    {"nbf": "soon"},
    {"iat": "now"},
    {"iat": 9999999999},
    {"iat": None},
    {"iss": "https://evil.example"},
    {"iss": "http://testserver/"},
    {"iss": ["http://testserver"]},
    {"iss": None},
    {"sub": ""},
    {"sub": 1},
    {"sub": None},
    {"sub": ["u1"]},
    {"sub": "u\x001"},
]

BAD_PAYLOADS = [b"", b"[]", b"1", b"null", b"{", b'{"exp":NaN}', b"\xff", b'{"a":' * 1000]


def with_header(header: Any, token: str) -> str:
    text = header if isinstance(header, str) else base64url_encode(json.dumps(header).encode())
    return f"{text}.{token.partition('.')[2]}"


def forgeries(genuine: Genuine) -> dict[str, str]:
    """Attacks on tokens (RFC 8725, attacks.md D): names and tokens."""
    token, own = genuine.token, genuine.kid
    payload = token.split(".")[1]

    def by_hmac(key: bytes, header: dict[str, Any]) -> str:
        head = base64url_encode(json.dumps(header).encode())
        mac = hmac.digest(key, f"{head}.{payload}".encode(), hashlib.sha256)
        return f"{head}.{payload}.{base64url_encode(mac)}"

    nones = {
        f"alg {spelling}": with_header({"alg": spelling, "kid": own}, token.rpartition(".")[0] + ".")
        for spelling in ("none", "None", "NONE", "nOnE", "")
    }
    headers = {
        "jku": {"alg": "EdDSA", "kid": own, "jku": "http://127.0.0.1:1/keys"},
        "x5u": {"alg": "EdDSA", "kid": own, "x5u": "http://127.0.0.1:1/cert"},
        "jwk": {"alg": "EdDSA", "kid": own, "jwk": {"kty": "OKP"}},
        "crit": {"alg": "EdDSA", "kid": own, "crit": ["x"]},
        "other algorithm": {"alg": "RS256", "kid": own},
        "no algorithm": {"kid": own},
        "algorithm no text": {"alg": 1, "kid": own},
        "other type": {"alg": "EdDSA", "kid": own, "typ": "dpop+jwt"},
        "kid as list": {"alg": "EdDSA", "kid": [own]},
        "kid as object": {"alg": "EdDSA", "kid": {"$ne": ""}},
        "kid null": {"alg": "EdDSA", "kid": None},
        "kid missing": {"alg": "EdDSA"},
        "kid of a file": {"alg": "EdDSA", "kid": "../../../../dev/null"},
        "kid of SQL": {"alg": "EdDSA", "kid": f"{own}' OR '1'='1"},
        "kid of a URL": {"alg": "EdDSA", "kid": "http://127.0.0.1:1/key"},
        "kid with null": {"alg": "EdDSA", "kid": f"{own}\x00"},
        "kid long": {"alg": "EdDSA", "kid": "k" * 300},
        "kid unknown": {"alg": "EdDSA", "kid": "k" * 32},
    }
    return {
        **nones,
        **{name: with_header(header, token) for name, header in headers.items()},
        "public key as secret": by_hmac(genuine.public_pem, {"alg": "HS256", "kid": own}),
        "public jwk as secret": by_hmac(genuine.jwks, {"alg": "HS256", "kid": own}),
        "empty secret": by_hmac(b"", {"alg": "HS256"}),
        "empty shared secret": by_hmac(b"", {"alg": "HS256", "kid": "shared-secret"}),
        "our cookies' secret": by_hmac(b"0123456789abcdefghijklmnopqrstuvwxyzABCD", {"alg": "HS256"}),
        "another's key": jwt.encode(
            genuine.claims, jws.generate("EdDSA"), algorithm="EdDSA", headers={"kid": own}
        ),
        "signature cut": token[:-2],
        "signature empty": token.rpartition(".")[0] + ".",
        "signature longer": token + "AA",
        "signature with other last bits": token[:-1] + ("B" if token[-1] != "B" else "C"),
        "signature padded": token + "==",
        "payload changed": token.replace(
            payload, base64url_encode(orjson.dumps({**genuine.claims, "sub": "admin"}))
        ),
        "header deep": with_header(base64url_encode(b'{"a":' * 90 + b"1" + b"}" * 90), token),
        "header deeper": with_header("eyJhIjp7" * 5000, token),
        "header no object": with_header([1], token),
        "header garbage": with_header("%%%", token),
        "header empty": with_header("", token),
        "beyond ASCII": "é.é.é",
        "lone surrogate": "\ud800.\ud800.\ud800",
        "only dots": "..",
        "four parts": token + ".x",
        "five parts": "a.b.c.d.e",
        "64 KB": with_header("A" * 65536, token),
        "64 KB of payload": f"{token.partition('.')[0]}.{'A' * 65536}.AAAA",
        "64 KB of dots": "." * 65536,
    }
