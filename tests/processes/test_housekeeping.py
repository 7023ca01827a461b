"""``cleanup_auth`` as operators run it: beside a server that serves, and sometimes twice at once."""

from __future__ import annotations

import re
import subprocess
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.server import Call, Database, RunningServer, new_email

DOOMED = {"Expired sessions": 5000, "Expired verification tokens": 3000, "Audit entries": 2000}
# Rows for numbers from 1 on, in the words that SQLite and PostgreSQL share.
EXPIRED = {
    "Expired sessions": """
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %s)
        INSERT INTO better_auth_sessions (id, user_id, token_hash, created_at, updated_at, expires_at,
            ip_address, user_agent, auth_method, second_factor, additional_fields)
        SELECT 'doomed-' || i, (SELECT id FROM better_auth_users LIMIT 1), 'doomed-' || i,
            '2020-01-01 00:00:00', '2020-01-01 00:00:00', '2020-01-01 00:00:00', '', '', '', '', '{}' FROM n
    """,
    "Expired verification tokens": """
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %s)
        INSERT INTO better_auth_verification_tokens (id, purpose, digest, subject, payload, attempts,
            created_at, updated_at, expires_at)
        SELECT 'doomed-' || i, 'reset', 'doomed-' || i, '', '{}', 0,
            '2020-01-01 00:00:00', '2020-01-01 00:00:00', '2020-01-01 00:00:00' FROM n
    """,
    "Audit entries": """
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %s)
        INSERT INTO auth_audit_log (event_type, auth_method, success, created_at, actor_id, subject_id,
            session_id, ip_address, user_agent, details)
        SELECT 'sign_in', '', TRUE, '2020-01-01 00:00:00', '', 'doomed', '', '', '', '{}' FROM n
    """,
}
TABLES = ("better_auth_sessions", "better_auth_verification_tokens", "auth_audit_log")


def left_of_the_doomed(database: Database) -> int:
    counts = (f"SELECT count(*) FROM {table} WHERE created_at < '2021-01-01'" for table in TABLES)  # noqa: S608, named above
    return sum(database.value(count) for count in counts)


def deleted_by(run: subprocess.CompletedProcess[str]) -> Counter[str]:
    assert run.returncode == 0, run.stdout
    found = re.findall(r"^(\D+?)(?: older than \d+ days)?: (\d+) deleted$", run.stdout, re.MULTILINE)
    return Counter({label: int(number) for label, number in found})


def serve_until(over: threading.Event, server: RunningServer, email: str, cookie: str) -> Counter[int]:
    """What a front end does meanwhile: look at the session, sign in, sign out, ask for a reset."""
    statuses: Counter[int] = Counter()
    while not over.is_set():
        signed_in = server.sign_in(email)
        calls = [
            Call("GET", "/get-session", cookie=cookie),
            Call("GET", "/list-sessions", cookie=cookie),
            Call("POST", "/request-password-reset", {"email": email}),
            Call("POST", "/sign-out", {}, signed_in.session_cookie),
        ]
        statuses.update(one.status for one in [signed_in, *server.at_once(calls)])
    return statuses


def test_two_runs_at_once_share_the_work_while_the_server_serves() -> None:
    with RunningServer(processes=2) as server, ThreadPoolExecutor(3) as pool:
        email = new_email("kept")
        cookie = server.sign_up(email).session_cookie
        for label, number in DOOMED.items():
            server.database.rows(EXPIRED[label], number)
        assert left_of_the_doomed(server.database) == sum(DOOMED.values())
        over = threading.Event()
        traffic = pool.submit(serve_until, over, server, email, cookie)
        try:
            command = ("cleanup_auth", "--batch-size", "10")
            runs = [pool.submit(server.site.manage, *command) for _ in range(2)]
            deleted = [deleted_by(run.result()) for run in runs]
        finally:
            over.set()
        assert deleted[0] + deleted[1] == DOOMED
        assert all(one.total() > 0 for one in deleted)  # they did meet
        assert left_of_the_doomed(server.database) == 0

        statuses = traffic.result()
        assert statuses.keys() == {200}
        assert statuses.total() >= 10
        assert server.call("GET", "/get-session", cookie=cookie).json["user"]["email"] == email
        assert "Traceback" not in server.site.log.read_text()
        assert deleted_by(server.site.manage("cleanup_auth")).total() == 0
