"""A verifier over HTTP: one endpoint of the legacy system's, and nothing that it says is taken on trust.

The request is signed, so that the endpoint answers nobody else, and the answer is signed together with the
request's nonce, so that nobody else answers. A redirect is not followed, a proxy of the environment not used,
no more is read than an answer can be long. The contract is in docs/migration/lazy.md.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import ssl
import time
from collections.abc import Mapping
from typing import Any

import httpx
import orjson

from migration_tools.lazy.answers import Answer, LegacyFault

LARGEST_ANSWER = 65_536
SIGNATURE, NONCE, TIMESTAMP = "X-Migration-Signature", "X-Migration-Nonce", "X-Migration-Timestamp"


class HttpEndpoint:
    gives_whole_records = False
    leaves_hash_to_us = False

    def __init__(self, url: str, secret: str, *, timeout: float, ca_file: str | None = None) -> None:
        self._url, self._secret, self._timeout = url, secret.encode(), timeout
        self._client = httpx.Client(
            verify=ssl.create_default_context(cafile=ca_file),
            timeout=timeout,
            follow_redirects=False,
            trust_env=False,
            # One that the other side has just closed would fail somebody's only sign-in.
            limits=httpx.Limits(max_keepalive_connections=0),
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        )

    def verify(self, email: str, password: str) -> Answer | None:
        return self._ask("verified", {"action": "verify", "email": email, "password": password})

    def find(self, email: str) -> Answer | None:
        return self._ask("found", {"action": "find", "email": email})

    def _ask(self, verdict: str, question: Mapping[str, str]) -> Answer | None:
        body, nonce, moment = orjson.dumps(question), secrets.token_hex(16), str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            NONCE: nonce,
            TIMESTAMP: moment,
            SIGNATURE: self._sign(f"{moment}.{nonce}.".encode() + body),
        }
        try:
            content, signature = self._post(body, headers)
        except httpx.TimeoutException:
            raise LegacyFault("timeout") from None
        except httpx.HTTPError as fault:
            raise LegacyFault(f"unreachable ({type(fault).__name__})") from None
        wanted = self._sign(f"{nonce}.".encode() + content)
        if not hmac.compare_digest(wanted.encode(), signature.encode()):
            raise LegacyFault("wrong signature")
        return _read(content, verdict)

    def _post(self, body: bytes, headers: Mapping[str, str]) -> tuple[bytes, str]:
        """What came, and the signature that came with it."""
        until = time.monotonic() + self._timeout
        with self._client.stream("POST", self._url, content=body, headers=dict(headers)) as response:
            if response.status_code != 200:
                raise LegacyFault(f"status {response.status_code}")
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise LegacyFault("encoded answer")  # a small one may become a large one
            content = bytearray()
            for part in response.iter_raw():
                content += part
                if len(content) > LARGEST_ANSWER:
                    raise LegacyFault("huge answer")
                if time.monotonic() > until:
                    raise LegacyFault("timeout")
            return bytes(content), response.headers.get(SIGNATURE, "")

    def _sign(self, message: bytes) -> str:
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()


def _read(content: bytes, verdict: str) -> Answer | None:
    """``{"verified": true, "user": {…}}``, or ``{"verified": false}``; nothing else is an answer."""
    try:
        told: Any = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise LegacyFault("no JSON") from None
    if not isinstance(told, dict) or not isinstance(told.get(verdict), bool):
        raise LegacyFault("no verdict")
    if not told[verdict]:
        return None
    if not isinstance(told.get("user"), dict):
        raise LegacyFault("no record")
    return Answer(told["user"])
