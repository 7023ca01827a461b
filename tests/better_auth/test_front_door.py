"""The front door answers as Django behind it would, or leaves the request to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import Any

import orjson
import pytest
from django.core.handlers.wsgi import WSGIHandler

from better_auth import access_tokens, clock, front_door, signing_keys, users
from better_auth.http.endpoint import RATE_COUNTED
from better_auth.models import Session
from better_auth.storage import last_seen, shared_sessions
from better_auth.storage.local_sessions import local
from better_auth.storage.records import UserRecord
from better_auth.storage.subscription import subscription
from tests.conftest import ApiClient, FrozenTime
from tests.server import wait_for

pytestmark = pytest.mark.django_db(transaction=True)
Environ = dict[str, Any]
Answer = tuple[str, dict[str, str], bytes]
Configure = Callable[..., None]


@pytest.fixture(autouse=True)
def _heard(db: None) -> None:
    wait_for(lambda: shared_sessions.client() is None or subscription.is_live(), "the subscription")


@pytest.fixture
def cookie(browser: ApiClient, make_user: Callable[..., UserRecord]) -> str:
    make_user("ann@example.com")
    browser.sign_in()
    return f"better-auth.session_token={browser.cookies['better-auth.session_token'].value}"


@pytest.fixture
def bearer(browser: ApiClient, cookie: str) -> str:
    return str(browser.session()["session"]["token"])


def request(path: str = "/api/auth/get-session", **more: Any) -> Environ:
    return {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "HTTP_HOST": "testserver",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
        "wsgi.errors": BytesIO(),
        **more,
    }


def ask(application: Any, environ: Environ) -> Answer:
    told: list[Any] = []
    body = b"".join(application({**environ, "wsgi.input": BytesIO()}, lambda *answer: told.extend(answer)))
    return told[0], {name.lower(): value for name, value in told[1]}, body


def knock_at(environ: Environ, *, may_wait: bool = True) -> front_door.Ready | None:
    return front_door.answer(front_door._knock_of_environ(environ), may_wait=may_wait)


def ensure_same(environ: Environ) -> Answer:
    """Open and shut, and with nothing remembered or something. JWTs differ by the moment they were made."""
    shut = timeless(ask(WSGIHandler(), environ))
    for _ in range(2):
        assert timeless(ask(front_door.wsgi(WSGIHandler()), environ)) == shut
    return shut


def timeless(answer: Answer) -> Answer:
    """The answer with the claims of its JWT in the token's place."""
    status, headers, body = answer
    if "set-auth-jwt" in headers:
        headers = {**headers, "set-auth-jwt": str(claims_in(headers["set-auth-jwt"]))}
    return status, headers, body


def claims_in(token: str) -> dict[str, Any]:
    claims = dict(access_tokens.verify_jwt(token) or {})
    assert claims.pop("exp") - claims.pop("iat") == 900
    return claims


def test_a_session_is_answered_as_behind_the_door(cookie: str) -> None:
    status, headers, body = ensure_same(request(HTTP_COOKIE=cookie))
    assert (status, headers["cache-control"]) == ("200 OK", "no-store")
    assert b'"email":"ann@example.com"' in body


@pytest.mark.parametrize("path", ["/api/auth/ok", "/api/auth/get-session", "/api/auth/session"])
def test_so_are_reads_of_nobody(path: str) -> None:
    environ = request(path)
    assert knock_at(environ, may_wait=False) is not None
    ensure_same(environ)


@pytest.mark.parametrize("spelling", ["signed", "bare", "lower"])
def test_so_are_bearers(browser: ApiClient, bearer: str, cookie: str, spelling: str) -> None:
    value = cookie.partition("=")[2] if spelling == "signed" else bearer
    scheme = "bearer" if spelling == "lower" else "Bearer"
    environ = request(HTTP_AUTHORIZATION=f"{scheme} {value}")
    assert b"ann@example.com" in ensure_same(environ)[2]


