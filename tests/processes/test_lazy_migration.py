"""First sign-ins against real servers of several workers: many at once, killed in the middle, without the
legacy system. On our own user model and on Django's, over HTTP and from a legacy database."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import secrets
import signal
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from tests.conformance.run_conformance import reserved_port
from tests.migration_tools.legacy_system import SECRET, LegacySystem
from tests.server import PASSWORD, Answer, Call, RunningServer, new_email, wait_for, wait_until_answering

MANY = 50
OLD = "what they always typed"
MODELS = {"ours": "config.settings", "stock": "tests.settings.stock_server"}
WRONG = {"code": "INVALID_EMAIL_OR_PASSWORD", "message": "Invalid email or password"}
MAPPING = """
table = "customers"
key = "id"
email = "mail"
verify = "SELECT pw = :password FROM customers WHERE lower(mail) = :email"
"""


@dataclass
class People:
    """What is in the server's database of somebody, counted table by table."""

    server: RunningServer
    is_stock: bool

    def parts(self, email: str, legacy_id: str) -> dict[str, int]:
        value = self.server.database.value
        users = "auth_user" if self.is_stock else "better_auth_users"
        carrier = "better_auth_user_profiles" if self.is_stock else users
        key = "user_id" if self.is_stock else "id"
        of_them = f"user_id IN (SELECT {key} FROM {carrier} WHERE email = %s)"  # noqa: S608
        counted = {
            "rows": value(f"SELECT count(*) FROM {users} WHERE email = %s", email),  # noqa: S608
            "addresses": value(f"SELECT count(*) FROM {carrier} WHERE email = %s", email),  # noqa: S608
            "accounts": value(f"SELECT count(*) FROM better_auth_accounts WHERE {of_them}", email),  # noqa: S608
            "records": value(
                "SELECT count(*) FROM migration_records WHERE legacy_id = %s AND state = 'migrated'",
                legacy_id,
            ),
            "events": value(
                "SELECT count(*) FROM auth_audit_log WHERE event_type = 'user_migrated' AND subject_id = %s",
                legacy_id,
            ),
        }
        return {name: int(count) for name, count in counted.items()}


WHOLE = dict.fromkeys(("rows", "addresses", "accounts", "records", "events"), 1)
NOTHING = dict.fromkeys(WHOLE, 0)


@contextlib.contextmanager
def server_of(model: str, *, processes: int = 2, **settings: str) -> Iterator[RunningServer]:
    """Processes of two workers each, on this user model."""
    lazy = {f"BETTER_AUTH_MIGRATION_{name}": value for name, value in settings.items()}
    with RunningServer(
        processes=processes,
        workers=2,
        DJANGO_SETTINGS_MODULE=MODELS[model],
        BETTER_AUTH_MIGRATION_MODE="lazy",
        BETTER_AUTH_MIGRATION_MAX_CALLS="64",
        **lazy,
    ) as running:
        yield running


@pytest.fixture(scope="module")
def legacy() -> Iterator[LegacySystem]:
    with LegacySystem.started() as process:
        yield process


def over_http(legacy: LegacySystem) -> dict[str, str]:
    return {"VERIFIER": "http", "URL": legacy.url, "SECRET": SECRET}


@pytest.fixture(scope="module", params=MODELS)
def people(request: pytest.FixtureRequest, legacy: LegacySystem) -> Iterator[People]:
    with server_of(request.param, **over_http(legacy)) as running:
        yield People(running, request.param == "stock")


def sign_ins(server: RunningServer, email: str, password: str, number: int = MANY) -> list[Answer]:
    body = {"email": email, "password": password}
    return server.at_once([Call("POST", "/sign-in/email", body)] * number)


