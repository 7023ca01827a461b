"""``/health`` and ``/health/ready``, for load balancers and orchestrators."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.core.cache import cache
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.http import require_safe

from better_auth import clock
from better_auth.auth_server.connection import Call, auth_server
from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import new_id

logger = logging.getLogger("better_auth.health")


@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """The process answers; nothing else is asked."""
    return JsonResponse({"status": "ok", "timestamp": clock.iso(clock.now())})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 when every part works, 503 with the failing parts named."""
    parts = {name: _works(name, check) for name, check in _checks_here().items()}
    is_ready = all(parts.values())
    body = {
        "status": "ok" if is_ready else "unavailable",
        "timestamp": clock.iso(clock.now()),
        "checks": {name: "ok" if works else "failed" for name, works in parts.items()},
    }
    return JsonResponse(body, status=200 if is_ready else 503)


def check_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def check_cache() -> None:
    """A value that is written must come back, or every mark of a revocation would be lost unnoticed."""
    key, value = f"better-auth:health:{new_id()}", new_id()
    cache.set(key, value, 10)
    if cache.get(key) != value:
        raise RuntimeError("the cache does not keep what it is given")
    cache.delete(key)


def check_migrations() -> None:
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise RuntimeError("migrations are missing; run: manage.py migrate")


def check_auth_server() -> None:
    """A service that trusts one is of little use without it: what is not remembered can't be verified."""
    reply = auth_server().send(Call(operation="health", method="GET", path="/ok", is_repeatable=True))
    if reply.status not in (200, 429):  # asked too often it is there all the same
        raise RuntimeError(f"the auth server answers {reply.status}")


def _checks_here() -> dict[str, Callable[[], None]]:
    """A service that trusts an auth server elsewhere may have no database."""
    here: dict[str, Callable[[], None]] = {"cache": check_cache}
    if connection.settings_dict["ENGINE"] != "django.db.backends.dummy":
        here |= {"database": check_database, "migrations": check_migrations}
    if auth_settings.auth_server.url:
        here["auth_server"] = check_auth_server
    return here


def _works(name: str, check: Callable[[], None]) -> bool:
    try:
        check()
    except Exception as fault:  # whatever a driver raises, the part is down
        logger.error("health check %s failed: %s", name, type(fault).__name__)
        return False
    return True


urlpatterns = [path("health", health), path("health/ready", ready)]