@pytest.mark.parametrize(
    "headers",
    [
        {"HTTP_COOKIE": "better-auth.session_token=forged.AAAA"},
        {"HTTP_COOKIE": "; ;=;\x00=1; better-auth.session_token"},
        {"HTTP_COOKIE": "better-auth.session_token=" + "x" * 70_000},
        {"HTTP_AUTHORIZATION": "Bearer forged.AAAA"},
        {"HTTP_AUTHORIZATION": "Bearer"},
        {"HTTP_AUTHORIZATION": "Basic YTpi"},
        {"HTTP_AUTHORIZATION": "Bearer nobodys"},
        {"HTTP_HOST": "evil.example"},
        {"HTTP_HOST": ""},
        {"QUERY_STRING": "disableCookieCache=true"},
        {"REQUEST_METHOD": "HEAD"},
        {"REQUEST_METHOD": "POST"},
        {"REQUEST_METHOD": "TRACE"},
        {"PATH_INFO": "/api/auth/get-session/"},
        {"PATH_INFO": "/api/auth//get-session"},
        {"PATH_INFO": "/API/auth/get-session"},
    ],
)
def test_so_is_what_is_odd(headers: dict[str, str]) -> None:
    ensure_same(request(**headers))


def test_a_forged_bearer_does_not_outdo_the_cookie(cookie: str) -> None:
    environ = request(HTTP_COOKIE=cookie, HTTP_AUTHORIZATION="Bearer forged.AAAA")
    assert b"ann@example.com" in ensure_same(environ)[2]


def test_the_first_of_equal_cookies_counts(cookie: str) -> None:
    ensure_same(request(HTTP_COOKIE=f"better-auth.session_token=forged.AAAA; {cookie}"))
    ensure_same(request(HTTP_COOKIE=f"{cookie}; better-auth.session_token=forged.AAAA"))


def test_other_sessions_of_the_device_change_nothing(cookie: str) -> None:
    others = "better-auth.session_token_multi-a=forged; better-auth.session_token_multi-b"
    for header in (f"{others}; {cookie}", f"{cookie}; {others}"):
        environ = request(HTTP_COOKIE=header)
        assert knock_at(environ) is not None
        assert b"ann@example.com" in ensure_same(environ)[2]


def test_a_copy_of_the_session_is_left_to_django(cookie: str) -> None:
    environ = request(HTTP_COOKIE=f"{cookie}; better-auth.session_data=old")
    assert knock_at(environ) is None
    assert "session_data=;" in ensure_same(environ)[1]["set-cookie"]


def test_what_django_has_to_write_is_left_to_it(cookie: str, frozen_time: FrozenTime) -> None:
    environ = request(HTTP_COOKIE=cookie)
    assert knock_at(environ) is not None
    frozen_time.advance(days=2)
    assert knock_at(environ) is None  # due for its renewal
    assert "set-cookie" in ask(front_door.wsgi(WSGIHandler()), environ)[1]
    assert knock_at(environ) is not None
    frozen_time.advance(days=8)
    assert knock_at(environ) is None  # over
    assert ask(front_door.wsgi(WSGIHandler()), environ)[2] == b"null"


def test_a_revoked_session_is_over_at_once(browser: ApiClient, cookie: str) -> None:
    environ = request(HTTP_COOKIE=cookie)
    assert knock_at(environ) is not None
    assert knock_at(environ, may_wait=False) is not None
    browser.api("POST", "/sign-out", {})
    assert knock_at(environ) is None
    assert ensure_same(environ)[2] == b"null"


def test_who_is_shut_out_is_not_shown(cookie: str) -> None:
    environ = request(HTTP_COOKIE=cookie)
    ann = users.find_by_email("ann@example.com")
    assert ann is not None
    assert knock_at(environ) is not None
    users.update(ann, banned=True)
    assert ensure_same(environ)[2] == b"null"


def test_an_idle_session_ends_and_a_used_one_stays(
    cookie: str, configure: Configure, frozen_time: FrozenTime
) -> None:
    configure(SESSION={"IDLE_TIMEOUT_MINUTES": 5})
    environ = request(HTTP_COOKIE=cookie)
    for _ in range(4):
        frozen_time.advance(seconds=200)
        assert knock_at(environ) is not None
    last_seen.flush()
    frozen_time.advance(seconds=700)
    assert knock_at(environ) is None
    assert ensure_same(environ)[2] == b"null"


@pytest.mark.parametrize(
    "parts",
    [
        {"FRONT_DOOR": False},
        {"SESSION": {"COOKIE_CACHE": {"ENABLED": True}}},
        {"SESSION": {"DEFER_REFRESH": True}},
        {"AUTHENTICATORS": ["better_auth.authentication.authenticators.session_cookie.authenticate"]},
        {"DISABLED_PATHS": ["/get-session"]},
    ],
    ids=str,
)
def test_settings_that_want_django_get_it(cookie: str, configure: Configure, parts: dict[str, Any]) -> None:
    configure(**parts)
    environ = request(HTTP_COOKIE=cookie)
    assert knock_at(environ) is None
    assert ask(front_door.wsgi(WSGIHandler()), environ)[0] in ("200 OK", "404 Not Found")


