"""The middleware of a host that trusts nobody."""

from __future__ import annotations

from django.conf import settings

TRUST = "better_auth.zero_trust.middleware.ZeroTrustMiddleware"
OURS = ("better_auth.middleware.BetterAuthMiddleware", TRUST)
MIDDLEWARE = [
    *(one for one in settings.MIDDLEWARE if not one.startswith(("better_auth.", "whitenoise."))),
    *OURS,
]
