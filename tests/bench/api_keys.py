"""API keys for the bench: planted at one stroke, and verified in this process.

``python -m tests.bench.api_keys 4`` prints how many verifications, in how many seconds, and what they cost.
"""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import time
from dataclasses import replace

from tests.bench import sessions
from tests.bench.servers import Target
from tests.server import Site

TAKEN = 100
PLANT = """
    INSERT INTO better_auth_api_keys
        (id, config_id, reference_id, key_hash, enabled, rate_limit_enabled, request_count,
         created_at, updated_at)
    SELECT 'bench' || number, 'default', (SELECT id FROM better_auth_users WHERE email = %s),
        rtrim(translate(encode(sha256(lpad(number::text, 64, 'x')::bytea), 'base64'), '+/', '-_'), '='),
        true, false, 0, now(), now()
    FROM generate_series(1, %s) AS number
"""
EACH = 1000


def planted(target: Target, site: Site, *, count: int) -> Target:
    """The same target, asked with ``TAKEN`` of so many keys without limits, evenly spread."""
    site.database.rows(PLANT, sessions.EMAIL, count)
    site.database.rows("ANALYZE better_auth_api_keys")
    file = site.workspace / "keys"
    keys = [f"{1 + place * count // TAKEN:x>64}" for place in range(TAKEN)]
    file.write_text("".join(f"{key}\n" for key in keys))
    return replace(target, cookies=file, header="x-api-key")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        os.environ.update(
            {
                "BETTER_AUTH_DATA_DIR": folder,
                "DATABASE_URL": f"sqlite:///{folder}/keys.sqlite3",
                "REDIS_URL": "",
                "BETTER_AUTH_SESSION_CACHE_SECONDS": "3600",
                "DJANGO_SETTINGS_MODULE": "config.settings",
            }
        )
        count, took, spent = _verify(float(sys.argv[1]))
        print(count, took, spent)


def _verify(seconds: float) -> tuple[int, float, float]:
    """One key, through the authenticator: digest, memory, owner, and the count of its use."""
    import django

    django.setup()
    from django.core.management import call_command

    from apikeys import usage
    from apikeys.authenticator import authenticate
    from apikeys.server_calls import create_api_key
    from better_auth import users
    from better_auth.authentication.credentials import Credentials

    call_command("migrate", verbosity=0)
    owner = users.create(email=sessions.EMAIL, name="Ann")
    made = create_api_key(user_id=owner.id, rateLimitEnabled=False, permissions={"files": ["read"]})
    shown = Credentials(api_key=made["key"])
    gc.freeze()  # as the servers do once they are loaded
    count, begun, spent = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - begun < seconds:
        for _ in range(EACH):
            authenticate(shown)
        count += EACH
    figures = count, time.perf_counter() - begun, time.process_time() - spent
    usage.flush()
    return figures


if __name__ == "__main__":
    main()
