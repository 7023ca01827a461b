"""Everything this project serves: HTTP, and WebSockets once there are consumers."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

from config.cookies import JoinedCookies

application = ProtocolTypeRouter({"http": JoinedCookies(get_asgi_application())})
