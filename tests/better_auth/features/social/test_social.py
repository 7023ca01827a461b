"""The social endpoints, where no provider is configured (core.md, sections 2 and 6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from better_auth.models import Account
from better_auth.storage.records import UserRecord
from tests.conftest import ApiClient
from tests.protocol import answered, invalid, refusal, set_cookies

pytestmark = pytest.mark.django_db
ERROR_PAGE = "http://testserver/api/auth/error"


@pytest.fixture
def ann(browser: ApiClient, make_user: Callable[..., UserRecord]) -> UserRecord:
    """Ann, signed in in ``browser``, with an account at a provider beside her password."""
    user = make_user()
    Account.objects.create(
        id="row-1", user_id=user.key, provider_id="google", account_id="subject-1", scope="a,b"
    )
    browser.sign_in()
    return user


@pytest.mark.usefixtures("ann")
@pytest.mark.parametrize("path", ["/sign-in/social", "/link-social"])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"provider": ""},
        {"callbackURL": "/in", "errorCallbackURL": "/oops", "newUserCallbackURL": "/new"},
        {
            "disableRedirect": True,
            "scopes": ["email"],
            "requestSignUp": False,
            "loginHint": "ann",
            "additionalParams": {"prompt": "login"},
            "additionalData": {"any": [1, {"thing": None}]},
            "idToken": {
                "token": "x",
                "nonce": "n",
                "accessToken": "a",
                "refreshToken": "r",
                "expiresAt": 12.5,
                "user": {"name": {"firstName": "A", "lastName": "B"}, "email": "a@b.co"},
            },
        },
    ],
)
def test_no_provider_is_known(browser: ApiClient, path: str, more: dict[str, Any]) -> None:
    response = browser.api("POST", path, {"provider": "google", **more})
    assert answered(response) == (404, refusal("PROVIDER_NOT_FOUND"))
    assert set_cookies(response) == {}


@pytest.mark.usefixtures("ann")
@pytest.mark.parametrize("path", ["/sign-in/social", "/link-social"])
@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ({"provider": None}, ["[body.provider] Invalid input"]),
        ({"provider": 5}, ["[body.provider] Invalid input"]),
        ({"provider": ["google"]}, ["[body.provider] Invalid input"]),
        ({"idToken": "x"}, ["[body.idToken] Invalid input: expected object, received string"]),
        ({"idToken": None}, ["[body.idToken] Invalid input: expected object, received null"]),
        ({"idToken": {}}, ["[body.idToken.token] Invalid input: expected string, received undefined"]),
        (
            {"idToken": {"token": 5, "expiresAt": "x", "user": {"name": 5}}},
            [
                "[body.idToken.token] Invalid input: expected string, received number",
                "[body.idToken.expiresAt] Invalid input: expected number, received string",
                "[body.idToken.user.name] Invalid input: expected object, received number",
            ],
        ),
        (
            {"idToken": {"token": "x", "user": {"name": {"firstName": 5}, "email": 7}}},
            [
                "[body.idToken.user.name.firstName] Invalid input: expected string, received number",
                "[body.idToken.user.email] Invalid input: expected string, received number",
            ],
        ),
        ({"scopes": "email"}, ["[body.scopes] Invalid input: expected array, received string"]),
        ({"scopes": [1, "a"]}, ["[body.scopes.0] Invalid input: expected string, received number"]),
        (
            {"additionalParams": {"a": 1, "b": None}},
            [
                "[body.additionalParams.a] Invalid input: expected string, received number",
                "[body.additionalParams.b] Invalid input: expected string, received null",
            ],
        ),
        (
            {"additionalParams": 5},
            ["[body.additionalParams] Invalid input: expected record, received number"],
        ),
        ({"additionalData": []}, ["[body.additionalData] Invalid input: expected record, received array"]),
        (
            {"loginHint": 5, "requestSignUp": 5, "disableRedirect": "y"},
            [
                "[body.disableRedirect] Invalid input: expected boolean, received string",
                "[body.requestSignUp] Invalid input: expected boolean, received number",
                "[body.loginHint] Invalid input: expected string, received number",
            ],
        ),
        *(
            (
                {"additionalParams": {name: "x"}},
                [
                    "[body.additionalParams] additionalParams cannot include reserved OAuth parameters: "
                    "state, client_id, redirect_uri, response_type, code_challenge, code_challenge_method, "
                    "nonce, scope"
                ],
            )
            for name in ("state", "client_id", "redirect_uri", "response_type", "nonce", "scope")
        ),
    ],
)
def test_a_body_of_another_shape_is_refused(
    browser: ApiClient, path: str, body: dict[str, Any], problems: list[str]
) -> None:
    response = browser.api("POST", path, {"provider": "google", **body})
    assert answered(response) == (400, invalid(*problems))


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"provider": "x"}, 401, refusal("UNAUTHORIZED")),
        ({}, 400, invalid("[body.provider] Invalid input")),
    ],
)
def test_linking_needs_a_session_after_a_good_body(
    browser: ApiClient, body: dict[str, str], status: int, expected: dict[str, str]
) -> None:
    assert answered(browser.api("POST", "/link-social", body)) == (status, expected)


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("", "state_not_found"),
        ("?state=", "state_not_found"),
        ("?code=1&state=2", "state_mismatch"),
        ("?error=access_denied&error_description=no&state=2", "state_mismatch"),
    ],
)
def test_callback_of_a_flow_that_never_began_leads_to_the_error_page(
    browser: ApiClient, configure: Callable[..., None], query: str, error: str
) -> None:
    response = browser.api("GET", f"/callback/google{query}")
    assert answered(response) == (302, None)
    assert response.headers["Location"] == f"{ERROR_PAGE}?error={error}"
    configure(ERROR_URL="https://app.example/error?from=auth")
    response = browser.api("GET", f"/callback/google{query}")
    assert response.headers["Location"] == f"https://app.example/error?from=auth&error={error}"


@pytest.mark.parametrize(
    ("path", "body", "content_type", "location"),
    [
        (
            "/callback/apple",
            {"code": "1", "state": "2"},
            "application/json",
            "/callback/apple?code=1&state=2",
        ),
        (
            "/callback/apple?state=mine",
            b"code=1&state=2&user=%7B%7D",
            "application/x-www-form-urlencoded",
            "/callback/apple?code=1&state=mine&user=%7B%7D",
        ),
        ("/callback/apple", None, "", "/callback/apple?"),
        ("/callback/apple", {"code": 5, "state": ["x"]}, "application/json", "/callback/apple?"),
        ("/callback/%E6%96%B0", {"code": "ü&"}, "application/json", "/callback/%E6%96%B0?code=%C3%BC%26"),
        ("/callback/a%0Ab%3Fc", {"code": "1"}, "application/json", "/callback/a%0Ab%3Fc?code=1"),
    ],
)
def test_a_posted_answer_is_sent_on_to_get(
    browser: ApiClient, path: str, body: Any, content_type: str, location: str
) -> None:
    response = browser.api("POST", path, body, content_type=content_type)
    assert answered(response) == (302, None)
    assert response.headers["Location"] == f"http://testserver/api/auth{location}"


def test_a_posted_answer_must_be_an_object(browser: ApiClient) -> None:
    expected = invalid("[body] Invalid input: expected object, received array")
    assert answered(browser.api("POST", "/callback/apple", [1])) == (400, expected)


@pytest.mark.usefixtures("ann")
@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        (
            "POST",
            "/get-access-token",
            {"message": "Provider google is not supported.", "code": "PROVIDER_NOT_SUPPORTED"},
        ),
        (
            "POST",
            "/refresh-token",
            {"message": "Provider google is not supported.", "code": "PROVIDER_NOT_SUPPORTED"},
        ),
        ("GET", "/account-info", refusal("PROVIDER_NOT_CONFIGURED")),
    ],
)
def test_tokens_of_an_account_need_its_provider(
    browser: ApiClient, method: str, path: str, expected: dict[str, str]
) -> None:
    assert answered(ask(browser, method, path, {"accountId": "row-1"})) == (400, expected)
    assert answered(ask(browser, method, path, {"accountId": "row-1", "userId": "x"})) == (400, expected)


TOKEN_ENDPOINTS = [("POST", "/get-access-token"), ("POST", "/refresh-token"), ("GET", "/account-info")]


def ask(browser: ApiClient, method: str, path: str, selector: Any) -> Any:
    if method == "GET":
        return browser.get(f"/api/auth{path}", selector)
    return browser.api(method, path, selector, content_type="application/json")


@pytest.mark.parametrize(("method", "path"), TOKEN_ENDPOINTS)
def test_somebody_elses_account_is_not_found(
    browser: ApiClient, ann: UserRecord, make_user: Callable[..., UserRecord], method: str, path: str
) -> None:
    bob = make_user("bob@example.com")
    Account.objects.create(id="bobs", user_id=bob.key, provider_id="google", account_id="subject-2")
    for account_id in ("bobs", "unknown", "", "subject-1", "x" * 5000):
        response = ask(browser, method, path, {"accountId": account_id})
        assert answered(response) == (400, refusal("ACCOUNT_NOT_FOUND"))


@pytest.mark.parametrize(("method", "path"), TOKEN_ENDPOINTS)
def test_tokens_need_a_session(browser: ApiClient, method: str, path: str) -> None:
    assert answered(ask(browser, method, path, {"accountId": "row-1"})) == (401, None)


@pytest.mark.usefixtures("ann")
@pytest.mark.parametrize("path", ["/get-access-token", "/refresh-token"])
@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({"useAccountCookie": True}, refusal("ACCOUNT_NOT_FOUND")),
        *(
            (selector, invalid("[body] Invalid input"))
            for selector in (
                {},
                [],
                b"null",
                b'"x"',
                {"accountId": 5},
                {"accountId": None},
                {"accountId": "row-1", "useAccountCookie": True},
                {"useAccountCookie": False},
                {"useAccountCookie": "true"},
                {"accountId": "row-1", "userId": 5},
                {"providerId": "google"},
                {"accountId": "row\x001"},
            )
        ),
    ],
)
def test_selector_names_exactly_one_account(
    browser: ApiClient, path: str, selector: Any, expected: dict[str, str]
) -> None:
    assert answered(ask(browser, "POST", path, selector)) == (400, expected)


@pytest.mark.parametrize(
    "query", ["", "?accountId=a&accountId=b", "?useAccountCookie=true", "?accountId=%00"]
)
def test_query_selector_names_exactly_one_account(browser: ApiClient, query: str) -> None:
    response = browser.api("GET", f"/account-info{query}")
    assert answered(response) == (400, invalid("[query] Invalid input"))
