"""What is declared somewhere and must be complete: routes, error codes' names, checks and their tests."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from better_auth.auth_proxy import embedded, routes
from better_auth.errors import ErrorCode
from better_auth.features.auth_proxy import endpoints as proxy_endpoints
from better_auth.http.endpoint import Access, operations_in
from better_auth.urls import operations

CHECKOUT = Path(__file__).resolve().parents[2]

# The route index of the protocol's core and of its plugins (Better Auth 1.7.24).
PROTOCOL_ROUTES = {
    ("GET", "/ok"),
    ("GET", "/error"),
    ("POST", "/sign-up/email"),
    ("POST", "/sign-in/email"),
    ("POST", "/sign-in/social"),
    ("POST", "/sign-in/username"),
    ("POST", "/is-username-available"),
    ("POST", "/sign-in/magic-link"),
    ("GET", "/magic-link/verify"),
    ("POST", "/email-otp/send-verification-otp"),
    ("POST", "/email-otp/check-verification-otp"),
    ("POST", "/email-otp/verify-email"),
    ("POST", "/sign-in/email-otp"),
    ("POST", "/email-otp/request-password-reset"),
    ("POST", "/forget-password/email-otp"),
    ("POST", "/email-otp/reset-password"),
    ("POST", "/email-otp/request-email-change"),
    ("POST", "/email-otp/change-email"),
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
    ("POST", "/one-tap/callback"),
    ("GET", "/token"),
    ("GET", "/jwks"),
    ("GET", "/admin/list-users"),
    ("GET", "/admin/get-user"),
    ("POST", "/admin/create-user"),
    ("POST", "/admin/update-user"),
    ("POST", "/admin/set-role"),
    ("POST", "/admin/ban-user"),
    ("POST", "/admin/unban-user"),
    ("POST", "/admin/list-user-sessions"),
    ("POST", "/admin/revoke-user-session"),
    ("POST", "/admin/revoke-user-sessions"),
    ("POST", "/admin/remove-user"),
    ("POST", "/admin/set-user-password"),
    ("POST", "/admin/has-permission"),
    ("POST", "/admin/impersonate-user"),
    ("POST", "/admin/stop-impersonating"),
    ("GET", "/multi-session/list-device-sessions"),
    ("POST", "/multi-session/set-active"),
    ("POST", "/multi-session/revoke"),
    ("POST", "/device/code"),
    ("POST", "/device/token"),
    ("GET", "/device"),
    ("POST", "/device/approve"),
    ("POST", "/device/deny"),
    ("POST", "/phone-number/send-otp"),
    ("POST", "/phone-number/verify"),
    ("POST", "/sign-in/phone-number"),
    ("POST", "/phone-number/request-password-reset"),
    ("POST", "/phone-number/reset-password"),
    ("GET", "/one-time-token/generate"),
    ("POST", "/one-time-token/verify"),
    ("POST", "/sign-in/anonymous"),
    ("POST", "/delete-anonymous-user"),
    ("GET", "/passkey/generate-register-options"),
    ("POST", "/passkey/verify-registration"),
    ("GET", "/passkey/generate-authenticate-options"),
    ("POST", "/passkey/verify-authentication"),
    ("GET", "/passkey/list-user-passkeys"),
    ("POST", "/passkey/delete-passkey"),
    ("POST", "/passkey/update-passkey"),
    ("POST", "/two-factor/enable"),
    ("POST", "/two-factor/disable"),
    ("POST", "/two-factor/get-totp-uri"),
    ("POST", "/two-factor/verify-totp"),
    ("POST", "/two-factor/send-otp"),
    ("POST", "/two-factor/verify-otp"),
    ("POST", "/two-factor/verify-backup-code"),
    ("POST", "/two-factor/generate-backup-codes"),
}
OUR_ROUTES = {
    ("POST", "/password-strength"),
    ("POST", "/token"),
    ("POST", "/introspect"),
    ("POST", "/revoke"),
    ("POST", "/legacy/exchange"),
}
# What other clients call these operations.
ALIASES = {
    ("POST", "/register"): "/sign-up/email",
    ("POST", "/login"): "/sign-in/email",
    ("POST", "/logout"): "/sign-out",
    ("GET", "/session"): "/get-session",
    ("GET", "/.well-known/jwks.json"): "/jwks",
}
# Of the route index: who must be signed in, and who must have done so a short while ago. Where passkeys are
# registered, settings may let people in without a session, so those routes ask for themselves.
FRESH_ROUTES = {"/list-sessions", "/unlink-account"}
SIGNED_IN_ROUTES = {
    "/email-otp/request-email-change",
    "/email-otp/change-email",
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
    "/multi-session/revoke",
    "/one-time-token/generate",
    "/delete-anonymous-user",
    "/passkey/list-user-passkeys",
    "/passkey/delete-passkey",
    "/passkey/update-passkey",
    "/token",
    "/two-factor/enable",
    "/two-factor/disable",
    "/two-factor/get-totp-uri",
    "/two-factor/generate-backup-codes",
}


def test_every_route_of_the_protocol_is_served_and_no_other() -> None:
    routes = [(one.method, one.path) for one in operations]
    assert sorted(routes) == sorted(PROTOCOL_ROUTES | OUR_ROUTES)


def test_the_aliases_are_those_that_clients_know() -> None:
    aliases = {(one.method, alias): one.path for one in operations for alias in one.aliases}
    assert aliases == ALIASES


def test_the_auth_proxy_answers_what_it_would_pass_on_and_nothing_else() -> None:
    answered = {name: tuple(methods) for name, methods in embedded.OPERATIONS.items()}
    assert answered == {name: route.methods for name, route in routes.ROUTES.items()}
    names = {"login", "register", "social", "refresh", "logout", "introspect", "verify", "callback"}
    assert {routes.name_of(name) for name in answered} == names


def test_the_auth_proxy_is_known_by_one_name_whoever_answers() -> None:
    """To limits and to ``DISABLED_PATHS``."""
    for name, methods in embedded.OPERATIONS.items():
        for one in methods.values():
            assert one.path == routes.ROUTES[name].counted_as
            assert routes.own_path(name) in (one.path, *one.aliases)


def test_what_is_ours_alone_says_so() -> None:
    ours = [one for one in operations if (one.method, one.path) in OUR_ROUTES]
    assert len(ours) == len(OUR_ROUTES)
    ours += operations_in(proxy_endpoints)
    assert [one.name for one in ours if not (one.handler.__doc__ or "").startswith("Our addition")] == []


def test_every_guarded_route_asks_for_a_session() -> None:
    assert {one.path for one in operations if one.access is Access.FRESH} == FRESH_ROUTES
    assert {one.path for one in operations if one.access is Access.SIGNED_IN} == SIGNED_IN_ROUTES


def test_operations_have_names_of_their_own() -> None:
    names = [one.name for one in operations]
    assert len(set(names)) == len(names)


def test_error_messages_are_never_empty() -> None:
    assert [code.name for code in ErrorCode if not code.value.strip()] == []


PACKAGES_WITH_CHECKS = ("better_auth", "apikeys", "migration_tools", "organizations")


def check_messages(package: str) -> list[ast.Call]:
    trees = [ast.parse(file.read_text()) for file in sorted((CHECKOUT / package).rglob("checks.py"))]
    return [
        node
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("Error", "Warning")
    ]


def ids_in(package: str) -> list[str]:
    keywords = [keyword for call in check_messages(package) for keyword in call.keywords]
    found = [keyword.value for keyword in keywords if keyword.arg == "id"]
    return [str(value.value) for value in found if isinstance(value, ast.Constant)]


def ids_of_checks() -> list[str]:
    return [one for package in PACKAGES_WITH_CHECKS for one in ids_in(package)]


@pytest.mark.parametrize("package", PACKAGES_WITH_CHECKS)
def test_every_system_check_has_an_id_and_a_hint(package: str) -> None:
    calls, ids = check_messages(package), ids_in(package)
    assert calls
    assert [call.lineno for call in calls if not {"id", "hint"} <= {one.arg for one in call.keywords}] == []
    assert len(ids) == len(calls)
    assert len(set(ids)) == len(calls)


@pytest.mark.parametrize("package", PACKAGES_WITH_CHECKS)
def test_every_system_check_has_a_test(package: str) -> None:
    files = (CHECKOUT / "tests" / package).rglob("test_checks.py")
    text = "".join(file.read_text() for file in files)
    assert [one for one in ids_in(package) if f'"{one}"' not in text] == []
