"""Connections that come from a pool, and what must not be waited for with one in hand."""

from __future__ import annotations

from django.db import connections


def give_back_connections() -> None:
    """Before a wait that is no affair of the database's: a storm of requests that wait for their turn to
    hash, or for another system, would else hold all connections, and session checks would wait with them.

    Within a transaction the connection stays.
    """
    for connection in connections.all(initialized_only=True):
        if getattr(connection, "pool", None) and not connection.in_atomic_block:
            connection.close()
