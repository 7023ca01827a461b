"""The doors of that project."""

from __future__ import annotations

from django.contrib.auth import authenticate, login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from rest_framework.authtoken.views import obtain_auth_token
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework_simplejwt.views import TokenBlacklistView, TokenObtainPairView


@api_view(["GET"])
def me(request: Request) -> Response:
    return Response({"email": request.user.email})


def sign_in(request: HttpRequest) -> HttpResponse:
    user = authenticate(request, username=request.GET["username"], password=request.GET["password"])
    if user is None:
        return JsonResponse({}, status=401)
    login(request, user)
    return JsonResponse({})


urlpatterns = [
    path("me", me),
    path("sign-in", sign_in),
    path("token", TokenObtainPairView.as_view()),
    path("token/blacklist", TokenBlacklistView.as_view()),
    path("api-token", obtain_auth_token),
]
