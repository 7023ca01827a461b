"""Which views are for everybody: those that say so themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, TypeVar

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.urls import ResolverMatch

from better_auth.conf import auth_settings

MARK = "_better_auth_public"
View = TypeVar("View", bound=Callable[..., Any])


def public(view: View) -> View:
    """Declare a view as one for everybody: a function, a class (of Django or of REST framework), a method of
    a viewset, or in the URLs ``path("about/", public(About.as_view()))``.

    A class that inherits from one is not public by that.
    """
    if isinstance(view, type):
        setattr(view, MARK, True)
        return view
    marked: Any
    if iscoroutinefunction(view):

        @wraps(view)
        async def marked(*args: Any, **kwargs: Any) -> Any:
            return await view(*args, **kwargs)

    else:

        @wraps(view)
        def marked(*args: Any, **kwargs: Any) -> Any:
            return view(*args, **kwargs)

    setattr(marked, MARK, True)
    found: View = marked
    return found


def is_declared_public(match: ResolverMatch, method: str) -> bool:
    view: Any = match.func
    if getattr(view, MARK, False):
        return True
    kind = getattr(view, "view_class", None) or getattr(view, "cls", None)
    if kind is None:
        return False
    action = (getattr(view, "actions", None) or {}).get(method.lower())
    return MARK in vars(kind) or bool(action and getattr(getattr(kind, action, None), MARK, False))


def our_own() -> Iterator[str]:
    """Paths that must answer before somebody is signed in, or have a door of their own."""
    for base in (auth_settings.base_path, auth_settings.auth_proxy.path):
        if base.strip("/"):  # else everything would be ours
            yield from (base, f"{base}/**")
    yield from ("/.well-known/jwks.json", "/health", "/health/ready", "/metrics")
    static = settings.STATIC_URL or ""
    if static.startswith("/") and len(static) > 1:
        yield f"{static}**"
