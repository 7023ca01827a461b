"""``DualComparisonMiddleware``: a share of the requests is shown to both systems, beside their way."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve

from better_auth.conf import auth_settings
from better_auth.dual_comparison import recording
from better_auth.either_way import EitherWay
from better_auth.http.credentials import from_request

NOWHERE = "(no route)"


class DualComparisonMiddleware(EitherWay):
    """Anywhere in ``MIDDLEWARE``. Off while ``DUAL_AUTH.ENABLED`` is; our own endpoints are left out, because
    sessions end there between one look and the other."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if auth_settings.dual_auth.enabled and _is_drawn() and not _is_ours(request.path_info):
            recording.behind((from_request(request, renew=False), _route_of(request), request.method or ""))
        found: HttpResponseBase | Awaitable[HttpResponseBase] = self.get_response(request)
        return found


def _is_drawn() -> bool:
    one_in = auth_settings.dual_auth.compare_one_in
    return one_in > 0 and secrets.randbelow(one_in) == 0


def _is_ours(path: str) -> bool:
    bases = (auth_settings.base_path, auth_settings.auth_proxy.path)
    return any(path == base or path.startswith(f"{base}/") for base in bases)


def _route_of(request: HttpRequest) -> str:
    """Of the URLs, not the path: that may name people."""
    try:
        return resolve(request.path_info, getattr(request, "urlconf", None)).route or "/"
    except Resolver404:
        return NOWHERE
