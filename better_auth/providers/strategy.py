"""What a backend of social-core asks of its framework: settings, the data of one answer, and a session.

Nothing outlives the call: what must be kept between the way there and the way back is in our own state row,
users and accounts are in our own tables, and the library's pipeline, which would write them, never runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from social_core.storage import BaseStorage
from social_core.strategy import BaseStrategy

from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import ALPHANUMERIC, random_string


class NoStorage(BaseStorage):
    """The library has no tables here."""


class FlowStrategy(BaseStrategy[Any]):
    """One step of one flow at one provider."""

    def __init__(self, settings: Mapping[str, Any], data: Mapping[str, str] | None = None) -> None:
        self._settings, self._data = settings, dict(data or {})
        self._session: dict[str, Any] = {}
        super().__init__(storage=NoStorage)

    def authenticate(self, backend: Any, *args: Any, **kwargs: Any) -> Any:
        """Where the library would now find or make a user: what it knows by then, and no more."""
        return kwargs.get("response")

    def get_setting(self, name: str) -> Any:
        """Raises ``KeyError`` for what is not set, as the library has it."""
        return self._settings[name]

    def get_request_data(self, merge: bool = True) -> dict[str, Any]:
        return dict(self._data)

    def session_get(self, name: str, default: Any = None) -> Any:
        return self._session.get(name, default)

    def session_set(self, name: str, value: Any) -> None:
        self._session[name] = value

    def session_pop(self, name: str) -> Any:
        return self._session.pop(name, None)

    def random_string(self, length: int = 12, chars: str = ALPHANUMERIC) -> str:
        return random_string(length, chars)

    def build_absolute_uri(self, path: str | None = None) -> str:
        return path if path and "://" in path else f"{auth_settings.base_url}{path or ''}"

    def request_host(self) -> str:
        return auth_settings.base_url.partition("://")[2]

    def request_is_secure(self) -> bool:
        return auth_settings.base_url.startswith("https://")
