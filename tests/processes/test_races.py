"""Many requests in one moment, over two server processes: one wins, the others are told, none fails."""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.conformance.run_conformance import reserved_port
from tests.scripted_provider import ScriptedProvider, serving
from tests.server import (
    PASSWORD,
    SESSION_COOKIE,
    Answer,
    Call,
    RunningServer,
    Site,
    new_email,
    new_site,
    wait_for,
    wait_until_answering,
)

MANY = 50
WEEK, DAY = 604800, 86400
BUSY = {"code": "SERVICE_UNAVAILABLE", "message": "The server is busy. Please try again in a moment."}


def only_busy(answers: list[Answer]) -> bool:
    """These were refused because too many hash already, and say when to come back."""
    return all(
        one.status == 503 and one.json == BUSY and one.headers["Retry-After"].isdigit() for one in answers
    )


def split(answers: list[Answer], refusal: int) -> tuple[list[Answer], list[Answer], list[Answer]]:
    """Answers with 200, with the expected refusal, and all others."""
    by_status: dict[int, list[Answer]] = {}
    for one in answers:
        by_status.setdefault(one.status, []).append(one)
    won, refused = by_status.pop(200, []), by_status.pop(refusal, [])
    return won, refused, [one for rest in by_status.values() for one in rest]


def spelled(email: str, number: int) -> str:
    """The address with some letters in upper case, other ones for each number."""
    return "".join(char.upper() if number >> place % 6 & 1 else char for place, char in enumerate(email))


def user_id_of(server: RunningServer, email: str) -> str:
    return str(server.database.value("SELECT id FROM better_auth_users WHERE email = %s", email))


def count(server: RunningServer, table: str, user_id: str) -> Any:
    counted = f"SELECT count(*) FROM {table} WHERE user_id = %s"  # noqa: S608, tables are named in this file
    return server.database.value(counted, user_id)


def make_due(server: RunningServer, user_id: str) -> None:
    """As if the sessions of this user had been renewed last a little more than UPDATE_AGE ago."""
    expires_at = datetime.now(UTC) + timedelta(seconds=WEEK - DAY - 60)
    stored = expires_at.replace(tzinfo=None).isoformat(" ") if server.database.is_sqlite else expires_at
    server.database.rows(
        "UPDATE better_auth_sessions SET expires_at = %s WHERE user_id = %s", stored, user_id
    )


def count_session_writes(server: RunningServer) -> None:
    """From now on the database itself notes each UPDATE of a session in ``session_writes``."""
    server.database.rows("CREATE TABLE session_writes (user_id text)")
    note = "INSERT INTO session_writes VALUES (NEW.user_id)"
    if server.database.is_sqlite:
        server.database.rows(f"CREATE TRIGGER note AFTER UPDATE ON better_auth_sessions BEGIN {note}; END")
        return
    server.database.rows(
        f"CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {note}; RETURN NULL; END $$"
    )
    server.database.rows(
        "CREATE TRIGGER note AFTER UPDATE ON better_auth_sessions FOR EACH ROW EXECUTE FUNCTION note()"
    )


def mailed_query(server: RunningServer, email: str) -> dict[str, list[str]]:
    link = re.search(r"http://\S+", server.site.wait_for_mail(email))
    assert link is not None
    return parse_qs(urlsplit(link[0]).query)


def test_one_address_signs_up_once_however_it_is_spelled(server: RunningServer) -> None:
    email = new_email("race")
    calls = [
        Call(
            "POST",
            "/sign-up/email",
            {"name": f"N{number}", "email": spelled(email, number), "password": PASSWORD},
        )
        for number in range(MANY)
    ]
    won, refused, others = split(server.at_once(calls), 422)
    assert len(won) == 1
    assert only_busy(others), others
    taken = {
        "code": "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
        "message": "User already exists. Use another email.",
    }
    assert [one.json for one in refused] == [taken] * len(refused)
    assert len(refused) + len(others) == MANY - 1
    assert refused
    rows = server.database.rows("SELECT id, email FROM better_auth_users WHERE lower(email) = %s", email)
    assert rows == [(won[0].json["user"]["id"], email)]
    accounts = server.database.rows(
        "SELECT provider_id FROM better_auth_accounts WHERE user_id = %s", rows[0][0]
    )
    assert accounts == [("credential",)]
    assert count(server, "better_auth_sessions", rows[0][0]) == 1


