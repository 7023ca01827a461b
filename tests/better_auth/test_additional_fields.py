"""Fields that the host declares, honoured at every door."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from tests.conftest import ApiClient

pytestmark = pytest.mark.django_db
FIELDS = {
    "plan": {"type": "string", "input": False, "default": "free"},
    "company": {
        "type": "string",
        "required": True,
        "validator": "tests.better_auth.test_additional_fields.no_digits",
    },
    "age": {"type": "number"},
    "tags": {"type": "string[]"},
    "internal": {"type": "string", "input": False, "returned": False},
}


def no_digits(value: str) -> None:
    if any(char.isdigit() for char in value):
        raise ValidationError("No digits, please.")


@pytest.fixture(autouse=True)
def _declared(configure: Callable[..., None]) -> None:
    configure(
        USER={"ADDITIONAL_FIELDS": FIELDS}, SESSION={"ADDITIONAL_FIELDS": {"theme": {"type": "string"}}}
    )


def test_sign_up_takes_and_returns_them(browser: ApiClient) -> None:
    user = browser.sign_up(company="Acme", age=7, tags=["a"]).json()["user"]
    assert {name: user[name] for name in ("plan", "company", "age", "tags")} == {
        "plan": "free",
        "company": "Acme",
        "age": 7,
        "tags": ["a"],
    }
    assert "internal" not in user
    assert browser.session()["user"] == user


@pytest.mark.parametrize(
    ("sent", "code", "message"),
    [
        ({}, "MISSING_FIELD", "company is required"),
        ({"company": 7}, "VALIDATION_ERROR", "[body.company] Invalid input: expected string"),
        ({"company": "Acme 7"}, "VALIDATION_ERROR", "[body.company] No digits, please."),
        ({"company": "A", "age": "7"}, "VALIDATION_ERROR", "[body.age] Invalid input: expected number"),
        ({"company": "A", "tags": [7]}, "VALIDATION_ERROR", "[body.tags] Invalid input: expected string[]"),
        ({"company": "A", "internal": "x"}, "FIELD_NOT_ALLOWED", "internal is not allowed to be set"),
    ],
)
def test_sign_up_refuses(browser: ApiClient, sent: dict[str, Any], code: str, message: str) -> None:
    answer = browser.sign_up(**sent)
    assert (answer.status_code, answer.json()) == (400, {"message": message, "code": code})


def test_a_field_with_a_default_keeps_it_whatever_is_sent(browser: ApiClient) -> None:
    assert browser.sign_up(company="Acme", plan="enterprise").json()["user"]["plan"] == "free"


def test_update_user_changes_only_what_is_given(browser: ApiClient) -> None:
    browser.sign_up(company="Acme", age=7)
    assert browser.api("POST", "/update-user", {"company": "Other"}).json() == {"status": True}
    user = browser.session()["user"]
    assert (user["company"], user["age"], user["plan"]) == ("Other", 7, "free")
    assert browser.api("POST", "/update-user", {"age": None}).status_code == 200
    assert browser.session()["user"]["age"] is None


def test_update_user_refuses_what_clients_may_not_set(browser: ApiClient) -> None:
    browser.sign_up(company="Acme")
    answer = browser.api("POST", "/update-user", {"plan": "enterprise"})
    assert (answer.status_code, answer.json()["code"]) == (400, "FIELD_NOT_ALLOWED")
    assert browser.session()["user"]["plan"] == "free"


def test_update_session_sets_the_sessions_own(browser: ApiClient) -> None:
    browser.sign_up(company="Acme")
    session = browser.api("POST", "/update-session", {"theme": "dark"}).json()["session"]
    assert session["theme"] == "dark"
    assert browser.session()["session"] == session
    assert browser.api("POST", "/update-session", {"other": 1}).json() == {"message": "No fields to update"}


@pytest.mark.parametrize(
    "value",
    [{"nul": "\x00"}, {"\x00": 1}, 1e30, {"n": [-1e300]}, 2**63],
    ids=["null character", "in a name", "large", "large within", "64 bits"],
)
@pytest.mark.parametrize("name", ["about", "age"])
def test_what_no_database_gives_back_as_it_was(
    browser: ApiClient, configure: Callable[..., None], name: str, value: Any
) -> None:
    """An answer that can't be written would be one for whoever lists users, too."""
    fields = {"about": {"type": "json"}, "age": {"type": "number"}}
    configure(USER={"ADDITIONAL_FIELDS": {**FIELDS, **fields}})
    answer = browser.sign_up(company="Acme", **{name: value})
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")


def test_what_goes_too_deep_to_be_shown(browser: ApiClient, configure: Callable[..., None]) -> None:
    configure(USER={"ADDITIONAL_FIELDS": {**FIELDS, "about": {"type": "json"}}})
    about: Any = []
    for _ in range(300):
        about = [about]
    assert browser.sign_up(company="Acme", about=about).status_code == 400
    assert browser.sign_up(company="Acme", about=about[0][0]).status_code == 400
    answer = browser.sign_up(company="Acme", about={"a": [{"b": 2**62}]})
    assert answer.json()["user"]["about"] == browser.session()["user"]["about"] == {"a": [{"b": 2**62}]}
