"""Acting in somebody's name: seen by everybody who looks, short, and no way to their credentials."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connections

import apikeys.endpoints
from better_auth import access_tokens, clock, sessions, users
from better_auth.authentication.credentials import Credentials, InvalidCredentials
from better_auth.authentication.pipeline import authenticate
from better_auth.http.endpoint import operations_in
from better_auth.models import AuditEntry, Session
from better_auth.storage.records import UserRecord
from better_auth.urls import operations
from tests.better_auth.features.admin.conftest import AdminClient
from tests.conftest import PASSWORD, ApiClient
from tests.protocol import ATTRIBUTES, DONT_REMEMBER, SESSION_TOKEN, answered, set_cookies

pytestmark = pytest.mark.django_db
MakeUser = Callable[..., UserRecord]
Enter = Callable[..., AdminClient]
Entries = Callable[[str], list[AuditEntry]]
Configure = Callable[..., None]
ADMIN_SESSION = "better-auth.admin_session"
ADMINS = {"message": "You cannot impersonate admins", "code": "YOU_CANNOT_IMPERSONATE_ADMINS"}
THEMSELVES = {"message": "Only the users themselves can do this", "code": "NOT_ALLOWED_WHILE_IMPERSONATING"}
# What only users themselves may do; a test holds the list against the operations that say so.
CREDENTIALS: list[tuple[str, str, Any]] = [
    ("POST", "/change-password", {"newPassword": "another password", "currentPassword": PASSWORD}),
    ("POST", "/change-email", {"newEmail": "new@example.com"}),
    ("POST", "/delete-user", {"password": PASSWORD}),
    ("GET", "/delete-user/callback?token=x", None),
    ("POST", "/unlink-account", {"accountId": "x"}),
    ("POST", "/link-social", {"provider": "google"}),
    ("POST", "/get-access-token", {"accountId": "x"}),
    ("POST", "/refresh-token", {"accountId": "x"}),
    ("GET", "/passkey/generate-register-options", None),
    ("POST", "/passkey/verify-registration", {"response": {}}),
    ("POST", "/passkey/delete-passkey", {"id": "x"}),
    ("POST", "/api-key/create", {"name": "x"}),
    ("POST", "/api-key/update", {"keyId": "x"}),
    ("POST", "/api-key/rotate", {"keyId": "x"}),
    ("POST", "/api-key/delete", {"keyId": "x"}),
    ("POST", "/delete-anonymous-user", None),
    ("POST", "/email-otp/request-email-change", {"newEmail": "new@example.com"}),
    ("POST", "/email-otp/change-email", {"newEmail": "new@example.com", "otp": "123456"}),
    ("POST", "/device/approve", {"userCode": "ABCD-1234"}),
    ("POST", "/two-factor/enable", {"password": PASSWORD}),
    ("POST", "/two-factor/disable", {"password": PASSWORD}),
    ("POST", "/two-factor/get-totp-uri", {"password": PASSWORD}),
    ("POST", "/two-factor/generate-backup-codes", {"password": PASSWORD}),
    ("POST", "/two-factor/send-otp", {}),
    ("POST", "/two-factor/verify-totp", {"code": "123456"}),
    ("POST", "/two-factor/verify-otp", {"code": "123456"}),
    ("POST", "/two-factor/verify-backup-code", {"code": "123456"}),
    ("POST", "/admin/create-user", {"email": "new@example.com", "name": "N"}),
    ("POST", "/admin/update-user", {"userId": "x", "data": {"email": "new@example.com"}}),
    ("POST", "/admin/set-role", {"userId": "x", "role": "admin"}),
    ("POST", "/admin/set-user-password", {"userId": "x", "newPassword": "another password"}),
    ("POST", "/admin/remove-user", {"userId": "x"}),
]


def impersonate(admin: AdminClient, user_id: str) -> Any:
    response = admin.admin("impersonate-user", {"userId": user_id})
    assert response.status_code == 200, response.content
    return response


def test_who_is_behind_a_session_is_seen_in_it(
    admin: AdminClient, ann: AdminClient, frozen_time: Any
) -> None:
    body = impersonate(admin, ann.user["id"]).json()
    assert set(body) == {"session", "user"}
    assert body["user"] == ann.user
    assert body["session"]["impersonatedBy"] == admin.user["id"]
    assert body["session"]["expiresAt"] == clock.iso(frozen_time.now + timedelta(hours=1))
    assert admin.session() == body
    assert ann.session()["session"]["impersonatedBy"] is None


def test_the_cookies(admin: AdminClient, ann: AdminClient) -> None:
    own = admin.cookies[SESSION_TOKEN].value
    started = set_cookies(impersonate(admin, ann.user["id"]))
    assert started[ADMIN_SESSION].endswith(f"; Max-Age=604800; {ATTRIBUTES}")
    assert started[SESSION_TOKEN].endswith(f"; {ATTRIBUTES}")
    assert "Max-Age" not in started[SESSION_TOKEN]
    assert "Max-Age" not in started[DONT_REMEMBER]
    assert [name for name in started if name in (ADMIN_SESSION, SESSION_TOKEN, DONT_REMEMBER)] == [
        ADMIN_SESSION,
        SESSION_TOKEN,
        DONT_REMEMBER,
    ]
    stopped = set_cookies(admin.admin("stop-impersonating", {}))
    assert stopped[SESSION_TOKEN] == f"{SESSION_TOKEN}={own}; Max-Age=604800; {ATTRIBUTES}"
    assert stopped[ADMIN_SESSION] == f"{ADMIN_SESSION}=; Max-Age=0; {ATTRIBUTES}"
    assert stopped[DONT_REMEMBER] == f"{DONT_REMEMBER}=; Max-Age=0; {ATTRIBUTES}"


def test_an_administrator_who_was_not_to_be_remembered_is_not(make_user: MakeUser, ann: AdminClient) -> None:
    make_user("admin@example.com", role="admin")
    admin = AdminClient()
    admin.sign_in("admin@example.com", rememberMe=False)
    impersonate(admin, ann.user["id"])
    stopped = set_cookies(admin.admin("stop-impersonating", {}))
    assert "Max-Age" not in stopped[SESSION_TOKEN]
    assert "Max-Age=0" not in stopped[DONT_REMEMBER]


def test_there_and_back(admin: AdminClient, ann: AdminClient, entries: Entries) -> None:
    own = admin.session()
    other = impersonate(admin, ann.user["id"]).json()["session"]
    assert admin.admin("list-users").status_code == 403  # the target's rights
    assert answered(admin.admin("stop-impersonating", {})) == (200, own)
    assert admin.session() == own
    assert not Session.objects.filter(pk=other["id"]).exists()
    assert ann.session()["user"] == ann.user
    told = [*entries("impersonation_started"), *entries("impersonation_ended")]
    expected = (admin.user["id"], ann.user["id"], other["id"])
    assert [(one.actor_id, one.subject_id, one.session_id) for one in told] == [expected] * 2


def test_a_short_life_that_nothing_prolongs(admin: AdminClient, ann: AdminClient, frozen_time: Any) -> None:
    session = impersonate(admin, ann.user["id"]).json()["session"]
    bearer = ApiClient(headers={"authorization": f"Bearer {session['token']}"})
    frozen_time.advance(seconds=3599)
    for browser in (admin, bearer):
        assert browser.session()["session"]["expiresAt"] == session["expiresAt"]
    frozen_time.advance(seconds=2)
    assert (admin.session(), bearer.session()) == (None, None)


def test_as_long_as_the_settings_say(
    admin: AdminClient, ann: AdminClient, frozen_time: Any, configure: Configure
) -> None:
    configure(ADMIN={"IMPERSONATION_EXPIRES_IN": 60})
    session = impersonate(admin, ann.user["id"]).json()["session"]
    assert session["expiresAt"] == clock.iso(frozen_time.now + timedelta(minutes=1))


def test_the_user_does_not_see_it_among_their_sessions_and_administrators_do(
    admin: AdminClient, ann: AdminClient, enter: Enter
) -> None:
    impersonate(admin, ann.user["id"])
    for browser in (admin, ann):
        listed = browser.api("GET", "/list-sessions").json()
        assert [one["impersonatedBy"] for one in listed] == [None]
    eve = enter("eve@example.com", role="admin")
    listed = eve.admin("list-user-sessions", {"userId": ann.user["id"]}).json()["sessions"]
    assert [one["impersonatedBy"] for one in listed] == [None, admin.user["id"]]


def test_what_is_done_in_somebodys_name_has_both_names(
    admin: AdminClient, ann: AdminClient, entries: Entries
) -> None:
    impersonate(admin, ann.user["id"])
    assert admin.api("POST", "/update-user", {"name": "Changed"}).status_code == 200
    assert admin.admin("list-users").status_code == 403
    assert admin.api("POST", "/sign-out", {}).status_code == 200
    for kind in ("user_updated", "permission_refused", "sign_out"):
        named = [(entry.actor_id, entry.subject_id) for entry in entries(kind)]
        assert (admin.user["id"], ann.user["id"]) in named, kind
    ann.api("POST", "/update-user", {"name": "Ann again"})
    entry = entries("user_updated")[-1]
    assert (entry.actor_id, entry.subject_id) == (ann.user["id"], ann.user["id"])


def test_tokens_say_so_too(admin: AdminClient, ann: AdminClient, configure: Configure) -> None:
    configure(INTROSPECTION={"SECRETS": ["shop:0123456789abcdefghijklmnopqrstuvwxyz"]})
    session = impersonate(admin, ann.user["id"]).json()["session"]
    jwt = admin.api("GET", "/token").json()["token"]
    claims = access_tokens.verify_jwt(jwt)
    assert claims is not None
    assert (claims["sub"], claims["act"]) == (ann.user["id"], {"sub": admin.user["id"]})
    pair = admin.api("POST", "/token", {"format": "jwt"}).json()
    refreshed = admin.api("POST", "/token", {"refresh_token": pair["refresh_token"], "format": "opaque"})
    shown = [jwt, pair["access_token"], refreshed.json()["access_token"], session["token"]]
    for token in shown:
        principal = authenticate(Credentials(bearer=token))
        assert principal is not None
        assert (principal.user.id, principal.impersonated_by) == (ann.user["id"], admin.user["id"])
        answer = ApiClient(headers={"authorization": "Basic " + basic()}).api(
            "POST", "/introspect", {"token": token}
        )
        assert (answer.json()["sub"], answer.json()["act"]) == (ann.user["id"], {"sub": admin.user["id"]})
    own = authenticate(Credentials(bearer=ann.session()["session"]["token"]))
    assert own is not None
    assert own.impersonated_by is None
    assert "act" not in (access_tokens.verify_jwt(ann.api("GET", "/token").json()["token"]) or {})


def basic() -> str:
    from base64 import b64encode

    return b64encode(b"shop:0123456789abcdefghijklmnopqrstuvwxyz").decode()


def test_the_list_of_what_only_users_may_do_is_whole() -> None:
    all_there_are = [*operations, *operations_in(apikeys.endpoints)]
    marked = {(one.method, one.path) for one in all_there_are if one.changes_credentials}
    assert marked == {(method, path.partition("?")[0]) for method, path, _ in CREDENTIALS}


@pytest.mark.parametrize(("method", "path", "body"), CREDENTIALS, ids=[one[1] for one in CREDENTIALS])
def test_credentials_are_the_users_alone(
    admin: AdminClient,
    ann: AdminClient,
    configure: Configure,
    entries: Entries,
    method: str,
    path: str,
    body: Any,
) -> None:
    configure(USER={"CHANGE_EMAIL": True, "DELETE_USER": True})
    impersonate(admin, ann.user["id"])
    assert answered(admin.api(method, path, body)) == (403, THEMSELVES)
    entry = entries("impersonation_refused")[0]
    assert (entry.actor_id, entry.subject_id, entry.success) == (admin.user["id"], ann.user["id"], False)
    assert ann.session()["user"] == ann.user
    assert ApiClient().sign_in("ann@example.com").status_code == 200
    assert answered(ann.api(method, path, body))[1] != THEMSELVES
    configure(ADMIN={"IMPERSONATION_CHANGES_CREDENTIALS": True})
    assert answered(admin.api(method, path, body))[1] != THEMSELVES


def test_administrators_are_not_impersonated(
    admin: AdminClient, enter: Enter, configure: Configure, entries: Entries
) -> None:
    other = enter("other@example.com", role="user,admin")
    body = {"userId": other.user["id"]}
    assert answered(admin.admin("impersonate-user", body)) == (403, ADMINS)
    assert answered(admin.admin("impersonate-user", {"userId": admin.user["id"]})) == (403, ADMINS)
    assert entries("permission_refused")[0].details == {"permission": "user:impersonate-admins"}
    assert admin.session()["user"] == admin.user
    configure(ADMIN={"ALLOW_IMPERSONATING_ADMINS": True})
    assert admin.admin("impersonate-user", body).status_code == 200


def test_the_permission_to_impersonate_administrators(enter: Enter, configure: Configure) -> None:
    roles = {"root": {"user": ["impersonate", "impersonate-admins"]}, "support": {"user": ["impersonate"]}}
    configure(ADMIN={"ROLES": {**roles, "user": {}}, "ADMIN_ROLES": ["support"]})
    root, support = enter("root@example.com", role="root"), enter("support@example.com", role="support")
    assert support.admin("impersonate-user", {"userId": root.user["id"]}).status_code == 200
    support.admin("stop-impersonating", {})
    configure(ADMIN={"ADMIN_USER_IDS": [root.user["id"]]})
    assert answered(support.admin("impersonate-user", {"userId": root.user["id"]})) == (403, ADMINS)
    assert root.admin("impersonate-user", {"userId": support.user["id"]}).status_code == 200


@pytest.mark.parametrize("flag", ["is_staff", "is_superuser"])
def test_djangos_operators_are_not_impersonated(admin: AdminClient, ann: AdminClient, flag: str) -> None:
    """Else this were a way into the admin site."""
    row = users.find_by_id(ann.user["id"])
    assert row is not None
    get_user_model()._default_manager.filter(pk=row.key).update(**{flag: True})
    assert answered(admin.admin("impersonate-user", {"userId": ann.user["id"]})) == (403, ADMINS)


def test_the_banned_are_not_impersonated(admin: AdminClient, ann: AdminClient) -> None:
    admin.admin("ban-user", {"userId": ann.user["id"]})
    status, body = answered(admin.admin("impersonate-user", {"userId": ann.user["id"]}))
    assert (status, body["code"]) == (403, "BANNED_USER")
    assert admin.session()["user"] == admin.user


def test_nobody_to_impersonate(admin: AdminClient, ann: AdminClient) -> None:
    assert admin.admin("impersonate-user", {"userId": "nobody"}).json()["code"] == "USER_NOT_FOUND"
    answer = {"message": "You are not allowed to impersonate users"}
    answer |= {"code": "YOU_ARE_NOT_ALLOWED_TO_IMPERSONATE_USERS"}
    assert answered(ann.admin("impersonate-user", {"userId": admin.user["id"]})) == (403, answer)
    impersonate(admin, ann.user["id"])
    assert answered(admin.admin("impersonate-user", {"userId": ann.user["id"]})) == (403, answer)
    assert answered(ApiClient().api("POST", "/admin/impersonate-user", {"userId": "x"})) == (401, None)


def test_nothing_to_stop(admin: AdminClient, ann: AdminClient) -> None:
    answer = {"message": "You are not impersonating anyone"}
    assert answered(admin.admin("stop-impersonating", {})) == (400, answer)
    assert answered(ApiClient().api("POST", "/admin/stop-impersonating", {})) == (401, None)


@pytest.mark.parametrize("kept", [None, "forged:.signature", "of somebody else"])
def test_no_way_back_without_the_administrators_own_session(
    admin: AdminClient, ann: AdminClient, enter: Enter, make_user: MakeUser, kept: str | None
) -> None:
    impersonate(admin, ann.user["id"])
    if kept == "of somebody else":
        eve = enter("eve@example.com", role="admin")
        impersonate(eve, make_user("bob@example.com").id)
        kept = eve.cookies[ADMIN_SESSION].value
    admin.cookies[ADMIN_SESSION] = kept or ""
    answer = {"message": "Failed to find admin session"}
    assert answered(admin.admin("stop-impersonating", {})) == (500, answer)
    assert admin.session()["session"]["impersonatedBy"] == admin.user["id"]


def test_an_administrator_who_is_gone(admin: AdminClient, ann: AdminClient, enter: Enter) -> None:
    eve = enter("eve@example.com", role="admin")
    impersonate(admin, ann.user["id"])
    Session.objects.filter(impersonated_by=admin.user["id"]).update(impersonated_by="nobody any more")
    assert answered(admin.admin("stop-impersonating", {})) == (500, {"message": "Failed to find user"})
    assert eve.session() is not None


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("ban-user", {}),
        ("remove-user", {}),
        ("revoke-user-sessions", {}),
        ("set-role", {"role": "user"}),
        ("update-user", {"data": {"role": "user"}}),
    ],
)
def test_it_ends_with_the_right_to_it(
    admin: AdminClient, ann: AdminClient, enter: Enter, path: str, more: dict[str, Any], commits: None
) -> None:
    eve = enter("eve@example.com", role="admin")
    token = impersonate(admin, ann.user["id"]).json()["session"]["token"]
    assert admin.session()["user"] == ann.user
    assert eve.admin(path, {"userId": admin.user["id"], **more}).status_code == 200
    assert admin.session() is None
    with pytest.raises(InvalidCredentials):
        authenticate(Credentials(bearer=token))
    assert ann.session()["user"] == ann.user


def test_an_impersonation_within_another_takes_its_place(
    admin: AdminClient, ann: AdminClient, enter: Enter, configure: Configure, entries: Entries
) -> None:
    """What is done is put down to who did it, not to the one in between."""
    configure(ADMIN={"ALLOW_IMPERSONATING_ADMINS": True})
    eve, own = enter("eve@example.com", role="admin"), admin.session()
    between = impersonate(admin, eve.user["id"]).json()["session"]
    assert impersonate(admin, ann.user["id"]).json()["session"]["impersonatedBy"] == admin.user["id"]
    assert not Session.objects.filter(pk=between["id"]).exists()
    entry = entries("impersonation_started")[-1]
    assert (entry.actor_id, entry.subject_id) == (admin.user["id"], ann.user["id"])
    assert entry.details == {"in_name_of": eve.user["id"]}
    assert admin.api("POST", "/update-user", {"name": "Changed"}).status_code == 200
    entry = entries("user_updated")[-1]
    assert (entry.actor_id, entry.subject_id) == (admin.user["id"], ann.user["id"])
    assert answered(admin.admin("stop-impersonating", {})) == (200, own)
    assert eve.session()["user"] == eve.user


def test_within_another_it_ends_with_the_ban_of_who_is_behind_it(
    admin: AdminClient, ann: AdminClient, enter: Enter, configure: Configure, commits: None
) -> None:
    configure(ADMIN={"ALLOW_IMPERSONATING_ADMINS": True})
    eve = enter("eve@example.com", role="admin")
    impersonate(admin, eve.user["id"])
    impersonate(admin, ann.user["id"])
    assert eve.admin("ban-user", {"userId": admin.user["id"]}).status_code == 200
    assert admin.session() is None


def test_signing_out_leaves_nothing_of_the_administrators_in_the_browser(
    admin: AdminClient, ann: AdminClient
) -> None:
    assert ADMIN_SESSION not in set_cookies(ann.api("POST", "/sign-out", {}))
    impersonate(admin, ann.user["id"])
    left = set_cookies(admin.api("POST", "/sign-out", {}))
    assert left[ADMIN_SESSION] == f"{ADMIN_SESSION}=; Max-Age=0; {ATTRIBUTES}"
    assert admin.session() is None


def test_the_cookie_cache_tells_it_as_well(
    admin: AdminClient, ann: AdminClient, configure: Configure
) -> None:
    configure(SESSION={"COOKIE_CACHE": {"ENABLED": True}})
    admin.session()
    impersonate(admin, ann.user["id"])
    for _ in range(2):  # the store, then the copy
        assert admin.session()["session"]["impersonatedBy"] == admin.user["id"]
    admin.admin("stop-impersonating", {})
    assert admin.session()["user"] == admin.user


def test_the_device_does_not_count_as_the_users_own(
    admin: AdminClient, ann: AdminClient, configure: Configure
) -> None:
    configure(RATE_LIMIT={"ENABLED": True})
    assert "better-auth.known_device" not in set_cookies(impersonate(admin, ann.user["id"]))


@pytest.mark.django_db(transaction=True)
def test_a_ban_in_the_same_moment_leaves_no_session(admin: AdminClient, ann: AdminClient) -> None:
    """Whichever is first: nobody acts for the banned."""
    token = admin.session()["session"]["token"]

    def call(path: str) -> int:
        browser = ApiClient(headers={"authorization": f"Bearer {token}"})
        try:
            return int(browser.api("POST", f"/admin/{path}", {"userId": ann.user["id"]}).status_code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(call, ["impersonate-user", "ban-user", "impersonate-user", "ban-user"]))
    assert set(answers) <= {200, 403, 503}
    banned = users.find_by_id(ann.user["id"])
    assert banned is not None
    assert banned.banned
    assert sessions.list_active(banned, with_impersonation=True) == []
