"""``scope["user"]``: the host's own user, selected when somebody asks for more than its primary key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.utils.functional import SimpleLazyObject, empty

from better_auth import users
from better_auth.storage.records import UserRecord

Wait = Callable[[Callable[[], Any]], Any]


class LazyHostUser(SimpleLazyObject):  # type: ignore[type-arg]
    """Acts as the host's user, or as nobody where that has been deleted since.

    In a thread the first use selects it there. An event loop may not select: there ``wait`` is called to do
    it elsewhere, while the loop stands still. ``Visit.load_user`` is how to ask without that.
    """

    def __init__(self, user: UserRecord, wait: Wait) -> None:
        super().__init__(_Selected(user, wait).get)
        self.__dict__["_key"] = user.key

    def __getattr__(self, name: str) -> Any:
        if self._wrapped is empty and name in ("pk", get_user_model()._meta.pk.attname):
            return self.__dict__["_key"]
        return super().__getattr__(name)


class _Selected:
    """Once for all copies."""

    __slots__ = ("_row", "_user", "_wait")

    def __init__(self, user: UserRecord, wait: Wait) -> None:
        self._user, self._wait = user, wait
        self._row: Any = None

    def get(self) -> Any:
        if self._row is None:
            if _is_on_loop():
                self._wait(self._select)
            else:
                self._select()
        return self._row

    def _select(self) -> None:
        self._row = users.find_row(self._user) or AnonymousUser()


def select_now(row: Any) -> None:
    """In a thread. Whatever is no ``LazyHostUser`` is there already."""
    if isinstance(row, LazyHostUser):
        bool(row)


def _is_on_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
