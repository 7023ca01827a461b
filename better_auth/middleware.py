"""``request.principal`` and ``request.user`` for the host's views, sync and async."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.functional import SimpleLazyObject

from better_auth import users
from better_auth.authentication.credentials import InvalidCredentials
from better_auth.authentication.pipeline import authenticate_leniently
from better_auth.authentication.principal import Principal
from better_auth.conf import auth_settings
from better_auth.either_way import EitherWay
from better_auth.http import known_keys
from better_auth.http.credentials import from_request
from better_auth.http.handover import hand_over, listen

GetResponse = Callable[[HttpRequest], Any]
UNKNOWN = object()


class BetterAuthMiddleware(EitherWay):
    """Put it below ``AuthenticationMiddleware``; where nobody is signed in here, that one's user stands.

    Nothing is looked up before a view asks. In async views: ``await request.aprincipal()`` and
    ``await request.auser()``. A session that was prolonged by the request has its cookie renewed, and an
    answer that may depend on the caller is never a shared cache's for others.
    """

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        caller = Caller(request)
        caller.attach()
        if self.is_async:
            return self._answer(request, caller)
        return self._finish(caller, self.get_response(request))

    async def _answer(self, request: HttpRequest, caller: Caller) -> HttpResponseBase:
        return self._finish(caller, await self.get_response(request))

    def _finish(self, caller: Caller, response: HttpResponseBase) -> HttpResponseBase:
        principal = caller.known
        if principal is not UNKNOWN:
            patch_vary_headers(response, ("Cookie", "Authorization", *auth_settings.api_keys.headers))
        if isinstance(principal, Principal) and principal.renewed:
            hand_over(principal, response, cookies=from_request(caller.request).cookies)
        return response


class Caller:
    """Who sent this request, found out once, when somebody first asks."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self.known: Any = UNKNOWN
        self.refused: InvalidCredentials | None = None
        self.user_before: Any = getattr(request, "user", None)
        self.auser_before: Any = getattr(request, "auser", None)

    def attach(self) -> None:
        request: Any = self.request
        request.principal = SimpleLazyObject(self.principal)
        request.aprincipal = self.aprincipal
        request.principal_refusal = self.refusal
        request.user = SimpleLazyObject(self.user)
        request.auser = self.auser
        listen(self.request, self.note)

    def note(self, principal: Principal) -> None:
        """Another door has found out who calls."""
        self.known = principal

    def principal(self) -> Principal | None:
        """None for nobody; bad credentials are nobody's."""
        if self.known is UNKNOWN:
            shown = from_request(self.request)
            try:
                self.known = authenticate_leniently(shown)
            except InvalidCredentials as refusal:
                self.known, self.refused = None, refusal
            known_keys.keep(self.request, shown, self.known or self.refused)
        found: Principal | None = self.known
        return found

    def refusal(self) -> InvalidCredentials | None:
        """Why bad credentials are nobody's: ``code`` and ``message`` are what an endpoint would answer."""
        return self.refused if self.principal() is None else None

    async def aprincipal(self) -> Principal | None:
        return await sync_to_async(self.principal)()

    def user(self) -> Any:
        return self._row() or _anonymous_unless(self.user_before)

    async def auser(self) -> Any:
        row = await sync_to_async(self._row)()
        if row:
            return row
        return await self.auser_before() if self.auser_before else _anonymous_unless(self.user_before)

    def _row(self) -> Any:
        """The host's user; a caller who has been deleted meanwhile is nobody."""
        principal = self.principal()
        row = users.find_row(principal.user) if principal else None
        if row is None:
            self.known = None
        return row


def _anonymous_unless(user: Any) -> Any:
    return user if user is not None else AnonymousUser()
