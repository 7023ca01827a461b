"""What the project answers outside the endpoints: short, in the protocol's error format, with no trace."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from better_auth.conf import auth_settings


def _refusal(status: int, code: str, message: str) -> JsonResponse:
    return JsonResponse({"message": message, "code": code}, status=status)


@csrf_exempt
def not_found(request: HttpRequest, exception: Any = None) -> HttpResponse:
    response = HttpResponse(status=404)
    del response.headers["Content-Type"]
    return response


def bad_request(request: HttpRequest, exception: Any = None) -> HttpResponse:
    return _refusal(400, "BAD_REQUEST", "Bad request")


def forbidden(request: HttpRequest, exception: Any = None) -> HttpResponse:
    return _refusal(403, "FORBIDDEN", "Forbidden")


def server_error(request: HttpRequest) -> HttpResponse:
    return _refusal(500, "INTERNAL_SERVER_ERROR", "Internal Server Error")


def welcome(request: HttpRequest) -> JsonResponse:
    """The root: what this is, and where its parts are."""
    base = auth_settings.base_url + auth_settings.base_path
    return JsonResponse(
        {"name": auth_settings.app_name, "endpoints": base, "health": "/health", "admin": "/admin/"}
    )
