"""The URLs of a host project: ours below the base path, its own beside them."""

from __future__ import annotations

from django.urls import include, path

from tests.host import views

urlpatterns = [
    path("api/auth/", include("better_auth.urls")),
    path("whoami", views.whoami),
    path("why", views.why),
    path("whoami-async", views.whoami_async),
    path("untouched", views.untouched),
    path("untouched-async", views.untouched_async),
    path("drf/open", views.WhoAmI.as_view()),
    path("drf/signed-in", views.SignedIn.as_view()),
    path("drf/fresh", views.Fresh.as_view()),
    path("drf/verified", views.Verified.as_view()),
]
