"""The unmodified official client in a real browser, on a page of our own origin."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

from tests.browser.headless import result_of
from tests.server import PASSWORD, RunningServer, new_email


def test_official_client_signs_up_stays_signed_in_and_signs_out(
    chromium: str, server: RunningServer, tmp_path: Path
) -> None:
    email = new_email("browser")
    page = f"{server.origin}/page?{urlencode({'email': email, 'password': PASSWORD})}"
    steps = result_of(page, chromium=chromium, profile=tmp_path)
    assert "failure" not in steps, steps["failure"]

    nothing = {"data": None, "error": None}
    assert steps["nobody"] == nothing
    assert steps["signUp"]["data"]["user"]["email"] == email
    assert steps["signedUp"]["data"]["session"]["token"] == steps["signUp"]["data"]["token"]
    assert steps["again"] == {
        "data": None,
        "error": {"status": 422, "code": "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"},
    }
    assert steps["readableCookies"] == ""
    assert steps["update"] == {"data": {"status": True}, "error": None}
    assert steps["updated"]["data"]["user"]["name"] == "Ann Renamed"
    assert steps["signOut"] == {"data": {"success": True}, "error": None}
    assert steps["signedOut"] == nothing
    assert steps["wrongPassword"]["error"] == {"status": 401, "code": "INVALID_EMAIL_OR_PASSWORD"}
    assert steps["signedIn"]["data"]["session"]["token"] == steps["signIn"]["data"]["token"]
    assert [one["token"] for one in steps["sessions"]["data"]] == [steps["signIn"]["data"]["token"]]
    # What a page bound to the store has shown: nobody, Ann, nobody, Ann.
    assert steps["shown"] == [None, email, None, email]
