"""A passkey in software: answers the server's options as a browser with a device would (WebAuthn, section 6),
and as none would, too."""

from __future__ import annotations

import hashlib
import json
import secrets
from base64 import urlsafe_b64encode
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

PRESENT, VERIFIED, BACKUP_ELIGIBLE, BACKED_UP, ATTESTED = 1, 4, 8, 16, 64


def base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


class Authenticator:
    """``counts``: whether it counts its signatures; ``flags``: what it says of whoever holds it."""

    def __init__(
        self, origin: str, *, rp_id: str | None = None, counts: bool = True, flags: int = PRESENT | VERIFIED
    ) -> None:
        self.origin, self.flags, self.counts = origin, flags, counts
        self.rp_id = rp_id or origin.partition("://")[2].partition(":")[0]
        self.id = secrets.token_bytes(16)
        self.key = generate_private_key(SECP256R1())
        self.counter = 0
        self.user_handle = ""

    @property
    def credential_id(self) -> str:
        return base64url(self.id)

    @property
    def cose_key(self) -> bytes:
        numbers = self.key.public_key().public_numbers()
        x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})

    def register(self, options: dict[str, Any], **changed: Any) -> dict[str, Any]:
        """The answer to creation options; ``changed``: members of the response to replace."""
        self.user_handle = options["user"]["id"]
        credential = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + self.cose_key
        data = self._data(self.flags | ATTESTED) + credential
        attestation = {"fmt": "none", "attStmt": {}, "authData": data}
        response = {
            "clientDataJSON": self._client_data("webauthn.create", options["challenge"]),
            "attestationObject": base64url(cbor2.dumps(attestation)),
            "transports": ["internal", "hybrid"],
        }
        return self._credential({**response, **changed})

    def authenticate(self, options: dict[str, Any], **changed: Any) -> dict[str, Any]:
        """The answer to request options."""
        self.counter += self.counts
        data = self._data(self.flags)
        client_data = self.client_data("webauthn.get", options["challenge"])
        signed = data + hashlib.sha256(client_data).digest()
        response = {
            "authenticatorData": base64url(data),
            "clientDataJSON": base64url(client_data),
            "signature": base64url(self.key.sign(signed, ECDSA(SHA256()))),
            "userHandle": self.user_handle,
        }
        return self._credential({**response, **changed})

    def client_data(self, kind: str, challenge: str) -> bytes:
        told = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(told).encode()

    def _client_data(self, kind: str, challenge: str) -> str:
        return base64url(self.client_data(kind, challenge))

    def _data(self, flags: int) -> bytes:
        domain = hashlib.sha256(self.rp_id.encode()).digest()
        return domain + bytes([flags]) + self.counter.to_bytes(4, "big")

    def _credential(self, response: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": self.credential_id,
            "rawId": self.credential_id,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "response": response,
        }
