"""What there is below the path of the auth proxy, whoever answers, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Route:
    """``counted_as``: the path that limits know it by; ``only_reads``: nothing happens twice if it is asked
    twice; ``leads_on``: people are sent on from here."""

    counted_as: str
    methods: tuple[str, ...] = ("POST",)
    only_reads: bool = False
    leads_on: bool = False


_CALLBACK = Route("/auth-proxy/callback", ("GET", "POST"), leads_on=True)
ROUTES: Mapping[str, Route] = {
    "login": Route("/sign-in/email"),
    "register": Route("/sign-up/email"),
    "social": Route("/sign-in/social"),
    "refresh": Route("/token"),
    "logout": Route("/auth-proxy/logout"),
    "introspect": Route("/auth-proxy/introspect", only_reads=True),
    "verify": Route("/auth-proxy/verify", ("GET", "POST"), only_reads=True),
    "callback": _CALLBACK,
    "callback/<str:provider>": _CALLBACK,
}


def name_of(route: str) -> str:
    """``callback`` of ``callback/<str:provider>``."""
    return route.partition("/")[0]


def own_path(route: str) -> str:
    """How ``DISABLED_PATHS`` calls it."""
    return f"/auth-proxy/{name_of(route)}"
