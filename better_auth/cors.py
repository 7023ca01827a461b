"""``CorsMiddleware``: front ends on other origins may read our answers (``http.cors`` says which ones)."""

from __future__ import annotations

from collections.abc import Awaitable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from better_auth.either_way import EitherWay
from better_auth.http import cors
from better_auth.http.origin import own_origin

GRANTED = "Access-Control-Allow-Origin"
EXPOSED = "Access-Control-Expose-Headers"


class CorsMiddleware(EitherWay):
    """Put it above whatever answers by itself (below ``SecurityMiddleware``).

    An answer that has a grant already, of another CORS middleware, keeps that one.
    """

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._answer(request)
        return _preflight_answer(request) or _finish(request, self.get_response(request))

    async def _answer(self, request: HttpRequest) -> HttpResponseBase:
        return _preflight_answer(request) or _finish(request, await self.get_response(request))


def _preflight_answer(request: HttpRequest) -> HttpResponse | None:
    """204 for a browser that asks on behalf of a trusted origin; all others get what they got without us."""
    if request.method != "OPTIONS" or "HTTP_ACCESS_CONTROL_REQUEST_METHOD" not in request.META:
        return None
    origin = _granted_origin(request) if cors.covers(request.path_info) else ""
    if not origin:
        return None
    response = HttpResponse(status=204, headers=cors.preflight_headers(origin))
    del response.headers["Content-Type"]
    asked = ("Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers")
    patch_vary_headers(response, asked)
    return response


def _finish(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Answers differ by origin, so caches must know, whoever asks."""
    if not cors.covers(request.path_info):
        return response
    patch_vary_headers(response, ("Origin",))
    if response.has_header(GRANTED):
        return response
    origin = _granted_origin(request)
    if origin:
        for name, value in cors.answer_headers(origin, exposed=response.headers.get(EXPOSED, "")).items():
            response.headers[name] = value
    return response


def _granted_origin(request: HttpRequest) -> str:
    origin: str = request.META.get("HTTP_ORIGIN", "")
    return origin if origin and cors.grants(origin, own_origin=own_origin(request)) else ""
