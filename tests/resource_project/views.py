"""Views of a service: who calls, and notes that belong to whoever wrote them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from better_auth.resource_server.drf import HasScopes, HasVerifiedEmail, IsSignedIn, TokenAuthentication


def described(principal: Any, user: Any) -> dict[str, Any]:
    return {
        "principal": principal.user.id if principal else None,
        "method": principal.method if principal else None,
        "user": user.username if user is not None and user.is_authenticated else None,
    }


def whoami(request: HttpRequest) -> JsonResponse:
    return JsonResponse(described(request.principal, getattr(request, "user", None)))  # type: ignore[attr-defined]


async def whoami_async(request: HttpRequest) -> JsonResponse:
    principal = await request.aprincipal()  # type: ignore[attr-defined]
    user = await request.auser() if principal else None  # type: ignore[attr-defined]
    return JsonResponse(described(principal, user))


class WhoAmI(APIView):
    authentication_classes = (TokenAuthentication,)

    def get(self, request: Request) -> Response:
        return Response(described(request.auth, request.user))


class SignedIn(WhoAmI):
    permission_classes = (IsSignedIn,)


class Verified(WhoAmI):
    permission_classes = (HasVerifiedEmail,)


class Reading(WhoAmI):
    permission_classes = (HasScopes,)
    required_scopes = ("notes:read",)


class Notes(APIView):
    """Each caller sees their own."""

    permission_classes = (IsSignedIn,)

    def get(self, request: Request) -> Response:
        from tests.resource_project.notes.models import Note

        return Response([note.text for note in Note.objects.filter(owner=request.user.id).order_by("pk")])

    def post(self, request: Request) -> Response:
        from tests.resource_project.notes.models import Note

        Note.objects.create(owner=request.user.id, text=request.data["text"])
        return Response(status=201)
