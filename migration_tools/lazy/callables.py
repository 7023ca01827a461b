"""A verifier of the host's own: callables that the settings name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connections
from django.utils.module_loading import import_string

from migration_tools.lazy.answers import Answer, LegacyFault


class Callables:
    """``verifier(email, password)`` and ``finder(email)`` return a record, as a mapping, or None for no.

    Whatever they raise counts as no answer. They run in a thread of their own, with connections of their own.
    """

    gives_whole_records = False
    leaves_hash_to_us = False

    def __init__(self, verifier: str, finder: str | None) -> None:
        self._verifier, self._finder = verifier, finder

    def verify(self, email: str, password: str) -> Answer | None:
        return _ask(self._verifier, email, password)

    def find(self, email: str) -> Answer | None:
        return _ask(self._finder, email) if self._finder else None


def _ask(path: str, *arguments: str) -> Answer | None:
    try:
        told: Any = import_string(path)(*arguments)
    finally:
        connections.close_all()
    if told is None or told is False:
        return None
    if not isinstance(told, Mapping):
        raise LegacyFault("no record")
    return Answer(told)
