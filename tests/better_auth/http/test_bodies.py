"""Request bodies: media type, JSON, forms, size (security-rules.md, section 5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from better_auth.http.endpoint import Operation
from better_auth.storage.records import UserRecord
from better_auth.urls import operations
from tests.conftest import ApiClient
from tests.operations import each, url_of, with_everything
from tests.protocol import answered, refusal

pytestmark = pytest.mark.django_db
Configure = Callable[..., None]


@pytest.fixture(autouse=True)
def _every_operation_is_offered(configure: Configure, settings: Any) -> None:
    configure(**with_everything(settings.BETTER_AUTH))


@pytest.fixture
def signed_in(browser: ApiClient, make_user: Callable[..., UserRecord]) -> ApiClient:
    make_user()
    browser.sign_in()
    return browser


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON"]
)
def test_json_is_json(signed_in: ApiClient, content_type: str) -> None:
    response = signed_in.api("POST", "/update-user", b'{"name":"B"}', content_type=content_type)
    assert answered(response) == (200, {"status": True})


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/ld+json",
        "x",
        "application/x-www-form-urlencoded",
    ],
)
def test_other_media_types_are_refused(signed_in: ApiClient, content_type: str) -> None:
    message = f'Content-Type "{content_type}" is not allowed. Allowed types: application/json'
    response = signed_in.api("POST", "/update-user", b'{"name":"B"}', content_type=content_type)
    assert answered(response) == (415, {"message": message, "code": "UNSUPPORTED_MEDIA_TYPE"})


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/update-user", "application/json"),
        ("/sign-out", "application/json"),
        ("/revoke-sessions", "application/json"),
        ("/sign-in/email", "application/x-www-form-urlencoded, application/json"),
        ("/sign-up/email", "application/x-www-form-urlencoded, application/json"),
        ("/callback/apple", "application/x-www-form-urlencoded, application/json"),
    ],
)
def test_a_body_needs_a_media_type(browser: ApiClient, path: str, allowed: str) -> None:
    response = browser.generic("POST", f"/api/auth{path}", b"{}", content_type="")
    message = f"Content-Type is required. Allowed types: {allowed}"
    assert answered(response) == (415, {"message": message, "code": "UNSUPPORTED_MEDIA_TYPE"})


def test_a_body_of_a_get_is_not_looked_at(signed_in: ApiClient) -> None:
    response = signed_in.generic("GET", "/api/auth/list-accounts", b"{", content_type="text/plain")
    assert (response.status_code, len(response.json())) == (200, 1)


POSTS = [one for one in operations if one.method == "POST" and one.reads_body]
DEEP = 100_000
HOSTILE_BODIES = {
    "half an object": b'{"a":',
    "no JSON": b"not json",
    "two documents": b"{}{}",
    "single quotes": b"{'a':1}",
    "trailing comma": b'{"a":1,}',
    "not a number": b'{"a":NaN}',
    "infinity": b'{"a":-Infinity}',
    "deep arrays": b"[" * DEEP,
    "deep closed arrays": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "deep in a field": b'{"name":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "lone surrogate": b'{"name":"\\ud800"}',
    "UTF-16": '{"name":"a"}'.encode("utf-16"),
    "no UTF-8": b'{"name":"\xff\xfe"}',
    "control character": b'{"name":"\x01"}',
    "white space": b"  \n ",
}


@each(*POSTS)
def test_what_is_no_json_is_refused_everywhere(signed_in: ApiClient, operation: Operation) -> None:
    for kind, body in HOSTILE_BODIES.items():
        response = signed_in.api("POST", url_of(operation), body, content_type="application/json")
        assert answered(response) == (400, refusal("BAD_REQUEST")), kind


@pytest.mark.parametrize(
    "body",
    [
        b'{"name":' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"name":' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}",
        b'{"name":' + b"9" * 5000 + b"}",
        b'{"name":1e400}',
        b'{"name":-0.0}',
        b'{"name":[' + b"1," * 10000 + b"1]}",
    ],
)
def test_odd_json_of_a_wrong_type_is_refused(signed_in: ApiClient, body: bytes) -> None:
    response = signed_in.api("POST", "/update-user", body, content_type="application/json")
    assert (response.status_code, response.json()["code"]) in [
        (400, "VALIDATION_ERROR"),
        (400, "BAD_REQUEST"),
    ]


@each(*[one for one in operations if one.method == "POST"])
def test_a_body_over_the_limit_is_refused(
    signed_in: ApiClient, configure: Configure, operation: Operation
) -> None:
    configure(MAX_BODY_BYTES=1024)
    body = b'{"x":"' + b"y" * 1100 + b'"}'
    response = signed_in.api("POST", url_of(operation), body, content_type="application/json")
    expected = (413, {"message": "Request body is too large", "code": "PAYLOAD_TOO_LARGE"})
    if operation.path == "/get-session":
        expected = (405, refusal("METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED"))
    assert answered(response) == expected


def test_a_body_of_many_megabytes_is_refused(browser: ApiClient) -> None:
    body = b'{"email":"' + b"y" * 8_000_000 + b'"}'
    response = browser.api("POST", "/sign-in/email", body, content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("announced", ["99999999999", "9" * 5000])
def test_a_body_is_refused_by_its_announced_length(browser: ApiClient, announced: str) -> None:
    response = browser.api(
        "POST", "/sign-in/email", b"{}", content_type="application/json", CONTENT_LENGTH=announced
    )
    assert (response.status_code, response.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize(
    "form",
    [
        b"\xff\xfe=\xff",
        b"email=%FF%FE&password=x",
        b"&".join(b"a=1" for _ in range(5000)),
        b"%00=%00",
        b"=&=&;",
        b"a",
    ],
)
def test_an_odd_form_is_refused(browser: ApiClient, form: bytes) -> None:
    response = browser.api("POST", "/sign-in/email", form, content_type="application/x-www-form-urlencoded")
    assert (response.status_code, response.json()["code"]) in [
        (400, "VALIDATION_ERROR"),
        (400, "BAD_REQUEST"),
    ]
