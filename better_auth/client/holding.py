"""The tokens that a client holds, whichever way it waits."""

from __future__ import annotations

from collections.abc import Callable

from better_auth.client.tokens import Tokens

OnChange = Callable[[Tokens | None], None]


class Holding:
    """``on_change`` is told of each new pair, and of None once there is none."""

    def __init__(self, tokens: Tokens | None, on_change: OnChange | None) -> None:
        self._tokens, self._on_change = tokens, on_change

    @property
    def tokens(self) -> Tokens | None:
        return self._tokens

    def _hold(self, tokens: Tokens) -> Tokens:
        self._keep(tokens)
        return tokens

    def _forget(self) -> None:
        self._keep(None)

    def _keep(self, tokens: Tokens | None) -> None:
        self._tokens = tokens
        if self._on_change is not None:
            self._on_change(tokens)
