"""JWTs of a former system, checked in a server's process: ``python -m tests.bench.legacy_tokens check 4``.

In the environment of a prepared site. Prints how many, in how many seconds, and the processor time of them;
``bare`` is PyJWT's decoding of the same tokens, with the same claims looked at. Each token has come before.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable
from typing import Any

SECRET = "former-secret-former-secret-former-secret-01"
TOKENS = 200
SETTINGS = {
    "ENABLE_DUAL_AUTH": "true",
    "BETTER_AUTH_LEGACY_JWT": "true",
    "BETTER_AUTH_LEGACY_JWT_SECRET": SECRET,
    "BETTER_AUTH_LEGACY_JWT_SOURCE": "host",
    "BETTER_AUTH_LEGACY_JWT_ISSUER": "https://old.example.com",
}


def tokens() -> list[str]:
    import jwt
    from django.contrib.auth import get_user_model

    user: Any = get_user_model()._default_manager.get()
    claims = {"sub": str(user.pk), "iss": SETTINGS["BETTER_AUTH_LEGACY_JWT_ISSUER"], "iat": int(time.time())}
    dated = {**claims, "exp": int(time.time()) + 3600, "email": user.email, "roles": ["editor"]}
    return [jwt.encode({**dated, "jti": str(number)}, SECRET, algorithm="HS256") for number in range(TOKENS)]


def check() -> Callable[[], None]:
    from better_auth.authentication.credentials import Credentials
    from better_auth.authentication.pipeline import authenticate

    ready = [Credentials(bearer=token) for token in tokens()]

    def round_() -> None:
        for one in ready:
            principal = authenticate(one)
            assert principal is not None

    return round_


def bare() -> Callable[[], None]:
    import jwt

    ready = tokens()

    def round_() -> None:
        for token in ready:
            jwt.decode(token, SECRET, algorithms=["HS256"], issuer=SETTINGS["BETTER_AUTH_LEGACY_JWT_ISSUER"])

    return round_


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    round_ = {"check": check, "bare": bare}[sys.argv[1]]()
    round_()
    gc.freeze()  # as the servers do once they are loaded
    until, count = time.perf_counter() + float(sys.argv[2]), 0
    begun, spent = time.perf_counter(), time.process_time()
    while time.perf_counter() < until:
        round_()
        count += TOKENS
    print(count, time.perf_counter() - begun, time.process_time() - spent)


if __name__ == "__main__":
    main()
