"""The official client in a real browser, on a page of another origin than the auth server's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.browser.headless import result_of
from tests.server import PASSWORD, RunningServer, new_email

NOTHING = {"data": None, "error": None}


@pytest.fixture(scope="module", params=["asgi", "wsgi"])
def auth_server(request: pytest.FixtureRequest, server: RunningServer) -> Iterator[RunningServer]:
    """It trusts the page's origin, beside its own."""
    trusted = {"BETTER_AUTH_TRUSTED_ORIGINS": server.origin}
    with RunningServer(interface=request.param, **trusted) as running:
        yield running


def steps_of(server: RunningServer, auth_server: RunningServer, *, email: str, **more: Any) -> Any:
    asked = urlencode({"email": email, "password": PASSWORD, "auth": auth_server.origin})
    return result_of(f"{server.origin}/page?{asked}", **more)


def test_official_client_is_served_with_cookies_and_reads_its_headers(
    chromium: str, server: RunningServer, auth_server: RunningServer, tmp_path: Path
) -> None:
    email = new_email("elsewhere")
    steps = steps_of(server, auth_server, email=email, chromium=chromium, profile=tmp_path)
    assert "failure" not in steps, steps["failure"]
    assert steps["nobody"] == NOTHING
    assert steps["signUp"]["data"]["user"]["email"] == email
    assert steps["signedUp"]["data"]["session"]["token"] == steps["signUp"]["data"]["token"]
    assert steps["again"]["error"] == {"status": 422, "code": "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"}
    assert steps["update"] == {"data": {"status": True}, "error": None}
    assert steps["updated"]["data"]["user"]["name"] == "Ann Renamed"
    assert steps["signOut"] == {"data": {"success": True}, "error": None}
    assert steps["signedOut"] == NOTHING
    assert steps["wrongPassword"]["error"] == {"status": 401, "code": "INVALID_EMAIL_OR_PASSWORD"}
    assert steps["signedIn"]["data"]["session"]["token"] == steps["signIn"]["data"]["token"]
    assert steps["shown"] == [None, email, None, email]
    assert steps["headers"]["signIn"]["set-auth-token"].startswith(steps["signIn"]["data"]["token"])
    assert steps["headers"]["signedIn"]["set-auth-jwt"].count(".") == 2


def attempts(page: RunningServer, auth_server: RunningServer, *, email: str, **more: Any) -> dict[str, Any]:
    """What a script without any library achieves."""
    asked = urlencode({"email": email, "password": PASSWORD, "auth": auth_server.origin})
    return result_of(f"{page.origin}/attempts?{asked}", **more)


def sign_ups(server: RunningServer, email: str) -> Any:
    return server.database.value("SELECT count(*) FROM better_auth_users WHERE email = %s", email)


def test_a_page_that_is_not_trusted_reads_nothing_and_signs_nobody_up(
    chromium: str, server: RunningServer, tmp_path: Path
) -> None:
    email = new_email("stranger")
    with RunningServer() as stranger:
        outcomes = attempts(server, stranger, email=email, chromium=chromium, profile=tmp_path)
        assert outcomes.pop("signUpUnread") == "opaque"  # it arrives, and is refused
        assert set(outcomes.values()) == {"blocked"}, outcomes
        assert sign_ups(stranger, email) == 0


def test_the_same_page_may_do_all_that_where_it_is_trusted(
    chromium: str, server: RunningServer, auth_server: RunningServer, tmp_path: Path
) -> None:
    email = new_email("trusted")
    outcomes = attempts(server, auth_server, email=email, chromium=chromium, profile=tmp_path)
    outcomes.pop("signUpUnread")
    assert set(outcomes.values()) == {"readable"}, outcomes
    assert sign_ups(auth_server, email) == 1
