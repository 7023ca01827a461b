"""The project's addresses, a page for the browser, and the packages that it loads."""

from __future__ import annotations

import json
from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.urls import path, re_path
from django.utils._os import safe_join

from config.urls import handler400, handler403, handler404, handler500, urlpatterns
from tests.browser.import_map import NODE_MODULES, import_map

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]

PAGE = Path(__file__).with_name("page.html")


def page(request: HttpRequest) -> HttpResponse:
    imports = json.dumps(import_map("better-auth/client", prefix="/node_modules/"))
    return HttpResponse(PAGE.read_text().replace("{{ import_map }}", imports))


def client(request: HttpRequest) -> HttpResponse:
    entries = ("better-auth/client", "better-auth/client/plugins", "@better-auth/passkey/client")
    imports = json.dumps(import_map(*entries, prefix="/node_modules/"))
    return HttpResponse(PAGE.with_name("client.html").read_text().replace("{{ import_map }}", imports))


def plain(request: HttpRequest, name: str) -> HttpResponse:
    return HttpResponse(PAGE.with_name(f"{name}.html").read_text())


def module(request: HttpRequest, file: str) -> HttpResponse:
    return HttpResponse(Path(safe_join(NODE_MODULES, file)).read_bytes(), content_type="text/javascript")


urlpatterns = [
    path("page", page),
    path("client", client),
    path("attempts", plain, {"name": "attempts"}),
    path("proxied", plain, {"name": "proxied"}),
    path("sockets", plain, {"name": "sockets"}),
    re_path(r"^node_modules/(?P<file>.+)$", module),
    *urlpatterns,
]
