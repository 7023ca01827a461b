"""Everything this project serves: HTTP and WebSockets."""

from __future__ import annotations

import gc
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

_django = get_asgi_application()

from better_auth import front_door  # noqa: E402, it needs the apps loaded
from better_auth.websocket import draining, routing  # noqa: E402
from config.cookies import JoinedCookies  # noqa: E402

application = ProtocolTypeRouter(
    {"http": front_door.asgi(JoinedCookies(_django)), "websocket": routing.session_sockets}
)
draining.before_granian_stops()

# What is loaded by now stays: collections need not walk through it again and again.
gc.freeze()
