"""The settings of the admin API; a part of ``schema``. Source: admin.md, section 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from better_auth.conf.declaring import setting


@dataclass(frozen=True, slots=True)
class AdminSettings:
    roles: Mapping[str, Any] = setting(
        {}, "Roles instead of ``admin`` and ``user``: name to resources, each to the actions that it grants."
    )
    statements: Mapping[str, Any] = setting(
        {}, "Resources of the host beside ``user`` and ``session``, each with its actions."
    )
    admin_roles: tuple[str, ...] = setting(
        ("admin",), "Roles whose holders nobody may impersonate.", env="BETTER_AUTH_ADMIN_ROLES"
    )
    admin_user_ids: tuple[str, ...] = setting(
        (), "Ids of users who may do everything.", env="BETTER_AUTH_ADMIN_USER_IDS"
    )
    allow_impersonating_admins: bool = setting(
        False, "Even they can be.", env="BETTER_AUTH_ADMIN_ALLOW_IMPERSONATING_ADMINS"
    )
    impersonation_expires_in: int = setting(
        3600,
        "Seconds that an administrator may act in somebody's name; nothing prolongs them.",
        env="BETTER_AUTH_ADMIN_IMPERSONATION_EXPIRES_IN",
        at_least=1,
    )
    impersonation_changes_credentials: bool = setting(
        False,
        "Administrators may change passwords, addresses and other ways to sign in while they act in "
        "somebody's name, and delete the user.",
        env="BETTER_AUTH_ADMIN_IMPERSONATION_CHANGES_CREDENTIALS",
    )
    superuser_role: str | None = setting(
        None,
        "Role that Django's superusers have beside their own; unset: none.",
        env="BETTER_AUTH_ADMIN_SUPERUSER_ROLE",
    )
    staff_role: str | None = setting(
        None, "The same for those who may enter the admin site.", env="BETTER_AUTH_ADMIN_STAFF_ROLE"
    )
    default_ban_reason: str = setting(
        "No reason", "Reason of a ban where none is given.", env="BETTER_AUTH_ADMIN_BAN_REASON"
    )
    default_ban_expires_in: int | None = setting(
        None,
        "Seconds of a ban where none are given; unset: for good.",
        env="BETTER_AUTH_ADMIN_BAN_EXPIRES_IN",
        at_least=1,
    )
