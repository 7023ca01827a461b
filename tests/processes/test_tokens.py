"""Signing keys and refresh tokens with several processes at once: one key is made, one token comes next."""

from __future__ import annotations

import json
import threading
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from jwt import PyJWKSet

from tests.server import PASSWORD, Answer, Call, RunningServer, new_email, wait_for

MANY = 50
SERVICE = "shop"
SECRET = "shop-secret-0123456789-abcdefghijklm"
INVALID_GRANT = {
    "error": "invalid_grant",
    "error_description": "Invalid refresh token",
    "message": "Invalid refresh token",
    "code": "INVALID_REFRESH_TOKEN",
}


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with RunningServer(
        processes=2,
        BETTER_AUTH_JWT_PUBLISH_AHEAD="0",
        BETTER_AUTH_REFRESH_TOKEN_GRACE="5",
        BETTER_AUTH_INTROSPECTION_SECRETS=f"{SERVICE}:{SECRET}",
    ) as running:
        yield running


def kid_of(token: str) -> str:
    header = token.partition(".")[0]
    return str(json.loads(urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"])


def keys_of(server: RunningServer) -> list[str]:
    return [row[0] for row in server.database.rows("SELECT id FROM better_auth_jwks ORDER BY signs_from")]


def verify(server: RunningServer, token: str, *, process: int) -> dict[str, Any]:
    keys = PyJWKSet.from_dict(server.call("GET", "/jwks", process=process).json)
    options: Any = {"audience": server.origin, "issuer": server.origin, "algorithms": ["EdDSA"]}
    return dict(jwt.decode(token, keys[kid_of(token)], **options))


def tokens_of(server: RunningServer, **more: Any) -> dict[str, Any]:
    email = new_email("tokens")
    server.sign_up(email)
    answer = server.call("POST", "/token", {"email": email, "password": PASSWORD, **more})
    assert answer.status == 200, answer.content
    return dict(answer.json)


def refresh_all(server: RunningServer, token: str, number: int = MANY) -> list[Answer]:
    return server.at_once([Call("POST", "/token", {"refresh_token": token})] * number)


def introspect(server: RunningServer, token: str, *, process: int) -> Any:
    body = {"token": token, "client_id": SERVICE, "client_secret": SECRET}
    return server.call("POST", "/introspect", body, process=process).json


def age_keys(server: RunningServer, **age: float) -> None:
    """As if the keys had been made so long ago."""
    by = timedelta(**age)
    for kid, signs_from, expires_at in server.database.rows(
        "SELECT id, signs_from, expires_at FROM better_auth_jwks"
    ):
        stored: list[Any] = [_moment(one) - by for one in (signs_from, expires_at)]
        if server.database.is_sqlite:
            stored = [one.replace(tzinfo=None).isoformat(" ") for one in stored]
        server.database.rows(
            "UPDATE better_auth_jwks SET signs_from = %s, expires_at = %s WHERE id = %s", *stored, kid
        )


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def test_many_first_requests_make_one_key() -> None:
    with RunningServer(processes=2) as fresh:
        cookie = fresh.sign_up(new_email()).session_cookie
        calls = [Call("GET", path, cookie=cookie) for path in ("/token", "/jwks", "/get-session")] * 10
        answers = fresh.at_once(calls)
        assert {one.status for one in answers} == {200}
        (kid,) = keys_of(fresh)
        pairs = zip(calls, answers, strict=True)
        minted = [one.json["token"] for call, one in pairs if call.path == "/token"]
        announced = [one.headers["set-auth-jwt"] for one in answers if "set-auth-jwt" in one.headers]
        assert len(announced) == 10
        assert {kid_of(token) for token in [*minted, *announced]} == {kid}
        for process in (0, 1):
            verify(fresh, minted[process], process=process)


def test_rotations_at_once_make_one_key_and_log_nobody_out(server: RunningServer) -> None:
    cookie = server.sign_up(new_email()).session_cookie
    before = server.call("GET", "/token", cookie=cookie).json["token"]
    age_keys(server, days=90, hours=2)
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: server.site.manage("rotate_signing_keys", "--if-due"), range(4)))
    assert [run.returncode for run in runs] == [0] * 4, runs
    said = sorted(run.stdout.strip().splitlines()[-1] for run in runs)
    assert said[0].startswith("A new signing key is published")
    assert said[1:] == ["No signing key is due."] * 3
    assert len(keys_of(server)) == 2
    for process in (0, 1):
        assert server.call("GET", "/get-session", cookie=cookie, process=process).json is not None
        verify(server, before, process=process)


