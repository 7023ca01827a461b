"""A service whose auth proxy passes everything on, and that has a page of its own."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import include, path


def own_page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ours")


urlpatterns = [
    path("api/auth-proxy/", include("better_auth.auth_proxy.forwarding")),
    path("page", own_page),
]
