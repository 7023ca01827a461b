"""``@operation``: an endpoint below ``/organization`` whose denials leave a mark in the audit log."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from better_auth.conf import auth_settings
from better_auth.errors import AuthError, Unauthorized
from better_auth.events import publish
from better_auth.http.endpoint import Call, Operation, endpoint
from better_auth.http.reply import Reply
from better_auth.storage.records import UserRecord
from organizations.errors import Denial
from organizations.events import AccessDenied

Handler = Callable[[Call], Reply]
LONGEST_NOTE = 100
# What a request says of the thing that it wants.
NAMING = (
    "organizationId",
    "organizationSlug",
    "invitationId",
    "id",
    "memberId",
    "memberIdOrEmail",
    "teamId",
    "roleId",
    "roleName",
)


def operation(method: str, path: str, **demands: Any) -> Callable[[Handler], Operation]:
    """As ``endpoint``, for a path below ``/organization``."""

    def declare(handler: Handler) -> Operation:
        @wraps(handler)
        def recorded(call: Call) -> Reply:
            try:
                return handler(call)
            except Denial as denial:  # the rule's own transaction has ended with it
                _note(denial, call)
                raise

        return endpoint(method, f"/organization{path}", **demands)(recorded)

    return declare


def has_teams() -> bool:
    return auth_settings.organization.teams.enabled


def has_dynamic_roles() -> bool:
    return auth_settings.organization.dynamic_roles.enabled


def caller(call: Call, refusal: AuthError | None = None) -> UserRecord:
    """Who calls. Raises ``refusal`` for nobody; some endpoints say so in words of their own, or in none."""
    if call.principal is None or call.principal.session is None:
        raise refusal or Unauthorized()
    return call.principal.user


def chosen_organization(call: Call) -> str | None:
    """The id that the request names, else that of the session's active organization."""
    given = call.body.get("organizationId") or call.query.get("organizationId")
    return given or call.session.active_organization_id


def _note(denial: Denial, call: Call) -> None:
    principal = call.principal
    given = {**call.query, **call.body}
    asked = {name: str(given[name])[:LONGEST_NOTE] for name in NAMING if given.get(name)}
    publish(
        AccessDenied(
            client=call.client,
            subject_id=principal.user.id if principal else "",
            session_id=principal.session.id if principal and principal.session else "",
            details={
                "operation": call.operation.name,
                "code": denial.code.name if denial.code else str(denial.status),
                **({"asked": asked} if asked else {}),
            },
        )
    )
