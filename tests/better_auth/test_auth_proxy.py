"""The auth proxy, answered by ourselves: names, bodies, refresh tokens, and how little it tells."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from better_auth import access_tokens, users
from better_auth.auth_proxy.embedded import OPERATIONS as ROUTES
from better_auth.http.endpoint import Operation
from better_auth.models import AuditEntry, RefreshToken, Session
from better_auth.providers import documents
from better_auth.sign_in import SignInChallenge
from better_auth.storage import counters
from better_auth.storage.records import UserRecord
from tests.better_auth.http.test_hostile_input import OAUTH_MEMBERS, WRONG, snapshot
from tests.conftest import PASSWORD, ApiClient
from tests.protocol import answered, refusal, set_cookies
from tests.scripted_provider import ScriptedProvider, serving

pytestmark = pytest.mark.usefixtures("commits")
Configure = Callable[..., None]
FORM = "application/x-www-form-urlencoded"
SECRET = "shop-secret-0123456789-abcdefghijklm"
VALID = {
    "login": {"email": "ann@example.com", "password": PASSWORD},
    "register": {"email": "bob@example.com", "password": PASSWORD},
    "social": {"provider": "google"},
    "refresh": {"refresh_token": "x"},
    "introspect": {"token": "x"},
}
EACH = [(route, method) for route, operations in ROUTES.items() for method in operations]
EACH_ROUTE = pytest.mark.parametrize(("route", "method"), EACH)


class Proxy:
    """A front end's calls, as JSON or as a form."""

    def __init__(self, client: ApiClient) -> None:
        self.client = client

    def __call__(self, name: str, body: Any = None, *, method: str = "POST", **extra: Any) -> Any:
        if isinstance(body, dict):
            extra.setdefault("content_type", "application/json")
            is_form = extra["content_type"] == FORM
            extra["data"] = urlencode(body) if is_form else json.dumps(body)
        return self.client.generic_json(method, f"/api/auth-proxy/{name}", **extra)

    def log_in(self, **more: Any) -> dict[str, Any]:
        answer = self("login", {**VALID["login"], **more})
        assert answer.status_code == 200, answer.content
        return dict(answer.json())


@pytest.fixture
def ann(make_user: Callable[..., UserRecord]) -> UserRecord:
    return make_user()


@pytest.fixture
def front_end(browser: ApiClient) -> Proxy:
    return Proxy(browser)


@pytest.fixture
def program(new_browser: Callable[..., ApiClient]) -> Proxy:
    """Without cookies and without an origin."""
    client = new_browser()
    client.defaults.pop("HTTP_ORIGIN", None)
    return Proxy(client)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def basic(secret: str = SECRET) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"shop:{secret}".encode()).decode()}


JSON_AND_FORM = pytest.mark.parametrize("media_type", ["application/json", FORM])