def test_bearers_count_only_where_they_are_switched_on(bearer: str, configure: Configure) -> None:
    configure(FEATURES=["admin"])
    assert ensure_same(request(HTTP_AUTHORIZATION=f"Bearer {bearer}"))[2] == b"null"


def test_limits_hold_at_the_door_and_count_each_request_once(cookie: str, configure: Configure) -> None:
    configure(RATE_LIMIT={"ENABLED": True, "RULES": ["/get-session 4/60"]})
    door = front_door.wsgi(WSGIHandler())
    address = {"REMOTE_ADDR": "198.51.100.77"}
    plain = request(HTTP_COOKIE=cookie, **address)
    to_django = request(HTTP_COOKIE=f"{cookie}; better-auth.session_data=old", **address)
    seen = [ask(door, environ)[0] for environ in (plain, to_django, plain, to_django, plain, to_django)]
    assert seen == ["200 OK"] * 4 + ["429 Too Many Requests"] * 2
    at_door, behind = ask(door, plain), ask(WSGIHandler(), plain)
    assert at_door[0] == behind[0] == "429 Too Many Requests"
    assert at_door[2] == behind[2]
    assert at_door[1].keys() == behind[1].keys()


def test_what_is_counted_is_told_to_django(cookie: str, configure: Configure) -> None:
    configure(RATE_LIMIT={"ENABLED": True, "RULES": ["/get-session 100/60"]})
    Session.objects.update(expires_at=clock.now() - timedelta(days=1))
    told: list[Environ] = []

    def behind(environ: Environ, start_response: Any) -> list[bytes]:
        told.append(environ)
        return []

    front_door.wsgi(behind)(request(HTTP_COOKIE=cookie), lambda *_: None)
    assert told[0][RATE_COUNTED] is True


@pytest.mark.parametrize("path", ["/api/auth/get-session", "/api/auth/ok", "/api/auth/jwks"])
@pytest.mark.parametrize(
    "origin", ["https://app.example.com", "https://evil.example", "http://testserver", "null", "", "x" * 9000]
)
def test_other_origins_are_granted_what_they_are_inside(
    cookie: str, configure: Configure, path: str, origin: str
) -> None:
    configure(TRUSTED_ORIGINS=["https://app.example.com"], CORS={"EXPOSED_HEADERS": ["X-Trace"]})
    environ = request(path, HTTP_COOKIE=cookie, HTTP_ORIGIN=origin)
    headers = ensure_same(environ)[1]
    assert knock_at(environ) is not None
    assert headers["vary"] == "Origin"
    is_granted = origin == "https://app.example.com"
    assert headers.get("access-control-allow-origin") == (origin if is_granted else None)
    assert headers.get("access-control-allow-credentials") == ("true" if is_granted else None)


def test_refusals_at_the_door_can_be_read_by_other_origins(cookie: str, configure: Configure) -> None:
    configure(
        TRUSTED_ORIGINS=["https://app.example.com"],
        RATE_LIMIT={"ENABLED": True, "RULES": ["/get-session 1/60"]},
    )
    environ = request(HTTP_ORIGIN="https://app.example.com", REMOTE_ADDR="198.51.100.78")
    assert ask(front_door.wsgi(WSGIHandler()), environ)[0] == "200 OK"
    at_door, behind = ask(front_door.wsgi(WSGIHandler()), environ), ask(WSGIHandler(), environ)
    assert at_door[0] == behind[0] == "429 Too Many Requests"
    assert at_door[1]["access-control-allow-origin"] == "https://app.example.com"
    assert at_door[1].keys() == behind[1].keys()


@pytest.mark.parametrize("way", ["setting", "middleware"])
def test_without_cors_the_door_grants_nothing(configure: Configure, settings: Any, way: str) -> None:
    configure(TRUSTED_ORIGINS=["https://app.example.com"], CORS={"ENABLED": way != "setting"})
    if way == "middleware":
        settings.MIDDLEWARE = [one for one in settings.MIDDLEWARE if "CorsMiddleware" not in one]
    headers = ensure_same(request("/api/auth/ok", HTTP_ORIGIN="https://app.example.com"))[1]
    assert "access-control-allow-origin" not in headers
    assert "vary" not in headers


