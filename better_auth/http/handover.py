"""Give a prolonged session back with an answer of the host's own views.

The middleware does it. Another door that finds out who calls tells it so, and prolongs nothing where there is
no middleware: a session that lives on in the store while its cookie ends would drop people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from better_auth.authentication.principal import Principal
from better_auth.http.endpoint import deliver_session
from better_auth.http.reply import Reply, add_cookies
from better_auth.sessions import IssuedSession

LISTENER = "_better_auth_listener"


def listen(request: HttpRequest, listener: Callable[[Principal], None]) -> None:
    """The middleware's side: be told who calls."""
    setattr(request, LISTENER, listener)


def is_heard(request: HttpRequest) -> bool:
    """Somebody will hand over the cookies of a session that is prolonged now."""
    return hasattr(request, LISTENER)


def tell(request: HttpRequest, principal: Principal) -> None:
    """The other doors' side: say who calls, if anybody listens."""
    if is_heard(request):
        getattr(request, LISTENER)(principal)


def hand_over(principal: Principal, response: HttpResponseBase, *, cookies: Mapping[str, str]) -> None:
    """Set the session's cookies on ``response``; nothing else of it is touched."""
    if principal.session is None or not principal.token:
        return
    reply = Reply(request_cookies=cookies)
    deliver_session(IssuedSession(principal.session, principal.user, principal.token), reply)
    add_cookies(cast(HttpResponse, response), reply)