@pytest.mark.parametrize("attempt", range(3))
def test_many_first_sign_ins_at_once_make_one_user(
    people: People, legacy: LegacySystem, attempt: int
) -> None:
    email, legacy_id = new_email("many"), f"u-{secrets.token_hex(6)}"
    legacy.add(legacy_id, email, OLD)
    legacy.behave("answer", delay=0.05)
    answers = sign_ins(people.server, email, OLD)
    assert {one.status for one in answers} <= {200, 503}
    let_in = [one.json["user"]["id"] for one in answers if one.status == 200]
    assert set(let_in) == {legacy_id}
    assert len(let_in) > 1
    assert people.parts(email, legacy_id) == WHOLE


def test_wrong_passwords_among_the_right_one_get_nobody_in(people: People, legacy: LegacySystem) -> None:
    email, legacy_id = new_email("mixed"), f"u-{secrets.token_hex(6)}"
    legacy.add(legacy_id, email, OLD)
    passwords = [OLD if number % 5 == 0 else f"wrong {number}" for number in range(MANY)]
    calls = [Call("POST", "/sign-in/email", {"email": email, "password": one}) for one in passwords]
    answers = people.server.at_once(calls)
    for password, answer in zip(passwords, answers, strict=True):
        assert answer.status in ((200, 503) if password == OLD else (401, 503)), (password, answer)
    assert people.parts(email, legacy_id) == WHOLE


