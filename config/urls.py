"""All apps under one base path, the admin site, and the health checks."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path

from better_auth.conf import auth_settings
from config import refusals

_base = auth_settings.base_path.strip("/")
_proxy = auth_settings.auth_proxy.path.strip("/")

urlpatterns = [
    path(f"{_base}/", include("organizations.urls")),
    path(f"{_base}/", include("apikeys.urls")),
    path(f"{_base}/", include("better_auth.urls")),  # last of these: it takes all that is below the path
    re_path(rf"^(?:{_base}|{_proxy})$", refusals.not_found),
    path(f"{_proxy}/", include("better_auth.auth_proxy")),
    path("", include("better_auth.well_known")),
    path("", include("better_auth.device_page")),
    path("", include("better_auth.health")),
    path("", include("better_auth.metrics")),
    path("admin/", admin.site.urls),
    path("", refusals.welcome),
]
handler400 = refusals.bad_request
handler403 = refusals.forbidden
handler404 = refusals.not_found
handler500 = refusals.server_error

admin.site.site_header = admin.site.site_title = settings.BETTER_AUTH.get("APP_NAME", "Better Auth")