def test_a_reset_token_sets_one_password(server: RunningServer) -> None:
    email = new_email("reset")
    server.sign_up(email)
    server.call("POST", "/request-password-reset", {"email": email, "redirectTo": "/new"})
    link = re.search(r"/reset-password/(\w+)\?", server.site.wait_for_mail(email))
    assert link is not None
    passwords = [f"new password {number}" for number in range(MANY)]
    answers = server.at_once(
        [
            Call("POST", "/reset-password", {"token": link[1], "newPassword": password})
            for password in passwords
        ]
    )
    won, refused, others = split(answers, 400)
    assert [one.json for one in won] == [{"status": True}]
    assert only_busy(others), others
    assert [one.json for one in refused] == [{"code": "INVALID_TOKEN", "message": "Invalid token"}] * len(
        refused
    )
    winner = passwords[answers.index(won[0])]
    worked = [
        password for password in [PASSWORD, *passwords] if server.sign_in(email, password).status == 200
    ]
    assert worked == [winner]
    assert (
        server.database.value(
            "SELECT count(*) FROM better_auth_verification_tokens WHERE subject = %s",
            user_id_of(server, email),
        )
        == 0
    )


def test_a_one_time_token_is_given_back_once(server: RunningServer) -> None:
    signed_up = server.sign_up(new_email("handed-over"))
    made = server.call("GET", "/one-time-token/generate", cookie=signed_up.session_cookie)
    answers = server.at_once([Call("POST", "/one-time-token/verify", {"token": made.json["token"]})] * MANY)
    won, refused, others = split(answers, 400)
    assert [one.json["session"]["token"] for one in won] == [signed_up.json["token"]]
    assert ([one.json for one in refused], others) == ([{"message": "Invalid token"}] * (MANY - 1), [])


def test_a_device_code_is_claimed_approved_and_exchanged_once(server: RunningServer) -> None:
    people = [server.sign_up(new_email("device")).session_cookie for _ in range(5)]
    codes = server.call("POST", "/device/code", {"client_id": "tv"}).json
    user_code = codes["user_code"]
    server.at_once([Call("GET", f"/device?user_code={user_code}", cookie=one) for one in people * 4])
    decisions = server.at_once(
        [Call("POST", "/device/approve", {"userCode": user_code}, cookie=one) for one in people * 10]
    )
    won, others, odd = split(decisions, 403)
    late = {"error": "invalid_request", "error_description": "Device code already processed"}
    assert (len(won), all(one.json == late for one in odd), len(others) > 0) == (1, True, True)
    body = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": codes["device_code"],
        "client_id": "tv",
    }
    granted, refused, odd = split(server.at_once([Call("POST", "/device/token", body)] * MANY), 400)
    assert (len(granted), odd) == (1, [])
    assert {one.json["error"] for one in refused} <= {"slow_down", "invalid_grant"}
    opened = server.database.rows("SELECT id FROM better_auth_sessions WHERE auth_method = 'device_code'")
    assert len(opened) == 1


def test_a_mailed_link_signs_in_once(server: RunningServer) -> None:
    email = new_email("link")
    server.call("POST", "/sign-in/magic-link", {"email": email})
    token = mailed_query(server, email)["token"][0]
    answers = server.at_once([Call("GET", f"/magic-link/verify?token={token}")] * 20)
    won, refused, others = split(answers, 302)
    assert ([one.json["user"]["email"] for one in won], others) == ([email], [])
    assert {urlsplit(one.headers["Location"]).query for one in refused} == {"error=INVALID_TOKEN"}
    assert count(server, "better_auth_sessions", user_id_of(server, email)) == 1


def test_a_mailed_code_signs_in_once_and_guesses_are_counted(server: RunningServer) -> None:
    email = new_email("code")

    def new_code() -> str:
        sent = len(server.site.mails(email))
        server.call("POST", "/email-otp/send-verification-otp", {"email": email, "type": "sign-in"})
        wait_for(lambda: len(server.site.mails(email)) > sent, "a code")
        found = re.search(r"^(\d{6})$", server.site.wait_for_mail(email), re.MULTILINE)
        assert found is not None
        return found[1]

    def try_at_once(code: str) -> list[Answer]:
        return server.at_once([Call("POST", "/sign-in/email-otp", {"email": email, "otp": code})] * 20)

    won, refused, others = split(try_at_once(new_code()), 400)
    assert [one.json["user"]["email"] for one in won] == [email]
    assert {one.json["code"] for one in [*refused, *others]} <= {"INVALID_OTP", "TOO_MANY_ATTEMPTS"}
    assert count(server, "better_auth_sessions", user_id_of(server, email)) == 1

    code = new_code()
    answers = try_at_once("000000" if code != "000000" else "000001")
    assert sorted({(one.status, one.json["code"]) for one in answers}) == [
        (400, "INVALID_OTP"),
        (403, "TOO_MANY_ATTEMPTS"),
    ]
    assert sum(one.status == 403 for one in answers) == 1
    late = server.call("POST", "/sign-in/email-otp", {"email": email, "otp": code})
    assert (late.status, late.json["code"]) == (400, "INVALID_OTP")


