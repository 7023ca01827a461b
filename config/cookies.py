"""Over HTTP/2 browsers send the ``Cookie`` header in pieces (RFC 9113, section 8.2.3).

Django's ASGI handler joins equal headers by commas, which breaks every cookie but the first: the admin
site's session and CSRF token would be lost.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

AsgiApplication = Callable[[Any, Any, Any], Awaitable[None]]


class JoinedCookies:
    """An ASGI application that gets one ``cookie`` header, whatever the server received."""

    def __init__(self, application: AsgiApplication) -> None:
        self.application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        pieces = [value for name, value in scope["headers"] if name == b"cookie"]
        if len(pieces) > 1:
            others = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
            scope = {**scope, "headers": [*others, (b"cookie", b"; ".join(pieces))]}
        await self.application(scope, receive, send)
