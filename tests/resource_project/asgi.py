"""For an ASGI server: HTTP, and sockets for whoever has a token."""

import os
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.resource_project.settings")
_django = get_asgi_application()

from better_auth.websocket.consumers import AuthenticatedJsonConsumer  # noqa: E402
from better_auth.websocket.permissions import HasScope  # noqa: E402
from better_auth.websocket.resource_server import ResourceServerMiddleware  # noqa: E402


class WhoAmI(AsyncWebsocketConsumer):
    async def receive(self, text_data: Any = None, bytes_data: Any = None) -> None:
        user, principal = self.scope["user"], self.scope["principal"]
        await self.send(text_data=f"{user.id} {principal.method}")


class Reading(AuthenticatedJsonConsumer):
    permissions = (HasScope("notes:read"),)


application = ProtocolTypeRouter(
    {
        "http": _django,
        "websocket": ResourceServerMiddleware(
            URLRouter([path("whoami", WhoAmI.as_asgi()), path("reading", Reading.as_asgi())])
        ),
    }
)
