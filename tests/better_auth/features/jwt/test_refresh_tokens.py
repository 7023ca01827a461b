"""``POST /token``: access and refresh tokens, their rotation, and what a stolen one costs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from better_auth import access_tokens, refresh_tokens, sessions, users
from better_auth.models import AuditEntry, RefreshToken, Session
from better_auth.sign_in import SignInChallenge
from better_auth.storage import counters
from better_auth.storage.records import UserRecord
from tests.conftest import PASSWORD, ApiClient, FrozenTime

pytestmark = pytest.mark.usefixtures("commits")
Configure = Callable[..., None]
INVALID_GRANT = {
    "error": "invalid_grant",
    "error_description": "Invalid refresh token",
    "message": "Invalid refresh token",
    "code": "INVALID_REFRESH_TOKEN",
}


@pytest.fixture
def program(new_browser: Callable[..., ApiClient], db: None) -> ApiClient:
    """A client without cookies and without an origin."""
    client = new_browser()
    client.defaults.pop("HTTP_ORIGIN", None)
    return client


@pytest.fixture
def ann(make_user: Callable[..., UserRecord]) -> UserRecord:
    return make_user()


def tokens_by_password(program: ApiClient, **more: Any) -> dict[str, Any]:
    body = {"grant_type": "password", "email": "ann@example.com", "password": PASSWORD, **more}
    answer = program.api("POST", "/token", body)
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def refreshed(program: ApiClient, token: str) -> Any:
    return program.api("POST", "/token", {"grant_type": "refresh_token", "refresh_token": token})


class TestGrants:
    def test_a_session_gives_tokens(self, browser: ApiClient, ann: UserRecord) -> None:
        browser.sign_in()
        answer = browser.api("POST", "/token")
        assert answer.status_code == 200, answer.content
        told = answer.json()
        assert set(told) == {"access_token", "token_type", "expires_in", "refresh_token"}
        assert (told["token_type"], told["expires_in"]) == ("Bearer", 900)
        claims = access_tokens.verify_jwt(told["access_token"])
        assert claims is not None
        assert (claims["sub"], claims["sid"]) == (ann.id, Session.objects.get().id)
        assert answer.headers["Cache-Control"] == "no-store"

    def test_a_password_gives_tokens_and_no_cookie(self, program: ApiClient, ann: UserRecord) -> None:
        body = {"email": ann.email, "password": PASSWORD}
        answer = program.api("POST", "/token", body)
        assert answer.status_code == 200
        assert answer.cookies == {}
        assert "set-auth-token" not in answer.headers
        assert [row.event_type for row in AuditEntry.objects.all()] == ["sign_in"]

    def test_forms_are_taken_as_oauth_has_them(self, program: ApiClient, ann: UserRecord) -> None:
        form = f"grant_type=password&username=ann%40example.com&password={PASSWORD.replace(' ', '+')}"
        answer = program.api("POST", "/token", form, content_type="application/x-www-form-urlencoded")
        assert answer.status_code == 200, answer.content

    def test_a_session_shown_as_a_bearer_does_too(
        self, browser: ApiClient, program: ApiClient, ann: UserRecord
    ) -> None:
        token = browser.sign_in().json()["token"]
        answer = program.api("POST", "/token", {}, headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 200, answer.content
        assert Session.objects.count() == 1

    def test_a_gate_that_wants_more_is_asked_first(
        self, program: ApiClient, ann: UserRecord, configure: Configure
    ) -> None:
        configure(SIGN_IN_GATES=[f"{__name__}.second_factor"])
        answer = program.api("POST", "/token", {"email": ann.email, "password": PASSWORD})
        assert (answer.status_code, answer.json()) == (200, {"twoFactorRedirect": True})
        assert not Session.objects.exists()
        assert not RefreshToken.objects.exists()

    def test_a_wrong_password_is_refused_as_at_sign_in(self, program: ApiClient, ann: UserRecord) -> None:
        answer = program.api("POST", "/token", {"email": ann.email, "password": PASSWORD + "x"})
        assert (answer.status_code, answer.json()["code"]) == (401, "INVALID_EMAIL_OR_PASSWORD")

    def test_it_is_no_way_round_the_limit_of_sign_ins(
        self, program: ApiClient, ann: UserRecord, configure: Configure
    ) -> None:
        configure(RATE_LIMIT={"ENABLED": True})
        counters.reset()
        statuses = [
            program.api("POST", "/token", {"email": f"u{number}@example.com", "password": "x"}).status_code
            for number in range(4)
        ]
        counters.reset()
        assert statuses == [401, 401, 401, 429]

    def test_nobody_gets_none(self, program: ApiClient) -> None:
        answer = program.api("POST", "/token")
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED")

    @pytest.mark.parametrize("grant", ["client_credentials", "authorization_code", "", "x" * 10_000])
    def test_other_grants_are_named_as_unknown(self, program: ApiClient, grant: str) -> None:
        answer = program.api("POST", "/token", {"grant_type": grant or "implicit"})
        assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")

    @pytest.mark.parametrize(
        "body",
        [
            {"grant_type": 1},
            {"grant_type": "refresh_token"},
            {"grant_type": "password", "email": "a@b.co"},
            {"grant_type": "password", "password": "x"},
            {"refresh_token": None},
            {"refresh_token": ["x"]},
            {"refresh_token": "x\x00"},
            [],
            "x",
        ],
    )
    def test_bad_bodies_are_400(self, program: ApiClient, body: Any) -> None:
        answer = program.api("POST", "/token", json.dumps(body), content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")

    def test_a_foreign_page_can_not_ask_with_the_cookie(self, browser: ApiClient, ann: UserRecord) -> None:
        browser.sign_in()
        answer = browser.api("POST", "/token", {}, headers={"origin": "https://evil.example"})
        assert (answer.status_code, answer.json()["code"]) == (403, "INVALID_ORIGIN")

    def test_where_password_sign_in_is_disabled_it_is_here(
        self, program: ApiClient, ann: UserRecord, configure: Configure
    ) -> None:
        configure(DISABLED_PATHS=["/sign-in/email"])
        answer = program.api("POST", "/token", {"email": ann.email, "password": PASSWORD})
        assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


def second_factor(attempt: Any) -> SignInChallenge:
    return SignInChallenge("two-factor", {"twoFactorRedirect": True})


class TestRotation:
    def test_each_use_gives_the_next(self, program: ApiClient, ann: UserRecord) -> None:
        seen = [tokens_by_password(program)["refresh_token"]]
        for _ in range(3):
            answer = refreshed(program, seen[-1])
            assert answer.status_code == 200, answer.content
            seen.append(answer.json()["refresh_token"])
        assert len(set(seen)) == 4
        assert RefreshToken.objects.count() == 1

    def test_two_tabs_at_once_both_go_on(self, program: ApiClient, ann: UserRecord) -> None:
        token = tokens_by_password(program)["refresh_token"]
        first, second = refreshed(program, token).json(), refreshed(program, token).json()
        assert first["refresh_token"] == second["refresh_token"]
        assert refreshed(program, first["refresh_token"]).status_code == 200
        assert refreshed(program, second["refresh_token"]).status_code == 200
        assert not AuditEntry.objects.filter(event_type="refresh_token_reused").exists()

    def test_reuse_after_the_grace_ends_the_family(
        self, program: ApiClient, ann: UserRecord, frozen_time: FrozenTime
    ) -> None:
        told = tokens_by_password(program, format="opaque")
        successor = refreshed(program, told["refresh_token"]).json()
        frozen_time.advance(seconds=11)
        assert program.get("/api/auth/ok").status_code == 200
        replay = refreshed(program, told["refresh_token"])
        assert (replay.status_code, replay.json()) == (400, INVALID_GRANT)
        assert refreshed(program, successor["refresh_token"]).json() == INVALID_GRANT
        assert RefreshToken.objects.count() == 0
        assert Session.objects.count() == 0  # which nobody but this family knew
        entry = AuditEntry.objects.get(event_type="refresh_token_reused")
        assert (entry.success, entry.subject_id) == (False, ann.id)

    def test_reuse_long_after_is_noticed_too(
        self, program: ApiClient, ann: UserRecord, frozen_time: FrozenTime
    ) -> None:
        first = token = tokens_by_password(program)["refresh_token"]
        for _ in range(5):
            frozen_time.advance(minutes=10)
            token = refreshed(program, token).json()["refresh_token"]
        assert refreshed(program, first).json() == INVALID_GRANT
        assert refreshed(program, token).json() == INVALID_GRANT
        assert AuditEntry.objects.filter(event_type="refresh_token_reused").count() == 1

    def test_a_family_of_the_browsers_session_leaves_that_alone(
        self, browser: ApiClient, ann: UserRecord, frozen_time: FrozenTime
    ) -> None:
        browser.sign_in()
        token = browser.api("POST", "/token").json()["refresh_token"]
        refreshed(browser, token)
        frozen_time.advance(seconds=11)
        assert refreshed(browser, token).json() == INVALID_GRANT
        assert browser.session()["user"]["id"] == ann.id

    def test_without_a_grace_the_second_is_the_last(
        self, program: ApiClient, ann: UserRecord, configure: Configure, frozen_time: FrozenTime
    ) -> None:
        configure(TOKENS={"REFRESH_GRACE": 0})
        token = tokens_by_password(program)["refresh_token"]
        assert refreshed(program, token).status_code == 200
        frozen_time.advance(milliseconds=1)
        assert refreshed(program, token).json() == INVALID_GRANT

    def test_use_prolongs_the_session_as_any_use(
        self, program: ApiClient, ann: UserRecord, frozen_time: FrozenTime
    ) -> None:
        token = tokens_by_password(program)["refresh_token"]
        for _ in range(6):
            frozen_time.advance(days=5)
            answer = refreshed(program, token)
            assert answer.status_code == 200, answer.content
            token = answer.json()["refresh_token"]
        frozen_time.advance(days=8)
        assert refreshed(program, token).json() == INVALID_GRANT

    def test_it_ends_by_itself(
        self, program: ApiClient, ann: UserRecord, frozen_time: FrozenTime, configure: Configure
    ) -> None:
        configure(TOKENS={"REFRESH_EXPIRES_IN": 60})
        token = tokens_by_password(program)["refresh_token"]
        frozen_time.advance(seconds=60)
        assert refreshed(program, token).json() == INVALID_GRANT

    def test_only_digests_rest(self, program: ApiClient, ann: UserRecord) -> None:
        token = tokens_by_password(program)["refresh_token"]
        successor = refreshed(program, token).json()["refresh_token"]
        (row,) = RefreshToken.objects.values()
        shown = " ".join(str(value) for value in row.values())
        for one in (token, successor):
            assert one not in shown
            assert one[3:27] not in shown
            assert one[27:] not in shown

    @pytest.mark.parametrize(
        "token",
        [
            "",
            "x",
            "rt_",
            "rt_" + "a" * 67,
            "rt_" + "é" * 67,
            "a.b.c",
            "x" * 65536,
            "rt_" + "a" * 65536,
            "\ud800",
        ],
        ids=lambda token: f"{token[:6]!r} {len(token)}",
    )
    def test_garbage_is_an_invalid_grant(
        self, program: ApiClient, token: str, django_assert_max_num_queries: Any
    ) -> None:
        with django_assert_max_num_queries(1):
            assert refresh_tokens.rotate(token) is None
        if "\ud800" not in token:
            answer = refreshed(program, token)
            assert (answer.status_code, answer.json()) == (400, INVALID_GRANT)


class TestEndings:
    """C2, C5, A16: whoever is out is out with all their tokens."""

    @pytest.fixture
    def told(self, browser: ApiClient, ann: UserRecord) -> dict[str, Any]:
        browser.sign_in()
        return dict(browser.api("POST", "/token", {"format": "opaque"}).json())

    def ensure_dead(self, program: ApiClient, told: dict[str, Any]) -> None:
        assert refreshed(program, told["refresh_token"]).json() == INVALID_GRANT

    def test_signing_out(self, browser: ApiClient, program: ApiClient, told: dict[str, Any]) -> None:
        browser.api("POST", "/sign-out", {})
        self.ensure_dead(program, told)

    def test_a_ban(self, program: ApiClient, told: dict[str, Any], ann: UserRecord) -> None:
        users.update(ann, banned=True)
        self.ensure_dead(program, told)

    def test_deletion(self, program: ApiClient, told: dict[str, Any], ann: UserRecord) -> None:
        users.delete(ann)
        self.ensure_dead(program, told)

    def test_the_end_of_all_sessions(self, program: ApiClient, told: dict[str, Any], ann: UserRecord) -> None:
        sessions.revoke_all(ann)
        self.ensure_dead(program, told)

    def test_another_secret_changes_nothing_that_rests(
        self, program: ApiClient, told: dict[str, Any], configure: Configure
    ) -> None:
        configure(SECRET="another-secret-0123456789-abcdefghij")
        assert refreshed(program, told["refresh_token"]).status_code == 200


class TestInSignInAnswers:
    def test_by_default_there_is_none(self, browser: ApiClient, ann: UserRecord) -> None:
        assert "refresh_token" not in browser.sign_in().json()

    def test_where_the_settings_want_it(
        self, browser: ApiClient, program: ApiClient, ann: UserRecord, configure: Configure
    ) -> None:
        configure(TOKENS={"IN_SIGN_IN_ANSWERS": True})
        told = browser.sign_in().json()
        assert refreshed(program, told["refresh_token"]).status_code == 200
        assert "refresh_token" in browser.sign_up("bob@example.com").json()
        assert "refresh_token" not in browser.session()
        assert RefreshToken.objects.count() == 2
