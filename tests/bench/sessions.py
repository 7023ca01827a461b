"""One user with many sessions, put into the database at one stroke, and the cookies that open them."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

from better_auth.crypto.signing import sign_value
from tests.server import CHECKOUT, PASSWORD, SESSION_COOKIE, Site

SECRET = "bench-secret-bench-secret-bench-secret-0123456789"
EMAIL = "ann@example.com"
MAKE_USER = f"""
from better_auth import accounts, passwords, users
user = users.create(email={EMAIL!r}, name="Ann", encoded_password=passwords.hash_password({PASSWORD!r}))
accounts.ensure_credential(user)
"""
PLANT = """
    INSERT INTO better_auth_sessions
        (id, user_id, token_hash, created_at, updated_at, expires_at, last_seen_at,
         ip_address, user_agent, auth_method, additional_fields)
    SELECT 'bench' || number, (SELECT id FROM better_auth_users WHERE email = %s),
        encode(sha256(('token' || number)::bytea), 'hex'), now(), now(), now() + interval '7 days', now(),
        '127.0.0.1', 'wrk', 'password', '{}'
    FROM generate_series(1, %s) AS number
"""


def plant(site: Site, *, count: int, taken: int) -> None:
    """``taken`` of the sessions, evenly spread, have their cookie in the file ``cookies``."""
    done = site.manage("shell", "-c", MAKE_USER)
    if done.returncode:
        raise SystemExit(done.stdout)
    site.database.rows(PLANT, EMAIL, count)
    import psycopg

    with psycopg.connect(site.database.url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")  # or it comes in the midst of what is measured
    tokens = [f"token{1 + place * count // taken}" for place in range(taken)]
    known = hashlib.sha256(tokens[-1].encode()).hexdigest()
    assert site.database.value("SELECT count(*) FROM better_auth_sessions WHERE token_hash = %s", known) == 1
    lines = [f"{SESSION_COOKIE}={sign_value(token, secret=SECRET)}\n" for token in tokens]
    (site.workspace / "cookies").write_text("".join(lines))
    (site.workspace / "cookie").write_text(lines[0])


COUNT = """
import json, sys
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

def count(method, path, body=None, **headers):
    client = Client(headers={"origin": "http://127.0.0.1:8000", "host": "127.0.0.1:8000", **headers})
    with CaptureQueriesContext(connection) as captured:
        answer = getattr(client, method)("/api/auth" + path, body, content_type="application/json")
    assert answer.status_code == 200, answer.content
    return len(captured)

cookie = COOKIE
person = {"email": EMAIL, "password": PASSWORD}
count("get", "/ok")
told = {"get-session, from the database": count("get", "/get-session", cookie=cookie)}
told["get-session, remembered"] = count("get", "/get-session", cookie=cookie)
count("post", "/sign-in/email", person)
told["sign-in"] = count("post", "/sign-in/email", person)
told["sign-up"] = count("post", "/sign-up/email", {**person, "email": "bob@example.com", "name": "Bob"})
print("STATEMENTS", json.dumps(told))
"""


def count_statements(site: Site) -> dict[str, int]:
    """What each action asks of the database, BEGIN, SAVEPOINT and COMMIT included."""
    cookie = (site.workspace / "cookie").read_text().strip()
    known = f"COOKIE, EMAIL, PASSWORD = {cookie!r}, {EMAIL!r}, {PASSWORD!r}\n"
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "-c", known + COUNT],
        cwd=CHECKOUT,
        env=site.environment(BETTER_AUTH_URL="http://127.0.0.1:8000"),
        capture_output=True,
        text=True,
    )
    line = next((one for one in done.stdout.splitlines() if one.startswith("STATEMENTS")), None)
    if line is None:
        raise SystemExit(done.stdout + done.stderr)
    counted: dict[str, int] = json.loads(line.partition(" ")[2])
    return counted
