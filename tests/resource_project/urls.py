"""Pages that ask in their own ways who calls."""

from __future__ import annotations

from django.urls import include, path

from tests.resource_project import views

urlpatterns = [
    path("", include("better_auth.health")),
    path("api/auth-proxy/", include("better_auth.auth_proxy")),
    path("", include("django_prometheus.urls")),
    path("whoami", views.whoami),
    path("whoami-async", views.whoami_async),
    path("drf/open", views.WhoAmI.as_view()),
    path("drf/signed-in", views.SignedIn.as_view()),
    path("drf/verified", views.Verified.as_view()),
    path("drf/reading", views.Reading.as_view()),
    path("notes", views.Notes.as_view()),
]
