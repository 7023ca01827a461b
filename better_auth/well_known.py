"""``/.well-known/jwks.json`` at the root, where services look for keys without knowing the base path."""

from __future__ import annotations

from django.urls import path

from better_auth.features.jwt import endpoints
from better_auth.http.views import view_of

urlpatterns = [
    path(".well-known/jwks.json", view_of({"GET": endpoints.jwks}), name="better-auth-well-known-jwks")
]
