"""A provider that a test can script, and people who come back from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from better_auth.providers import documents
from tests.conftest import ApiClient
from tests.scripted_provider import ScriptedProvider, serving


@pytest.fixture
def acme() -> Iterator[ScriptedProvider]:
    documents.forget()
    with serving(ScriptedProvider()) as provider:
        yield provider


@pytest.fixture
def use_acme(acme: ScriptedProvider, configure: Callable[..., None]) -> Callable[..., None]:
    """Configure it under the name ``acme``, with whatever more its settings shall be."""

    def use(**more: Any) -> None:
        configure(SOCIAL={"PROVIDERS": {"acme": acme.settings(**more)}})

    return use


def go(browser: ApiClient, *, provider: str = "acme", path: str = "/sign-in/social", **body: Any) -> str:
    """Begin, and tell the address of the provider that one is sent to."""
    response = browser.api("POST", path, {"provider": provider, "callbackURL": "/in", **body})
    assert response.status_code == 200, response.content
    return str(response.json()["url"])


def come_back(browser: ApiClient, answer: dict[str, str], *, provider: str = "acme") -> Any:
    return browser.api("GET", f"/callback/{provider}?{urlencode(answer)}")


def travel(browser: ApiClient, acme: ScriptedProvider, **body: Any) -> Any:
    """There and back again."""
    return come_back(browser, acme.consent(go(browser, **body)))
