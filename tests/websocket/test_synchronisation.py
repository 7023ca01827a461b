"""What happens to a session reaches its open sockets, in every process.

With Redis at once; without one a second process looks for itself, here every second (``CHECK_SECONDS``).
"""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.server import Answer, RunningServer, new_email
from tests.sockets import Socket
from tests.websocket.conftest import Open

# What is promised, and what a busy machine may add.
PROMISED = 1.0
PATIENT = 15.0


@pytest.fixture
def both(opened: Open) -> list[Socket]:
    """One socket at each process."""
    sockets = [opened(process=0), opened(process=1)]
    for socket in sockets:
        assert socket.hear()["success"]
    return sockets


@pytest.fixture(scope="module")
def admin(server: RunningServer) -> Answer:
    answer = server.sign_up(new_email("admin"))
    user_id = answer.json["user"]["id"]
    server.database.rows("UPDATE better_auth_users SET role = 'admin' WHERE id = %s", user_id)
    return server.sign_in(answer.json["user"]["email"])


def all_closed(sockets: list[Socket], code: int, reason: str) -> None:
    for socket in sockets:
        assert socket.closed(seconds=PATIENT) == (code, reason)
        assert socket.last_words[-1] == {"type": "session.ended", "reason": reason}


def test_signing_out_closes(both: list[Socket], server: RunningServer, ann: Answer) -> None:
    server.call("POST", "/sign-out", {}, cookie=ann.session_cookie)
    all_closed(both, 4441, "revoked")


def test_signing_out_elsewhere_closes_nothing_else(
    both: list[Socket], server: RunningServer, ann: Answer
) -> None:
    elsewhere = server.sign_in(ann.json["user"]["email"])
    with Socket(server.urls[0], cookie=elsewhere.session_cookie, origin=server.origin) as third:
        assert third.hear()["success"]
        server.call("POST", "/sign-out", {}, cookie=elsewhere.session_cookie)
        all_closed([third], 4441, "revoked")
    assert all(socket.is_open() for socket in both)


def test_other_sessions_revoked(both: list[Socket], server: RunningServer, ann: Answer) -> None:
    elsewhere = server.sign_in(ann.json["user"]["email"])
    assert server.call("POST", "/revoke-other-sessions", {}, cookie=elsewhere.session_cookie).status == 200
    all_closed(both, 4441, "revoked")


def test_a_new_password_that_ends_sessions(both: list[Socket], server: RunningServer, ann: Answer) -> None:
    body = {"currentPassword": "correct horse battery", "newPassword": "another horse battery"}
    change = {**body, "revokeOtherSessions": True}
    assert server.call("POST", "/change-password", change, cookie=ann.session_cookie).status == 200
    all_closed(both, 4441, "revoked")


def test_a_new_password_that_ends_nothing_is_told(
    both: list[Socket], server: RunningServer, ann: Answer
) -> None:
    body = {"currentPassword": "correct horse battery", "newPassword": "another horse battery"}
    assert server.call("POST", "/change-password", body, cookie=ann.session_cookie).status == 200
    heard = both if "REDIS_URL" in server.site.settings else both[:1]
    for socket in heard:
        assert socket.hear("session.updated", seconds=PATIENT)["user"]["id"] == ann.json["user"]["id"]


def test_a_ban_closes(both: list[Socket], server: RunningServer, ann: Answer, admin: Answer) -> None:
    body = {"userId": ann.json["user"]["id"]}
    assert server.call("POST", "/admin/ban-user", body, cookie=admin.session_cookie).status == 200
    for socket in both:
        assert socket.closed(seconds=PATIENT)[0] == 4441
        assert socket.last_words[-1]["type"] == "session.ended"


def test_a_role_is_told(both: list[Socket], server: RunningServer, ann: Answer, admin: Answer) -> None:
    body = {"userId": ann.json["user"]["id"], "role": "admin"}
    assert server.call("POST", "/admin/set-role", body, cookie=admin.session_cookie).status == 200
    for socket in both:
        assert socket.hear("session.updated", seconds=PATIENT)["user"]["role"] == "admin"


def test_a_deleted_user_is_gone(
    both: list[Socket], server: RunningServer, ann: Answer, admin: Answer
) -> None:
    body = {"userId": ann.json["user"]["id"]}
    assert server.call("POST", "/admin/remove-user", body, cookie=admin.session_cookie).status == 200
    for socket in both:
        assert socket.closed(seconds=PATIENT)[0] == 4441


