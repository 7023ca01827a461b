"""``/legacy/exchange``: a credential of the former system, once, for a session of ours."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from better_auth import clock, sessions, users
from better_auth.models import AuditEntry, LegacyExchange, Session
from better_auth.storage.records import UserRecord
from migration_tools.models import MigrationRecord
from tests.conftest import ApiClient
from tests.host.legacy_credentials import (
    SCHEMES,
    SECRET,
    TABLE,
    Shown,
    bring,
    execute,
    old_session,
    refusal_of,
    service_jwt,
    show,
    simple_jwt,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("beside")]
Configure = Callable[..., None]


def exchange(browser: ApiClient, shown: Shown | str, *, in_body: bool = False) -> Any:
    if isinstance(shown, str) or in_body:
        token = shown if isinstance(shown, str) else shown.token
        return browser.api("POST", "/legacy/exchange", {"token": token})
    return browser.api("POST", "/legacy/exchange", headers=shown.headers)


@pytest.mark.parametrize("in_body", [False, True])
@pytest.mark.parametrize(("scheme", "state"), TABLE)
def test_the_credential_table(
    browser: ApiClient, ann: UserRecord, scheme: str, state: str, in_body: bool
) -> None:
    bring("4711", ann, state)
    answer = exchange(browser, show(scheme, state, "4711"), in_body=in_body)
    if state == "valid":
        assert answer.status_code == 200
        assert (answer.json()["user"]["id"], answer.json()["redirect"]) == (ann.id, False)
        assert browser.session()["session"]["token"] == answer.json()["token"]
        return
    assert answer.status_code == 401
    assert answer.json()["code"] == (refusal_of(scheme, state) or "LEGACY_TOKEN_INVALID")
    assert (Session.objects.count(), LegacyExchange.objects.count()) == (0, 0)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_once(browser: ApiClient, new_browser: Any, ann: UserRecord, scheme: str) -> None:
    bring("4711", ann)
    shown = show(scheme, "valid", "4711")
    assert exchange(browser, shown).status_code == 200
    for in_body in (False, True):
        again = exchange(new_browser(), shown, in_body=in_body)
        assert (again.status_code, again.json()["code"]) == (401, "LEGACY_TOKEN_EXCHANGED")
    assert Session.objects.count() == 1
    assert browser.session()["user"]["id"] == ann.id


def test_a_session_that_the_former_system_prolongs_stays_spent(
    browser: ApiClient, new_browser: Any, ann: UserRecord, frozen_time: Any
) -> None:
    bring("4711", ann)
    shown = show("sessions", "valid", "4711")
    assert exchange(browser, shown).status_code == 200
    execute("UPDATE old_sessions SET expire_date = %s", clock.now() + timedelta(days=90))
    frozen_time.advance(days=60)
    call_command("cleanup_auth", stdout=StringIO())
    again = exchange(new_browser(), shown)
    assert (again.status_code, again.json()["code"]) == (401, "LEGACY_TOKEN_EXCHANGED")


def test_a_token_stays_spent_as_long_as_the_leeway_bears_with_it(
    browser: ApiClient, new_browser: Any, ann: UserRecord, configure: Configure, frozen_time: Any
) -> None:
    bring("4711", ann)
    configure(DUAL_AUTH={"LEEWAY": 7200})
    token = service_jwt("4711", exp=int(clock.timestamp()) + 60)
    assert exchange(browser, token).status_code == 200
    frozen_time.advance(hours=1.5)
    call_command("cleanup_auth", stdout=StringIO())
    assert exchange(new_browser(), token).json()["code"] == "LEGACY_TOKEN_EXCHANGED"


def test_a_refresh_token_too(browser: ApiClient, ann: UserRecord, configure: Configure) -> None:
    bring("4711", ann)
    assert exchange(browser, simple_jwt("4711", kind="refresh")).status_code == 200
    assert exchange(browser, simple_jwt("4711", kind="access")).status_code == 200
    assert exchange(browser, simple_jwt("4711", kind="sliding")).status_code == 401
    configure(DUAL_AUTH={"JWT": {"TYPE_CLAIM": "use", "REFRESH_TYPE": "renew"}})
    assert exchange(browser, service_jwt("4711", use="renew")).status_code == 200


def test_a_refresh_token_that_was_blacklisted(browser: ApiClient, ann: UserRecord) -> None:
    bring("4711", ann)
    show("simplejwt", "revoked", "4711")  # the tables name jti-access-4711
    token = simple_jwt("4711", kind="refresh", jti="jti-access-4711")
    assert exchange(browser, token).json()["code"] == "LEGACY_TOKEN_REVOKED"


def test_another_spelling_of_a_token_is_the_same_token(browser: ApiClient, ann: UserRecord) -> None:
    """The unused bits of the last character, padding: whatever would be taken, is spent."""
    bring("4711", ann)
    token = service_jwt("4711")
    assert exchange(browser, token).status_code == 200
    for other in (f"{token}=", token[:-1] + chr(ord(token[-1]) + 1), f" {token} "):
        assert exchange(browser, other).status_code == 401
    assert LegacyExchange.objects.count() == 1


def test_it_still_works_at_the_doors_afterwards(browser: ApiClient, ann: UserRecord) -> None:
    """Requests that are on their way, and clients that share it."""
    bring("4711", ann)
    shown = show("jwt", "valid", "4711")
    exchange(browser, shown)
    told = ApiClient(headers=shown.headers).session()
    assert told["user"]["id"] == ann.id


def test_a_session_says_how_it_came(browser: ApiClient, ann: UserRecord) -> None:
    bring("4711", ann)
    exchange(browser, show("authtoken", "valid", "4711"))
    assert Session.objects.get().auth_method == "legacy_authtoken"
    entry = AuditEntry.objects.get(event_type="sign_in")
    assert (entry.success, entry.auth_method, entry.subject_id) == (True, "legacy_authtoken", ann.id)


def test_a_gate_is_asked_before_anything_is_spent(
    browser: ApiClient, ann: UserRecord, configure: Configure
) -> None:
    """H13: a second factor is not lost on the way."""
    bring("4711", ann)
    token = service_jwt("4711")
    configure(SIGN_IN_GATES=["tests.host.legacy_credentials.second_factor"])
    assert exchange(browser, token).json() == {"twoFactorRedirect": True}
    assert (Session.objects.count(), LegacyExchange.objects.count()) == (0, 0)
    configure(SIGN_IN_GATES=[])
    assert exchange(browser, token).status_code == 200


def test_whoever_is_banned_meanwhile_gets_nothing(
    browser: ApiClient, ann: UserRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the proof and the session; and the token is not spent."""
    bring("4711", ann)
    issue = sessions.issue

    def ban_first(user: UserRecord, **more: Any) -> Any:
        return issue(users.update(user, banned=True), **more)

    monkeypatch.setattr(sessions, "issue", ban_first)
    answer = exchange(browser, service_jwt("4711"))
    assert (answer.status_code, answer.json()["code"]) == (403, "BANNED_USER")
    assert (Session.objects.count(), LegacyExchange.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("state", "code"), [("rolled_back", "LEGACY_USER_ROLLED_BACK"), ("banned", "LEGACY_USER_BANNED")]
)
def test_what_comes_before_the_lock_is_seen(
    browser: ApiClient, ann: UserRecord, monkeypatch: pytest.MonkeyPatch, state: str, code: str
) -> None:
    """A rollback or a ban that was under way when the credential was proven."""
    bring("4711", ann)
    lock = users.lock

    def wait_for_others(user: UserRecord) -> None:
        if state == "banned":
            users.update(user, banned=True)
        else:
            MigrationRecord.objects.update(state=state, user=None)
        lock(user)

    monkeypatch.setattr(users, "lock", wait_for_others)
    answer = exchange(browser, service_jwt("4711"))
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert (Session.objects.count(), LegacyExchange.objects.count()) == (0, 0)


