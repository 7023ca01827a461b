"""A host whose paths are all there, for policies about any of them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from better_auth.zero_trust.public import public


def echo(request: HttpRequest, **kwargs: Any) -> HttpResponse:
    return JsonResponse({"path": request.path})


async def echo_async(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"path": request.path})


class Page(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("page")


@public
class OpenPage(Page):
    pass


class Inherited(OpenPage):
    pass


@method_decorator(public, name="dispatch")
class OpenByItsMethod(Page):
    pass


class Api(APIView):
    authentication_classes = ()
    permission_classes = ()

    def get(self, request: Any) -> Response:
        return Response("api")


@public
class OpenApi(Api):
    pass


class Things(ViewSet):
    authentication_classes = ()
    permission_classes = ()

    @public
    def list(self, request: Any) -> Response:
        return Response([])

    def create(self, request: Any) -> Response:
        return Response({})

    @action(detail=False)
    def secret(self, request: Any) -> Response:
        return Response({})


SECTIONS = ("billing", "elsewhere", "transfers", "account", "wiki", "payout", "keys", "people")

urlpatterns = [
    path("api/auth/", include("better_auth.urls")),
    path("", include("better_auth.health")),
    path("open", public(csrf_exempt(echo))),
    path("open-async", public(echo_async)),
    path("closed", echo),
    path("closed-async", echo_async),
    path("page", Page.as_view()),
    path("open-page", OpenPage.as_view()),
    path("open-in-urls", public(Page.as_view())),
    path("inherited", Inherited.as_view()),
    path("open-by-method", OpenByItsMethod.as_view()),
    path("api", Api.as_view()),
    path("open-api", OpenApi.as_view()),
    path("things", Things.as_view({"get": "list", "post": "create"})),
    path("things/secret", Things.as_view({"get": "secret"})),
    *(path(f"{name}/<path:rest>", csrf_exempt(echo)) for name in SECTIONS),
    *(path(f"{name}/", csrf_exempt(echo)) for name in SECTIONS),
    *(path(name, csrf_exempt(echo)) for name in SECTIONS),
]
