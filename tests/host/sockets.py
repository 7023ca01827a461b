"""An ASGI application of a host: our sockets, and consumers of its own behind our middleware."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path, re_path

_django = get_asgi_application()

from apikeys.websocket import HasApiKeyPermission  # noqa: E402
from better_auth import front_door  # noqa: E402
from better_auth.websocket import draining  # noqa: E402
from better_auth.websocket.consumers import (  # noqa: E402
    AuthenticatedConsumer,
    AuthenticatedJsonConsumer,
    SyncAuthenticatedJsonConsumer,
)
from better_auth.websocket.middleware import BetterAuthMiddleware  # noqa: E402
from better_auth.websocket.permissions import HasVerifiedEmail, IsFresh, IsSignedIn  # noqa: E402
from better_auth.websocket.routing import session_sockets  # noqa: E402
from organizations.websocket import HasOrganizationPermission  # noqa: E402


class Plain(AsyncWebsocketConsumer):
    """Knows nothing of us but the scope."""

    async def receive(self, text_data: Any = None, bytes_data: Any = None) -> None:
        if bytes_data is not None:
            await self.send(bytes_data=bytes_data)
        elif text_data == "fail":
            raise ValueError("a consumer's own fault")
        elif text_data == "user":  # on the event loop, as consumers of all kinds do
            await self.send(text_data=self.scope["user"].email)
        elif text_data == "who":
            protocols = ",".join(self.scope["subprotocols"])
            user, principal = self.scope["user"], self.scope["principal"]
            await self.send(text_data=f"{user.pk} {principal.user.id} {principal.method} {protocols}")
        else:
            await self.send(text_data=f"echo {text_data}")


class Refusing(AsyncWebsocketConsumer):
    """Doesn't want anybody."""

    async def connect(self) -> None:
        await self.close()


class Chat(AuthenticatedJsonConsumer):
    """All who are there hear each other, in all processes."""

    groups = ("chat",)

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        is_fresh = await self.allows(IsFresh())
        message = {"type": "chat.said", "by": self.principal.user.name, "text": content, "fresh": is_fresh}
        await self.channel_layer.group_send("chat", message)

    async def chat_said(self, message: Any) -> None:
        await self.send_json({**message, "type": "said"})

    async def session_changed(self) -> None:
        await self.send_json({"type": "changed", "name": self.principal.user.name})


class Mine(AuthenticatedJsonConsumer):
    """Says who the host's user is, without stopping the loop."""

    async def connect(self) -> None:
        user = await self.load_user()
        await super().connect()
        await self.send_json({"type": "mine", "email": user.email, "same": self.user.pk == user.pk})


class Echo(SyncAuthenticatedJsonConsumer):
    permissions = (IsSignedIn(),)

    def receive_json(self, content: Any, **kwargs: Any) -> None:
        self.send_json({"type": "echo", "name": self.user.name, "content": content})

    def session_changed(self) -> None:
        self.send_json({"type": "changed", "name": self.principal.user.name})


class Slow(AuthenticatedConsumer):
    """Says more than anybody can read."""

    async def receive(self, text_data: Any = None, bytes_data: Any = None) -> None:
        for _ in range(10_000):
            await self.send(bytes_data=b"x" * 65536)


def guarded(name: str, *permissions: Any) -> Any:
    return type(name, (AuthenticatedJsonConsumer,), {"permissions": permissions}).as_asgi()


_own = BetterAuthMiddleware(
    URLRouter(
        [
            path("plain", Plain.as_asgi()),
            path("refusing", Refusing.as_asgi()),
            path("chat", Chat.as_asgi()),
            path("mine", Mine.as_asgi()),
            path("echo", Echo.as_asgi()),
            path("slow", Slow.as_asgi()),
            path("verified", guarded("Verified", HasVerifiedEmail())),
            path("fresh", guarded("Fresh", IsFresh())),
            path("files", guarded("Files", HasApiKeyPermission("files", "read"))),
            path("members", guarded("Members", HasOrganizationPermission("member", "create"))),
        ]
    )
)
application = ProtocolTypeRouter(
    {
        "http": front_door.asgi(_django),
        "websocket": URLRouter([re_path(r"^ws(?:/|$)", session_sockets), re_path("", _own)]),
    }
)
draining.before_granian_stops()