def test_a_code_resets_one_password(server: RunningServer) -> None:
    email = new_email("code-reset")
    server.sign_up(email)
    server.call("POST", "/email-otp/request-password-reset", {"email": email})
    found = re.search(r"^(\d{6})$", server.site.wait_for_mail(email), re.MULTILINE)
    assert found is not None
    passwords = [f"new password {number}" for number in range(20)]
    answers = server.at_once(
        [
            Call("POST", "/email-otp/reset-password", {"email": email, "otp": found[1], "password": password})
            for password in passwords
        ]
    )
    won, refused, others = split(answers, 400)
    assert [one.json for one in won] == [{"success": True}]
    assert only_busy(others), others
    assert {one.json["code"] for one in refused} == {"INVALID_OTP"}
    assert server.sign_in(email, passwords[answers.index(won[0])]).status == 200


def test_a_user_name_is_one_persons(server: RunningServer) -> None:
    name = f"Race_{secrets.token_hex(4)}"
    calls = [
        Call(
            "POST",
            "/sign-up/email",
            {
                "name": "N",
                "email": new_email("name"),
                "password": PASSWORD,
                "username": name if number % 2 else name.upper(),
            },
        )
        for number in range(20)
    ]
    won, refused, others = split(server.at_once(calls), 400)
    assert [one.json["user"]["username"] for one in won] == [name.lower()]
    assert {one.json["code"] for one in refused} == {"USERNAME_IS_ALREADY_TAKEN"}
    assert only_busy(others), others


def test_a_session_that_is_due_is_renewed_once_and_never_lost(server: RunningServer) -> None:
    email = new_email("refresh")
    signed_up = server.sign_up(email)
    user_id = signed_up.json["user"]["id"]
    make_due(server, user_id)
    count_session_writes(server)
    answers = server.at_once([Call("GET", "/get-session", cookie=signed_up.session_cookie)] * MANY)
    assert [one.status for one in answers] == [200] * MANY
    assert {one.json["session"]["token"] for one in answers} == {signed_up.json["token"]}
    # All speak of the one renewal.
    assert len({(one.json["session"]["expiresAt"], one.json["session"]["updatedAt"]) for one in answers}) == 1
    renewed_until = datetime.fromisoformat(answers[0].json["session"]["expiresAt"])
    assert abs(renewed_until - datetime.now(UTC) - timedelta(seconds=WEEK)) < timedelta(minutes=1)
    assert count(server, "session_writes", user_id) == 1
    assert count(server, "better_auth_sessions", user_id) == 1
    lines = {
        line
        for one in answers
        for line in one.headers.get_all("Set-Cookie", [])
        if not line.startswith(f"{SESSION_COOKIE}_multi-")
    }
    assert lines == {f"{signed_up.session_cookie}; Max-Age={WEEK}; Path=/; HttpOnly; SameSite=Lax"}


