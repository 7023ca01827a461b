"""Views of a host project, each asking in its own way who calls."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from better_auth.drf import BetterAuthentication, HasVerifiedEmail, IsFresh, IsSignedIn


def described(principal: Any, user: Any) -> dict[str, Any]:
    return {
        "principal": principal.user.email if principal else None,
        "method": principal.method if principal else None,
        "user": user.email if user.is_authenticated else None,
    }


@csrf_exempt
def whoami(request: HttpRequest) -> JsonResponse:
    return JsonResponse(described(request.principal, request.user))  # type: ignore[attr-defined]


def why(request: HttpRequest) -> JsonResponse:
    """Who calls, or why they are not let in."""
    principal, refusal = request.principal, request.principal_refusal()  # type: ignore[attr-defined]
    code = refusal.code.name if refusal else None
    return JsonResponse({"principal": principal.user.email if principal else None, "refusal": code})


async def whoami_async(request: HttpRequest) -> JsonResponse:
    principal, user = await request.aprincipal(), await request.auser()  # type: ignore[attr-defined]
    return JsonResponse(described(principal, user))


def untouched(request: HttpRequest) -> HttpResponse:
    """Asks nobody."""
    return HttpResponse("the same for everybody")


async def untouched_async(request: HttpRequest) -> HttpResponse:
    return HttpResponse("the same for everybody")


class WhoAmI(APIView):
    """What a host's API view sees; ``permission`` is set in the URLs."""

    authentication_classes = (BetterAuthentication,)
    permission: type[BasePermission] | None = None

    def get_permissions(self) -> Any:
        return [self.permission()] if self.permission else []

    def get(self, request: Request) -> Response:
        return Response(described(request.auth, request.user))

    post = get


class SignedIn(WhoAmI):
    permission = IsSignedIn


class Fresh(WhoAmI):
    permission = IsFresh


class Verified(WhoAmI):
    permission = HasVerifiedEmail
