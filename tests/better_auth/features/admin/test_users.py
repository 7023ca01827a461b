"""Users made, changed, banned and removed by somebody else; who may, and what the audit log keeps of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from better_auth import clock, passwords, users
from better_auth.authentication.credentials import Credentials, InvalidCredentials
from better_auth.authentication.pipeline import authenticate
from better_auth.models import Account, AuditEntry
from better_auth.storage.records import UserRecord
from tests.better_auth.features.admin.conftest import AdminClient
from tests.conftest import PASSWORD, ApiClient
from tests.protocol import ISO_DATE, answered

pytestmark = pytest.mark.django_db
MakeUser = Callable[..., UserRecord]
Enter = Callable[..., AdminClient]
Entries = Callable[[str], list[AuditEntry]]
Configure = Callable[..., None]
TEXTS = {
    "INVALID_EMAIL": "Invalid email",
    "INVALID_ROLE_TYPE": "Invalid role type",
    "NO_DATA_TO_UPDATE": "No data to update",
    "PASSWORD_CANNOT_BE_UPDATED_VIA_UPDATE_USER": (
        "Password cannot be updated through update-user. Use the set-user-password endpoint instead"
    ),
    "PASSWORD_TOO_LONG": "Password too long",
    "PASSWORD_TOO_SHORT": "Password too short",
    "USER_ALREADY_EXISTS": "User already exists.",
    "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL": "User already exists. Use another email.",
    "USER_ID_CANNOT_BE_UPDATED": "User id cannot be updated",
    "USER_NOT_FOUND": "User not found",
    "YOU_ARE_NOT_ALLOWED_TO_SET_NON_EXISTENT_VALUE": "You are not allowed to set a non-existent role value",
    "YOU_CANNOT_BAN_YOURSELF": "You cannot ban yourself",
    "YOU_CANNOT_REMOVE_YOURSELF": "You cannot remove yourself",
    "YOU_ARE_NOT_ALLOWED_TO_BAN_USERS": "You are not allowed to ban users",
    "YOU_ARE_NOT_ALLOWED_TO_CHANGE_USERS_ROLE": "You are not allowed to change users role",
    "YOU_ARE_NOT_ALLOWED_TO_CREATE_USERS": "You are not allowed to create users",
    "YOU_ARE_NOT_ALLOWED_TO_DELETE_USERS": "You are not allowed to delete users",
    "YOU_ARE_NOT_ALLOWED_TO_GET_USER": "You are not allowed to get user",
    "YOU_ARE_NOT_ALLOWED_TO_LIST_USERS": "You are not allowed to list users",
    "YOU_ARE_NOT_ALLOWED_TO_LIST_USERS_SESSIONS": "You are not allowed to list users sessions",
    "YOU_ARE_NOT_ALLOWED_TO_REVOKE_USERS_SESSIONS": "You are not allowed to revoke users sessions",
    "YOU_ARE_NOT_ALLOWED_TO_SET_USERS_EMAIL": "You are not allowed to update users email",
    "YOU_ARE_NOT_ALLOWED_TO_SET_USERS_PASSWORD": "You are not allowed to set users password",
    "YOU_ARE_NOT_ALLOWED_TO_SET_USERS_PHONE_NUMBER": "You are not allowed to update users phone number",
    "YOU_ARE_NOT_ALLOWED_TO_UPDATE_USERS": "You are not allowed to update users",
    "PHONE_NUMBER_EXIST": "Phone number already exists",
    "USERNAME_IS_ALREADY_TAKEN": "Username is already taken. Please try another.",
}
# Each call, and what it is refused with where no role grants it.
CALLS: list[tuple[str, Any, str]] = [
    ("list-users", None, "YOU_ARE_NOT_ALLOWED_TO_LIST_USERS"),
    ("get-user?id={id}", None, "YOU_ARE_NOT_ALLOWED_TO_GET_USER"),
    ("create-user", {"email": "new@example.com", "name": "N"}, "YOU_ARE_NOT_ALLOWED_TO_CREATE_USERS"),
    ("update-user", {"userId": "{id}", "data": {"name": "N"}}, "YOU_ARE_NOT_ALLOWED_TO_UPDATE_USERS"),
    ("set-role", {"userId": "{id}", "role": "user"}, "YOU_ARE_NOT_ALLOWED_TO_CHANGE_USERS_ROLE"),
    ("ban-user", {"userId": "{id}"}, "YOU_ARE_NOT_ALLOWED_TO_BAN_USERS"),
    ("unban-user", {"userId": "{id}"}, "YOU_ARE_NOT_ALLOWED_TO_BAN_USERS"),
    ("list-user-sessions", {"userId": "{id}"}, "YOU_ARE_NOT_ALLOWED_TO_LIST_USERS_SESSIONS"),
    ("revoke-user-session", {"sessionToken": "x"}, "YOU_ARE_NOT_ALLOWED_TO_REVOKE_USERS_SESSIONS"),
    ("revoke-user-sessions", {"userId": "{id}"}, "YOU_ARE_NOT_ALLOWED_TO_REVOKE_USERS_SESSIONS"),
    (
        "set-user-password",
        {"userId": "{id}", "newPassword": "long enough"},
        "YOU_ARE_NOT_ALLOWED_TO_SET_USERS_PASSWORD",
    ),
    ("remove-user", {"userId": "{id}"}, "YOU_ARE_NOT_ALLOWED_TO_DELETE_USERS"),
]
each_call = pytest.mark.parametrize(("path", "body", "code"), CALLS, ids=[call[0] for call in CALLS])


def refused(code: str, status: int = 400) -> tuple[int, dict[str, str]]:
    return status, {"message": TEXTS[code], "code": code}


def call(browser: AdminClient, path: str, body: Any, user_id: str) -> Any:
    """With the id filled in."""
    if body is None:
        return browser.admin(path.format(id=user_id))
    return browser.admin(path, {name: user_id if value == "{id}" else value for name, value in body.items()})


def state_of(user_id: str) -> tuple[Any, ...]:
    user = users.find_by_id(user_id)
    assert user is not None
    return user, get_user_model()._default_manager.values_list("password", flat=True).get(pk=user.key)


@each_call
def test_nobody_is_told_nothing(path: str, body: Any, code: str, ann: AdminClient) -> None:
    assert answered(call(AdminClient(), path, body, ann.user["id"])) == (401, None)


@each_call
def test_who_may_not_is_told_so_and_noted(
    path: str, body: Any, code: str, ann: AdminClient, make_user: MakeUser, entries: Entries
) -> None:
    bob = make_user("bob@example.com")
    before = state_of(bob.id)
    assert answered(call(ann, path, body, bob.id)) == refused(code, 403)
    assert state_of(bob.id) == before
    entry = entries("permission_refused")[-1]
    assert (entry.actor_id, entry.success) == (ann.user["id"], False)


@each_call
def test_without_the_feature_there_is_no_such_path(
    path: str, body: Any, code: str, admin: AdminClient, configure: Configure
) -> None:
    configure(FEATURES=["bearer"])
    response = call(admin, path, body, admin.user["id"])
    assert answered(response) == (404, None)


@each_call
def test_one_permission_is_enough_for_one_call(
    path: str, body: Any, code: str, enter: Enter, make_user: MakeUser, configure: Configure
) -> None:
    """Nobody gets by one permission what another one is for."""
    grants = {
        "list-users": ("user", "list"),
        "get-user?id={id}": ("user", "get"),
        "create-user": ("user", "create"),
        "update-user": ("user", "update"),
        "set-role": ("user", "set-role"),
        "ban-user": ("user", "ban"),
        "unban-user": ("user", "ban"),
        "list-user-sessions": ("session", "list"),
        "revoke-user-session": ("session", "revoke"),
        "revoke-user-sessions": ("session", "revoke"),
        "set-user-password": ("user", "set-password"),
        "remove-user": ("user", "delete"),
    }
    resource, action = grants[path]
    rest = {
        name: [one for one in actions if (name, one) != (resource, action)]
        for name, actions in {
            "user": [action for kind, action in grants.values() if kind == "user"],
            "session": ["list", "revoke", "delete"],
        }.items()
    }
    configure(ADMIN={"ROLES": {"one": {resource: [action]}, "others": rest, "user": {}}})
    bob = make_user("bob@example.com")
    assert call(enter("two@example.com", role="others"), path, body, bob.id).json()["code"] == code
    response = call(enter("one@example.com", role="user,one"), path, body, bob.id)
    assert response.status_code == 200, response.content


def test_get_user(admin: AdminClient, ann: AdminClient) -> None:
    assert answered(admin.admin("get-user", id=ann.user["id"])) == (200, ann.user)
    for nobody in ("", "no-such-user", "x" * 5000):
        assert answered(admin.admin("get-user", id=nobody)) == refused("USER_NOT_FOUND", 404)
    assert admin.admin("get-user").json()["message"].startswith("[query.id] Invalid input: expected string")


@pytest.mark.parametrize("path", ["update-user", "set-role", "ban-user", "unban-user", "remove-user"])
@pytest.mark.parametrize("user_id", ["nobody", "", None, 5, [1], {"a": 1}, "x\0", "x" * 1_000_000])
def test_an_id_that_is_nobodys(admin: AdminClient, path: str, user_id: Any) -> None:
    body = {"userId": user_id, "role": "user", "data": {"name": "N"}}
    assert answered(admin.admin(path, body)) == refused("USER_NOT_FOUND", 404)


def test_an_id_that_is_missing(admin: AdminClient) -> None:
    status, body = answered(admin.admin("ban-user", {}))
    message = "[body.userId] Invalid input: expected nonoptional, received undefined"
    assert (status, body) == (400, {"message": message, "code": "VALIDATION_ERROR"})


def test_a_new_user_can_sign_in_and_gets_no_mail(
    admin: AdminClient, browser: ApiClient, entries: Entries, mails: Callable[[], list[Any]]
) -> None:
    body = {"email": "New@Example.com", "name": "New", "password": "short", "role": ["user", "support"]}
    response = admin.admin("create-user", body)
    assert response.status_code == 200
    assert response.cookies == {}
    made = response.json()["user"]
    assert (made["email"], made["role"], made["emailVerified"]) == ("new@example.com", "user,support", False)
    assert browser.sign_in("new@example.com", "short").json()["user"] == made
    assert mails() == []
    entry = entries("user_created")[0]
    assert (entry.actor_id, entry.subject_id) == (admin.user["id"], made["id"])


def test_a_new_user_without_a_password_has_no_such_way_in(admin: AdminClient, browser: ApiClient) -> None:
    made = admin.admin("create-user", {"email": "new@example.com", "name": "New"}).json()["user"]
    assert made["role"] == "user"
    assert browser.sign_in("new@example.com", "anything at all").status_code == 401
    assert not Account.objects.filter(account_id=made["id"]).exists()


def test_a_new_user_as_the_administrator_describes_them(admin: AdminClient, configure: Configure) -> None:
    fields = {"plan": {"type": "string", "input": False, "default": "free"}, "seats": {"type": "number"}}
    configure(USER={"ADDITIONAL_FIELDS": fields})
    data = {"id": "chosen-id", "emailVerified": True, "banned": True, "banReason": "Later", "plan": "pro"}
    data |= {"role": "user", "unknown": 1, "image": None}
    made = admin.admin("create-user", {"email": "n@example.com", "name": "N", "data": data}).json()["user"]
    known = {name: value for name, value in data.items() if name != "unknown"}
    assert {**made, **known} == made
    other = admin.admin("create-user", {"email": "o@example.com", "name": "O"}).json()["user"]
    assert (other["plan"], other["seats"]) == ("free", None)
    again = {"email": "p@example.com", "name": "P", "data": {"id": "chosen-id"}}
    assert answered(admin.admin("create-user", again)) == refused("USER_ALREADY_EXISTS")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"email": "bad"}, "INVALID_EMAIL"),
        ({"email": "admin@example.com"}, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"),
        ({"email": " ADMIN@example.com"}, "INVALID_EMAIL"),
        ({"email": "ADMIN@example.com"}, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"),
        ({"email": 5}, "VALIDATION_ERROR"),
        ({"password": "x" * 129}, "PASSWORD_TOO_LONG"),
        ({"password": 5}, "VALIDATION_ERROR"),
        ({"name": "x" * 1_000_000}, "VALIDATION_ERROR"),
        ({"name": "a\nb"}, "VALIDATION_ERROR"),
        ({"name": None}, "VALIDATION_ERROR"),
        ({"role": 5}, "VALIDATION_ERROR"),
        ({"role": [5]}, "VALIDATION_ERROR"),
        ({"role": "x" * 1_000_000}, "VALIDATION_ERROR"),
        ({"role": ["x" * 200, "y" * 200]}, "VALIDATION_ERROR"),
        ({"role": "a\0b"}, "VALIDATION_ERROR"),
        ({"data": 5}, "VALIDATION_ERROR"),
        ({"data": {"role": 5}}, "INVALID_ROLE_TYPE"),
        ({"data": {"id": 5}}, "VALIDATION_ERROR"),
        ({"data": {"id": ""}}, "VALIDATION_ERROR"),
        ({"data": {"emailVerified": "yes"}}, "VALIDATION_ERROR"),
        ({"data": {"banExpires": "soon"}}, "VALIDATION_ERROR"),
    ],
)
def test_a_new_user_that_cannot_be(admin: AdminClient, body: dict[str, Any], code: str) -> None:
    before = AuditEntry.objects.count(), get_user_model()._default_manager.count()
    status, answer = answered(admin.admin("create-user", {"email": "n@example.com", "name": "N", **body}))
    assert (status, answer["code"]) == (400, code)
    assert (AuditEntry.objects.count(), get_user_model()._default_manager.count()) == before


def test_data_does_not_get_round_a_permission(enter: Enter, configure: Configure) -> None:
    configure(FEATURES=["admin", "phone_number"])
    configure(ADMIN={"ROLES": {"clerk": {"user": ["create", "update"]}, "admin": {}, "user": {}}})
    clerk = enter("clerk@example.com", role="clerk")
    new = {"email": "n@example.com", "name": "N"}
    refusals = {
        "role": ("admin", "YOU_ARE_NOT_ALLOWED_TO_CHANGE_USERS_ROLE"),
        "banned": (True, "YOU_ARE_NOT_ALLOWED_TO_BAN_USERS"),
        "banReason": ("x", "YOU_ARE_NOT_ALLOWED_TO_BAN_USERS"),
        "banExpires": (None, "YOU_ARE_NOT_ALLOWED_TO_BAN_USERS"),
        "email": ("other@example.com", "YOU_ARE_NOT_ALLOWED_TO_SET_USERS_EMAIL"),
        "emailVerified": (True, "YOU_ARE_NOT_ALLOWED_TO_SET_USERS_EMAIL"),
        "phoneNumber": ("+1", "YOU_ARE_NOT_ALLOWED_TO_SET_USERS_PHONE_NUMBER"),
        "phoneNumberVerified": (True, "YOU_ARE_NOT_ALLOWED_TO_SET_USERS_PHONE_NUMBER"),
    }
    for name, (value, code) in refusals.items():
        body = {"userId": clerk.user["id"], "data": {"name": "New", name: value}}
        assert answered(clerk.admin("update-user", body)) == refused(code, 403)
        if name in ("role", "banned", "banReason", "banExpires"):
            assert answered(clerk.admin("create-user", {**new, "data": {name: value}})) == refused(code, 403)
    role = {**new, "role": "user"}
    assert answered(clerk.admin("create-user", role)) == refused(
        "YOU_ARE_NOT_ALLOWED_TO_CHANGE_USERS_ROLE", 403
    )
    assert clerk.session()["user"] == clerk.user
    assert clerk.admin("create-user", new).status_code == 200


def test_a_change_is_seen_at_once_and_recorded(
    admin: AdminClient, ann: AdminClient, entries: Entries, configure: Configure
) -> None:
    configure(USER={"ADDITIONAL_FIELDS": {"plan": {"type": "string", "input": False}, "seats": {}}})
    data = {"name": "By the admin", "image": None, "plan": "pro", "createdAt": "2020-01-01T00:00:00Z"}
    data |= {"role": ["user", "support"]}
    changed = admin.admin("update-user", {"userId": ann.user["id"], "data": data}).json()
    assert changed["createdAt"] == "2020-01-01T00:00:00.000Z"
    assert (changed["name"], changed["plan"], changed["role"]) == ("By the admin", "pro", "user,support")
    assert ann.session()["user"] == changed
    told = entries("user_updated")[0]
    assert (told.actor_id, told.subject_id) == (admin.user["id"], ann.user["id"])
    assert told.details == {"fields": ["additional_fields", "created_at", "image", "name"]}
    assert entries("role_changed")[0].details == {"before": "user", "after": "user,support"}


def test_what_is_unknown_changes_nothing(admin: AdminClient, ann: AdminClient) -> None:
    changed = admin.admin("update-user", {"userId": ann.user["id"], "data": {"isOwner": True}}).json()
    assert {**changed, "updatedAt": ann.user["updatedAt"]} == ann.user


def test_a_new_address_is_unproven_unless_the_administrator_says_so(
    admin: AdminClient, enter: Enter, entries: Entries
) -> None:
    ann = enter("ann@example.com", email_verified=True)
    body: dict[str, Any] = {"userId": ann.user["id"], "data": {"email": "Anna@Example.com"}}
    changed = admin.admin("update-user", body).json()
    assert (changed["email"], changed["emailVerified"]) == ("anna@example.com", False)
    assert [(one.actor_id, one.subject_id) for one in entries("email_changed")] == [
        (admin.user["id"], ann.user["id"])
    ]
    body["data"] = {"email": "ann@example.com", "emailVerified": True}
    assert admin.admin("update-user", body).json()["emailVerified"] is True
    body["data"] = {"email": "ann@example.com"}
    assert admin.admin("update-user", body).json()["emailVerified"] is True
    assert ApiClient().sign_in("ann@example.com").status_code == 200


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({}, "NO_DATA_TO_UPDATE"),
        ({"id": "other", "name": "N"}, "USER_ID_CANNOT_BE_UPDATED"),
        ({"password": "x"}, "PASSWORD_CANNOT_BE_UPDATED_VIA_UPDATE_USER"),
        ({"role": 5}, "INVALID_ROLE_TYPE"),
        ({"role": None}, "INVALID_ROLE_TYPE"),
        ({"role": ["x" * 300]}, "INVALID_ROLE_TYPE"),
        ({"email": "bad"}, "INVALID_EMAIL"),
        ({"email": None}, "INVALID_EMAIL"),
        ({"email": "admin@example.com"}, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"),
        ({"name": None}, "VALIDATION_ERROR"),
        ({"name": 5}, "VALIDATION_ERROR"),
        ({"name": "x" * 1_000_000}, "VALIDATION_ERROR"),
        ({"name": "a\0b"}, "VALIDATION_ERROR"),
        ({"banned": "yes"}, "VALIDATION_ERROR"),
        ({"banReason": 5}, "VALIDATION_ERROR"),
        ({"banReason": "x" * 1001}, "VALIDATION_ERROR"),
        ({"banExpires": 5}, "VALIDATION_ERROR"),
        ({"banExpires": "soon"}, "VALIDATION_ERROR"),
        ({"banExpires": "0000-00-00T00:00:00Z"}, "VALIDATION_ERROR"),
        ({"createdAt": "9999-12-31T23:59:59-23:00"}, "VALIDATION_ERROR"),
        ({"username": "ada"}, "USERNAME_IS_ALREADY_TAKEN"),
        ({"username": "x" * 256}, "VALIDATION_ERROR"),
        (5, "VALIDATION_ERROR"),
        ([], "VALIDATION_ERROR"),
    ],
)
def test_a_change_that_cannot_be(
    admin: AdminClient, ann: AdminClient, data: Any, code: str, make_user: MakeUser
) -> None:
    make_user("ada@example.com", username="ada")
    status, body = answered(admin.admin("update-user", {"userId": ann.user["id"], "data": data}))
    assert (status, body["code"]) == (400, code)
    assert ann.session()["user"] == ann.user


def test_a_phone_number_is_one_users(admin: AdminClient, ann: AdminClient, configure: Configure) -> None:
    configure(FEATURES=["admin", "phone_number"])
    body: dict[str, Any] = {"userId": ann.user["id"], "data": {"phoneNumber": "+49 1"}}
    assert admin.admin("update-user", body).json()["phoneNumber"] == "+49 1"
    assert admin.admin("update-user", body).status_code == 200  # their own
    body["userId"] = admin.user["id"]
    assert answered(admin.admin("update-user", body)) == refused("PHONE_NUMBER_EXIST")
    for user_id in (ann.user["id"], admin.user["id"]):
        empty = {"userId": user_id, "data": {"phoneNumber": ""}}
        assert admin.admin("update-user", empty).json()["phoneNumber"] is None


def test_a_role_is_set_and_counts_at_once(admin: AdminClient, ann: AdminClient, entries: Entries) -> None:
    assert ann.admin("list-users").status_code == 403
    changed = admin.admin("set-role", {"userId": ann.user["id"], "role": "admin"}).json()["user"]
    assert changed["role"] == "admin"
    assert ann.admin("list-users").status_code == 200
    ann.admin("set-role", {"userId": ann.user["id"], "role": []})
    assert ann.admin("list-users").status_code == 403
    told = [(one.actor_id, one.subject_id, one.details["after"]) for one in entries("role_changed")]
    assert told == [(admin.user["id"], ann.user["id"], "admin"), (ann.user["id"], ann.user["id"], "")]


def test_any_text_is_a_role_until_roles_are_named(
    admin: AdminClient, ann: AdminClient, configure: Configure
) -> None:
    body = {"userId": ann.user["id"], "role": "gardener"}
    assert admin.admin("set-role", body).json()["user"]["role"] == "gardener"
    configure(ADMIN={"ROLES": {"admin": {"user": ["set-role", "update", "create"]}, "user": {}}})
    for role in ("gardener", ["user", "gardener"], "user,admin", "", "Admin"):
        answer = answered(admin.admin("set-role", {"userId": ann.user["id"], "role": role}))
        assert answer == refused("YOU_ARE_NOT_ALLOWED_TO_SET_NON_EXISTENT_VALUE")
        body = {"userId": ann.user["id"], "data": {"role": role}}
        assert answered(admin.admin("update-user", body)) == answer
        assert answered(admin.admin("create-user", {"email": "n@e.com", "name": "N", "role": role})) == answer
    both = {"userId": ann.user["id"], "role": ["user", "admin"]}
    assert admin.admin("set-role", both).json()["user"]["role"] == "user,admin"


@pytest.mark.parametrize("role", [5, None, {}, [None], "x" * 256])
def test_what_is_no_role(admin: AdminClient, ann: AdminClient, role: Any) -> None:
    status, body = answered(admin.admin("set-role", {"userId": ann.user["id"], "role": role}))
    assert (status, body["code"]) == (400, "VALIDATION_ERROR")


def test_a_password_is_set_and_sessions_go_on(
    admin: AdminClient, ann: AdminClient, entries: Entries, browser: ApiClient
) -> None:
    body = {"userId": ann.user["id"], "newPassword": "set by the admin"}
    assert answered(admin.admin("set-user-password", body)) == (200, {"status": True})
    assert ann.session()["user"] == ann.user
    assert browser.sign_in("ann@example.com", PASSWORD).status_code == 401
    assert browser.sign_in("ann@example.com", "set by the admin").status_code == 200
    told = entries("password_changed")
    assert [(one.actor_id, one.subject_id) for one in told] == [(admin.user["id"], ann.user["id"])]


def test_a_first_password(admin: AdminClient, browser: ApiClient) -> None:
    made = admin.admin("create-user", {"email": "new@example.com", "name": "New"}).json()["user"]
    admin.admin("set-user-password", {"userId": made["id"], "newPassword": "the first one"})
    assert browser.sign_in("new@example.com", "the first one").status_code == 200
    assert Account.objects.filter(account_id=made["id"], provider_id="credential").count() == 1


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"newPassword": "short"}, 400, "PASSWORD_TOO_SHORT"),
        ({"newPassword": "x" * 129}, 400, "PASSWORD_TOO_LONG"),
        ({"newPassword": ""}, 400, "VALIDATION_ERROR"),
        ({"newPassword": 5}, 400, "VALIDATION_ERROR"),
        ({"userId": ""}, 400, "VALIDATION_ERROR"),
        ({"userId": "nobody", "newPassword": "short"}, 400, "PASSWORD_TOO_SHORT"),
        ({"userId": "nobody"}, 404, "USER_NOT_FOUND"),
    ],
)
def test_a_password_that_cannot_be_set(
    admin: AdminClient, ann: AdminClient, changes: dict[str, Any], status: int, code: str
) -> None:
    body = {"userId": ann.user["id"], "newPassword": "long enough", **changes}
    response = admin.admin("set-user-password", body)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert ApiClient().sign_in("ann@example.com").status_code == 200


def tokens_of(browser: ApiClient) -> tuple[dict[str, Any], list[str]]:
    """A pair of tokens, and everything a bearer may show."""
    pair = browser.api("POST", "/token", {}).json()
    opaque = browser.api("POST", "/token", {"format": "opaque"}).json()["access_token"]
    jwt = browser.api("GET", "/token").json()["token"]
    return pair, [pair["access_token"], opaque, jwt]


def test_whoever_is_banned_is_out_everywhere(
    admin: AdminClient, ann: AdminClient, entries: Entries, commits: None
) -> None:
    pair, shown = tokens_of(ann)
    for token in shown:
        assert authenticate(Credentials(bearer=token)) is not None
    body = {"userId": ann.user["id"], "banReason": "Spam"}
    banned = admin.admin("ban-user", body).json()["user"]
    assert (banned["banned"], banned["banReason"], banned["banExpires"]) == (True, "Spam", None)
    assert ann.session() is None
    for token in shown:
        with pytest.raises(InvalidCredentials):
            authenticate(Credentials(bearer=token))
    refresh = ann.api("POST", "/token", {"refresh_token": pair["refresh_token"]})
    assert (refresh.status_code, refresh.json()["error"]) == (400, "invalid_grant")
    status, answer = answered(ann.sign_in())
    assert (status, answer["code"]) == (403, "BANNED_USER")
    assert answer["message"].startswith("You have been banned from this application.")
    entry = entries("user_banned")[0]
    assert (entry.actor_id, entry.subject_id) == (admin.user["id"], ann.user["id"])
    assert entry.details["reason"] == "Spam"


def test_a_ban_lifted(admin: AdminClient, ann: AdminClient, entries: Entries) -> None:
    admin.admin("ban-user", {"userId": ann.user["id"], "banExpiresIn": 60})
    lifted = admin.admin("unban-user", {"userId": ann.user["id"]}).json()["user"]
    assert (lifted["banned"], lifted["banReason"], lifted["banExpires"]) == (False, None, None)
    assert ann.session() is None
    assert ann.sign_in().status_code == 200
    assert entries("user_unbanned")[0].actor_id == admin.user["id"]


def test_a_ban_for_a_time_ends_by_itself(admin: AdminClient, ann: AdminClient, frozen_time: Any) -> None:
    banned = admin.admin("ban-user", {"userId": ann.user["id"], "banExpiresIn": 3600}).json()["user"]
    assert (banned["banReason"], bool(ISO_DATE.fullmatch(banned["banExpires"]))) == ("No reason", True)
    assert banned["banExpires"] == clock.iso(frozen_time.now + timedelta(hours=1))
    assert ann.sign_in().status_code == 403
    frozen_time.advance(seconds=3601)
    assert ann.sign_in().status_code == 200
    assert ann.session()["user"]["banned"] is False


def test_reason_and_duration_of_the_settings(
    admin: AdminClient, ann: AdminClient, configure: Configure, frozen_time: Any
) -> None:
    configure(ADMIN={"DEFAULT_BAN_REASON": "House rules", "DEFAULT_BAN_EXPIRES_IN": 60})
    body = {"userId": ann.user["id"], "banReason": "", "banExpiresIn": 0}
    banned = admin.admin("ban-user", body).json()["user"]
    until = clock.iso(frozen_time.now + timedelta(minutes=1))
    assert (banned["banReason"], banned["banExpires"]) == ("House rules", until)


@pytest.mark.parametrize(
    "part",
    [
        {"banExpiresIn": "60"},
        {"banExpiresIn": -1},
        {"banExpiresIn": 1e300},
        {"banExpiresIn": True},
        {"banExpiresIn": None},
        {"banReason": 5},
        {"banReason": "x" * 1001},
        {"banReason": "\0"},
    ],
)
def test_a_ban_that_cannot_be(admin: AdminClient, ann: AdminClient, part: dict[str, Any]) -> None:
    status, body = answered(admin.admin("ban-user", {"userId": ann.user["id"], **part}))
    assert (status, body["code"]) == (400, "VALIDATION_ERROR")
    assert ann.session()["user"] == ann.user


def test_a_change_that_bans_ends_the_sessions_too(
    admin: AdminClient, ann: AdminClient, entries: Entries
) -> None:
    data: dict[str, Any] = {"banned": True, "banReason": "Spam", "banExpires": "2030-01-01T00:00:00.000Z"}
    body = {"userId": ann.user["id"], "data": data}
    assert {**admin.admin("update-user", body).json(), **data}["banned"] is True
    assert ann.session() is None
    assert entries("user_banned")[0].details["expires"] == data["banExpires"]
    body["data"] = {"banned": False}
    lifted = admin.admin("update-user", body).json()
    assert (lifted["banned"], lifted["banReason"], lifted["banExpires"]) == (False, None, None)
    assert entries("user_unbanned")[0].subject_id == ann.user["id"]


def test_nobody_bans_or_removes_themselves(admin: AdminClient) -> None:
    own = {"userId": admin.user["id"]}
    assert answered(admin.admin("ban-user", own)) == refused("YOU_CANNOT_BAN_YOURSELF")
    body = {**own, "data": {"banned": True}}
    assert answered(admin.admin("update-user", body)) == refused("YOU_CANNOT_BAN_YOURSELF")
    assert answered(admin.admin("remove-user", own)) == refused("YOU_CANNOT_REMOVE_YOURSELF")
    assert admin.session()["user"] == admin.user


def test_whoever_is_removed_is_gone(admin: AdminClient, ann: AdminClient, entries: Entries) -> None:
    own = {"userId": ann.user["id"]}
    assert answered(admin.admin("remove-user", own)) == (200, {"success": True})
    assert ann.session() is None
    assert ann.sign_in().status_code == 401
    assert users.find_by_id(ann.user["id"]) is None
    assert not Account.objects.filter(account_id=ann.user["id"]).exists()
    assert answered(admin.admin("remove-user", own)) == refused("USER_NOT_FOUND", 404)
    entry = entries("user_deleted")[0]
    assert (entry.actor_id, entry.subject_id) == (admin.user["id"], ann.user["id"])


def test_sessions_are_listed_by_handle_and_ended(admin: AdminClient, ann: AdminClient, enter: Enter) -> None:
    other = AdminClient()
    other.sign_in("ann@example.com")
    body = {"userId": ann.user["id"]}
    listed = admin.admin("list-user-sessions", body).json()["sessions"]
    assert [one["userId"] for one in listed] == [ann.user["id"]] * 2
    assert listed[0]["impersonatedBy"] is None
    own = ann.session()["session"]
    assert {**own, "token": listed[0]["token"]} == listed[0]
    assert own["token"] not in str(listed)
    first = {"sessionToken": listed[0]["token"]}
    assert answered(admin.admin("revoke-user-session", first)) == (200, {"success": True})
    assert (ann.session(), other.session()["user"]["id"]) == (None, ann.user["id"])
    by_token = {"sessionToken": other.session()["session"]["token"]}
    assert answered(admin.admin("revoke-user-session", by_token)) == (200, {"success": True})
    assert other.session() is None
    assert answered(admin.admin("revoke-user-session", by_token)) == (200, {"success": True})
    ann.sign_in(), other.sign_in("ann@example.com")
    assert answered(admin.admin("revoke-user-sessions", body)) == (200, {"success": True})
    assert (ann.session(), other.session()) == (None, None)


def test_an_unknown_user_has_no_sessions(admin: AdminClient) -> None:
    body = {"userId": "nobody"}
    assert answered(admin.admin("list-user-sessions", body)) == (200, {"sessions": []})
    assert answered(admin.admin("revoke-user-sessions", body)) == (200, {"success": True})
    for token in ("x" * 1_000_000, "sid_nothing", ""):
        assert admin.admin("revoke-user-session", {"sessionToken": token}).status_code == 200


@pytest.mark.parametrize(
    ("permissions", "is_granted"),
    [
        ({"user": ["ban", "list"]}, True),
        ({"user": ["ban"], "session": ["list"]}, True),
        ({"user": ["ban"], "session": ["fly"]}, False),
        ({"user": ["impersonate-admins"]}, False),
        ({"project": ["create"]}, False),
        ({"user": []}, False),
        ({}, False),
    ],
)
def test_what_an_admin_may(admin: AdminClient, permissions: Any, is_granted: bool) -> None:
    body = {"permissions": permissions, "role": "user", "userId": "somebody else"}
    assert answered(admin.admin("has-permission", body)) == (200, {"error": None, "success": is_granted})


def test_one_role_alone_must_grant_it(enter: Enter, configure: Configure) -> None:
    roles = {"writer": {"project": ["write"]}, "reader": {"project": ["read"], "user": ["list"]}, "user": {}}
    configure(ADMIN={"STATEMENTS": {"project": ["read", "write"]}, "ROLES": roles, "ADMIN_ROLES": []})
    browser = enter("ann@example.com", role="writer,reader")

    def may(*actions: str) -> bool:
        body = {"permissions": {"project": actions}}
        return bool(browser.admin("has-permission", body).json()["success"])

    assert (may("read"), may("write"), may("read", "write")) == (True, True, False)


def test_ids_of_the_settings_may_everything(ann: AdminClient, configure: Configure) -> None:
    configure(ADMIN={"ADMIN_USER_IDS": [ann.user["id"]]})
    body = {"permissions": {"user": ["impersonate-admins"], "whatever": ["it is"]}}
    assert ann.admin("has-permission", body).json()["success"] is True
    assert ann.admin("list-users").status_code == 200


def test_whoever_has_no_role_has_the_default_one(enter: Enter, configure: Configure) -> None:
    browser = enter("ann@example.com", role=None)
    assert browser.admin("list-users").status_code == 403
    configure(USER={"DEFAULT_ROLE": "admin"})
    assert browser.admin("list-users").status_code == 200


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        ({}, "[body] Invalid input", "VALIDATION_ERROR"),
        ({"permissions": "x"}, "[body] Invalid input", "VALIDATION_ERROR"),
        ({"permissions": {"user": "ban"}}, "[body] Invalid input", "VALIDATION_ERROR"),
        (
            {"permissions": {}, "permission": {}},
            "[body] Invalid input: more than one option matched",
            "VALIDATION_ERROR",
        ),
        ({"permission": {}}, "invalid permission check. no permission(s) were passed.", None),
    ],
)
def test_a_question_that_is_none(admin: AdminClient, body: Any, message: str, code: str | None) -> None:
    answer = {"message": message} | ({"code": code} if code else {})
    assert answered(admin.admin("has-permission", body)) == (400, answer)


def flag(browser: AdminClient, **flags: bool) -> None:
    user = users.find_by_id(browser.user["id"])
    assert user is not None
    get_user_model()._default_manager.filter(pk=user.key).update(**flags)


@pytest.mark.parametrize("flags", [{"is_staff": True}, {"is_superuser": True}])
def test_djangos_operators_are_out_of_an_admins_reach(
    admin: AdminClient, ann: AdminClient, flags: dict[str, bool]
) -> None:
    """Else whoever administers users could take over the admin site."""
    flag(ann, **flags)
    own = {"userId": ann.user["id"]}
    for path, body, code in (
        ("set-user-password", {"newPassword": "long enough"}, "YOU_ARE_NOT_ALLOWED_TO_SET_USERS_PASSWORD"),
        ("update-user", {"data": {"email": "a@b.de"}}, "YOU_ARE_NOT_ALLOWED_TO_SET_USERS_EMAIL"),
        ("set-role", {"role": "user"}, "YOU_ARE_NOT_ALLOWED_TO_CHANGE_USERS_ROLE"),
        ("ban-user", {}, "YOU_ARE_NOT_ALLOWED_TO_BAN_USERS"),
        ("remove-user", {}, "YOU_ARE_NOT_ALLOWED_TO_DELETE_USERS"),
    ):
        assert answered(admin.admin(path, {**own, **body})) == refused(code, 403)
    assert admin.admin("update-user", {**own, "data": {"name": "New"}}).status_code == 200
    flag(admin, is_superuser=True)
    assert admin.admin("ban-user", own).status_code == 200


def test_djangos_operators_have_the_roles_that_the_settings_give_them(
    ann: AdminClient, configure: Configure
) -> None:
    flag(ann, is_superuser=True, is_staff=True)
    assert ann.admin("list-users").status_code == 403
    configure(ADMIN={"SUPERUSER_ROLE": "admin"})
    assert ann.admin("list-users").status_code == 200
    flag(ann, is_superuser=False)
    assert ann.admin("list-users").status_code == 403
    configure(ADMIN={"STAFF_ROLE": "admin"})
    assert ann.admin("list-users").status_code == 200


def test_the_members_of_the_feature_are_for_administrators_alone(ann: AdminClient) -> None:
    for name, value in (("role", "admin"), ("banned", True), ("banReason", "x"), ("banExpires", "x")):
        answer = {"message": f"{name} is not allowed to be set", "code": "FIELD_NOT_ALLOWED"}
        assert answered(ann.api("POST", "/update-user", {name: value})) == (400, answer)


def test_a_password_of_the_policy(admin: AdminClient, ann: AdminClient, configure: Configure) -> None:
    configure(PASSWORD={"REFUSE_COMMON": True})
    body = {"userId": ann.user["id"], "newPassword": "password1"}
    assert admin.admin("set-user-password", body).json()["code"] == "PASSWORD_COMPROMISED"
    assert passwords.verify(PASSWORD, users.find_by_id(ann.user["id"]))


def test_nobody_makes_a_user_with_an_id_that_may_everything(admin: AdminClient, configure: Configure) -> None:
    configure(ADMIN={"ADMIN_USER_IDS": ["root-of-all"]})
    body = {"email": "new@example.com", "name": "N", "data": {"id": "root-of-all"}}
    status, told = answered(admin.admin("create-user", body))
    assert (status, told["code"]) == (400, "VALIDATION_ERROR")
    assert users.find_by_email("new@example.com") is None
    configure(ADMIN={"ADMIN_USER_IDS": ["root-of-all", admin.user["id"]]})
    assert admin.admin("create-user", body).status_code == 200


def test_a_new_ban_does_not_end_with_a_former_one(
    admin: AdminClient, ann: AdminClient, frozen_time: Any
) -> None:
    own = {"userId": ann.user["id"]}
    admin.admin("ban-user", {**own, "banExpiresIn": 60})
    frozen_time.advance(seconds=61)
    changed = admin.admin("update-user", {**own, "data": {"banned": True}}).json()
    assert (changed["banned"], changed["banExpires"]) == (True, None)
    assert ApiClient().sign_in("ann@example.com").status_code == 403


@pytest.mark.parametrize("user_id", ["x" * 1000, "x\0", [1] * 500])
def test_a_refusal_about_an_id_that_is_none(enter: Enter, configure: Configure, user_id: Any) -> None:
    configure(ADMIN={"ROLES": {"one": {"user": ["update"]}, "user": {}}})
    body = {"userId": user_id, "data": {"role": "admin"}}
    told = answered(enter("one@example.com", role="one").admin("update-user", body))
    assert told == refused("YOU_ARE_NOT_ALLOWED_TO_CHANGE_USERS_ROLE", 403)
