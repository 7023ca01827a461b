"""``scope["principal"]`` and ``scope["user"]`` for the host's consumers, and a socket that knows its session.

    application = ProtocolTypeRouter({
        "http": get_asgi_application(),
        "websocket": BetterAuthMiddleware(URLRouter([...])),
    })

``scope["better_auth"]`` is the ``Visit``: ``identity`` is always of now.
"""

from __future__ import annotations

from better_auth.websocket.gate import Gate
from better_auth.websocket.pipeline import Pipeline


class BetterAuthMiddleware(Gate):
    """Nobody reaches the application whom we do not know. It sees ``websocket.connect`` once its client is
    known, and what it accepts is accepted; control messages are not shown to it.

    Without an application, a socket that tells its client what happens to the session.
    """

    authority = Pipeline()
