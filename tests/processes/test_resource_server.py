"""An auth server and a service that trusts it: two processes, two databases, and what passes between them."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest

from tests.resource_project.running import RunningService
from tests.scripted_server import ScriptedServer
from tests.server import PASSWORD, Answer, RunningServer, new_email, wait_for, wait_until_answering

SERVICE = "shop"
SECRET = "shop-secret-0123456789-abcdefghijklm"
CREDENTIALS = {"BETTER_AUTH_CLIENT_ID": SERVICE, "BETTER_AUTH_CLIENT_SECRET": SECRET}
LEGACY_KEY = "legacy-signing-key-0123456789-abcdefghijkl"  # of tests/settings/legacy_tokens.py
CACHE_SECONDS = 2
QUICK = {
    "BETTER_AUTH_RESOURCE_TOKEN_CACHE_SECONDS": str(CACHE_SECONDS),
    "BETTER_AUTH_RESOURCE_REFUSED_CACHE_SECONDS": "1",
    "BETTER_AUTH_RESOURCE_UNKNOWN_KEY_SECONDS": "1",
}


@pytest.fixture(scope="module")
def auth_server() -> Iterator[RunningServer]:
    with RunningServer(
        BETTER_AUTH_INTROSPECTION_SECRETS=f"{SERVICE}:{SECRET}", BETTER_AUTH_ACCESS_TOKEN_EXPIRES_IN="6"
    ) as running:
        yield running


@pytest.fixture(scope="module", params=["wsgi", "asgi"])
def service(request: pytest.FixtureRequest, auth_server: RunningServer) -> Iterator[RunningService]:
    with RunningService(auth_server.origin, interface=request.param, **CREDENTIALS, **QUICK) as running:
        yield running


@dataclass(frozen=True)
class Person:
    """Somebody who has signed up there, with a token of each kind."""

    id: str
    email: str
    cookie: str
    session_token: str
    signed_token: str
    tokens: dict[str, str] = field(default_factory=dict)


def new_person(server: RunningServer) -> Person:
    email = new_email("person")
    signed_up = server.sign_up(email)
    person = Person(
        id=signed_up.json["user"]["id"],
        email=email,
        cookie=signed_up.session_cookie,
        session_token=signed_up.json["token"],
        signed_token=signed_up.headers["set-auth-token"],
    )
    person.tokens.update(
        {
            "session token": person.session_token,
            "signed session token": person.signed_token,
            "JWT": server.call("GET", "/token", cookie=person.cookie).json["token"],
            "access token": access_token(server, person, "jwt"),
            "opaque access token": access_token(server, person, "opaque"),
        }
    )
    return person


def access_token(server: RunningServer, person: Person, form: str) -> str:
    return str(server.call("POST", "/token", {"format": form}, cookie=person.cookie).json["access_token"])


METHODS = {
    "session token": "bearer",
    "signed session token": "bearer",
    "JWT": "jwt",
    "access token": "jwt",
    "opaque access token": "access_token",
}


class TestCalls:
    @pytest.mark.parametrize("path", ["/whoami", "/whoami-async", "/drf/signed-in"])
    def test_who_signed_in_there_is_known_here(
        self, auth_server: RunningServer, service: RunningService, path: str
    ) -> None:
        person = new_person(auth_server)
        for kind, token in person.tokens.items():
            answer = service.call(path, token)
            assert answer.status == 200, (kind, answer.content)
            expected = {"principal": person.id, "method": METHODS[kind], "user": person.email}
            assert answer.json == expected, kind

    def test_everybody_has_their_own(self, auth_server: RunningServer, service: RunningService) -> None:
        ann, bob = new_person(auth_server), new_person(auth_server)
        assert service.call("/notes", ann.tokens["JWT"], note="of+Ann").status == 201
        assert service.call("/notes", bob.session_token, note="of+Bob").status == 201
        assert service.call("/notes", ann.session_token).json == ["of Ann"]
        assert service.call("/notes", bob.tokens["opaque access token"]).json == ["of Bob"]
        assert service.call("/notes").status == 401

    def test_the_service_has_no_table_of_users(self, service: RunningService) -> None:
        assert service.tables() - {"sqlite_sequence"} == {"django_migrations", "notes_note"}

    def test_what_is_no_token_is_refused_and_asked_about_nowhere(
        self, auth_server: RunningServer, service: RunningService
    ) -> None:
        token = new_person(auth_server).tokens["JWT"]
        service.call("/whoami", token)
        header, payload, signature = token.split(".")
        bad = [
            "nonsense",
            "x" * 15,
            "x" * 40_000,
            "." * 40_000,
            "a.b.c.d.e",
            f"{header}.{payload}.{signature[:-4]}AAAA",
            f"{header}.{payload}.",
            f"{header}.{'A' * 40_000}.{signature}",
            f"eyJhbGciOiJub25lIn0.{payload}.",
            "eyJhbGciOiJFZERTQSIsImtpZCI6Ii4uLy4uL3gifQ.e30.AA",
            "%00%0d%0a" * 4 + "'--",
        ]
        metric = "better_auth_auth_server_calls_total"
        before = service.count(metric, operation="introspect", result="answered")
        for one in bad:
            for path in ("/drf/open", "/drf/signed-in"):
                answer = service.call(path, one)
                assert answer.status == 401, (one[:60], answer.status)
                assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'
            assert service.call("/whoami", one).json["principal"] is None
        assert service.count(metric, operation="introspect", result="answered") == before

    def test_both_are_well_and_say_so(self, service: RunningService) -> None:
        ready = service.call("/health/ready")
        checks = {"database": "ok", "cache": "ok", "migrations": "ok", "auth_server": "ok"}
        assert (ready.status, ready.json["checks"]) == (200, checks)


class TestRevocation:
    def test_a_session_that_ends_there_ends_here(
        self, auth_server: RunningServer, service: RunningService
    ) -> None:
        person = new_person(auth_server)
        kinds = ("session token", "signed session token", "opaque access token")
        assert [service.call("/drf/signed-in", person.tokens[kind]).status for kind in kinds] == [200] * 3
        assert auth_server.call("POST", "/sign-out", {}, cookie=person.cookie).status == 200
        over_at = time.monotonic() + CACHE_SECONDS
        wait_until(over_at)
        assert [service.call("/drf/signed-in", person.tokens[kind]).status for kind in kinds] == [401] * 3

    def test_so_does_one_token_alone(self, auth_server: RunningServer, service: RunningService) -> None:
        person = new_person(auth_server)
        token = person.tokens["opaque access token"]
        assert service.call("/drf/signed-in", token).status == 200
        assert auth_server.call("POST", "/revoke", {"token": token}).status == 200
        wait_until(time.monotonic() + CACHE_SECONDS)
        assert service.call("/drf/signed-in", token).status == 401
        assert service.call("/drf/signed-in", person.session_token).status == 200

    def test_a_token_that_is_verified_here_ends_at_its_time(
        self, auth_server: RunningServer, service: RunningService
    ) -> None:
        person = new_person(auth_server)
        given_at, token = time.monotonic(), access_token(auth_server, person, "jwt")
        assert service.call("/drf/signed-in", token).status == 200
        auth_server.call("POST", "/sign-out", {}, cookie=person.cookie)
        wait_until(given_at + 7)
        assert service.call("/drf/signed-in", token).status == 401

    def test_a_person_who_is_shut_out_there_is_shut_out_here(
        self, auth_server: RunningServer, service: RunningService
    ) -> None:
        person = new_person(auth_server)
        assert service.call("/drf/signed-in", person.session_token).status == 200
        assert (
            auth_server.call("POST", "/delete-user", {"password": PASSWORD}, cookie=person.cookie).status
            == 200
        )
        wait_until(time.monotonic() + CACHE_SECONDS)
        assert service.call("/drf/signed-in", person.session_token).status == 401


def wait_until(moment: float) -> None:
    """No judgement on speed: what has been promised for this moment must be so from then on."""
    time.sleep(max(0, moment - time.monotonic()) + 0.05)


def test_no_token_and_no_secret_is_logged(auth_server: RunningServer, service: RunningService) -> None:
    person = new_person(auth_server)
    for token in person.tokens.values():
        service.call("/whoami", token)
        service.call("/drf/signed-in", token[:-1] + "x")
    log = service.log.read_text()
    assert [kind for kind, token in person.tokens.items() if token in log or token[:-1] in log] == []
    assert SECRET not in log


# Everything that is a right answer to a token of this kind, whatever state the auth server is in. ``known``:
# the service has met it before.
RIGHT: dict[str, set[int]] = {
    "good JWT": {200},
    "known opaque": {200},
    "new opaque": {200, 503},
    "unknown opaque": {401, 503},
    "revoked opaque": {401, 503},
    "forged JWT": {401},
    "garbage": {401},
    "nobody": {401},
}


@dataclass
class Load:
    """Callers of all kinds, until they are told to stop."""

    service: RunningService
    tokens: dict[str, Callable[[], str | None]]
    seen: Counter[tuple[str, int]] = field(default_factory=Counter)
    wrong: list[tuple[str, int, bytes]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Load:
        for kind in self.tokens:
            thread = threading.Thread(target=self._press, args=(kind,), daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _press(self, kind: str) -> None:
        while not self._stop.is_set():
            answer = self.service.call("/drf/signed-in", self.tokens[kind]())
            self.seen[kind, answer.status] += 1
            if answer.status not in RIGHT[kind] or not says_when(answer):
                self.wrong.append((kind, answer.status, answer.content[:200]))
            time.sleep(0.01)


def says_when(answer: Answer) -> bool:
    return answer.status != 503 or int(answer.headers["Retry-After"]) >= 1


@contextlib.contextmanager
def killed(server: RunningServer) -> Iterator[Callable[[], Any]]:
    """Without a word, as by the kernel; with a way to have it back."""
    os.killpg(server.processes[0].pid, signal.SIGKILL)
    server.processes[0].wait()
    with contextlib.ExitStack() as stack:

        def bring_back() -> None:
            process = stack.enter_context(server.site.serve(int(urlsplit(server.origin).port or 0)))
            wait_until_answering(process, server.origin + "/health/ready", server.site)

        yield bring_back


def tokens_of_all_kinds(
    server: RunningServer, service: RunningService
) -> dict[str, Callable[[], str | None]]:
    person, gone = new_person(server), new_person(server)
    opaque = [str(server.sign_in(person.email).json["token"]) for _ in range(10)]
    fresh = cycle([str(server.sign_in(person.email).json["token"]) for _ in range(100)])
    server.call("POST", "/sign-out", {}, cookie=gone.cookie)
    token = server.call("GET", "/token", cookie=person.cookie).json["token"]
    for one in (token, *opaque):
        assert service.call("/drf/signed-in", one).status == 200
    known = cycle(opaque)
    head, _, signature = token.rpartition(".")
    return {
        "good JWT": lambda: token,
        "known opaque": lambda: next(known),
        "new opaque": lambda: next(fresh),
        "unknown opaque": lambda: secrets.token_urlsafe(24),
        "revoked opaque": lambda: gone.session_token,
        "forged JWT": lambda: f"{head}.{signature[:-6]}{secrets.token_hex(3)}",
        "garbage": lambda: secrets.token_hex(3),
        "nobody": lambda: None,
    }


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_the_auth_server_dies_under_load_and_comes_back(interface: Any) -> None:
    with (
        RunningServer(BETTER_AUTH_INTROSPECTION_SECRETS=f"{SERVICE}:{SECRET}") as server,
        RunningService(
            server.origin, interface=interface, BETTER_AUTH_RESOURCE_REFUSED_CACHE_SECONDS="1", **CREDENTIALS
        ) as service,
    ):
        with Load(service, tokens_of_all_kinds(server, service)) as load:
            time.sleep(2)
            with killed(server) as bring_back:
                time.sleep(3)
                ready = service.call("/health/ready")
                assert (ready.status, ready.json["checks"]["auth_server"]) == (503, "failed")
                assert service.call("/health").status == 200
                bring_back()
                back = Counter(load.seen)
                wait_for_more(load, back, ("new opaque", 200), ("unknown opaque", 401))
                assert service.call("/health/ready").status == 200
        assert load.wrong == []
        kinds = {kind for kind, _ in load.seen}
        assert kinds == RIGHT.keys()
        assert load.seen["unknown opaque", 503] > 0  # it was noticed that it was away


def wait_for_more(load: Load, since: Counter[tuple[str, int]], *wanted: tuple[str, int]) -> None:
    wait_for(lambda: all(load.seen[one] > since[one] + 5 for one in wanted), "verdicts of the auth server")


def test_a_service_that_starts_before_the_auth_server() -> None:
    """It refuses nobody and lets nobody in, until it can tell."""
    with RunningServer(BETTER_AUTH_INTROSPECTION_SECRETS=f"{SERVICE}:{SECRET}") as server:
        person = new_person(server)
        with killed(server) as bring_back, RunningService(server.origin, **CREDENTIALS, **QUICK) as service:
            for token in (person.tokens["JWT"], person.session_token):
                answer = service.call("/drf/signed-in", token)
                assert answer.status == 503
                assert says_when(answer)
            assert service.call("/drf/signed-in", "nonsense").status == 401
            bring_back()
            for token in (person.tokens["JWT"], person.session_token):
                wait_for(
                    lambda token=token: service.call("/drf/signed-in", token).status == 200,
                    "the first verdict",
                )


def test_compromised_keys_are_replaced_while_the_service_runs() -> None:
    with (
        RunningServer(BETTER_AUTH_INTROSPECTION_SECRETS=f"{SERVICE}:{SECRET}") as server,
        RunningService(server.origin, **CREDENTIALS, **QUICK) as service,
    ):
        person = new_person(server)
        stolen = person.tokens["JWT"]
        assert service.call("/drf/signed-in", stolen).status == 200
        assert server.site.manage("rotate_signing_keys", "--compromised").returncode == 0
        with killed(server) as bring_back:
            bring_back()  # the server would else follow by itself, some minutes later
            token = server.call("GET", "/token", cookie=person.cookie).json["token"]
            time.sleep(1.1)
            assert service.call("/drf/signed-in", token).status == 200  # by a key that was unknown till now
            assert service.call("/drf/signed-in", stolen).status == 401


def test_legacy_tokens_are_good_here_where_they_are_good_there() -> None:
    settings = {
        "DJANGO_SETTINGS_MODULE": "tests.settings.legacy_tokens",
        "BETTER_AUTH_INTROSPECTION_SECRETS": f"{SERVICE}:{SECRET}",
    }
    wanted = {"BETTER_AUTH_RESOURCE_INTROSPECT_JWTS": "true"}
    with (
        RunningServer(**settings) as server,
        RunningService(server.origin, **CREDENTIALS, **QUICK, **wanted) as service,
    ):
        person = new_person(server)
        claims = {"token_type": "access", "exp": int(time.time()) + 300, "jti": "j1"}
        good, unknown = (
            jwt.encode({**claims, "user_id": one}, LEGACY_KEY, algorithm="HS256")
            for one in (person.id, "nobody")
        )
        expected = {"principal": person.id, "method": "legacy_jwt", "user": person.email}
        assert service.call("/whoami", good).json == expected
        assert service.call("/drf/signed-in", unknown).status == 401
        by_other_key = jwt.encode({**claims, "user_id": person.id}, "x" * 40, algorithm="HS256")
        assert service.call("/drf/signed-in", by_other_key).status == 401
        for kind, token in person.tokens.items():
            assert service.call("/whoami", token).json["method"] == METHODS[kind]


def test_the_ready_to_run_project_tells_how_the_auth_server_does() -> None:
    with ScriptedServer() as other:
        other.answer("/api/auth/ok", 200, b'{"ok":true}')
        with RunningServer(AUTH_SERVER_URL=other.url, **CREDENTIALS) as server:
            checked = server.site.manage("check", "--fail-level", "WARNING")
            assert checked.returncode == 0, checked.stdout
            ready = server.call("GET", "//health/ready")
            assert (ready.status, ready.json["checks"]["auth_server"]) == (200, "ok")
            other.stop()
            ready = server.call("GET", "//health/ready")
            assert (ready.status, ready.json["checks"]["auth_server"]) == (503, "failed")