def test_of_the_last_two_accounts_one_stays(server: RunningServer) -> None:
    calls: list[Call] = []
    users: list[str] = []
    for number in range(MANY // 2):
        signed_up = server.sign_up(new_email("unlink"))
        user_id = signed_up.json["user"]["id"]
        users.append(user_id)
        now = "2026-01-01 00:00:00+00:00"
        server.database.rows(
            "INSERT INTO better_auth_accounts (id, user_id, provider_id, account_id, created_at, updated_at)"
            " VALUES (%s, %s, 'github', %s, %s, %s)",
            f"second-{user_id}",
            user_id,
            str(number),
            now,
            now,
        )
        listed = server.call("GET", "/list-accounts", cookie=signed_up.session_cookie).json
        assert {one["providerId"] for one in listed} == {"credential", "github"}
        # Both of a user are next to each other, and so on different processes.
        calls += [
            Call("POST", "/unlink-account", {"accountId": one["id"]}, signed_up.session_cookie)
            for one in listed
        ]
    answers = server.at_once(calls)
    last = {"code": "FAILED_TO_UNLINK_LAST_ACCOUNT", "message": "You can't unlink your last account"}
    for number, user_id in enumerate(users):
        pair = sorted(answers[2 * number : 2 * number + 2], key=lambda one: one.status)
        assert [(one.status, one.json) for one in pair] == [(200, {"status": True}), (400, last)]
        assert count(server, "better_auth_accounts", user_id) == 1


def test_change_password_in_parallel_leaves_one_password_and_one_session(server: RunningServer) -> None:
    email = new_email("change")
    signed_up = server.sign_up(email)
    passwords = [f"changed password {number}" for number in range(MANY)]
    answers = server.at_once(
        [
            Call(
                "POST",
                "/change-password",
                {"currentPassword": PASSWORD, "newPassword": password, "revokeOtherSessions": True},
                signed_up.session_cookie,
            )
            for password in passwords
        ]
    )
    allowed = {
        (400, "INVALID_PASSWORD"): "the password had been changed",
        (401, "UNAUTHORIZED"): "the session had been revoked",
        (503, "SERVICE_UNAVAILABLE"): "too many hashed",
    }
    refused = [one for one in answers if one.status != 200]
    assert {(one.status, one.json["code"]) for one in refused} <= allowed.keys()
    assert len(refused) == MANY - 1  # the old password was good for one change
    worked = [number for number, one in enumerate(passwords) if server.sign_in(email, one).status == 200]
    assert [answers[number].status for number in worked] == [200]
    assert server.sign_in(email, PASSWORD).status == 401
    # The one that was issued with the change, and the one of the sign-in just now.
    assert count(server, "better_auth_sessions", user_id_of(server, email)) == 2
    kept = server.call("GET", "/get-session", cookie=answers[worked[0]].session_cookie)
    assert kept.json["user"]["email"] == email


def test_a_link_that_deletes_an_account_is_followed_once(server: RunningServer) -> None:
    email = new_email("delete")
    signed_up = server.sign_up(email)
    user_id = signed_up.json["user"]["id"]
    asked = server.call("POST", "/delete-user", {"callbackURL": "/bye"}, cookie=signed_up.session_cookie)
    assert (asked.status, asked.json) == (200, {"success": True, "message": "Verification email sent"})
    token = mailed_query(server, email)["token"][0]
    answers = server.at_once(
        [Call("GET", f"/delete-user/callback?token={token}", cookie=signed_up.session_cookie)] * MANY
    )
    won, refused, others = split(answers, 404)
    assert [one.json for one in won] == [{"success": True, "message": "User deleted"}]
    assert not others
    codes = {one.json["code"] for one in refused}
    assert codes <= {"INVALID_TOKEN", "FAILED_TO_GET_USER_INFO"}
    assert server.database.rows("SELECT 1 FROM better_auth_users WHERE id = %s", user_id) == []
    for table in ("better_auth_sessions", "better_auth_accounts"):
        assert count(server, table, user_id) == 0


def test_revoking_sessions_while_they_are_read_never_fails(server: RunningServer) -> None:
    email = new_email("revoke")
    signed_up = server.sign_up(email)
    cookies = [signed_up.session_cookie, *(server.sign_in(email).session_cookie for _ in range(4))]
    make_due(server, signed_up.json["user"]["id"])
    calls = [
        Call("POST", "/revoke-sessions", cookie=cookies[number % 5])
        if number % 3 == 0
        else Call("GET", "/get-session", cookie=cookies[number % 5])
        for number in range(MANY + 10)
    ]
    unauthorized = {"code": "UNAUTHORIZED", "message": "Unauthorized"}
    for call, answer in zip(calls, server.at_once(calls), strict=True):
        if call.method == "GET":
            assert answer.status == 200
            assert answer.json is None or answer.json["user"]["email"] == email
        else:
            assert (answer.status, answer.json) in [(200, {"status": True}), (401, unauthorized)]
    assert count(server, "better_auth_sessions", signed_up.json["user"]["id"]) == 0


def test_whatever_meets_the_deletion_of_its_user_is_refused_not_broken(server: RunningServer) -> None:
    email = new_email("gone")
    signed_up = server.sign_up(email)
    user_id, cookie = signed_up.json["user"]["id"], signed_up.session_cookie
    server.call("POST", "/delete-user", {}, cookie=cookie)
    token = mailed_query(server, email)["token"][0]
    others = [
        Call("POST", "/sign-in/email", {"email": email, "password": PASSWORD}),
        Call("POST", "/update-user", {"name": "Bob"}, cookie),
        Call("GET", "/list-accounts", cookie=cookie),
        Call("POST", "/change-password", {"currentPassword": PASSWORD, "newPassword": PASSWORD}, cookie),
        Call("POST", "/request-password-reset", {"email": email}),
        Call("POST", "/unlink-account", {"accountId": "none"}, cookie),
        Call("POST", "/send-verification-email", {"email": email}),
        Call("GET", "/get-session", cookie=cookie),
    ]
    deletion = Call("GET", f"/delete-user/callback?token={token}", cookie=cookie)
    calls = [*(others * 3), deletion, *(others * 4)]
    answers = server.at_once(calls)
    assert answers[calls.index(deletion)].status == 200
    broken = [
        (call.path, answer.status, answer.content)
        for call, answer in zip(calls, answers, strict=True)
        if answer.status >= 500 and not only_busy([answer])
    ]
    assert broken == []
    assert server.database.rows("SELECT 1 FROM better_auth_users WHERE id = %s", user_id) == []


def first_start(site: Site, port: int, both_serve: threading.Barrier) -> tuple[int, str, str]:
    """As ``make run``: migrate, make the operator, serve. Status and output of what failed, the secret."""
    for command in (["migrate", "--noinput"], ["create_operator"]):
        done = site.manage(*command)
        if done.returncode:
            both_serve.abort()
            return done.returncode, done.stdout, ""
    with site.serve(port) as process:
        wait_until_answering(process, f"http://127.0.0.1:{port}/health/ready", site)
        secret = (site.data_dir / "secret").read_text()
        with contextlib.suppress(threading.BrokenBarrierError):  # the other one says why
            both_serve.wait()
    return 0, "", secret


@pytest.mark.parametrize("attempt", range(2))
def test_two_first_starts_at_once_share_one_secret_and_one_database(attempt: int) -> None:
    barrier = threading.Barrier(2, timeout=90)
    with new_site() as site, reserved_port() as one, reserved_port() as other, ThreadPoolExecutor(2) as pool:
        starts = [pool.submit(first_start, site, port, barrier) for port in (one, other)]
        (status, output, secret), second = [start.result() for start in starts]
        assert (status, output) == (0, "")
        assert second == (0, "", secret)
        assert len(secret) >= 32
        kept = site.data_dir / "secret"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert [file.name for file in site.data_dir.iterdir() if "secret" in file.name] == ["secret"]
        operators = site.database.rows("SELECT email FROM better_auth_users WHERE is_superuser")
        assert operators == [("admin@example.com",)]


def test_a_cookie_of_one_process_is_good_at_the_other(server: RunningServer) -> None:
    email = new_email("both")
    server.sign_up(email)
    signed_in = server.sign_in(email, process=1)
    assert {name for name in signed_in.cookies if "_multi-" not in name} == {SESSION_COOKIE}
    seen = server.call("GET", "/get-session", cookie=signed_in.session_cookie, process=0)
    assert seen.json["user"]["email"] == email
    server.call("POST", "/sign-out", cookie=signed_in.session_cookie, process=0)
    assert server.call("GET", "/get-session", cookie=signed_in.session_cookie, process=1).json is None


@pytest.fixture(scope="module")
def company() -> Iterator[ScriptedProvider]:
    with serving(ScriptedProvider()) as provider:
        yield provider


@pytest.fixture(scope="module")
def site(company: ScriptedProvider) -> Iterator[RunningServer]:
    told = json.dumps({"company": company.settings()})
    with RunningServer(processes=2, BETTER_AUTH_SOCIAL_PROVIDERS=told) as running:
        yield running


class TestProviders:
    def come_back(
        self, site: RunningServer, company: ScriptedProvider, count: int, flows: int
    ) -> list[Answer]:
        """So many answers at once, of so many flows."""
        calls = []
        for _ in range(flows):
            begun = site.call("POST", "/sign-in/social", {"provider": "company", "callbackURL": "/in"})
            back = urlencode(company.consent(begun.json["url"]))
            cookie = f"better-auth.state={begun.cookies['better-auth.state']}"
            calls += [Call("GET", f"/callback/company?{back}", cookie=cookie)] * (count // flows)
        return site.at_once(calls)

    def test_one_answer_signs_in_once(self, site: RunningServer, company: ScriptedProvider) -> None:
        """oauth-and-providers.md, A3: "a passed one deletes row and cookie (single use)"."""
        answers = self.come_back(site, company, MANY, 1)
        locations = sorted(str(one.headers["Location"]) for one in answers)
        assert locations[0] == "/in"
        assert {urlsplit(one).query for one in locations[1:]} == {"error=state_mismatch"}
        assert [SESSION_COOKIE in one.cookies for one in answers].count(True) == 1

    def test_a_new_identity_makes_one_user(self, site: RunningServer, company: ScriptedProvider) -> None:
        company.claims |= {"sub": "subject-2", "email": "bob@example.com"}
        answers = self.come_back(site, company, 10, 10)
        assert [one.headers["Location"] for one in answers] == ["/in"] * 10
        found = "SELECT count(*) FROM better_auth_users WHERE email = %s"
        assert site.database.value(found, "bob@example.com") == 1
