"""List, make, change, ban and remove users; who may do what. Source: admin.md, section 4."""

from __future__ import annotations

from typing import Any

from better_auth import additional_fields, passwords, roles
from better_auth.errors import BadRequest, ErrorCode
from better_auth.features.admin import ban_user as banning
from better_auth.features.admin import change_user as changing
from better_auth.features.admin import create_user as creating
from better_auth.features.admin import remove_user as removing
from better_auth.features.admin import set_password as setting
from better_auth.features.admin.administrator import Administrator, get_target
from better_auth.features.admin.endpoints import bodies
from better_auth.features.admin.endpoints.operation import operation
from better_auth.features.admin.errors import Code
from better_auth.http import user_columns, wire
from better_auth.http.endpoint import Call
from better_auth.http.fields import is_email, type_name
from better_auth.http.reply import Reply
from better_auth.storage import host_users
from better_auth.storage.records import has_user_row
from better_auth.storage.user_search import Column, Condition, find_users

DEFAULT_LIMIT = 100
NOBODY: dict[str, Any] = {"users": [], "total": 0}
# Members of ``data`` that want a permission of their own.
GUARDED = {
    "role": "set-role",
    "banned": "ban",
    "banReason": "ban",
    "banExpires": "ban",
    "email": "set-email",
    "emailVerified": "set-email",
    "phoneNumber": "set-phone",
    "phoneNumberVerified": "set-phone",
}


@operation("GET", "/list-users", needs=("user", "list"), query=bodies.ListUsersQuery)
def list_users(call: Call, administrator: Administrator) -> Reply:
    """An unknown column finds nobody, as upstream has it."""
    query = call.query
    conditions = _search(query) + _filter(query)
    sort_by = user_columns.searchable(query["sortBy"]) if query.get("sortBy") else None
    if None in conditions or (query.get("sortBy") and sort_by is None):
        return Reply(dict(NOBODY))
    found = find_users(
        [condition for condition in conditions if condition],
        sort_by=sort_by,
        descending=query.get("sortDirection") == "desc",
        limit=query.get("limit") or DEFAULT_LIMIT,
        offset=query.get("offset") or 0,
    )
    given = {name: query[name] for name in ("limit", "offset") if query.get(name)}
    return Reply({"users": [wire.user_object(user) for user in found.users], "total": found.total, **given})


@operation("GET", "/get-user", needs=("user", "get"), query=bodies.GetUserQuery)
def get_user(call: Call, administrator: Administrator) -> Reply:
    return Reply(wire.user_object(get_target(call.query["id"])))


@operation(
    "POST", "/create-user", needs=("user", "create"), body=bodies.CreateUserBody, changes_credentials=True
)
def create_user(call: Call, administrator: Administrator) -> Reply:
    data = call.body.get("data", {})
    if "role" in call.body:
        administrator.ensure("user", "set-role")
    _ensure_members(data, administrator, "", only=("set-role", "ban"))
    columns = user_columns.read_columns(data)
    if "id" in data:
        columns["id"] = _new_id(data["id"], administrator)
    if "role" in call.body:
        columns["role"] = bodies.roles_text(call.body["role"])
    elif "role" in data:
        columns["role"] = bodies.roles_in(data["role"])
    columns.pop("name", None)
    if columns.get("username"):
        columns.setdefault("display_username", data["username"])
    fields = additional_fields.defaults("user") | columns.pop("additional_fields", {})
    user = creating.create_user(
        email=_email(call.body["email"]),
        name=call.body["name"],
        password=call.body.get("password"),
        columns={**columns, "additional_fields": fields},
        actor=administrator,
    )
    return Reply({"user": wire.user_object(user)})


@operation(
    "POST", "/update-user", needs=("user", "update"), body=bodies.UpdateUserBody, changes_credentials=True
)
def admin_update_user(call: Call, administrator: Administrator) -> Reply:
    """The user itself, not in a member of the answer."""
    data, user_id = call.body["data"], call.body["userId"]
    _ensure_updatable(data)
    _ensure_members(data, administrator, user_id)
    if data.get("banned") is True:
        _ensure_other(administrator, user_id, Code.YOU_CANNOT_BAN_YOURSELF)
    columns = user_columns.read_columns(data)
    if "role" in data:
        columns["role"] = bodies.roles_in(data["role"])
    if "email" in data:
        columns["email"] = _email(data["email"])
    target = get_target(user_id)
    for action in sorted({GUARDED[name] for name in data if name in GUARDED}):
        administrator.ensure_reaches(target, "user", action)
    changed = changing.change_user(target, columns=columns, actor=administrator)
    return Reply(wire.user_object(changed))


@operation("POST", "/set-role", needs=("user", "set-role"), body=bodies.SetRoleBody, changes_credentials=True)
def set_role(call: Call, administrator: Administrator) -> Reply:
    role = bodies.roles_text(call.body["role"])
    target = get_target(call.body["userId"])
    administrator.ensure_reaches(target, "user", "set-role")
    changed = changing.change_user(target, columns={"role": role}, actor=administrator)
    return Reply({"user": wire.user_object(changed)})


