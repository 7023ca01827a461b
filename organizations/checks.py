"""System checks of the settings of organizations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string

from better_auth.conf import auth_settings
from organizations import access_control

FEATURE = "organization"


@register()
def check_access_control(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Resources and roles are names with lists of actions, and no role grants what there is not."""
    rules, found = auth_settings.organization, list[CheckMessage]()
    shapes = [
        ("STATEMENTS", rules.statements),
        *((f"ROLES[{name!r}]", one) for name, one in rules.roles.items()),
    ]
    hint = "Map each resource to its actions: {'project': ['create', 'delete']}"
    for key, value in shapes:
        if not _is_map_of_lists(value):
            text = f"ORGANIZATION.{key} is no map of resources to lists of actions."
            found.append(Error(text, hint=hint, id="organizations.E001"))
    if found:
        return found
    known = access_control.statements()
    for name, grants in rules.roles.items():
        unknown = [
            f"{one}:{action}"
            for one, actions in grants.items()
            for action in actions
            if action not in known.get(one, ())
        ]
        if unknown:
            hint = "Add it to ORGANIZATION.STATEMENTS, or take it out of the role."
            text = f"ORGANIZATION.ROLES: {name!r} grants what no statement has: {', '.join(unknown)}"
            found.append(Error(text, hint=hint, id="organizations.E002"))
    return found


@register()
def check_creator_role(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    name = auth_settings.organization.creator_role
    if access_control.split_roles(name) == [name] and name in access_control.predefined_names():
        return []
    hint = "Leave it at 'owner', or name one of ORGANIZATION.ROLES."
    return [
        Error(f"ORGANIZATION.CREATOR_ROLE: no role is named {name!r}.", hint=hint, id="organizations.E003")
    ]


@register()
def check_creation(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    path = auth_settings.organization.creation_check
    try:
        if path:
            import_string(path)
    except ImportError as mistake:
        hint = "Name a module and what it holds: package.module.function"
        text = f"ORGANIZATION.CREATION_CHECK: {path!r} can't be imported: {mistake}"
        return [Error(text, hint=hint, id="organizations.E004")]
    return []


@register(Tags.urls)
def check_feature(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Clients read from the session which organization they are in."""
    found: list[CheckMessage] = []
    if FEATURE not in auth_settings.features:
        hint = "Add 'organization' to BETTER_AUTH['FEATURES']."
        text = "Sessions do not show their organization, though the app is installed."
        found.append(Warning(text, hint=hint, id="organizations.W001"))
    try:
        reverse("better-auth-organization-create")
    except NoReverseMatch:
        hint = "Include 'organizations.urls' below BASE_PATH, above 'better_auth.urls'."
        text = "The endpoints of organizations are not in the URLs."
        found.append(Warning(text, hint=hint, id="organizations.W002"))
    return found


def _is_map_of_lists(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(resource, str)
        and isinstance(actions, list | tuple)
        and all(isinstance(action, str) for action in actions)
        for resource, actions in value.items()
    )