def test_the_active_organization_is_told(both: list[Socket], server: RunningServer, ann: Answer) -> None:
    named = {"name": "Acme", "slug": f"acme-{new_email()[4:12]}"}
    made = server.call("POST", "/organization/create", named, cookie=ann.session_cookie)
    for socket in both:
        session: Any = None
        while session is None or session["activeOrganizationId"] is None:
            session = socket.hear("session.updated", seconds=PATIENT)["session"]
        assert session["activeOrganizationId"] == made.json["id"]


def test_access_tokens_end_with_their_session_and_keys_when_they_are_deleted(
    opened: Open, server: RunningServer, ann: Answer
) -> None:
    cookie = ann.session_cookie
    key = server.call("POST", "/api-key/create", {"name": "k"}, cookie=cookie).json
    pairs = [
        server.call("POST", "/token", {"format": form}, cookie=cookie).json for form in ("jwt", "opaque")
    ]
    tokens = [pair["access_token"] for pair in pairs]
    by_key = opened(headers={"x-api-key": key["key"]}, process=1)
    by_token = [opened(headers={"Authorization": f"Bearer {token}"}, process=1) for token in tokens]
    assert by_key.hear()["method"] == "api_key"
    assert [socket.hear()["method"] for socket in by_token] == ["jwt", "access_token"]
    server.call("POST", "/api-key/delete", {"keyId": key["id"]}, cookie=cookie)
    all_closed([by_key], 4441, "revoked")
    server.call("POST", "/sign-out", {}, cookie=cookie)
    all_closed(by_token, 4441, "revoked")


def test_the_end_of_a_session_closes_and_is_announced_before(
    opened: Open, server: RunningServer, ann: Answer, admin: Answer
) -> None:
    """A session whose last seconds have come; a change of its user makes them known, and is no use of it."""
    socket = opened()
    session_id = socket.hear()["session"]["id"]
    soon = "datetime('now', '+5 seconds')" if server.database.is_sqlite else "now() + interval '5 seconds'"
    statement = f"UPDATE better_auth_sessions SET expires_at = {soon} WHERE id = %s"  # noqa: S608
    server.database.rows(statement, session_id)
    body = {"userId": ann.json["user"]["id"], "role": "admin"}
    assert server.call("POST", "/admin/set-role", body, cookie=admin.session_cookie).status == 200
    until = socket.hear("session.updated")["expiresAt"]
    assert socket.hear("session.expiring", seconds=PATIENT) == {
        "type": "session.expiring",
        "expiresAt": until,
    }
    assert socket.closed(seconds=PATIENT) == (4440, "expired")


def test_what_is_changed_past_us_is_found_at_last(both: list[Socket], server: RunningServer) -> None:
    """Without Redis soon (every second here); with it, twelve times later."""
    server.database.rows("DELETE FROM better_auth_sessions")
    for socket in both:
        assert socket.closed(seconds=60)[0] == 4441


def test_the_next_token_takes_over_without_a_new_connection(
    opened: Open, server: RunningServer, ann: Answer
) -> None:
    email = ann.json["user"]["email"]
    socket = opened()
    assert socket.hear()["method"] == "session"
    following = server.sign_in(email)
    socket.say({"type": "auth", "token": following.json["token"]})
    again = socket.hear("auth.result")
    assert (again["success"], again["method"]) == (True, "bearer")
    # The first session is no affair of this socket any more; the next one is.
    server.call("POST", "/sign-out", {}, cookie=ann.session_cookie)
    assert socket.is_open()
    server.call("POST", "/sign-out", {}, cookie=following.session_cookie)
    all_closed([socket], 4441, "revoked")


def test_a_bad_next_token_changes_nothing_but_not_for_long(
    opened: Open, server: RunningServer, ann: Answer
) -> None:
    socket = opened()
    socket.hear()
    somebody_else = server.sign_up(new_email("bob")).json["token"]
    for token, code in ((somebody_else, "ANOTHER_USER"), *(("nonsense", "INVALID_TOKEN"),) * 3):
        socket.say({"type": "auth", "token": token})
        told = socket.hear("auth.result")
        assert (told["success"], told["error"]["code"]) == (False, code)
        assert socket.is_open()
    socket.say({"type": "auth", "token": "nonsense"})
    assert socket.closed() == (4401, "too many bad tokens")


def test_it_is_seen_within_a_second(both: list[Socket], server: RunningServer, ann: Answer) -> None:
    """Where one process serves, or Redis tells; measured under load by the bench."""
    heard = both if "REDIS_URL" in server.site.settings else both[:1]
    best = PATIENT
    for _ in range(3):
        started = time.monotonic()
        server.call("POST", "/update-user", {"name": f"A{started}"}, cookie=ann.session_cookie)
        for socket in heard:
            socket.hear("session.updated")
        best = min(best, time.monotonic() - started)
    assert best < PROMISED
