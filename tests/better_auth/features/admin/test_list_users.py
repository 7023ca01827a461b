"""``/admin/list-users``: search, filters, order, pages; two statements whatever the number of users."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from better_auth import clock, users
from better_auth.arrivals import Arrival, insert
from better_auth.crypto.identifiers import new_id
from better_auth.storage.records import UserRecord
from tests.better_auth.features.admin.conftest import AdminClient
from tests.protocol import answered

pytestmark = pytest.mark.django_db
MakeUser = Callable[..., UserRecord]


def found(admin: AdminClient, **query: Any) -> list[str]:
    """The local parts of the addresses that a query finds; in their order where one is asked for."""
    response = admin.admin("list-users", **query)
    assert response.status_code == 200, response.content
    body = response.json()
    assert "limit" in body or len(body["users"]) == body["total"]
    names = [user["email"].partition("@")[0] for user in body["users"]]
    return names if "sortBy" in query else sorted(names)


def arrival(email: str) -> Arrival:
    columns = {"name": "N", "created_at": clock.now(), "updated_at": clock.now()}
    return Arrival(id=new_id(), email=email, password=None, columns=columns)


@pytest.fixture
def some(admin: AdminClient, configure: Callable[..., None]) -> AdminClient:
    """The administrator, and three others."""
    fields = {"plan": {"type": "string", "default": "free"}, "seats": {"type": "number"}}
    fields |= {"trial": {"type": "boolean"}, "note": {"type": "string", "returned": False}}
    configure(USER={"ADDITIONAL_FIELDS": fields})
    now = clock.now()
    bob = {"plan": "pro", "seats": 10, "trial": True, "note": "x"}
    users.create(email="bob@example.com", name="Bob 100%", additional_fields=bob, created_at=now)
    users.create(
        email="cyd@example.org",
        name="Cyd_",
        role="user,support",
        banned=True,
        ban_reason="Spam",
        additional_fields={"seats": 9},
        created_at=now - timedelta(days=30),
    )
    users.create(email="dan@example.com", name="Dan", email_verified=True, role=None)
    return admin


def test_everybody(some: AdminClient) -> None:
    response = some.admin("list-users")
    assert response.json()["total"] == 4
    assert set(response.json()) == {"users", "total"}
    assert {**some.user, "plan": "free", "seats": None, "trial": None} in response.json()["users"]
    assert found(some) == ["admin", "bob", "cyd", "dan"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"searchValue": "example.com"}, ["admin", "bob", "dan"]),
        ({"searchValue": "b"}, ["bob"]),
        ({"searchValue": "cy", "searchOperator": "starts_with"}, ["cyd"]),
        ({"searchValue": ".org", "searchOperator": "ends_with"}, ["cyd"]),
        ({"searchValue": "an", "searchField": "name"}, ["dan"]),
        ({"searchValue": "%", "searchField": "name"}, ["bob"]),
        ({"searchValue": "_", "searchField": "name"}, ["cyd"]),
        ({"searchValue": ""}, ["admin", "bob", "cyd", "dan"]),
        ({"filterValue": "dan@example.com"}, ["dan"]),
        ({"filterField": "banned", "filterValue": "true"}, ["cyd"]),
        ({"filterField": "banned", "filterValue": "false", "searchValue": "o"}, ["admin", "bob", "dan"]),
        ({"filterField": "banned", "filterOperator": "ne", "filterValue": "true"}, ["admin", "bob", "dan"]),
        ({"filterField": "role", "filterValue": "admin"}, ["admin"]),
        ({"filterField": "role", "filterOperator": "ne", "filterValue": "admin"}, ["bob", "cyd", "dan"]),
        ({"filterField": "role", "filterOperator": "contains", "filterValue": "support"}, ["cyd"]),
        ({"filterField": "role", "filterOperator": "in", "filterValue": ["admin", "user"]}, ["admin", "bob"]),
        ({"filterField": "role", "filterOperator": "in", "filterValue": "user"}, ["bob"]),
        (
            {"filterField": "role", "filterOperator": "not_in", "filterValue": ["admin", "user"]},
            ["cyd", "dan"],
        ),
        ({"filterField": "name", "filterOperator": "gte", "filterValue": "Cyd_"}, ["cyd", "dan"]),
        ({"filterField": "emailVerified", "filterValue": "true"}, ["dan"]),
        ({"filterField": "plan", "filterValue": "pro"}, ["bob"]),
        ({"filterField": "plan", "filterValue": "free"}, ["admin", "cyd", "dan"]),
        ({"filterField": "seats", "filterOperator": "gt", "filterValue": "9"}, ["bob"]),
        ({"filterField": "trial", "filterValue": "true"}, ["bob"]),
        ({"filterField": "plan", "filterOperator": "starts_with", "filterValue": "p"}, ["bob"]),
        ({"sortBy": "email", "sortDirection": "desc"}, ["dan", "cyd", "bob", "admin"]),
        ({"sortBy": "seats", "searchField": "name", "searchValue": "y"}, ["cyd"]),
        ({"sortBy": "seats", "filterField": "image", "filterValue": "x"}, []),
        ({"limit": "2", "sortBy": "email"}, ["admin", "bob"]),
        ({"limit": "2", "offset": "1", "sortBy": "email"}, ["bob", "cyd"]),
        ({"limit": "2", "offset": "99"}, []),
        ({"limit": "0"}, ["admin", "bob", "cyd", "dan"]),
        ({"limit": "many", "offset": "NaN"}, ["admin", "bob", "cyd", "dan"]),
        ({"limit": "Infinity"}, ["admin", "bob", "cyd", "dan"]),
    ],
)  # fmt: skip
def test_who_is_found(some: AdminClient, query: dict[str, Any], expected: list[str]) -> None:
    assert found(some, **query) == expected


def test_numbers_of_the_host_are_sorted_as_numbers(some: AdminClient) -> None:
    """9 before 10, though "10" stands before "9"."""
    query = {"filterField": "seats", "filterOperator": "gt", "filterValue": "1"}
    assert found(some, sortBy="seats", **query) == ["cyd", "bob"]


def test_moments_are_compared_as_moments(some: AdminClient) -> None:
    day = (clock.now() - timedelta(days=1)).date().isoformat()
    assert found(some, filterField="createdAt", filterOperator="lt", filterValue=day) == ["cyd"]
    moment = some.user["createdAt"]
    assert "admin" in found(some, filterField="createdAt", filterValue=moment)
    assert found(some, sortBy="createdAt", sortDirection="asc")[0] == "cyd"


def test_the_answer_repeats_what_was_asked_and_counts_all(some: AdminClient) -> None:
    body = some.admin("list-users", limit="1", offset="2").json()
    assert (body["limit"], body["offset"], body["total"], len(body["users"])) == (1, 2, 4, 1)
    assert "offset" not in some.admin("list-users", limit="1", offset="0").json()


@pytest.mark.parametrize(
    "query",
    [
        {"filterField": "password", "filterValue": "x"},
        {"filterField": "note", "filterValue": "x"},
        {"filterField": "additional_fields", "filterValue": "x"},
        {"filterField": "user__password", "filterValue": "x"},
        {"filterField": "phoneNumber", "filterValue": "x"},
        {"sortBy": "password"},
        {"sortBy": "?"},
    ],
)
def test_an_unknown_column_finds_nobody(some: AdminClient, query: dict[str, str]) -> None:
    assert answered(some.admin("list-users", **query)) == (200, {"users": [], "total": 0})


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "-1"},
        {"limit": "1.5"},
        {"limit": "99999999"},
        {"limit": ["1", "2"]},
        {"offset": "-1"},
        {"offset": "1e30"},
        {"searchField": "password", "searchValue": "x"},
        {"searchOperator": "regex", "searchValue": "x"},
        {"searchValue": "x" * 1001},
        {"searchValue": "\0"},
        {"searchValue": ["a", "b"]},
        {"filterOperator": "regex", "filterValue": "x"},
        {"filterValue": ["a", "b"]},
        {"filterValue": "\0"},
        {"filterField": ["a", "b"], "filterValue": "x"},
        {"filterField": "banned", "filterValue": "maybe"},
        {"filterField": "createdAt", "filterValue": "yesterday"},
        {"filterField": "createdAt", "filterValue": "99999-01-01"},
        {"filterField": "createdAt", "filterOperator": "contains", "filterValue": "2026"},
        {"filterField": "seats", "filterValue": "few"},
        {"filterField": "role", "filterOperator": "in", "filterValue": ["x"] * 101},
        {"sortDirection": "up"},
    ],
)
def test_a_query_that_makes_no_sense_is_refused(some: AdminClient, query: dict[str, Any]) -> None:
    status, body = answered(some.admin("list-users", **query))
    assert (status, body["code"]) == (400, "VALIDATION_ERROR")


def test_ten_users_cost_what_a_thousand_cost(admin: AdminClient) -> None:
    counts = []
    for number in (10, 990):
        insert([arrival(f"{number}-{index}@example.com") for index in range(number)], at=clock.now())
        with CaptureQueriesContext(connection) as queries:
            listed = admin.admin("list-users", limit="2000", sortBy="email", searchValue="example").json()
        assert len(listed["users"]) == listed["total"] >= number
        counts.append(len(queries))
    assert counts == [3, 3]  # the session, the number, the users
