"""What is declared somewhere and must be complete: routes, error codes' names, checks and their tests."""

from __future__ import annotations

import ast
from pathlib import Path

from better_auth.errors import ErrorCode
from better_auth.http.endpoint import Access
from better_auth.urls import operations

CHECKOUT = Path(__file__).resolve().parents[2]

# The route index of the protocol's core and its jwt plugin (Better Auth 1.7.24).
PROTOCOL_ROUTES = {
    ("GET", "/ok"),
    ("GET", "/error"),
    ("POST", "/sign-up/email"),
    ("POST", "/sign-in/email"),
    ("POST", "/sign-in/social"),
    ("GET", "/callback/<str:provider>"),
    ("POST", "/callback/<str:provider>"),
    ("POST", "/sign-out"),
    ("GET", "/get-session"),
    ("POST", "/get-session"),
    ("GET", "/list-sessions"),
    ("POST", "/revoke-session"),
    ("POST", "/revoke-sessions"),
    ("POST", "/revoke-other-sessions"),
    ("POST", "/update-session"),
    ("POST", "/update-user"),
    ("POST", "/change-email"),
    ("POST", "/change-password"),
    ("POST", "/verify-password"),
    ("POST", "/delete-user"),
    ("GET", "/delete-user/callback"),
    ("POST", "/request-password-reset"),
    ("GET", "/reset-password/<str:token>"),
    ("POST", "/reset-password"),
    ("POST", "/send-verification-email"),
    ("GET", "/verify-email"),
    ("GET", "/list-accounts"),
    ("POST", "/link-social"),
    ("POST", "/unlink-account"),
    ("POST", "/get-access-token"),
    ("POST", "/refresh-token"),
    ("GET", "/account-info"),
    ("GET", "/token"),
    ("GET", "/jwks"),
}
OUR_ROUTES = {
    ("POST", "/password-strength"),
    ("POST", "/token"),
    ("POST", "/introspect"),
    ("POST", "/revoke"),
}
# What other clients call these operations.
ALIASES = {
    ("POST", "/register"): "/sign-up/email",
    ("POST", "/login"): "/sign-in/email",
    ("POST", "/logout"): "/sign-out",
    ("GET", "/session"): "/get-session",
    ("GET", "/.well-known/jwks.json"): "/jwks",
}
# Of the route index: who must be signed in, and who must have done so a short while ago.
FRESH_ROUTES = {"/list-sessions", "/unlink-account"}
SIGNED_IN_ROUTES = {
    "/revoke-session",
    "/revoke-sessions",
    "/revoke-other-sessions",
    "/update-session",
    "/update-user",
    "/change-email",
    "/change-password",
    "/verify-password",
    "/delete-user",
    "/list-accounts",
    "/link-social",
    "/token",
}


def test_every_route_of_the_protocol_is_served_and_no_other() -> None:
    routes = [(one.method, one.path) for one in operations]
    assert sorted(routes) == sorted(PROTOCOL_ROUTES | OUR_ROUTES)


def test_the_aliases_are_those_that_clients_know() -> None:
    aliases = {(one.method, alias): one.path for one in operations for alias in one.aliases}
    assert aliases == ALIASES


def test_what_is_ours_alone_says_so() -> None:
    ours = [one for one in operations if (one.method, one.path) in OUR_ROUTES]
    assert len(ours) == len(OUR_ROUTES)
    assert [one.name for one in ours if not (one.handler.__doc__ or "").startswith("Our addition")] == []


def test_every_guarded_route_asks_for_a_session() -> None:
    assert {one.path for one in operations if one.access is Access.FRESH} == FRESH_ROUTES
    assert {one.path for one in operations if one.access is Access.SIGNED_IN} == SIGNED_IN_ROUTES


def test_operations_have_names_of_their_own() -> None:
    names = [one.name for one in operations]
    assert len(set(names)) == len(names)


def test_error_messages_are_never_empty() -> None:
    assert [code.name for code in ErrorCode if not code.value.strip()] == []


def check_messages() -> list[ast.Call]:
    tree = ast.parse((CHECKOUT / "better_auth/checks.py").read_text())
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("Error", "Warning")
    ]


def ids_of_checks() -> list[str]:
    found = [keyword.value for call in check_messages() for keyword in call.keywords if keyword.arg == "id"]
    return [str(value.value) for value in found if isinstance(value, ast.Constant)]


def test_every_system_check_has_an_id_and_a_hint() -> None:
    calls = check_messages()
    assert calls
    assert [call.lineno for call in calls if not {"id", "hint"} <= {one.arg for one in call.keywords}] == []
    assert len(ids_of_checks()) == len(calls)
    assert len(set(ids_of_checks())) == len(calls)


def test_every_system_check_has_a_test() -> None:
    tests = (CHECKOUT / "tests/better_auth/test_checks.py").read_text()
    assert [one for one in ids_of_checks() if f'"{one}"' not in tests] == []
