"""Origin, callback URLs and forms of foreign pages (security-rules.md, section 2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from better_auth.storage.records import UserRecord
from tests.conftest import PASSWORD, ApiClient
from tests.operations import VALID_BODIES
from tests.protocol import answered, refusal, set_cookies

pytestmark = pytest.mark.django_db
Configure = Callable[..., None]
PASSED = (401, refusal("UNAUTHORIZED"))
MISSING = (403, refusal("MISSING_OR_NULL_ORIGIN"))
INVALID = (403, refusal("INVALID_ORIGIN"))
BLOCKED = (403, refusal("CROSS_SITE_NAVIGATION_LOGIN_BLOCKED"))


@pytest.fixture
def program() -> ApiClient:
    """A client that sends no header of its own accord."""
    client = ApiClient()
    client.defaults.clear()
    return client


def header(name: str) -> str:
    return f"HTTP_{name.upper().replace('-', '_')}"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, MISSING),
        ({"origin": ""}, MISSING),
        ({"origin": "null"}, MISSING),
        ({"origin": "http://testserver"}, PASSED),
        ({"origin": "HTTP://TESTSERVER:80"}, PASSED),
        ({"origin": "https://testserver"}, INVALID),
        ({"origin": "http://testserver:8080"}, INVALID),
        ({"origin": "http://testserver.evil.example"}, INVALID),
        ({"origin": "http://eviltestserver"}, INVALID),
        ({"origin": "http://user@testserver"}, INVALID),
        ({"origin": "/"}, INVALID),
        ({"origin": "/api/auth"}, INVALID),
        ({"origin": "testserver"}, INVALID),
        ({"origin": "javascript:alert(1)"}, INVALID),
        ({"origin": "*"}, INVALID),
        ({"referer": "http://testserver/page?x=1"}, PASSED),
        ({"referer": "http://evil.example/http://testserver/"}, INVALID),
        ({"referer": "null"}, MISSING),
        ({"origin": "http://testserver", "referer": "http://evil.example/"}, PASSED),
        ({"origin": "http://evil.example", "referer": "http://testserver/"}, INVALID),
        ({"origin": "null", "referer": "http://testserver/"}, MISSING),
        ({"origin": "null", "sec-fetch-site": "same-origin"}, PASSED),
        ({"origin": "null", "sec-fetch-site": "same-site"}, MISSING),
        ({"origin": "null", "sec-fetch-site": "same-origin", "host": "evil.example"}, MISSING),
        ({"origin": "null", "sec-fetch-site": "same-origin", "host": "localhost"}, INVALID),
        ({"origin": "https://app.example"}, PASSED),
        ({"origin": "https://x.preview.example"}, PASSED),
        ({"origin": "https://preview.example"}, INVALID),
    ],
    ids=str,
)
def test_a_request_with_cookies_needs_a_trusted_origin(
    program: ApiClient, configure: Configure, headers: dict[str, str], expected: Any
) -> None:
    configure(TRUSTED_ORIGINS=("https://app.example", "https://*.preview.example"))
    program.cookies["anything"] = "at all"
    wsgi = {header(name): value for name, value in headers.items()}
    response = program.api("POST", "/update-user", {"name": "B"}, **wsgi)
    if headers.get("host") == "evil.example":
        assert response.status_code in (400, 403)
        assert set_cookies(response) == {}
    else:
        assert answered(response) == expected


@pytest.mark.parametrize(
    "headers",
    [{}, {"origin": "null"}, {"origin": "https://evil.example"}, {"referer": "https://evil.example/"}],
)
def test_a_request_without_cookies_needs_none(program: ApiClient, headers: dict[str, str]) -> None:
    wsgi = {header(name): value for name, value in headers.items()}
    assert answered(program.api("POST", "/update-user", {"name": "B"}, **wsgi)) == PASSED


def test_a_bearer_without_cookies_needs_no_origin(
    program: ApiClient, make_user: Callable[..., UserRecord]
) -> None:
    make_user()
    token = ApiClient().sign_in().json()["token"]
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {token}"}
    evil = {**bearer, "HTTP_ORIGIN": "https://evil.example"}
    for headers in (bearer, evil):
        assert program.api("POST", "/update-user", {"name": "B"}, **headers).status_code == 200
        program.cookies.clear()
    program.cookies["other"] = "x"
    assert answered(program.api("POST", "/update-user", {"name": "B"}, **bearer)) == MISSING


@pytest.mark.parametrize("path", ["/get-session", "/list-accounts", "/ok", "/verify-email?token=x"])
def test_reading_needs_no_origin(program: ApiClient, make_user: Callable[..., UserRecord], path: str) -> None:
    make_user()
    program.cookies.load(ApiClient().sign_in().cookies.output(header=""))
    response = program.api("GET", path, HTTP_ORIGIN="https://evil.example")
    assert response.status_code == (401 if "verify" in path else 200)


def test_refused_sign_out_changes_nothing(browser: ApiClient, make_user: Callable[..., UserRecord]) -> None:
    make_user()
    browser.sign_in()
    response = browser.api("POST", "/sign-out", {}, HTTP_ORIGIN="https://evil.example")
    assert (answered(response), set_cookies(response)) == (INVALID, {})
    assert browser.session() is not None


FIELDS = [
    ("callbackURL", "callbackURL", "INVALID_CALLBACK_URL"),
    ("redirectTo", "redirectURL", "INVALID_REDIRECT_URL"),
    ("errorCallbackURL", "errorCallbackURL", "INVALID_ERROR_CALLBACK_URL"),
    ("newUserCallbackURL", "newUserCallbackURL", "INVALID_NEW_USER_CALLBACK_URL"),
]
POSTS = [
    "/sign-in/email",
    "/sign-up/email",
    "/sign-out",
    "/revoke-sessions",
    "/change-email",
    "/get-access-token",
]


@pytest.mark.parametrize(("field", "label", "code"), FIELDS)
@pytest.mark.parametrize("path", POSTS)
def test_untrusted_urls_are_refused_everywhere(
    program: ApiClient, path: str, field: str, label: str, code: str
) -> None:
    valid = VALID_BODIES.get(path, {})
    for url in (
        "https://evil.example/x",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "x",
        " /x",
    ):
        response = program.api("POST", path, {**valid, field: url})
        assert (answered(response), set_cookies(response)) == ((403, refusal(code)), {}), url
    for value in (5, True, ["/x"], {"a": 1}):
        response = program.api("POST", path, {**valid, field: value})
        assert answered(response) == (400, {"message": f"Invalid {label}: expected a string"}), value


@pytest.mark.parametrize(("field", "label", "code"), FIELDS)
@pytest.mark.parametrize("value", ["", None, False, 0])
def test_urls_that_are_none_are_passed_over(
    program: ApiClient, field: str, label: str, code: str, value: Any
) -> None:
    response = program.api("POST", "/revoke-sessions", {field: value})
    assert answered(response) == PASSED


@pytest.mark.parametrize(
    ("url", "passes"),
    [
        ("/x", True),
        ("/a?b=%2f#c", True),
        ("http://testserver/anything?x", True),
        ("https://app.example/in", True),
        ("myapp://callback/in", True),
        ("https://app.example.evil.example", False),
        ("https://app.example@evil.example", False),
        ("myapp://elsewhere", False),
        ("/a%2fb", False),
        ("/\tx", False),
        ("/.//evil.example", False),
    ],
)
def test_trusted_urls(program: ApiClient, configure: Configure, url: str, passes: bool) -> None:
    configure(TRUSTED_ORIGINS=("https://app.example", "myapp://callback"))
    response = program.api("POST", "/revoke-sessions", {"callbackURL": url})
    assert answered(response) == (PASSED if passes else (403, refusal("INVALID_CALLBACK_URL")))


@pytest.mark.parametrize(
    ("body", "query", "expected"),
    [
        ({}, "?callbackURL=https://evil.example", (403, refusal("INVALID_CALLBACK_URL"))),
        ({"callbackURL": "/x"}, "?callbackURL=https://evil.example", PASSED),
        ({"callbackURL": ""}, "?callbackURL=https://evil.example", (403, refusal("INVALID_CALLBACK_URL"))),
        ({}, "?callbackURL=/a&callbackURL=/b", (400, {"message": "Invalid callbackURL: expected a string"})),
        ({}, "?redirectTo=https://evil.example", PASSED),
    ],
)
def test_callback_may_stand_in_the_query(
    program: ApiClient, body: dict[str, str], query: str, expected: Any
) -> None:
    assert answered(program.api("POST", f"/revoke-sessions{query}", body)) == expected


NAVIGATION = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}


@pytest.mark.parametrize(
    ("headers", "cookie", "expected"),
    [
        ({}, False, None),
        ({"origin": "http://testserver"}, False, None),
        ({"origin": "https://evil.example"}, False, INVALID),
        ({"origin": "null"}, False, MISSING),
        ({"referer": "http://testserver/sign-in"}, False, None),
        ({"referer": "https://evil.example/"}, False, INVALID),
        (NAVIGATION, False, BLOCKED),
        ({**NAVIGATION, "origin": "http://testserver"}, False, BLOCKED),
        ({**NAVIGATION, "sec-fetch-dest": "document", "origin": "https://evil.example"}, False, BLOCKED),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}, False, MISSING),
        (
            {"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors", "origin": "https://evil.example"},
            False,
            INVALID,
        ),
        (
            {"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors", "origin": "http://testserver"},
            False,
            None,
        ),
        ({"sec-fetch-dest": "empty"}, False, MISSING),
        ({"sec-fetch-mode": "navigate"}, False, MISSING),
        ({"sec-fetch-site": "same-origin", "origin": "http://testserver"}, False, None),
        ({"sec-fetch-site": " "}, False, None),
        ({}, True, MISSING),
        ({"origin": "https://evil.example"}, True, INVALID),
        ({"origin": "http://testserver"}, True, None),
        ({**NAVIGATION, "origin": "http://testserver"}, True, None),
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/sign-in/email", "/sign-up/email", "/login", "/register"])
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
def test_no_foreign_page_signs_a_visitor_in(
    program: ApiClient,
    make_user: Callable[..., UserRecord],
    path: str,
    kind: str,
    headers: dict[str, str],
    cookie: bool,
    expected: Any,
) -> None:
    make_user()
    if cookie:
        program.cookies["anything"] = "at all"
    email = "new@example.com" if path in ("/sign-up/email", "/register") else "ann@example.com"
    body: Any = {"name": "B", "email": email, "password": PASSWORD}
    if kind.endswith("urlencoded"):
        body = f"name=B&email={email}&password={PASSWORD.replace(' ', '+')}"
    wsgi = {header(name): value for name, value in headers.items()}
    response = program.api("POST", path, body, content_type=kind, **wsgi)
    if expected is None:
        assert response.status_code == 200
    else:
        assert (answered(response), set_cookies(response)) == (expected, {})


def test_other_endpoints_do_not_look_at_fetch_metadata(program: ApiClient) -> None:
    wsgi = {header(name): value for name, value in NAVIGATION.items()}
    assert answered(program.api("POST", "/sign-out", {}, **wsgi)) == (200, {"success": True})
