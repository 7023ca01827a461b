"""Who acts on other users, and what their roles grant them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from better_auth import roles, users
from better_auth.conf import auth_settings
from better_auth.errors import ErrorCode, Forbidden, NotFound
from better_auth.events import Actor, PermissionRefused, publish
from better_auth.features.admin.errors import Code
from better_auth.models.user import ID_LENGTH
from better_auth.storage.records import UserRecord

FEATURE = "admin"
# What each action of a role is refused with.
REFUSALS: Mapping[tuple[str, str], Code] = {
    ("user", "create"): Code.YOU_ARE_NOT_ALLOWED_TO_CREATE_USERS,
    ("user", "list"): Code.YOU_ARE_NOT_ALLOWED_TO_LIST_USERS,
    ("user", "get"): Code.YOU_ARE_NOT_ALLOWED_TO_GET_USER,
    ("user", "update"): Code.YOU_ARE_NOT_ALLOWED_TO_UPDATE_USERS,
    ("user", "set-role"): Code.YOU_ARE_NOT_ALLOWED_TO_CHANGE_USERS_ROLE,
    ("user", "set-email"): Code.YOU_ARE_NOT_ALLOWED_TO_SET_USERS_EMAIL,
    ("user", "set-phone"): Code.YOU_ARE_NOT_ALLOWED_TO_SET_USERS_PHONE_NUMBER,
    ("user", "set-password"): Code.YOU_ARE_NOT_ALLOWED_TO_SET_USERS_PASSWORD,
    ("user", "ban"): Code.YOU_ARE_NOT_ALLOWED_TO_BAN_USERS,
    ("user", "impersonate"): Code.YOU_ARE_NOT_ALLOWED_TO_IMPERSONATE_USERS,
    ("user", "impersonate-admins"): Code.YOU_CANNOT_IMPERSONATE_ADMINS,
    ("user", "delete"): Code.YOU_ARE_NOT_ALLOWED_TO_DELETE_USERS,
    ("session", "list"): Code.YOU_ARE_NOT_ALLOWED_TO_LIST_USERS_SESSIONS,
    ("session", "revoke"): Code.YOU_ARE_NOT_ALLOWED_TO_REVOKE_USERS_SESSIONS,
}


def is_on() -> bool:
    return FEATURE in auth_settings.features


@dataclass(frozen=True, slots=True)
class Administrator(Actor):
    """``user``: whose rights count."""

    user: UserRecord

    def ensure(self, resource: str, action: str, *, subject_id: str = "") -> None:
        """Raises ``Forbidden``, and leaves an entry in the audit log, where no role grants it."""
        if not roles.may(self.user, {resource: [action]}):
            self._refuse(resource, action, subject_id)

    def ensure_reaches(self, target: UserRecord, resource: str, action: str) -> None:
        """The same where the target stands above: staff and superusers of Django's admin site."""
        if roles.is_out_of_reach(target, of=self.user):
            self._refuse(resource, action, target.id)

    def _refuse(self, resource: str, action: str, subject_id: str) -> None:
        publish(
            PermissionRefused(
                client=self.client,
                actor_id=self.id,
                subject_id=(subject_id if _can_be_id(subject_id) else "") or self.id,
                details={"permission": f"{resource}:{action}"},
            )
        )
        raise Forbidden(REFUSALS[resource, action])


def find_target(user_id: str) -> UserRecord | None:
    """The user with this id on the wire; what can't be an id is nobody's."""
    return users.find_by_id(user_id) if _can_be_id(user_id) else None


def get_target(user_id: str) -> UserRecord:
    """Raises ``USER_NOT_FOUND``."""
    user = find_target(user_id)
    if user is None:
        raise NotFound(ErrorCode.USER_NOT_FOUND)
    return user


def _can_be_id(text: str) -> bool:
    return len(text) <= ID_LENGTH and "\x00" not in text