def test_https_is_as_django_has_it(cookie: str, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.SECURE_HSTS_SECONDS = 3600
    assert ensure_same(request(HTTP_COOKIE=cookie))[0].startswith("301")
    secure = request(HTTP_COOKIE=cookie, HTTP_X_FORWARDED_PROTO="https")
    assert ensure_same(secure)[1]["strict-transport-security"] == "max-age=3600"
    assert knock_at(secure) is not None


def test_a_defect_at_the_door_is_none_of_the_server(
    cookie: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: Any) -> Any:
        raise RuntimeError(cookie)

    monkeypatch.setattr(front_door, "_caller", fail)
    assert b"ann@example.com" in ask(front_door.wsgi(WSGIHandler()), request(HTTP_COOKIE=cookie))[2]
    assert "the front door left a request to Django: RuntimeError" in caplog.text
    assert cookie not in caplog.text


def test_no_token_is_kept(cookie: str, bearer: str) -> None:
    assert knock_at(request(HTTP_COOKIE=cookie)) is not None
    (entry,) = local._entries.values()
    assert entry.rendered is not None
    assert bearer not in repr(entry.rendered)


def test_asgi_answers_as_wsgi(cookie: str) -> None:
    name, _, value = cookie.partition("=")
    pieces = [(b"cookie", b"other=1"), (b"cookie", f"{name}={value}".encode())]
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/auth/get-session",
        "query_string": b"",
        "scheme": "http",
        "client": ("127.0.0.1", 1),
        "headers": [(b"host", b"testserver"), *pieces],
    }
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("left to Django")

    asyncio.run(front_door.asgi(behind)(scope, None, send))
    _, headers, body = ask(WSGIHandler(), request(HTTP_COOKIE=cookie))
    assert sent[0]["status"] == 200
    told = {key.decode(): text.decode() for key, text in sent[0]["headers"]}
    assert timeless(("", told, sent[1]["body"])) == timeless(("", headers, body))


@pytest.mark.parametrize("odd", [{"QUERY_STRING": "a=b"}, {"REQUEST_METHOD": "POST"}])
def test_nobody_waits_for_what_waiting_can_not_answer(cookie: str, odd: dict[str, str]) -> None:
    knock = front_door._knock_of_environ(request(HTTP_COOKIE=cookie, **odd))
    assert front_door.answer(knock, may_wait=False) is None
    assert not knock.wants_to_wait
    unknown = front_door._knock_of_environ(request(HTTP_COOKIE=cookie))
    local.clear()
    assert front_door.answer(unknown, may_wait=False) is None
    assert unknown.wants_to_wait


def test_a_session_that_is_never_renewed_is_remembered_all_the_same(
    browser: ApiClient, make_user: Callable[..., UserRecord], frozen_time: FrozenTime
) -> None:
    """It lives for a day, and so looks due for a renewal from its first moment on."""
    make_user("ann@example.com")
    browser.sign_in(rememberMe=False)
    names = ("better-auth.session_token", "better-auth.dont_remember")
    shown = [f"{name}={browser.cookies[name].value}" for name in names]
    environ = request(HTTP_COOKIE="; ".join(shown))
    body = ensure_same(environ)[2]
    assert b'"email":"ann@example.com"' in body
    assert knock_at(environ, may_wait=False) is not None
    assert knock_at(request(HTTP_COOKIE=shown[0])) is None  # without the mark it is due
    local.clear()
    assert knock_at(request(HTTP_COOKIE=f"{shown[0]}; better-auth.dont_remember=true.AAAA")) is None
    frozen_time.advance(days=1, seconds=1)
    assert knock_at(environ) is None
    assert ensure_same(environ)[2] == b"null"


