"""A small provider of the tests' own, on loopback: well-behaved unless a test scripts it otherwise.

The cases that no real provider makes (a wrong issuer, an old key, an answer that never ends) come from here;
the real one is in ``tests/oidc_provider``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from better_auth import clock

CLIENT_ID = "client-1"
CLIENT_SECRET = "secret-of-the-client-0123456789abcdef"


@dataclass(frozen=True)
class Key:
    kid: str
    private: Any

    @classmethod
    def new(cls, kid: str) -> Key:
        return cls(kid, ec.generate_private_key(ec.SECP256R1()))

    @property
    def jwk(self) -> dict[str, Any]:
        public = jwt.algorithms.ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {**public, "kid": self.kid, "alg": "ES256", "use": "sig"}


@dataclass
class Grant:
    """What was asked for on the way here."""

    query: dict[str, str]
    is_spent: bool = False


@dataclass
class ScriptedProvider:
    """``claims`` are of the ID token, ``profile`` is of userinfo; ``replies`` stand in for whole answers."""

    origin: str = ""
    key: Key = field(default_factory=lambda: Key.new("key-1"))
    published: list[Key] = field(default_factory=list)
    claims: dict[str, Any] = field(default_factory=dict)
    profile: dict[str, Any] = field(default_factory=dict)
    token_members: dict[str, Any] = field(default_factory=dict)
    document_members: dict[str, Any] = field(default_factory=dict)
    replies: dict[str, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    calls: list[tuple[str, str, dict[str, str], dict[str, str]]] = field(default_factory=list)
    sends_id_token: bool = True
    algorithm: str = "ES256"

    def __post_init__(self) -> None:
        self.published = [self.key]
        self.claims = {
            "sub": "subject-1",
            "email": "Ann@Example.com",
            "email_verified": True,
            "name": "Ann of the Provider",
            "picture": "https://pictures.example/ann.png",
        }

    @property
    def discovery_url(self) -> str:
        return f"{self.origin}/.well-known/openid-configuration"

    def settings(self, **more: Any) -> dict[str, Any]:
        """An entry of ``SOCIAL.PROVIDERS``."""
        known = {
            "CLIENT_ID": CLIENT_ID,
            "CLIENT_SECRET": CLIENT_SECRET,
            "DISCOVERY_URL": self.discovery_url,
        }
        return {**known, **more}

    def consent(self, url: str, **more: str) -> dict[str, str]:
        """What somebody comes back with who says yes at this address."""
        query = dict(parse_qsl(urlsplit(url).query))
        code = secrets.token_urlsafe(16)
        self.grants[code] = Grant(query)
        return {"code": code, "state": query["state"], **more}

    def id_token(self, **claims: Any) -> str:
        now = int(clock.timestamp())
        known = {"iss": self.origin, "aud": CLIENT_ID, "iat": now, "exp": now + 300}
        members = {
            name: value for name, value in {**known, **self.claims, **claims}.items() if value is not None
        }
        return jwt.encode(members, self.key.private, algorithm=self.algorithm, headers={"kid": self.key.kid})

    def called(self, path: str) -> list[dict[str, str]]:
        """The parameters of each call of a path."""
        return [params for _, one, params, _ in self.calls if one == path]

    def headers_of(self, path: str) -> list[dict[str, str]]:
        return [headers for _, one, _, headers in self.calls if one == path]

    def document(self) -> dict[str, Any]:
        return {
            "issuer": self.origin,
            "authorization_endpoint": f"{self.origin}/authorize",
            "token_endpoint": f"{self.origin}/token",
            "userinfo_endpoint": f"{self.origin}/userinfo",
            "jwks_uri": f"{self.origin}/jwks",
            "id_token_signing_alg_values_supported": [self.algorithm],
            **self.document_members,
        }

    def tokens(self, form: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        if form.get("grant_type") == "refresh_token":
            fresh = {"access_token": f"access-{secrets.token_hex(4)}", "expires_in": 3600}
            return 200, {**fresh, **self.token_members}
        grant = self.grants.get(form.get("code", ""))
        if grant is None or grant.is_spent:
            return 400, {"error": "invalid_grant"}
        grant.is_spent = True
        challenge = grant.query.get("code_challenge")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if challenge and base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != challenge:
            return 400, {"error": "invalid_grant"}
        if form.get("redirect_uri") != grant.query["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        nonce = {"nonce": grant.query["nonce"]} if "nonce" in grant.query else {}
        id_token = {"id_token": self.id_token(**{**nonce, **self._scripted_nonce()})}
        return 200, {
            "access_token": "access-1",
            "token_type": "Bearer",
            "expires_in": 3600,
            "scope": grant.query.get("scope", ""),
            **(id_token if self.sends_id_token else {}),
            **self.token_members,
        }

    def _scripted_nonce(self) -> dict[str, Any]:
        return {"nonce": self.claims["nonce"]} if "nonce" in self.claims else {}


@contextmanager
def serving(provider: ScriptedProvider) -> Iterator[ScriptedProvider]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            self._answer(
                {name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()}
            )

        def _answer(self, form: dict[str, str]) -> None:
            parts = urlsplit(self.path)
            params = {**dict(parse_qsl(parts.query)), **form}
            provider.calls.append((self.command, parts.path, params, dict(self.headers.items())))
            if parts.path in provider.replies:
                return provider.replies[parts.path](self)
            if parts.path == "/.well-known/openid-configuration":
                return reply(self, 200, provider.document())
            if parts.path == "/jwks":
                return reply(self, 200, {"keys": [key.jwk for key in provider.published]})
            if parts.path == "/token":
                return reply(self, *provider.tokens(params))
            if parts.path == "/userinfo":
                return reply(self, 200, {**provider.claims, **provider.profile})
            return reply(self, 404, {})

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    provider.origin = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()


def reply(handler: BaseHTTPRequestHandler, status: int, body: Any, **headers: str) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(status)
    for name, value in {"Content-Type": "application/json", **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def answering(status: int, body: Any, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """A whole answer, for ``replies``."""
    return lambda handler: reply(handler, status, body, **headers)