@operation("POST", "/ban-user", needs=("user", "ban"), body=bodies.BanUserBody)
def ban_user(call: Call, administrator: Administrator) -> Reply:
    target = get_target(call.body["userId"])
    _ensure_other(administrator, target.id, Code.YOU_CANNOT_BAN_YOURSELF)
    administrator.ensure_reaches(target, "user", "ban")
    banned = banning.ban_user(
        target,
        reason=call.body.get("banReason"),
        expires_in=call.body.get("banExpiresIn"),
        actor=administrator,
    )
    return Reply({"user": wire.user_object(banned)})


@operation("POST", "/unban-user", needs=("user", "ban"), body=bodies.UserBody)
def unban_user(call: Call, administrator: Administrator) -> Reply:
    target = get_target(call.body["userId"])
    administrator.ensure_reaches(target, "user", "ban")
    return Reply({"user": wire.user_object(banning.unban_user(target, actor=administrator))})


@operation("POST", "/remove-user", needs=("user", "delete"), body=bodies.UserBody, changes_credentials=True)
def remove_user(call: Call, administrator: Administrator) -> Reply:
    _ensure_other(administrator, call.body["userId"], Code.YOU_CANNOT_REMOVE_YOURSELF)
    target = get_target(call.body["userId"])
    administrator.ensure_reaches(target, "user", "delete")
    removing.remove_user(target, actor=administrator)
    return Reply({"success": True})


@operation(
    "POST",
    "/set-user-password",
    needs=("user", "set-password"),
    body=bodies.SetUserPasswordBody,
    changes_credentials=True,
)
def set_user_password(call: Call, administrator: Administrator) -> Reply:
    passwords.ensure_length(call.body["newPassword"])
    target = get_target(call.body["userId"])
    administrator.ensure_reaches(target, "user", "set-password")
    setting.set_user_password(target, new_password=call.body["newPassword"], actor=administrator)
    return Reply({"status": True})


@operation("POST", "/has-permission", needs=None, body=bodies.HasPermissionBody)
def has_permission(call: Call, administrator: Administrator) -> Reply:
    """Of the caller, whoever else the request names."""
    if "permissions" not in call.body:
        raise BadRequest(message="invalid permission check. no permission(s) were passed.")
    return Reply({"error": None, "success": roles.may(administrator.user, call.body["permissions"])})


def _search(query: dict[str, Any]) -> list[Condition | None]:
    if not query.get("searchValue"):
        return []
    column = Column(query.get("searchField", "email"))
    return [Condition(column, query.get("searchOperator", "contains"), query["searchValue"])]


def _filter(query: dict[str, Any]) -> list[Condition | None]:
    """None stands for a column that nobody has."""
    if "filterValue" not in query:
        return []
    column = user_columns.searchable(query.get("filterField", "email"))
    operator = query.get("filterOperator", "eq")
    if column is None:
        return [None]
    place, texts = "query.filterValue", query["filterValue"]
    values = [user_columns.sought(column, operator, text, place=place) for text in texts]
    if operator in ("in", "not_in"):
        return [Condition(column, operator, values)]
    if len(values) != 1:
        message = f"[{place}] Invalid input: expected string, received {type_name(values)}"
        raise BadRequest(ErrorCode.VALIDATION_ERROR, message)
    return [Condition(column, operator, values[0])]


def _ensure_updatable(data: dict[str, Any]) -> None:
    if not data:
        raise BadRequest(Code.NO_DATA_TO_UPDATE)
    if "id" in data:
        raise BadRequest(Code.USER_ID_CANNOT_BE_UPDATED)
    if "password" in data:
        raise BadRequest(Code.PASSWORD_CANNOT_BE_UPDATED_VIA_UPDATE_USER)


def _ensure_members(
    data: dict[str, Any], administrator: Administrator, user_id: str, *, only: tuple[str, ...] = ()
) -> None:
    """What of ``data`` wants more than the endpoint's own permission."""
    wanted = {GUARDED[name]: None for name in data if name in GUARDED}
    for action in wanted:
        if not only or action in only:
            administrator.ensure("user", action, subject_id=user_id)


def _ensure_other(administrator: Administrator, user_id: str, refusal: Code) -> None:
    if administrator.user.id == user_id:
        raise BadRequest(refusal)


def _email(value: Any) -> str:
    if not isinstance(value, str) or not is_email(value):
        raise BadRequest(ErrorCode.INVALID_EMAIL)
    return value.lower()


def _new_id(value: Any, administrator: Administrator) -> str:
    """An id that gives nobody more than its maker has, and is no other user's some day."""
    if not isinstance(value, str) or not 0 < len(value) <= 255 or not value.isprintable():
        raise BadRequest(ErrorCode.VALIDATION_ERROR, "[body.data.id] Invalid input")
    is_hosts = not has_user_row() and host_users.could_be_key(value)
    if is_hosts or (roles.may_everything(value) and not roles.may_everything(administrator.user.id)):
        raise BadRequest(ErrorCode.VALIDATION_ERROR, "[body.data.id] Invalid input: it is reserved")
    return value
