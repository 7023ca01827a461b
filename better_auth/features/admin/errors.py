"""The codes of the admin plugin. Source: admin.md, section 8."""

from __future__ import annotations

from enum import Enum


class Code(Enum):
    """The member's name is the code on the wire, its value the message. The last ones are ours."""

    USER_ALREADY_EXISTS = "User already exists."
    YOU_CANNOT_BAN_YOURSELF = "You cannot ban yourself"
    YOU_ARE_NOT_ALLOWED_TO_CHANGE_USERS_ROLE = "You are not allowed to change users role"
    YOU_ARE_NOT_ALLOWED_TO_CREATE_USERS = "You are not allowed to create users"
    YOU_ARE_NOT_ALLOWED_TO_LIST_USERS = "You are not allowed to list users"
    YOU_ARE_NOT_ALLOWED_TO_LIST_USERS_SESSIONS = "You are not allowed to list users sessions"
    YOU_ARE_NOT_ALLOWED_TO_BAN_USERS = "You are not allowed to ban users"
    YOU_ARE_NOT_ALLOWED_TO_IMPERSONATE_USERS = "You are not allowed to impersonate users"
    YOU_ARE_NOT_ALLOWED_TO_REVOKE_USERS_SESSIONS = "You are not allowed to revoke users sessions"
    YOU_ARE_NOT_ALLOWED_TO_DELETE_USERS = "You are not allowed to delete users"
    YOU_ARE_NOT_ALLOWED_TO_SET_USERS_PASSWORD = "You are not allowed to set users password"
    YOU_ARE_NOT_ALLOWED_TO_GET_USER = "You are not allowed to get user"
    NO_DATA_TO_UPDATE = "No data to update"
    YOU_ARE_NOT_ALLOWED_TO_UPDATE_USERS = "You are not allowed to update users"
    YOU_CANNOT_REMOVE_YOURSELF = "You cannot remove yourself"
    YOU_ARE_NOT_ALLOWED_TO_SET_NON_EXISTENT_VALUE = "You are not allowed to set a non-existent role value"
    YOU_CANNOT_IMPERSONATE_ADMINS = "You cannot impersonate admins"
    INVALID_ROLE_TYPE = "Invalid role type"
    YOU_ARE_NOT_ALLOWED_TO_SET_USERS_EMAIL = "You are not allowed to update users email"
    YOU_ARE_NOT_ALLOWED_TO_SET_USERS_PHONE_NUMBER = "You are not allowed to update users phone number"
    PASSWORD_CANNOT_BE_UPDATED_VIA_UPDATE_USER = (
        "Password cannot be updated through update-user. Use the set-user-password endpoint instead"
    )
    USER_ID_CANNOT_BE_UPDATED = "User id cannot be updated"

    PHONE_NUMBER_EXIST = "Phone number already exists"
    USER_IS_STILL_NEEDED = "Other records of this server need the user, so it can't be deleted"
