"""A host's views and rows that ask about organizations; also a URL configuration."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from better_auth.drf import BetterAuthentication
from organizations.current import ahas_permission
from organizations.drf import HasOrganizationPermission
from organizations.models import Team
from organizations.querysets import OrganizationQuerySetMixin


class TeamQuerySet(OrganizationQuerySetMixin, models.QuerySet[Team]):
    """As a host would scope a model of its own."""


def where(request: HttpRequest) -> JsonResponse:
    member: Any = request.membership  # type: ignore[attr-defined]
    organization: Any = request.organization  # type: ignore[attr-defined]
    shown = {"organization": organization.name, "role": member.role} if member else None
    rows = TeamQuerySet(Team).visible_to(request)
    return JsonResponse({"where": shown, "teams": sorted(row.name for row in rows)})


def untouched(request: HttpRequest) -> JsonResponse:
    return JsonResponse({})


async def where_async(request: HttpRequest) -> JsonResponse:
    member = await request.amembership()  # type: ignore[attr-defined]
    organization = await request.aorganization()  # type: ignore[attr-defined]
    principal = await request.aprincipal()  # type: ignore[attr-defined]
    return JsonResponse(
        {
            "organization": organization.name if organization else None,
            "role": member.role if member else None,
            "may": await ahas_permission(principal, "team", "create", "delete"),
        }
    )


class TeamView(APIView):
    authentication_classes = (BetterAuthentication,)
    permission_classes = (HasOrganizationPermission("team", "create"),)

    def get(self, request: Request, pk: str = "") -> Response:
        if pk:
            self.check_object_permissions(request, Team.objects.get(pk=pk))
        return Response(sorted(row.name for row in TeamQuerySet(Team).visible_to(request)))


class EitherView(TeamView):
    permission_classes = (
        HasOrganizationPermission("organization", "delete") | HasOrganizationPermission("ac", "read"),
    )


class OpenView(TeamView):
    permission_classes = (AllowAny & ~HasOrganizationPermission("team", "create"),)


urlpatterns = [
    path("api/auth/", include("organizations.urls")),
    path("api/auth/", include("better_auth.urls")),
    path("where", where),
    path("where-async", where_async),
    path("untouched", untouched),
    path("teams", TeamView.as_view()),
    path("teams/<str:pk>", TeamView.as_view()),
    path("either", EitherView.as_view()),
    path("open", OpenView.as_view()),
]
