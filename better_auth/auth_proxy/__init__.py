"""The auth proxy: sign-in, tokens and sign-out for front ends that talk to their own backend only.

    path("api/auth-proxy/", include("better_auth.auth_proxy"))

Where ``AUTH_SERVER.URL`` names another server it passes everything on to that one, and then needs none of our
tables; else it answers itself.
"""

from __future__ import annotations

from better_auth.conf import auth_settings

if auth_settings.auth_server.url:
    from better_auth.auth_proxy.forwarding import urlpatterns
else:
    from better_auth.auth_proxy.embedded import urlpatterns

__all__ = ["urlpatterns"]
