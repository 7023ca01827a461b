"""Who may do what: statements, roles, and the one rule of evaluation. Source: organization.md, section 3.

The host adds resources and roles in the settings (``ORGANIZATION.STATEMENTS``, ``ORGANIZATION.ROLES``); a
role named as one of the three defaults adds to it, unless ``ORGANIZATION.DEFAULT_ROLES`` is off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from better_auth.conf import auth_settings

Permissions = Mapping[str, Sequence[str]]
Grants = dict[str, frozenset[str]]

STATEMENTS: Permissions = {
    "organization": ("update", "delete"),
    "member": ("create", "update", "delete"),
    "invitation": ("create", "cancel"),
    "team": ("create", "update", "delete"),
    "ac": ("create", "read", "update", "delete"),
}
DEFAULT_ROLES: Mapping[str, Permissions] = {
    "owner": STATEMENTS,
    "admin": {**STATEMENTS, "organization": ("update",)},
    "member": {"ac": ("read",)},
}


def statements() -> Grants:
    """Every resource with all its actions."""
    return joined(STATEMENTS, auth_settings.organization.statements)


def static_roles() -> dict[str, Grants]:
    """The roles that every organization has."""
    rules = auth_settings.organization
    roles = {name: joined(grants) for name, grants in DEFAULT_ROLES.items()} if rules.default_roles else {}
    for name, grants in rules.roles.items():
        roles[name] = joined(roles.get(name, {}), grants)
    return roles


def predefined_names() -> set[str]:
    """Names that nobody can give to a role of their own; known also where the host has its own roles only."""
    return {*DEFAULT_ROLES, *auth_settings.organization.roles}


def joined(*parts: Mapping[str, Iterable[str]]) -> Grants:
    """All that any of these grants."""
    together: Grants = {}
    for part in parts:
        for resource, actions in part.items():
            together[resource] = together.get(resource, frozenset()) | frozenset(actions)
    return together


def grants_all(grants: Mapping[str, Iterable[str]], wanted: Permissions) -> bool:
    """Whether one role grants everything that is asked for. Nothing asked for is nothing granted."""
    return bool(wanted) and all(
        bool(actions) and set(actions) <= set(grants.get(resource, ()))
        for resource, actions in wanted.items()
    )


def split_roles(text: str | Sequence[str] | None) -> list[str]:
    """``"admin, member"``, or a list of such: the names, in their order."""
    parts = [text] if isinstance(text, str) else text or []
    return [name for part in parts for name in (one.strip() for one in part.split(",")) if name]


def is_creator_role(text: str | None) -> bool:
    """Whether one of the roles is the protected one, of whoever made the organization."""
    return auth_settings.organization.creator_role in split_roles(text)
