"""Events and the audit log: one row for each thing that happened, in the transaction of the change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from better_auth import events, sessions, users
from better_auth.events import Event
from better_auth.models import Account, AuditEntry, Session
from better_auth.observability import audit
from better_auth.storage.records import UserRecord
from tests import protocol
from tests.conftest import PASSWORD, ApiClient, FrozenTime
from tests.protocol import answered, link_in, path_of, query_of, refusal

pytestmark = pytest.mark.usefixtures("commits")
Configure = Callable[..., None]
Mails = Callable[[], list[Any]]
NEW_PASSWORD = "another long password"


@pytest.fixture
def ann(browser: ApiClient, make_user: Callable[..., UserRecord]) -> UserRecord:
    """Ann, signed in in ``browser``; nothing is in the log yet."""
    user = make_user()
    browser.sign_in()
    AuditEntry.objects.all().delete()
    return user


def logged() -> list[tuple[str, bool, str, dict[str, Any]]]:
    rows = AuditEntry.objects.order_by("id")
    return [(row.event_type, row.success, row.auth_method, row.details) for row in rows]


def entry(event_type: str, *, success: bool = True, method: str = "", **details: Any) -> Any:
    return (event_type, success, method, details)


FAILED_CHECK = entry("password_check", success=False, method="password", reason="wrong_password")


def test_sign_up_and_sign_in_are_logged(browser: ApiClient, db: None) -> None:
    browser.defaults["HTTP_USER_AGENT"] = "Firefox/1.0"
    user_id = browser.sign_up().json()["user"]["id"]
    assert logged() == [entry("sign_up", method="password"), entry("sign_in", method="password")]
    for row in AuditEntry.objects.all():
        assert (row.subject_id, row.actor_id) == (user_id, user_id)
        assert (row.ip_address, row.user_agent) == ("127.0.0.1", "Firefox/1.0")
    last = AuditEntry.objects.order_by("id").last()
    assert last
    assert last.session_id == Session.objects.get().id


@pytest.mark.parametrize(
    ("email", "reason"), [("ann@example.com", "wrong_password"), ("nobody@example.com", "unknown_user")]
)
def test_a_failed_sign_in_leaves_one_row(
    browser: ApiClient, ann: UserRecord, email: str, reason: str
) -> None:
    browser.sign_in(email, "wrong password")
    assert logged() == [entry("sign_in", success=False, method="password", reason=reason)]
    subject = ann.id if email == ann.email else ""
    assert AuditEntry.objects.get().subject_id == subject


CALLS: list[tuple[str, Any, list[Any]]] = [
    ("/sign-out", {}, [entry("sign_out")]),
    ("/revoke-sessions", {}, [entry("sessions_revoked", count=2)]),
    ("/revoke-other-sessions", {}, [entry("sessions_revoked", count=1)]),
    ("/revoke-session", {"token": "unknown"}, []),
    ("/update-user", {"image": None, "name": "B"}, [entry("user_updated", fields=["image", "name"])]),
    ("/update-user", {}, []),
    ("/update-user", {"name": None}, []),
    (
        "/change-password",
        {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD},
        [entry("password_changed")],
    ),
    (
        "/change-password",
        {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD, "revokeOtherSessions": True},
        [entry("password_changed"), entry("sessions_revoked", count=2)],
    ),
    (
        "/change-password",
        {"currentPassword": "wrong password", "newPassword": NEW_PASSWORD},
        [FAILED_CHECK],
    ),
    ("/change-password", {"currentPassword": PASSWORD, "newPassword": "short"}, []),
    (
        "/verify-password",
        {"password": "wrong password"},
        [FAILED_CHECK],
    ),
    ("/verify-password", {"password": PASSWORD}, []),
    ("/request-password-reset", {"email": "ann@example.com"}, [entry("password_reset_requested")]),
    (
        "/request-password-reset",
        {"email": "nobody@example.com"},
        [entry("password_reset_requested", reason="unknown_user")],
    ),
    ("/reset-password", {"token": "unknown", "newPassword": NEW_PASSWORD}, []),
    ("/change-email", {"newEmail": "new@example.com"}, [entry("email_change_requested")]),
    ("/delete-user", {}, [entry("user_deleted")]),
    ("/sign-up/email", {"name": "B", "email": "ann@example.com", "password": PASSWORD}, []),
    ("/sign-in/email", {"email": "ann", "password": PASSWORD}, []),
]


@pytest.mark.parametrize(("path", "body", "expected"), CALLS, ids=[call[0] for call in CALLS])
def test_what_a_call_leaves_in_the_log(
    browser: ApiClient,
    new_browser: Callable[..., ApiClient],
    ann: UserRecord,
    path: str,
    body: Any,
    expected: list[Any],
) -> None:
    new_browser().sign_in()
    AuditEntry.objects.all().delete()
    browser.api("POST", path, body)
    assert logged() == expected
    subject = "" if "nobody" in str(body) else ann.id
    assert all(row.subject_id == subject for row in AuditEntry.objects.all())


def test_a_revoked_session_is_named(browser: ApiClient, ann: UserRecord) -> None:
    session = browser.session()["session"]
    browser.api("POST", "/revoke-session", {"token": session["token"]})
    assert logged() == [entry("session_revoked")]
    assert AuditEntry.objects.get().session_id == session["id"]


def test_reading_leaves_nothing(browser: ApiClient, ann: UserRecord) -> None:
    for path in ("/get-session", "/list-sessions", "/list-accounts", "/ok", "/error"):
        browser.api("GET", path)
    assert logged() == []


def test_mailed_links_are_logged(
    browser: ApiClient, ann: UserRecord, mails: Mails, configure: Configure
) -> None:
    configure(EMAIL_VERIFICATION={"AUTO_SIGN_IN": True})
    browser.api("POST", "/send-verification-email", {"email": "ann@example.com"})
    browser.api("GET", path_of(link_in(mails()[0])))
    browser.api("POST", "/change-email", {"newEmail": "new@example.com"})
    browser.api("GET", path_of(link_in(mails()[1])))
    browser.api("POST", "/request-password-reset", {"email": "new@example.com"})
    token = link_in(mails()[2]).partition("?")[0].rpartition("/")[2]
    browser.api("POST", "/reset-password", {"token": token, "newPassword": NEW_PASSWORD})
    assert logged() == [
        entry("email_verified", method="email_link"),
        entry("email_change_requested"),
        entry("email_changed", method="email_link"),
        entry("password_reset_requested"),
        entry("password_reset"),
    ]


def test_an_unlinked_account_is_logged(browser: ApiClient, ann: UserRecord) -> None:
    google = Account.objects.create(user_id=ann.key, provider_id="google", account_id="subject-1")
    browser.api("POST", "/unlink-account", {"accountId": google.pk})
    browser.api("POST", "/unlink-account", {"accountId": google.pk})
    assert logged() == [entry("account_unlinked", provider="google")]


def test_an_address_that_is_changed_at_once_is_logged(
    browser: ApiClient, ann: UserRecord, configure: Configure
) -> None:
    configure(USER={"CHANGE_EMAIL_UNVERIFIED_AT_ONCE": True})
    browser.api("POST", "/change-email", {"newEmail": "new@example.com"})
    assert logged() == [entry("email_changed")]


def test_the_log_outlives_the_user(browser: ApiClient, ann: UserRecord) -> None:
    browser.api("POST", "/delete-user", {})
    assert not get_user_model().objects.exists()
    assert [row.subject_id for row in AuditEntry.objects.all()] == [ann.id]


def fail(*args: Any, **kwargs: Any) -> Any:
    raise RuntimeError("in the midst of it")


@pytest.mark.parametrize(
    ("breaks", "path", "body"),
    [
        ((sessions, "refresh_copies"), "/update-user", {"name": "B"}),
        (
            (sessions, "issue"),
            "/change-password",
            {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD, "revokeOtherSessions": True},
        ),
        ((sessions, "issue"), "/sign-in/email", {"email": "ann@example.com", "password": PASSWORD}),
        (
            (sessions, "issue"),
            "/sign-up/email",
            {"name": "B", "email": "b@example.com", "password": PASSWORD},
        ),
        ((users, "delete"), "/delete-user", {}),
    ],
    ids=["update-user", "change-password", "sign-in", "sign-up", "delete-user"],
)
@pytest.mark.parametrize("where", ["rule", "log"])
def test_a_change_that_fails_leaves_neither_change_nor_row(
    browser: ApiClient,
    ann: UserRecord,
    monkeypatch: pytest.MonkeyPatch,
    breaks: tuple[Any, str],
    path: str,
    body: Any,
    where: str,
) -> None:
    def rows() -> list[Any]:
        return [list(model.objects.order_by("pk").values()) for model in (get_user_model(), Session, Account)]

    before = rows()
    browser.raise_request_exception = False
    with monkeypatch.context() as patch:
        if where == "rule":
            patch.setattr(*breaks, fail)
        else:
            patch.setattr(audit, "compiled", SimpleNamespace(insert=fail))
        response = browser.api("POST", path, body)
    assert answered(response) == (500, refusal("INTERNAL_SERVER_ERROR"))
    assert protocol.set_cookies(response) == {}
    assert (rows(), logged()) == (before, [])
    assert browser.api("POST", path, body).status_code == 200


@pytest.fixture
def announced() -> Iterator[list[Event]]:
    seen: list[Event] = []

    def receive(*, event: Event, **kwargs: Any) -> None:
        seen.append(event)
        raise RuntimeError("a receiver of the host's is broken")

    events.committed.connect(receive)
    yield seen
    events.committed.disconnect(receive)


def test_the_host_is_told_after_the_commit_and_can_break_nothing(
    browser: ApiClient, ann: UserRecord, announced: list[Event]
) -> None:
    assert browser.api("POST", "/update-user", {"name": "B"}).status_code == 200
    assert [(type(event).__name__, event.subject_id) for event in announced] == [("UserUpdated", ann.id)]


def test_the_host_is_not_told_of_what_was_rolled_back(
    browser: ApiClient, ann: UserRecord, announced: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "delete", fail)
    browser.raise_request_exception = False
    assert browser.api("POST", "/delete-user", {}).status_code == 500
    assert announced == []


def test_no_secret_is_in_any_row(
    browser: ApiClient,
    new_browser: Callable[..., ApiClient],
    mails: Mails,
    configure: Configure,
    frozen_time: FrozenTime,
    settings: Any,
) -> None:
    configure(USER={"DELETE_USER_VERIFICATION": True}, EMAIL_VERIFICATION={"SEND_ON_SIGN_UP": True})
    secrets = {PASSWORD, NEW_PASSWORD, "wrong password", "third password", settings.BETTER_AUTH["SECRET"]}
    secrets |= {browser.sign_up().json()["token"], new_browser().sign_in().json()["token"]}
    secrets |= {morsel.value for morsel in browser.cookies.values()}
    browser.sign_in(password="wrong password")
    handle = browser.api("GET", "/list-sessions").json()[1]["token"]
    browser.api("POST", "/revoke-session", {"token": handle})
    browser.api("GET", path_of(link_in(mails()[0])))
    browser.api("POST", "/change-email", {"newEmail": "new@example.com"})
    browser.api("GET", path_of(link_in(mails()[1])))
    change = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD, "revokeOtherSessions": True}
    secrets.add(browser.api("POST", "/change-password", change).json()["token"])
    browser.api("POST", "/request-password-reset", {"email": "new@example.com"})
    reset_token = link_in(mails()[2]).partition("?")[0].rpartition("/")[2]
    browser.api("POST", "/reset-password", {"token": reset_token, "newPassword": "third password"})
    browser.api("POST", "/delete-user", {})
    deletion = query_of(link_in(mails()[3]))["token"]
    secrets |= {
        reset_token,
        deletion,
        *(query_of(link_in(mail))["token"] for mail in mails()[:2]),
    }
    secrets |= {str(user["password"]) for user in get_user_model().objects.values("password")}
    secrets |= {row.token_hash for row in Session.objects.all()}
    assert answered(browser.api("POST", "/delete-user", {"token": deletion}))[0] == 200
    log = repr(list(AuditEntry.objects.values()))
    assert len(logged()) == 13
    assert [secret for secret in secrets if secret in log] == []