class TestSigningIn:
    @JSON_AND_FORM
    def test_an_answer_carries_a_refresh_token_that_can_be_used(
        self, front_end: Proxy, program: Proxy, ann: UserRecord, media_type: str
    ) -> None:
        answer = front_end("login", VALID["login"], content_type=media_type)
        assert answer.status_code == 200, answer.content
        told = answer.json()
        assert set(told) == {"redirect", "token", "user", "refresh_token"}
        assert told["user"]["id"] == ann.id
        assert front_end.client.session()["session"]["token"] == told["token"]
        assert answer.headers["set-auth-token"].startswith(told["token"])
        refreshed = program("refresh", {"refresh_token": told["refresh_token"]})
        assert refreshed.status_code == 200, refreshed.content

    @JSON_AND_FORM
    def test_so_does_signing_up(self, front_end: Proxy, db: None, media_type: str) -> None:
        body = {"name": "Bob", **VALID["register"]}
        answer = front_end("register", body, content_type=media_type)
        assert answer.status_code == 200, answer.content
        told = answer.json()
        assert set(told) == {"token", "user", "refresh_token"}
        assert (told["user"]["name"], told["user"]["email"]) == ("Bob", "bob@example.com")
        assert front_end.client.session()["user"]["email"] == "bob@example.com"

    def test_signing_up_needs_no_name(self, front_end: Proxy, db: None) -> None:
        assert front_end("register", VALID["register"]).json()["user"]["name"] == ""

    def test_where_the_settings_want_one_anyway_there_is_one(
        self, front_end: Proxy, ann: UserRecord, configure: Configure
    ) -> None:
        configure(TOKENS={"IN_SIGN_IN_ANSWERS": True})
        front_end.log_in()
        assert RefreshToken.objects.count() == 1

    def test_the_plain_endpoint_goes_without(self, browser: ApiClient, ann: UserRecord) -> None:
        assert "refresh_token" not in browser.sign_in().json()

    def test_who_is_not_signed_in_gets_none(
        self, front_end: Proxy, ann: UserRecord, configure: Configure
    ) -> None:
        configure(EMAIL_PASSWORD={"AUTO_SIGN_IN": False})
        assert front_end("register", VALID["register"]).json()["token"] is None
        configure(SIGN_IN_GATES=[f"{__name__}.second_factor"])
        assert front_end("login", VALID["login"]).json() == {"twoFactorRedirect": True}
        assert not RefreshToken.objects.exists()

    def test_refusals_are_the_plain_endpoints(self, front_end: Proxy, ann: UserRecord) -> None:
        wrong = front_end("login", {"email": ann.email, "password": "wrong password"})
        assert answered(wrong) == (401, refusal("INVALID_EMAIL_OR_PASSWORD"))
        taken = front_end("register", {"email": ann.email, "password": PASSWORD})
        assert taken.status_code == 422
        assert not RefreshToken.objects.exists()

    @pytest.mark.parametrize(("name", "path"), [("login", "/sign-in/email"), ("register", "/sign-up/email")])
    def test_it_is_no_way_round_a_limit(
        self, front_end: Proxy, ann: UserRecord, configure: Configure, name: str, path: str
    ) -> None:
        configure(RATE_LIMIT={"ENABLED": True})
        counters.reset()
        plain = [front_end.client.api("POST", path, {}).status_code for _ in range(2)]
        proxied = [front_end(name, {}).status_code for _ in range(2)]
        counters.reset()
        assert (plain, proxied) == ([400, 400], [400, 429])

    @pytest.mark.parametrize("name", ["login", "register", "refresh"])
    def test_no_foreign_page_signs_anybody_in(self, program: Proxy, ann: UserRecord, name: str) -> None:
        headers = {"origin": "https://evil.example", "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}
        answer = program(name, VALID[name], headers=headers)
        assert answered(answer) == (403, refusal("INVALID_ORIGIN"))
        assert not Session.objects.exists()


def second_factor(attempt: Any) -> SignInChallenge:
    return SignInChallenge("two_factor", {"twoFactorRedirect": True})


class TestRefreshing:
    @JSON_AND_FORM
    def test_a_refresh_token_gives_the_next_and_an_access_token(
        self, front_end: Proxy, program: Proxy, ann: UserRecord, media_type: str
    ) -> None:
        first = front_end.log_in()["refresh_token"]
        answer = program("refresh", {"refresh_token": first}, content_type=media_type)
        told = answer.json()
        assert set(told) == {"access_token", "token_type", "expires_in", "refresh_token"}
        assert told["refresh_token"] != first
        claims = access_tokens.verify_jwt(told["access_token"])
        assert claims is not None
        assert claims["sub"] == ann.id
        assert answer.headers["Cache-Control"] == "no-store"

    def test_the_format_can_be_chosen(self, front_end: Proxy, program: Proxy, ann: UserRecord) -> None:
        body = {"refresh_token": front_end.log_in()["refresh_token"], "format": "opaque"}
        assert program("refresh", body).json()["access_token"].startswith("at_")

    def test_nothing_else_gives_tokens_here(self, front_end: Proxy, ann: UserRecord) -> None:
        """Neither the cookie nor a password, as at ``/token``."""
        front_end.log_in()
        for body in (
            {},
            VALID["login"],
            {"grant_type": "session"},
            {"grant_type": "password", **VALID["login"]},
        ):
            assert front_end("refresh", body).json()["code"] == "VALIDATION_ERROR"

    def test_another_grant_can_not_be_slipped_in(self, front_end: Proxy, ann: UserRecord) -> None:
        front_end.log_in()
        body = {"refresh_token": "x", "grant_type": "session"}
        assert front_end("refresh", body).json()["code"] == "INVALID_REFRESH_TOKEN"


class TestIntrospecting:
    @JSON_AND_FORM
    @pytest.mark.parametrize("kind", ["session", "refresh", "jwt", "opaque"])
    def test_anybody_learns_whether_a_token_is_good_and_no_more(
        self, front_end: Proxy, program: Proxy, ann: UserRecord, kind: str, media_type: str
    ) -> None:
        token = tokens_of(front_end, program)[kind]
        answer = program("introspect", {"token": token}, content_type=media_type)
        assert answered(answer) == (200, {"active": kind != "refresh"})

    def test_a_user_who_is_signed_in_learns_no_more(
        self, front_end: Proxy, ann: UserRecord, make_user: Callable[..., UserRecord], program: Proxy
    ) -> None:
        make_user("bob@example.com")
        bobs = front_end.log_in(email="bob@example.com")["token"]
        own = front_end.log_in()["token"]
        for token in (bobs, own):
            assert front_end("introspect", {"token": token}).json() == {"active": True}
            assert program("introspect", {"token": token}, headers=bearer(own)).json() == {"active": True}

    @pytest.mark.parametrize("token", ["x", "", "a.b.c", "rt_" + "a" * 67, "x" * 65536, "é", "\ud83d\ude00"])
    def test_what_is_not_good_is_not_active(self, program: Proxy, db: None, token: str) -> None:
        assert answered(program("introspect", {"token": token})) == (200, {"active": False})

    def test_a_token_that_is_over_is_not_active(
        self, front_end: Proxy, program: Proxy, ann: UserRecord
    ) -> None:
        tokens = tokens_of(front_end, program)
        front_end("logout", {})
        for kind in ("session", "jwt", "opaque"):
            assert program("introspect", {"token": tokens[kind]}).json() == {"active": False}, kind

    def test_a_token_for_somebody_else_is_not_active(
        self, front_end: Proxy, program: Proxy, ann: UserRecord, configure: Configure
    ) -> None:
        jwt = tokens_of(front_end, program)["jwt"]
        configure(JWT={"AUDIENCE": "https://another.example"})
        assert program("introspect", {"token": jwt}).json() == {"active": False}

    @pytest.mark.parametrize("where", ["header", "body"])
    def test_a_service_is_told_everything(
        self, front_end: Proxy, program: Proxy, ann: UserRecord, configure: Configure, where: str
    ) -> None:
        configure(INTROSPECTION={"SECRETS": [f"shop:{SECRET}"]})
        body = {"token": front_end.log_in()["token"]}
        in_body = {"client_id": "shop", "client_secret": SECRET}
        if where == "header":
            answer = program("introspect", body, headers=basic())
        else:
            answer = program("introspect", {**body, **in_body})
        assert answer.json()["sub"] == ann.id

    def test_a_wrong_secret_is_refused_not_passed_over(
        self, program: Proxy, db: None, configure: Configure
    ) -> None:
        configure(INTROSPECTION={"SECRETS": [f"shop:{SECRET}"]})
        answer = program("introspect", {"token": "x"}, headers=basic("wrong"))
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")

    def test_it_is_limited(self, program: Proxy, db: None, configure: Configure) -> None:
        configure(RATE_LIMIT={"ENABLED": True})
        counters.reset()
        statuses = [program("introspect", {"token": str(number)}).status_code for number in range(61)]
        counters.reset()
        assert statuses == [200] * 60 + [429]

    def test_it_writes_nothing(self, front_end: Proxy, program: Proxy, ann: UserRecord) -> None:
        token = front_end.log_in()["token"]
        before = snapshot()
        program("introspect", {"token": token})
        assert snapshot() == before


class TestVerifying:
    @pytest.mark.parametrize("kind", ["session", "jwt", "opaque"])
    @pytest.mark.parametrize("way", ["header", "json", "form"])
    def test_a_token_says_who_it_stands_for(
        self, front_end: Proxy, program: Proxy, ann: UserRecord, kind: str, way: str
    ) -> None:
        token = tokens_of(front_end, program)[kind]
        if way == "header":
            answer = program("verify", method="GET", headers=bearer(token))
        else:
            media_type = FORM if way == "form" else "application/json"
            answer = program("verify", {"token": token}, content_type=media_type)
        assert answer.status_code == 200, answer.content
        told = answer.json()
        assert (told["valid"], told["user"]["id"], set(told)) == (True, ann.id, {"valid", "user", "exp"})
        assert isinstance(told["exp"], int)

    def test_so_does_the_cookie(self, front_end: Proxy, ann: UserRecord) -> None:
        front_end.log_in()
        for method in ("GET", "POST"):
            assert front_end("verify", method=method).json()["user"]["email"] == ann.email

    def test_a_session_that_is_due_gets_its_new_cookie(
        self, front_end: Proxy, ann: UserRecord, configure: Configure
    ) -> None:
        front_end.log_in()
        configure(SESSION={"UPDATE_AGE": 0})
        assert "better-auth.session_token" in set_cookies(front_end("verify", method="GET"))

    def test_nobody_is_refused(self, front_end: Proxy, program: Proxy, ann: UserRecord) -> None:
        refresh_token = front_end.log_in()["refresh_token"]
        assert answered(program("verify", method="GET")) == (401, refusal("UNAUTHORIZED"))
        for token in ("x", "a.b.c", "at_" + "x" * 85, refresh_token):
            assert program("verify", method="GET", headers=bearer(token)).status_code == 401
            assert program("verify", {"token": token}).status_code == 401

    def test_a_bad_token_is_bad_whatever_cookie_comes_along(self, front_end: Proxy, ann: UserRecord) -> None:
        front_end.log_in()
        for answer in (
            front_end("verify", method="GET", headers=bearer("x")),
            front_end("verify", {"token": "x"}),
        ):
            assert answer.status_code == 401
            assert set_cookies(answer) == {}
        assert front_end("verify", method="GET").status_code == 200

    def test_a_user_who_is_out_is_nobody(self, front_end: Proxy, program: Proxy, ann: UserRecord) -> None:
        tokens = tokens_of(front_end, program)
        users.update(ann, banned=True)
        for kind in ("session", "jwt", "opaque"):
            assert program("verify", {"token": tokens[kind]}).status_code == 401, kind


class TestLoggingOut:
    def test_the_cookie_ends_its_session(self, front_end: Proxy, ann: UserRecord) -> None:
        front_end.log_in()
        answer = front_end("logout")
        assert answered(answer) == (200, {"success": True})
        assert "Max-Age=0" in set_cookies(answer)["better-auth.session_token"]
        assert not Session.objects.exists()
        assert [row.event_type for row in AuditEntry.objects.all()] == ["sign_in", "sign_out"]

    @JSON_AND_FORM
    @pytest.mark.parametrize("kind", ["session", "refresh", "jwt", "opaque"])
    @pytest.mark.parametrize("member", ["token", "refresh_token"])
    def test_a_token_in_the_body_ends_the_session_behind_it(
        self, front_end: Proxy, program: Proxy, ann: UserRecord, kind: str, member: str, media_type: str
    ) -> None:
        tokens = tokens_of(front_end, program)
        answer = program("logout", {member: tokens[kind]}, content_type=media_type)
        assert answered(answer) == (200, {"success": True})
        assert front_end.client.session() is None
        assert program("refresh", {"refresh_token": tokens["refresh"]}).status_code == 400

    @pytest.mark.parametrize("kind", ["session", "jwt", "opaque"])
    def test_so_does_a_bearer(self, front_end: Proxy, program: Proxy, ann: UserRecord, kind: str) -> None:
        token = tokens_of(front_end, program)[kind]
        assert program("logout", headers=bearer(token)).status_code == 200
        assert not Session.objects.exists()

    def test_all_that_is_shown_ends(
        self, front_end: Proxy, program: Proxy, ann: UserRecord, make_user: Callable[..., UserRecord]
    ) -> None:
        make_user("bob@example.com")
        bobs = program.log_in(email="bob@example.com")["token"]
        front_end.log_in()
        assert front_end("logout", {"token": bobs}).status_code == 200
        assert not Session.objects.exists()

    @pytest.mark.parametrize("body", [None, {}, {"token": "x"}, {"token": ""}, {"token": "a.b.c"}])
    def test_nobody_is_signed_out_without_complaint(self, program: Proxy, db: None, body: Any) -> None:
        assert answered(program("logout", body)) == (200, {"success": True})

    def test_a_token_that_can_not_be_ended_is_said(
        self, front_end: Proxy, program: Proxy, ann: UserRecord
    ) -> None:
        front_end.log_in()
        jwt = front_end.client.api("GET", "/token").json()["token"]
        answer = program("logout", {"token": jwt})
        assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_token_type")
        assert front_end("logout", {"token": jwt}).status_code == 200
        assert not Session.objects.exists()

    def test_a_foreign_page_signs_nobody_out(self, front_end: Proxy, ann: UserRecord) -> None:
        front_end.log_in()
        answer = front_end("logout", headers={"origin": "https://evil.example"})
        assert answered(answer) == (403, refusal("INVALID_ORIGIN"))
        assert Session.objects.exists()


class TestProviders:
    """There by ``social``, and back by ``callback``, with or without the provider's name in the path."""

    @pytest.mark.parametrize("path", ["callback", "callback/acme"])
    @pytest.mark.parametrize("is_posted", [False, True])
    def test_somebody_comes_back_and_is_signed_in(
        self, front_end: Proxy, db: None, configure: Configure, path: str, is_posted: bool
    ) -> None:
        documents.forget()
        with serving(ScriptedProvider()) as acme:
            back = f"https://backend.example/api/auth-proxy/{path}"
            configure(SOCIAL={"PROVIDERS": {"acme": acme.settings(REDIRECT_URI=back)}})
            begun = front_end("social", {"provider": "acme", "callbackURL": "/in"}).json()
            answer = acme.consent(begun["url"])
            if is_posted:
                posted = front_end(path, answer, content_type=FORM)
                assert (posted.status_code, posted.headers["Location"][:6]) == (302, "?code=")
                done = front_end(path + posted.headers["Location"], method="GET")
            else:
                done = front_end(f"{path}?{urlencode(answer)}", method="GET")
            (call,) = acme.called("/token")
        assert (done.status_code, done.headers["Location"]) == (302, "/in")
        assert call["redirect_uri"] == back
        assert front_end.client.session()["user"]["email"] == "ann@example.com"

    @pytest.mark.parametrize(
        ("query", "error"),
        [
            ("", "state_not_found"),
            ("?code=x&state=y", "state_mismatch"),
            ("?code=1&code=2&state=y", "invalid_callback_request"),
        ],
    )
    def test_an_answer_to_nothing_leads_to_the_error_page(
        self, program: Proxy, db: None, query: str, error: str
    ) -> None:
        answer = program(f"callback{query}", method="GET")
        assert answer.headers["Location"] == f"http://testserver/api/auth/error?error={error}"


class TestRouting:
    @EACH_ROUTE
    def test_a_wrong_method_is_nothing(self, front_end: Proxy, db: None, route: str, method: str) -> None:
        path = f"/api/auth-proxy/{route.replace('<str:provider>', 'google')}"
        for other in {"GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE"} - set(
            ROUTES[route]
        ):
            answer = front_end.client.generic(other, path)
            assert (answer.status_code, answer.content) == (404, b""), other

    @pytest.mark.parametrize(
        "path",
        [
            "",
            "/",
            "/login/",
            "//login",
            "/sign-in/email",
            "/get-session",
            "/callback/",
            "/callback/a/b",
            "/../auth/ok",
        ],
    )
    def test_there_is_nothing_else(self, front_end: Proxy, db: None, path: str) -> None:
        for method in ("GET", "POST"):
            answer = front_end.client.generic(method, f"/api/auth-proxy{path}")
            assert (answer.status_code, answer.content) == (404, b"")

    @EACH_ROUTE
    def test_each_can_be_switched_off(
        self, front_end: Proxy, ann: UserRecord, configure: Configure, route: str, method: str
    ) -> None:
        name = route.partition("/")[0]
        configure(DISABLED_PATHS=[f"/auth-proxy/{name}"])
        answer = front_end(name, VALID.get(name, {}) if method == "POST" else None, method=method)
        assert (answer.status_code, answer.content) == (404, b"Not Found")
        assert front_end.client.api("GET", "/ok").status_code == 200

    @pytest.mark.parametrize(
        ("name", "plain"),
        [("login", "/sign-in/email"), ("register", "/sign-up/email"), ("refresh", "/token")],
    )
    def test_what_is_off_is_off_here_too(
        self, front_end: Proxy, db: None, configure: Configure, name: str, plain: str
    ) -> None:
        configure(DISABLED_PATHS=[plain])
        assert front_end(name, VALID[name]).content == b"Not Found"

    @EACH_ROUTE
    def test_every_answer_has_the_safety_headers(
        self, front_end: Proxy, ann: UserRecord, route: str, method: str
    ) -> None:
        name = route.replace("<str:provider>", "google")
        answer = front_end(name, VALID.get(name, {}) if method == "POST" else None, method=method)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"

    @EACH_ROUTE
    def test_front_ends_on_trusted_origins_can_read_it(
        self, front_end: Proxy, ann: UserRecord, configure: Configure, route: str, method: str
    ) -> None:
        configure(TRUSTED_ORIGINS=["https://app.example.com"])
        name, origin = route.replace("<str:provider>", "google"), {"origin": "https://app.example.com"}
        answer = front_end(
            name, VALID.get(name, {}) if method == "POST" else None, method=method, headers=origin
        )
        assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example.com"


FIELDS = [
    (route, operation, field)
    for route, operations in ROUTES.items()
    for operation in operations.values()
    if operation.body
    for field in operation.body().fields
]


@pytest.mark.parametrize(
    ("route", "operation", "field"), FIELDS, ids=lambda one: one if isinstance(one, str) else ""
)
def test_nothing_that_is_put_in_a_field_breaks_the_server(
    front_end: Proxy, ann: UserRecord, route: str, operation: Operation, field: str
) -> None:
    for value in WRONG:
        before = snapshot()
        body = {**VALID.get(route, {}), field: value}
        answer = front_end(route.replace("<str:provider>", "google"), body)
        assert answer.status_code < 500, (value, answer.content)
        if answer.status_code >= 400:
            assert set(answer.json()) <= {"message", "code"} | OAUTH_MEMBERS["/token"]
            assert snapshot() == before


@pytest.mark.parametrize("name", list(VALID))
@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"\xff", FORM, 400),
        (b"{}", "text/plain", 415),
        (b"{}", "", 415),
        (b"x" * (2 * 1024 * 1024 + 1), "application/json", 413),
    ],
    ids=lambda one: str(one)[:20],
)
def test_what_is_no_body_is_refused(
    program: Proxy, db: None, name: str, body: bytes, media_type: str, status: int
) -> None:
    answer = program.client.generic("POST", f"/api/auth-proxy/{name}", body, content_type=media_type)
    assert answer.status_code == status


def tokens_of(front_end: Proxy, program: Proxy) -> dict[str, str]:
    """One of each kind, all of one session."""
    told = front_end.log_in()
    opaque = program("refresh", {"refresh_token": told["refresh_token"], "format": "opaque"}).json()
    jwt = program("refresh", {"refresh_token": opaque["refresh_token"]}).json()
    return {
        "session": told["token"],
        "refresh": jwt["refresh_token"],
        "jwt": jwt["access_token"],
        "opaque": opaque["access_token"],
    }
