"""``ZeroTrustMiddleware``: nobody passes who is not known, and to some places only who is known well."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import sync_to_async
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import ResolverMatch

from better_auth.conf import auth_settings
from better_auth.either_way import EitherWay
from better_auth.errors import AuthError
from better_auth.zero_trust import gate
from better_auth.zero_trust.gate import Gate
from better_auth.zero_trust.policies import Policy

JUDGED = "_better_auth_judged"


class ZeroTrustMiddleware(EitherWay):
    """Put it last, below ``BetterAuthMiddleware``: what stands above it is asked before anybody is known, and
    what stands below may answer nobody else.

    Raises ``ImproperlyConfigured`` where a policy can't be read: a mistake must not open a path.
    """

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        super().__init__(get_response)
        self._gate: Gate | None = None
        self._read_from: Any = None
        self._current()

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._answer(request)
        refusal = self._judge(request)
        found: HttpResponseBase = refusal if refusal is not None else self.get_response(request)
        return found

    async def _answer(self, request: HttpRequest) -> HttpResponseBase:
        policy, match = self._policy(request)
        refusal = None
        if policy is not None:
            refusal = await sync_to_async(_refusal, thread_sensitive=True)(request, policy, match)
        found: HttpResponseBase = refusal if refusal is not None else await self.get_response(request)
        return found

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """Once more where another middleware has changed where the path leads."""
        return None if getattr(request, JUDGED, None) is view else self._judge(request)

    def _judge(self, request: HttpRequest) -> HttpResponse | None:
        policy, match = self._policy(request)
        return None if policy is None else _refusal(request, policy, match)

    def _policy(self, request: HttpRequest) -> tuple[Policy | None, ResolverMatch | None]:
        match = gate.match_of(request)
        setattr(request, JUDGED, match.func if match else None)
        return self._current().policy_for(request.path_info, request.method or "", match), match

    def _current(self) -> Gate:
        settings = auth_settings.zero_trust
        if self._gate is None or settings is not self._read_from:
            found = Gate.by_settings()
            if found.rules.problems:
                raise ImproperlyConfigured("\n".join(found.rules.problems))
            self._gate, self._read_from = found, settings
        return self._gate


def _refusal(request: HttpRequest, policy: Policy, match: ResolverMatch | None) -> HttpResponse | None:
    """Its code, and nothing of the reason."""
    try:
        gate.ensure_trusted(request, policy, match)
    except AuthError as refusal:
        headers = {"Cache-Control": "no-store", **refusal.headers}
        return JsonResponse(refusal.body, status=refusal.status, headers=headers)
    return None
