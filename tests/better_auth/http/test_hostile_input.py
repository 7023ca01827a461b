"""Whatever a client sends, in whatever place, is answered without a 5xx and changes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from better_auth.http.endpoint import Operation
from better_auth.models import Account, Session, Verification
from better_auth.storage.records import UserRecord
from better_auth.urls import operations
from tests.conftest import PASSWORD, ApiClient
from tests.operations import VALID_BODIES, each, url_of, with_everything
from tests.protocol import answered, invalid

pytestmark = pytest.mark.django_db
POSTS = [one for one in operations if one.method == "POST" and one.reads_body]


@pytest.fixture(autouse=True)
def _every_operation_is_offered(configure: Callable[..., None], settings: Any) -> None:
    configure(**with_everything(settings.BETTER_AUTH))


@pytest.fixture
def signed_in(browser: ApiClient, make_user: Callable[..., UserRecord]) -> ApiClient:
    make_user()
    browser.sign_in()
    return browser


def leaves(operation: Operation) -> list[str]:
    return list(operation.body().fields) if operation.body else []


FIELDS = [pytest.param(one, name, id=f"{one.path} {name}") for one in POSTS for name in leaves(one)]
FIELDS += [
    pytest.param(one, "accountId", id=f"{one.path} accountId")
    for one in POSTS
    if one.path in ("/get-access-token", "/refresh-token")
]
WRONG = [
    None,
    5,
    1.5,
    True,
    [],
    ["x"],
    {},
    {"$ne": None},
    "",
    "\x00",
    "a\x00b",
    "x" * 100_000,
    "\u202e",
    "\U0010ffff",
]


def snapshot() -> list[Any]:
    """All rows that a refused request must leave alone."""
    models = (get_user_model(), Account, Session, Verification)
    return [list(model.objects.order_by("pk").values()) for model in models]


# Of refusals that OAuth clients read as well.
OAUTH = (
    "/token",
    "/introspect",
    "/revoke",
    "/device/code",
    "/device/token",
    "/device/approve",
    "/device/deny",
)
OAUTH_MEMBERS = {path: {"error", "error_description"} for path in OAUTH}


@pytest.mark.parametrize(("operation", "field"), FIELDS)
def test_nothing_that_is_put_in_a_field_breaks_the_server(
    signed_in: ApiClient, operation: Operation, field: str
) -> None:
    for value in WRONG:
        before = snapshot()
        body = {**VALID_BODIES.get(operation.path, {}), field: value}
        response = signed_in.api("POST", url_of(operation), body)
        assert response.status_code < 500, (value, response.content)
        if response.status_code >= 400:
            assert set(response.json()) <= {"message", "code"} | OAUTH_MEMBERS.get(operation.path, set())
            assert snapshot() == before


@pytest.mark.parametrize(("operation", "field"), FIELDS)
def test_a_null_character_is_refused_in_every_field(
    signed_in: ApiClient, operation: Operation, field: str
) -> None:
    for value in ("\x00", "a\x00b"):
        before = snapshot()
        response = signed_in.api(
            "POST", url_of(operation), {**VALID_BODIES.get(operation.path, {}), field: value}
        )
        assert response.status_code in (400, 403), response.content
        assert snapshot() == before


@each(*[one for one in operations if one.query])
def test_nothing_that_is_put_in_a_query_breaks_the_server(signed_in: ApiClient, operation: Operation) -> None:
    assert operation.query
    for name in list(operation.query().fields) or ["accountId"]:
        odd = [
            "%00",
            "a%00b",
            "%FF",
            "%F0%9F%98%80",
            "",
            f"x&{name}=y",
            "%0d%0aX-Evil:x",
            "x" * 7000,
            "%ud800",
        ]
        for value in odd:
            path = f"{url_of(operation)}?{name}={value}"
            response = signed_in.api(operation.method, path, VALID_BODIES.get(operation.path))
            assert response.status_code < 500, value
            assert "X-Evil" not in response.headers


@each(*[one for one in operations if "<" in one.path])
@pytest.mark.parametrize(
    "part", ["%00", "%0a", "%0d%0aX-Evil:%20y", "%FF", "%E6%96%B0", "..%2f", "x" * 5000, "%3Fa", "%25"]
)
def test_nothing_that_is_put_in_a_path_breaks_the_server(
    browser: ApiClient, operation: Operation, part: str
) -> None:
    path = re.sub(r"<str:\w+>", part, operation.path)
    response = browser.api(operation.method, path + "?callbackURL=/x")
    assert response.status_code in (302, 404)
    assert "X-Evil" not in response.headers


@each(*operations)
def test_a_thousand_query_parameters_break_nothing(signed_in: ApiClient, operation: Operation) -> None:
    query = "&".join(f"a{number}=1" for number in range(1001))
    response = signed_in.api(
        operation.method, f"{url_of(operation)}?{query}", VALID_BODIES.get(operation.path)
    )
    assert response.status_code < 500


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"HTTP_COOKIE": "=;;;a;b=\x80;better-auth.session_token=%zz"}, 403),
        ({"HTTP_AUTHORIZATION": "Bearer \x80\xff"}, 200),
        ({"HTTP_AUTHORIZATION": "Bearer " + "x" * 100_000}, 200),
        ({"HTTP_AUTHORIZATION": "Bearer"}, 200),
        ({"HTTP_USER_AGENT": "a\x00b" + "\xff" * 5000}, 200),
        ({"HTTP_X_FORWARDED_FOR": "\x00, ::1, 999.1.1.1"}, 200),
        ({"REMOTE_ADDR": ""}, 200),
        ({"REMOTE_ADDR": "unix:"}, 200),
    ],
)
def test_odd_headers_break_nothing(
    make_user: Callable[..., UserRecord], headers: dict[str, str], status: int
) -> None:
    make_user()
    client = ApiClient()
    client.defaults.pop("HTTP_ORIGIN")
    body = {"email": "ann@example.com", "password": PASSWORD}
    assert client.api("POST", "/sign-in/email", body, **headers).status_code == status


def test_a_repeated_query_key_is_an_array(browser: ApiClient) -> None:
    expected = invalid("[query.token] Invalid input: expected string, received array")
    assert answered(browser.api("GET", "/verify-email?token=a&token=b")) == (400, expected)
    response = browser.api("POST", "/reset-password?token=a&token=b", {"newPassword": "long enough"})
    assert answered(response) == (400, expected)
