"""``@operation``: an endpoint below ``/admin``, for whoever may."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from better_auth.errors import Unauthorized
from better_auth.events import AuthMethod
from better_auth.features.admin.administrator import Administrator, is_on
from better_auth.http.endpoint import Call, Operation, endpoint
from better_auth.http.reply import Reply

Handler = Callable[[Call, Administrator], Reply]


def operation(
    method: str, path: str, *, needs: tuple[str, str] | None, **demands: Any
) -> Callable[[Handler], Operation]:
    """As ``endpoint``; the rule is called with the administrator, whose roles grant what it ``needs``.

    Nobody is answered with a bare 401 (admin.md).
    """

    def declare(handler: Handler) -> Operation:
        @wraps(handler)
        def guarded(call: Call) -> Reply:
            administrator = _administrator(call)
            if needs:
                administrator.ensure(*needs)
            return handler(call, administrator)

        return endpoint(method, f"/admin{path}", is_offered=is_on, **demands)(guarded)

    return declare


def _administrator(call: Call) -> Administrator:
    principal = call.principal
    if principal is None or principal.session is None or principal.method is AuthMethod.API_KEY:
        raise Unauthorized()
    return Administrator(principal.user.id, call.client, principal.user)
