"""What is put before every backend of social-core: our state, our code challenge, our way out to the network.

The library's own keeping of state and verifier is switched off: they are in the flow's row, which is used
once and is bound to the browser.
"""

from __future__ import annotations

from typing import Any

import requests
from social_core.backends.oauth import BaseOAuth2
from social_core.exceptions import AuthConfigurationError, AuthProviderError
from social_core.utils import http_error

from better_auth.providers import outgoing


class Guard:
    """Stands first among a backend's classes (``guarded``)."""

    REDIRECT_STATE = False
    STATE_PARAMETER = True
    USE_NONCE = False

    # Of the flow in hand.
    flow_state: str | None = None
    code_verifier: str | None = None
    nonce: str | None = None
    # What came of the exchange.
    token_response: dict[str, Any] | None = None
    profile_data: dict[str, Any] | None = None

    def get_or_create_state(self) -> str | None:
        return self.flow_state

    def validate_state(self) -> str | None:
        """It was, against the row and the browser's cookie, before a backend was made."""
        return self.flow_state

    def use_basic_auth(self) -> bool:
        """As the settings say, else as the backend does."""
        chosen = self.setting("AUTHENTICATION")  # type: ignore[attr-defined]
        return bool(chosen == "basic" if chosen else super().use_basic_auth())  # type: ignore[misc]

    def auth_complete_params(self, state: str | None = None) -> dict[str, Any]:
        params: dict[str, Any] = super().auth_complete_params(state)  # type: ignore[misc]
        verifier = {"code_verifier": self.code_verifier} if self.code_verifier else {}
        further = self.setting("TOKEN_PARAMS", {})  # type: ignore[attr-defined]
        return {**params, **verifier, **further}

    def request_access_token(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        response: dict[Any, Any] = super().request_access_token(*args, **kwargs)  # type: ignore[misc]
        self.token_response = dict(response)
        return response

    def user_data(self, access_token: str, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        data = super().user_data(access_token, *args, **kwargs)  # type: ignore[misc]
        self.profile_data = dict(data) if isinstance(data, dict) else None
        return self.profile_data

    def request(self, url: str, **options: Any) -> requests.Response:
        """The library's, over our own way out (``outgoing``). Raises what the library raises."""
        stage = options.pop("stage", "user_info")
        options.pop("timeout", None)
        try:
            response = outgoing.fetch(url, **options)
        except outgoing.UnsafeAddress:
            raise AuthConfigurationError(self, parameter="url", stage=stage) from None  # type: ignore[arg-type]
        except requests.Timeout:
            raise AuthProviderError(self, code="timeout", stage=stage) from None  # type: ignore[arg-type]
        except requests.RequestException:
            # From nothing: its text may hold the address with what was in it.
            raise AuthProviderError(self, code="connection_failed", stage=stage) from None  # type: ignore[arg-type]
        try:
            response.raise_for_status()
        except requests.HTTPError as fault:
            raise http_error(self, fault, stage=stage) from None  # type: ignore[arg-type]
        return response


_guarded: dict[tuple[type[Any], type[Any]], type[Any]] = {}


def guarded(backend: type[BaseOAuth2[Any]], guard: type[Guard]) -> type[Any]:
    """The backend with the guard before it; the same class each time."""
    pair = (guard, backend)
    if pair not in _guarded:
        _guarded[pair] = type(f"Guarded{backend.__name__}", pair, {})
    return _guarded[pair]
