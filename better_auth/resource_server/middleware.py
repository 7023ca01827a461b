"""``request.principal`` and ``request.user`` in a service that trusts an auth server elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from better_auth.authorization_header import bearer_token
from better_auth.conf import auth_settings
from better_auth.either_way import EitherWay
from better_auth.errors import AuthServerUnavailable
from better_auth.resource_server.authentication import TokenRefused, aauthenticate, authenticate
from better_auth.resource_server.principal import Principal

GetResponse = Callable[[HttpRequest], Any]


class ResourceServerMiddleware(EitherWay):
    """Verifies the bearer token of a request, if it has one, before any view.

    ``request.principal`` is then a ``Principal`` and ``request.user`` its user; with no token, or a bad one,
    the principal is None and the user whoever it was before. Where only the auth server could tell and it
    can't be asked, no view is reached: 503 with ``Retry-After``.
    """

    def __init__(self, get_response: GetResponse) -> None:
        if not auth_settings.auth_server.url:
            raise ImproperlyConfigured("ResourceServerMiddleware needs BETTER_AUTH['AUTH_SERVER']['URL'].")
        super().__init__(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._answer(request)
        token = shown_token(request)
        try:
            principal = authenticate(token) if token else None
        except TokenRefused:
            principal = None
        except AuthServerUnavailable as fault:
            return unavailable(fault)
        self._attach(request, principal)
        return self._finish(self.get_response(request))

    async def _answer(self, request: HttpRequest) -> HttpResponseBase:
        token = shown_token(request)
        try:
            principal = await aauthenticate(token) if token else None
        except TokenRefused:
            principal = None
        except AuthServerUnavailable as fault:
            return unavailable(fault)
        self._attach(request, principal)
        return self._finish(await self.get_response(request))

    def _attach(self, request: Any, principal: Principal | None) -> None:
        request.principal = principal
        request.aprincipal = _soon(principal)
        if principal is not None:
            request.user = principal.user
            request.auser = _soon(principal.user)

    def _finish(self, response: HttpResponseBase) -> HttpResponseBase:
        """An answer that may depend on the caller is never a shared cache's for others."""
        patch_vary_headers(response, ("Authorization",))
        return response


def shown_token(request: HttpRequest) -> str | None:
    return bearer_token(request.META.get("HTTP_AUTHORIZATION", ""))


def unavailable(fault: AuthServerUnavailable) -> JsonResponse:
    """503 with ``Retry-After``, in the protocol's words."""
    headers = {**fault.headers, "Cache-Control": "no-store"}
    return JsonResponse(fault.body, status=fault.status, headers=headers)


def _soon(value: Any) -> Callable[[], Awaitable[Any]]:
    """For async views, which await ``request.auser()``."""

    async def known() -> Any:
        return value

    return known