def test_a_sign_up_beside_the_first_sign_in_makes_no_second_user(
    people: People, legacy: LegacySystem
) -> None:
    email, legacy_id = new_email("beside"), f"u-{secrets.token_hex(6)}"
    legacy.add(legacy_id, email, OLD)
    sign_in = Call("POST", "/sign-in/email", {"email": email, "password": OLD})
    sign_up = Call("POST", "/sign-up/email", {"email": email, "password": PASSWORD, "name": "Stranger"})
    answers = people.server.at_once([sign_in, sign_up] * (MANY // 2))
    assert {one.status for one in answers[::2]} <= {200, 503}
    assert {one.status for one in answers[1::2]} <= {422, 503}
    assert people.parts(email, legacy_id) == WHOLE


def test_a_claim_beside_the_first_sign_in_makes_no_second_user(people: People, legacy: LegacySystem) -> None:
    if people.is_stock:
        pytest.skip("the mail is the same on every user model")
    email, legacy_id = new_email("claim"), f"u-{secrets.token_hex(6)}"
    legacy.add(legacy_id, email, OLD)
    server = people.server
    assert server.call("POST", "/request-password-reset", {"email": email, "redirectTo": "/x"}).status == 200
    token = server.site.wait_for_mail(email).partition("/reset-password/")[2].partition("?")[0]
    reset = Call("POST", "/reset-password", {"token": token, "newPassword": PASSWORD})
    sign_in = Call("POST", "/sign-in/email", {"email": email, "password": OLD})
    answers = server.at_once([reset, sign_in] * 10)
    assert sorted(one.status for one in answers[::2] if one.status != 503)[:1] == [200]
    assert {one.status for one in answers[1::2]} <= {200, 401, 503}
    parts = people.parts(email, legacy_id)
    assert parts == WHOLE
    assert server.sign_in(email, PASSWORD).status == 200
    assert server.sign_in(email, OLD).status == 401


@pytest.fixture
def database(tmp_path: Path) -> Iterator[tuple[str, Any]]:
    """A legacy database of the kind that the server has: its URL, and a way to write."""
    given = os.environ.get("DATABASE_URL", "")
    table = "CREATE TABLE customers (id VARCHAR(40) PRIMARY KEY, mail VARCHAR(200), pw VARCHAR(100))"
    if not given.startswith("postgres"):
        with contextlib.closing(sqlite3.connect(tmp_path / "legacy.sqlite3")) as connection:
            connection.execute(table)
            connection.commit()
            yield f"sqlite:///{tmp_path / 'legacy.sqlite3'}", connection
        return
    import psycopg

    name = f"legacy_{secrets.token_hex(6)}"
    administration = urlunsplit(urlsplit(given)._replace(path="/postgres"))
    url = urlunsplit(urlsplit(given)._replace(path=f"/{name}"))
    with psycopg.connect(administration, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        try:
            with psycopg.connect(url) as connection:
                connection.execute(table)
                connection.commit()
                yield url, connection
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_many_first_sign_ins_from_a_database(database: tuple[str, Any], tmp_path: Path) -> None:
    url, connection = database
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(MAPPING)
    email = new_email("table")
    connection.execute(f"INSERT INTO customers VALUES ('C-1', '{email.upper()}', '{OLD}')")  # noqa: S608
    connection.commit()
    with server_of("ours", VERIFIER="sql", DSN=url, MAPPING=str(mapping)) as running:
        answers = sign_ins(running, email, OLD)
        assert {one.status for one in answers} <= {200, 503}
        assert {one.json["user"]["id"] for one in answers if one.status == 200} == {"C-1"}
        assert People(running, is_stock=False).parts(email, "C-1") == WHOLE


@dataclass
class Killable:
    """One server that is killed as a whole, and started again on its port."""

    running: RunningServer
    port: int
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    process: Any = None

    def start(self) -> None:
        self.process = self.stack.enter_context(self.running.site.serve(self.port, workers=2))
        wait_until_answering(self.process, f"http://127.0.0.1:{self.port}/health/ready", self.running.site)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.stack.close()

    def sign_in(self, email: str) -> int:
        """The status, or 0 where the connection broke."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            try:
                call = Call("POST", "/sign-in/email", {"email": email, "password": OLD})
                return call.send(connection, origin=self.running.origin).status
            except (OSError, http.client.HTTPException):
                return 0


@pytest.fixture
def victim(people: People) -> Iterator[Killable]:
    """A further server over the same database, which others survive."""
    with reserved_port() as port:
        found = Killable(people.server, port)
        found.start()
        yield found
        found.kill()


def test_a_server_that_is_killed_at_any_moment_leaves_nobody_half_made(
    people: People, victim: Killable, legacy: LegacySystem, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = secrets.randbits(32)
    with capsys.disabled():
        print(f" (kills drawn with seed {seed})", end=" ")
    draw, seen = random.Random(seed), set[str]()
    legacy.behave("answer", delay=0.1)
    for _ in range(3):
        persons = [(f"u-{secrets.token_hex(6)}", new_email("kill")) for _ in range(24)]
        for legacy_id, email in persons:
            legacy.add(legacy_id, email, OLD)
        with ThreadPoolExecutor(8) as pool:
            statuses = [pool.submit(victim.sign_in, email) for _, email in persons]
            wait_for(lambda: sum(one.done() for one in statuses) >= 2, "the first sign-ins")  # noqa: B023
            time.sleep(draw.uniform(0, 0.1))
            victim.kill()
        for legacy_id, email in persons:
            parts = people.parts(email, legacy_id)
            assert parts in (WHOLE, NOTHING), f"seed {seed}: {parts}"
            seen.add("whole" if parts == WHOLE else "nothing")
            answer = people.server.sign_in(email, OLD)
            assert (answer.status, people.parts(email, legacy_id)) == (200, WHOLE), f"seed {seed}"
        victim.start()
    assert seen == {"whole", "nothing"}, f"seed {seed}: no kill came in the middle"


SLOW = "SELECT pg_sleep(3)"
# SQLite has no sleep: this counts for some seconds.
LONG = (
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 30000000) SELECT max(x) FROM c"
)


@contextlib.contextmanager
def slow_journal(server: RunningServer) -> Iterator[None]:
    """The last statement of whoever comes over takes seconds: user and account are written by then."""
    rows, is_sqlite = server.database.rows, server.database.is_sqlite
    if is_sqlite:
        when = f"SELECT RAISE(IGNORE) WHERE ({LONG}) = 0"
        rows(f"CREATE TRIGGER slow BEFORE INSERT ON migration_records BEGIN {when}; END")
    else:
        body = f"BEGIN PERFORM ({SLOW}); RETURN NEW; END"
        rows(f"CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$")
        rows("CREATE TRIGGER slow BEFORE INSERT ON migration_records FOR EACH ROW EXECUTE FUNCTION slow()")
    try:
        yield
    finally:
        rows("DROP TRIGGER slow" if is_sqlite else "DROP TRIGGER slow ON migration_records")
        if not is_sqlite:
            rows("DROP FUNCTION slow()")


def test_a_server_that_is_killed_between_the_user_and_the_journal(
    people: People, victim: Killable, legacy: LegacySystem
) -> None:
    email, legacy_id = new_email("between"), f"u-{secrets.token_hex(6)}"
    legacy.clear()
    legacy.add(legacy_id, email, OLD)
    with slow_journal(people.server):
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(victim.sign_in, email)
            wait_for(lambda: ("verify", email) in legacy.calls, "the call")
            time.sleep(1)
            assert not waiting.done()
            victim.kill()
            assert waiting.result() == 0
        assert people.parts(email, legacy_id) == NOTHING
    assert people.server.sign_in(email, OLD).status == 200
    assert people.parts(email, legacy_id) == WHOLE
    victim.start()


def test_an_outage_of_the_legacy_system(people: People) -> None:
    """Its process is killed while people sign in, and comes back."""
    settings = {"VERIFIER": "http", "SECRET": SECRET, "TIMEOUT_MS": "2000"}
    settings |= {"BREAKER_FAILURES": "3", "BREAKER_SECONDS": "1"}
    model = "stock" if people.is_stock else "ours"
    persons = [(f"u-{number}", new_email("outage")) for number in range(12)]
    with contextlib.ExitStack() as stack:
        away = contextlib.ExitStack()
        legacy = away.enter_context(LegacySystem.started())
        running = stack.enter_context(server_of(model, processes=1, URL=legacy.url, **settings))
        found = People(running, people.is_stock)
        first_id, first = persons[0]
        for legacy_id, email in persons:
            legacy.add(legacy_id, email, OLD)
        assert running.sign_in(first, OLD).status == 200
        legacy.behave("hang")
        with ThreadPoolExecutor(6) as pool:
            waiting = [pool.submit(running.sign_in, email, OLD) for _, email in persons[1:7]]
            time.sleep(0.3)
            away.close()  # in the middle of their sign-ins
            answers = [one.result() for one in waiting]
        assert {one.status for one in answers} == {503}
        for _ in range(8):
            refused = running.sign_in(persons[7][1], OLD)
            assert refused.status == 503
            assert refused.headers["Retry-After"].isdigit()
            assert running.sign_in(first, OLD).status == 200
        assert (running.sign_in(first, "wrong").status, running.sign_in(first, "wrong").json) == (401, WRONG)
        assert [found.parts(email, legacy_id) for legacy_id, email in persons[1:]] == [NOTHING] * 11
        back = stack.enter_context(LegacySystem.started(legacy.port))
        for legacy_id, email in persons:
            back.add(legacy_id, email, OLD)
        for legacy_id, email in persons[1:]:
            wait_for(lambda email=email: running.sign_in(email, OLD).status == 200, "the circuit to close")
            assert found.parts(email, legacy_id) == WHOLE
        assert found.parts(first, first_id) == WHOLE


def test_a_hanging_legacy_system_holds_up_nobody_else(people: People, legacy: LegacySystem) -> None:
    """Sessions are read, and people who are here sign in, while first sign-ins wait for it in vain."""
    server = people.server
    signed_up = server.sign_up(new_email("here"))
    legacy.behave("hang")
    with ThreadPoolExecutor(8) as pool:
        hanging = [pool.submit(server.sign_in, new_email("waits"), OLD, process=n % 2) for n in range(8)]
        try:
            wait_for(lambda: len(legacy.calls) > 0, "the first call")
            for process in (0, 1):
                email = signed_up.json["user"]["email"]
                assert server.sign_in(email, process=process).status == 200
                seen = server.call("GET", "/get-session", cookie=signed_up.session_cookie, process=process)
                assert seen.json["user"]["email"] == email
            assert not all(one.done() for one in hanging)
        finally:
            legacy.behave("answer")
        assert {one.result().status for one in hanging} <= {401, 503}