class TestJwt:
    @pytest.fixture(autouse=True)
    def _keys(self, cookie: str) -> None:
        signing_keys.signer()

    @pytest.mark.parametrize("path", ["/api/auth/jwks", "/api/auth/.well-known/jwks.json"])
    def test_the_key_set_is_answered(self, path: str) -> None:
        environ = request(path)
        assert knock_at(environ, may_wait=False) is not None
        status, headers, body = ensure_same(environ)
        assert (status, headers["cache-control"]) == ("200 OK", "public, max-age=300")
        assert body == signing_keys.public_set()

    def test_a_token_is_minted_for_a_remembered_session(self, cookie: str) -> None:
        environ = request("/api/auth/token", HTTP_COOKIE=cookie)
        behind = ask(WSGIHandler(), environ)
        for may_wait in (True, False):
            ready = knock_at(environ, may_wait=may_wait)
            assert ready is not None
            headers = {name.lower(): value for name, value in ready.headers}
            assert headers == {**behind[1], "content-length": str(len(ready.body))}
            assert claims_in(orjson.loads(ready.body)["token"]) == claims_in(orjson.loads(behind[2])["token"])

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"HTTP_COOKIE": "better-auth.session_token=forged.AAAA"},
            {"HTTP_AUTHORIZATION": "Bearer forged.AAAA"},
            {"HTTP_AUTHORIZATION": "Bearer nobodys"},
            {"REQUEST_METHOD": "POST"},
            {"REQUEST_METHOD": "HEAD"},
        ],
    )
    def test_nobody_gets_none(self, headers: dict[str, str]) -> None:
        environ = request("/api/auth/token", **headers)
        assert knock_at(environ) is None
        assert ensure_same(environ)[0].startswith("4")

    def test_a_revoked_session_gets_none(self, browser: ApiClient, cookie: str) -> None:
        environ = request("/api/auth/token", HTTP_COOKIE=cookie)
        assert knock_at(environ) is not None
        browser.api("POST", "/sign-out", {})
        assert knock_at(environ) is None
        assert ensure_same(environ)[0].startswith("401")

    @pytest.mark.parametrize("path", ["/api/auth/get-session", "/api/auth/token"])
    def test_a_jwt_opens_nothing_at_the_door(self, cookie: str, path: str) -> None:
        ready = knock_at(request("/api/auth/token", HTTP_COOKIE=cookie))
        assert ready is not None
        bearer = {"HTTP_AUTHORIZATION": f"Bearer {orjson.loads(ready.body)['token']}"}
        body = ensure_same(request(path, **bearer))[2]
        assert b"ann@example.com" not in body
        if path.endswith("get-session"):
            assert b"ann@example.com" in ensure_same(request(path, HTTP_COOKIE=cookie, **bearer))[2]

    def test_an_access_token_opens_nothing_at_the_door(self, browser: ApiClient) -> None:
        given = browser.api("POST", "/token", {"format": "opaque"}).json()["access_token"]
        assert ensure_same(request(HTTP_AUTHORIZATION=f"Bearer {given}"))[2] == b"null"

    def test_reads_in_a_row_carry_the_same_one(self, cookie: str) -> None:
        environ = request(HTTP_COOKIE=cookie)
        first, second = knock_at(environ), knock_at(environ)
        assert first is not None
        assert second is not None
        assert dict(first.headers)["set-auth-jwt"] == dict(second.headers)["set-auth-jwt"]

    def test_a_changed_user_has_other_claims_at_once(self, cookie: str) -> None:
        environ = request(HTTP_COOKIE=cookie)
        knock_at(environ)
        ann = users.find_by_email("ann@example.com")
        assert ann is not None
        users.update(ann, name="Anna")
        for _ in range(2):
            ready = knock_at(environ)
            assert ready is not None
            assert claims_in(dict(ready.headers)["set-auth-jwt"])["name"] == "Anna"

    def test_keys_that_are_not_in_memory_are_waited_for(self, cookie: str) -> None:
        for environ in (request("/api/auth/token", HTTP_COOKIE=cookie), request("/api/auth/jwks")):
            knock_at(environ)
            signing_keys.forget()
            knock = front_door._knock_of_environ(environ)
            assert front_door.answer(knock, may_wait=False) is None
            assert knock.wants_to_wait
            assert front_door.answer(knock, may_wait=True) is not None
            assert front_door.answer(knock, may_wait=False) is not None

    def test_the_hosts_claims_are_waited_for_once(self, cookie: str, configure: Configure) -> None:
        configure(HOOKS={"JWT_CLAIMS": f"{__name__}.claims_from_the_database"})
        environ = request(HTTP_COOKIE=cookie)
        assert knock_at(environ) is not None
        signing_keys.signer()
        ready = knock_at(environ, may_wait=False)
        assert ready is not None
        assert claims_in(dict(ready.headers)["set-auth-jwt"])["sessions"] == 1

    def test_switched_off_there_is_nothing(self, cookie: str, configure: Configure) -> None:
        configure(FEATURES=["bearer"])
        for path in ("/api/auth/token", "/api/auth/jwks"):
            assert knock_at(request(path, HTTP_COOKIE=cookie)) is None
            assert ensure_same(request(path, HTTP_COOKIE=cookie))[0].startswith("404")
        assert "set-auth-jwt" not in ensure_same(request(HTTP_COOKIE=cookie))[1]


def claims_from_the_database(*, user: UserRecord, session: Any) -> dict[str, Any]:
    return {"sessions": Session.objects.filter(user_id=user.key).count()}
