"""How a setting is declared: a field with its default, its documentation and its environment variable."""

from __future__ import annotations

from dataclasses import field
from typing import Any

# How variables that hold one end.
SECRET = ("_SECRET", "_SECRETS", "_TOKEN")


def setting(default: Any, doc: str, *, env: str | None = None, at_least: int | None = None) -> Any:
    """A field with its documentation, its environment variable and its lower bound. What the variable's name
    calls a secret or a token is in no ``repr``."""
    metadata = {"doc": doc, "env": env, "at_least": at_least}
    if isinstance(default, dict):
        return field(default_factory=dict, metadata=metadata)
    return field(default=default, metadata=metadata, repr=not (env or "").endswith(SECRET))


def group(factory: type[Any], doc: str) -> Any:
    return field(default_factory=factory, metadata={"doc": doc})
