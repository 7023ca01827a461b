"""Tokens that a service verifies in its own process: ``python -m tests.bench.tokens verify 4``.

Prints how many, in how many seconds, and the processor time of them. ``bare`` is nothing but the check of the
signature by ``cryptography``, over the same tokens.
"""

from __future__ import annotations

import gc
import hashlib
import sys
import time
from collections.abc import Callable

import django
from django.conf import settings

URL = "https://auth.example.com"
KID = "k" * 32
TOKENS = 2000


def prepare() -> None:
    """As a service has it, with metrics; nothing is asked of anybody."""
    trusted = {"URL": URL, "CLIENT_ID": "shop", "CLIENT_SECRET": "s" * 40}
    apps = ["better_auth.resource_server"]
    settings.configure(SECRET_KEY="x" * 50, BETTER_AUTH={"AUTH_SERVER": trusted}, INSTALLED_APPS=apps)
    django.setup()


def signed_tokens() -> tuple[list[str], Callable[[bytes, bytes], None]]:
    """Tokens of the size that ours have, known to the key set; and what checks their signatures."""
    import orjson

    from better_auth.crypto import jws
    from better_auth.resource_server.key_set import KeySet, read_keys
    from better_auth.resource_server.key_source import key_source

    key = jws.generate("EdDSA")
    jwk = {"alg": "EdDSA", **jws.public_jwk("EdDSA", key), "kid": KID}
    keys = read_keys(orjson.dumps({"keys": [jwk]}), None)
    key_source._kept = KeySet(keys, fetched_at=time.monotonic(), fresh_for=3600)
    now = int(time.time())
    when = "2026-11-20T21:29:07.548Z"
    user = {"name": "Ann Example", "email": "ann@example.com", "emailVerified": True, "image": None}
    dated = {**user, "createdAt": when, "updatedAt": when}
    signer = jws.Signer.of("EdDSA", KID, key)
    claims = (
        {"iat": now, **dated, "id": f"{number:032d}", "sub": f"{number:032d}", "exp": now + 900}
        for number in range(TOKENS)
    )
    tokens = [signer.sign(orjson.dumps({**one, "iss": URL, "aud": URL})) for one in claims]
    return tokens, keys[KID].public.verify  # type: ignore[call-arg, return-value]


def verify() -> Callable[[], int]:
    """Each token as at its first coming."""
    from better_auth.resource_server import local_verification
    from better_auth.resource_server.authentication import authenticate

    tokens, _ = signed_tokens()

    def round_() -> int:
        local_verification.forget()
        for token in tokens:
            authenticate(token)
        return TOKENS

    return round_


def bare() -> Callable[[], int]:
    from better_auth.crypto.jose import base64url_decode

    tokens, check = signed_tokens()
    parts = [token.rpartition(".") for token in tokens]
    ready = [(base64url_decode(signature), signed.encode()) for signed, _, signature in parts]

    def round_() -> int:
        for signature, signed in ready:
            check(signature, signed)
        return TOKENS

    return round_


def cached() -> Callable[[], int]:
    """Opaque tokens that the auth server was asked about a while ago."""
    from better_auth.resource_server import introspection
    from better_auth.resource_server.authentication import authenticate
    from better_auth.resource_server.principal import of_claims

    tokens = [hashlib.sha256(str(number).encode()).hexdigest()[:32] for number in range(TOKENS)]
    whose = {"sub": "u1", "username": "ann@example.com", "iss": URL, "aud": URL}
    claims = {**whose, "exp": int(time.time()) + 3600}
    for token in tokens:
        verdict = introspection.Verdict(of_claims(claims, method="bearer"), time.monotonic() + 3600)
        introspection._cache().keep(introspection._digest(token), verdict)

    def round_() -> int:
        for token in tokens:
            authenticate(token)
        return TOKENS

    return round_


def main() -> None:
    prepare()
    round_ = {"verify": verify, "bare": bare, "cached": cached}[sys.argv[1]]()
    round_()
    gc.freeze()  # as the servers do once they are loaded
    until, count = time.perf_counter() + float(sys.argv[2]), 0
    begun, spent = time.perf_counter(), time.process_time()
    while time.perf_counter() < until:
        count += round_()
    print(count, time.perf_counter() - begun, time.process_time() - spent)


if __name__ == "__main__":
    main()
