"""The page ``/device`` at the root, where ``DEVICE_AUTHORIZATION.VERIFICATION_URI`` points."""

from __future__ import annotations

from django.urls import path

from better_auth.features.device_authorization.endpoints import page
from better_auth.http.views import view_of
from better_auth.zero_trust.public import public

urlpatterns = [
    path(
        "device",
        public(view_of({"GET": page.show_device_page, "POST": page.answer_device_page})),
        name="better-auth-device-page",
    )
]
