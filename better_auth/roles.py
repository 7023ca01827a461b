"""What users may do to other users: resources, actions, and the roles that grant them.

Source: admin.md, section 2. The host replaces the roles (``ADMIN.ROLES``) and adds resources of its own
(``ADMIN.STATEMENTS``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from better_auth.conf import auth_settings
from better_auth.storage import host_users
from better_auth.storage.records import UserRecord

Permissions = Mapping[str, Sequence[str]]

STATEMENTS: Permissions = {
    "user": (
        "create",
        "list",
        "set-role",
        "ban",
        "impersonate",
        "impersonate-admins",
        "delete",
        "set-password",
        "set-email",
        "set-phone",
        "get",
        "update",
    ),
    "session": ("list", "revoke", "delete"),
}
DEFAULT_ROLES: Mapping[str, Permissions] = {
    "admin": {
        **STATEMENTS,
        "user": tuple(action for action in STATEMENTS["user"] if action != "impersonate-admins"),
    },
    "user": {},
}


def statements() -> Mapping[str, Sequence[str]]:
    """Every resource with its actions."""
    joined = dict(STATEMENTS)
    for resource, actions in auth_settings.admin.statements.items():
        joined[resource] = (*joined.get(resource, ()), *actions)
    return joined


def known_roles() -> Mapping[str, Permissions]:
    return auth_settings.admin.roles or DEFAULT_ROLES


def may(user: UserRecord, permissions: Permissions) -> bool:
    """One role alone must grant everything that is asked for; nothing asked for is nothing granted."""
    if not any(permissions.values()):
        return False
    if may_everything(user.id):
        return True
    roles = known_roles()
    return any(_grants(roles.get(name, {}), permissions) for name in names_of(user))


def may_everything(user_id: str) -> bool:
    """The settings name this id; what roles its user has does not matter."""
    return user_id in auth_settings.admin.admin_user_ids


def names_of(user: UserRecord) -> list[str]:
    """The user's roles, with those that the settings give to Django's staff and superusers."""
    return [*(user.role or auth_settings.user.default_role).split(","), *_of_django(user)]


def is_admin(user: UserRecord) -> bool:
    """Somebody whom nobody may impersonate."""
    rules = auth_settings.admin
    return may_everything(user.id) or bool(set(rules.admin_roles) & set(names_of(user)))


def is_out_of_reach(user: UserRecord, *, of: UserRecord) -> bool:
    """Whoever may enter Django's admin site is a superuser's affair, whatever the roles say: else an
    administrator of users could become one of everything."""
    if user.key == of.key:
        return False
    flags = host_users.flags_of(user.key)
    return (flags.is_staff or flags.is_superuser) and not host_users.flags_of(of.key).is_superuser


def unknown_roles(names: Iterable[str]) -> list[str]:
    """Those that nobody can have; where the settings name no roles, any text will do."""
    roles = auth_settings.admin.roles
    return [name for name in names if name not in roles] if roles else []


def find_mistakes() -> list[str]:
    """What is wrong in the settings, one sentence each."""
    rules = auth_settings.admin
    shapes = {"ADMIN.STATEMENTS": {"": rules.statements}, "ADMIN.ROLES": rules.roles}
    broken = [
        f"{key}: {name or 'it'} is no dictionary of lists of texts."
        for key, parts in shapes.items()
        for name, grants in parts.items()
        if not _is_permissions(grants)
    ]
    if broken:
        return broken
    actions = {resource: set(named) for resource, named in statements().items()}
    found = [
        f"ADMIN.ROLES: {name} grants {resource}:{action}, which nobody has declared."
        for name, grants in rules.roles.items()
        for resource, granted in grants.items()
        for action in granted
        if action not in actions.get(resource, ())
    ]
    named: dict[str, tuple[str | None, ...]] = {
        "ADMIN.ADMIN_ROLES": rules.admin_roles,
        "ADMIN.SUPERUSER_ROLE": (rules.superuser_role,),
        "ADMIN.STAFF_ROLE": (rules.staff_role,),
    }
    known = {*known_roles(), *DEFAULT_ROLES}
    found += [
        f"{key} names {role!r}, which is no role."
        for key, names in named.items()
        for role in names
        if role is not None and role not in known
    ]
    return found


def _is_permissions(grants: object) -> bool:
    return isinstance(grants, Mapping) and all(
        isinstance(actions, list | tuple) and all(isinstance(action, str) for action in actions)
        for actions in grants.values()
    )


def _of_django(user: UserRecord) -> list[str]:
    rules = auth_settings.admin
    if not (rules.superuser_role or rules.staff_role):
        return []
    flags = host_users.flags_of(user.key)
    given = ((rules.superuser_role, flags.is_superuser), (rules.staff_role, flags.is_staff))
    return [role for role, is_given in given if role and is_given]


def _grants(granted: Permissions, wanted: Permissions) -> bool:
    return all(set(actions) <= set(granted.get(resource, ())) for resource, actions in wanted.items())
