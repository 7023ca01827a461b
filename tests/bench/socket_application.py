"""What the bench of sockets serves: ours, and beside it a bare consumer of Channels."""

from __future__ import annotations

from config import asgi  # isort: skip, it sets Django up

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import path, re_path

from better_auth.websocket.consumers import AuthenticatedConsumer
from better_auth.websocket.middleware import BetterAuthMiddleware
from better_auth.websocket.routing import session_sockets


class Bare(AsyncWebsocketConsumer):
    """It accepts, and that is all."""


application = ProtocolTypeRouter(
    {
        "http": asgi.application,
        "websocket": URLRouter(
            [
                re_path(r"^ws(?:/|$)", session_sockets),
                path("bare", Bare.as_asgi()),
                path("own", BetterAuthMiddleware(AuthenticatedConsumer.as_asgi())),
            ]
        ),
    }
)