def test_after_the_cutover_the_answer_names_it(
    browser: ApiClient, ann: UserRecord, configure: Configure
) -> None:
    bring("4711", ann)
    configure(DUAL_AUTH={"CUTOVER": "2020-02-03T04:05:00+00:00"})
    for scheme in SCHEMES:
        answer = exchange(
            browser, show(scheme, "valid", "4711") if scheme != "sessions" else old_session("4711")
        )
        assert (answer.status_code, answer.json()["code"]) == (401, "LEGACY_TOKENS_ENDED")
        assert "2020-02-03 04:05 UTC" in answer.json()["message"]


@pytest.mark.parametrize(
    "token", ["", "x", "a.b.c", "x" * 65536, "." * 1000, "0" * 40, "z" * 32, "\u00e9", "x" * 32, "a b"]
)
def test_garbage(browser: ApiClient, token: str) -> None:
    answer = exchange(browser, token)
    assert (answer.status_code, answer.json()["code"]) == (401, "LEGACY_TOKEN_INVALID")


@pytest.mark.parametrize(
    "body", [{"token": 1}, {"token": None}, {"token": ["x"]}, {"token": "\x00"}, "x", []]
)
def test_bodies_that_are_none(browser: ApiClient, body: Any) -> None:
    assert browser.api("POST", "/legacy/exchange", body).status_code in (400, 401)


def test_tokens_of_ours_are_none_of_theirs(browser: ApiClient, new_browser: Any, ann: UserRecord) -> None:
    browser.sign_in()
    for token in (browser.api("GET", "/token").json()["token"], browser.session()["session"]["token"]):
        answer = exchange(new_browser(), token)
        assert (answer.status_code, answer.json()["code"]) == (401, "LEGACY_TOKEN_INVALID")


def test_a_cookie_counts_from_a_trusted_origin_only(browser: ApiClient, ann: UserRecord) -> None:
    bring("4711", ann)
    headers = {**show("sessions", "valid", "4711").headers, "origin": "https://evil.example"}
    answer = browser.api("POST", "/legacy/exchange", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "INVALID_ORIGIN")
    assert Session.objects.count() == 0


def test_it_is_limited(browser: ApiClient, configure: Configure) -> None:
    configure(RATE_LIMIT={"ENABLED": True})
    codes = [exchange(browser, service_jwt("4711", secret=SECRET * 2)).status_code for _ in range(21)]
    assert codes == [401] * 20 + [429]


def test_switched_off_there_is_no_such_path(browser: ApiClient, configure: Configure) -> None:
    configure(DUAL_AUTH={"ENABLED": False})
    assert exchange(browser, service_jwt("4711")).status_code == 404