def test_servers_replace_a_key_that_is_due_by_themselves() -> None:
    with RunningServer(processes=2, BETTER_AUTH_JWT_PUBLISH_AHEAD="600") as fresh:
        cookie = fresh.sign_up(new_email()).session_cookie
        assert fresh.site.manage("rotate_signing_keys").returncode == 0
        age_keys(fresh, days=89, hours=23, minutes=55)  # no server has it in memory yet
        (old,) = keys_of(fresh)
        answers = fresh.at_once([Call("GET", "/token", cookie=cookie)] * 20)
        assert {kid_of(one.json["token"]) for one in answers} == {old}
        wait_for(lambda: len(keys_of(fresh)) > 1, "the next key")
        for process in (0, 1):
            wait_for(
                lambda process=process: len(fresh.call("GET", "/jwks", process=process).json["keys"]) == 2,
                "the next key in the key set",
            )
            token = fresh.call("GET", "/token", cookie=cookie, process=process).json["token"]
            assert kid_of(token) == old
            verify(fresh, token, process=1 - process)
        assert len(keys_of(fresh)) == 2


def test_a_compromised_key_is_refused(server: RunningServer) -> None:
    cookie = server.sign_up(new_email()).session_cookie
    stolen = server.call("GET", "/token", cookie=cookie).json["token"]
    assert introspect(server, stolen, process=0)["active"]
    done = server.site.manage("rotate_signing_keys", "--compromised")
    assert done.returncode == 0, done.stdout
    (kid,) = keys_of(server)
    assert kid_of(stolen) != kid
    assert server.call("GET", "/get-session", cookie=cookie).json is not None


def test_many_refreshes_at_once_have_one_successor(server: RunningServer) -> None:
    given = tokens_of(server)
    answers = refresh_all(server, given["refresh_token"])
    assert {one.status for one in answers} == {200}, [one.content for one in answers if one.status != 200]
    (successor,) = {one.json["refresh_token"] for one in answers}
    # Each of the tabs goes on with it.
    again = refresh_all(server, successor, 4)
    assert {one.status for one in again} == {200}
    assert len({one.json["refresh_token"] for one in again}) == 1


def test_a_late_replay_ends_the_family_in_every_process(server: RunningServer) -> None:
    given = tokens_of(server, format="opaque")
    for process in (0, 1):
        assert introspect(server, given["access_token"], process=process)["active"]
    successor = server.call("POST", "/token", {"refresh_token": given["refresh_token"]}).json
    threading.Event().wait(5.5)
    replays = refresh_all(server, given["refresh_token"], 10)
    assert [(one.status, one.json) for one in replays] == [(400, INVALID_GRANT)] * 10
    assert refresh_all(server, successor["refresh_token"], 2)[0].json == INVALID_GRANT
    counted = "SELECT count(*) FROM auth_audit_log WHERE event_type = 'refresh_token_reused'"
    assert server.database.value(counted) == 1
    assert introspect(server, successor["access_token"], process=0) == {"active": False}


def test_no_token_rests_in_the_database(server: RunningServer) -> None:
    given = tokens_of(server, format="opaque")
    dump = server.database.dump()
    assert given["refresh_token"] not in dump
    assert given["refresh_token"][3:27] not in dump
    assert given["access_token"] not in dump
    assert '"d"' not in dump


def test_no_token_is_logged(server: RunningServer) -> None:
    given = tokens_of(server)
    introspect(server, given["access_token"], process=0)
    server.call("POST", "/revoke", {"token": given["refresh_token"]})
    log = server.site.log.read_text()
    assert given["refresh_token"] not in log
    assert given["access_token"] not in log
    assert SECRET not in log
