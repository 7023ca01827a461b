"""The system checks of a service that trusts an auth server elsewhere."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.apps import apps
from django.core.checks import run_checks
from django.core.checks.registry import registry

from better_auth.conf import auth_settings
from tests.server import CHECKOUT

CHECKS = "better_auth.resource_server.checks"
Trust = Callable[..., None]


@pytest.fixture(autouse=True, scope="module")
def _only_here() -> Iterator[None]:
    """They are registered where the app is installed, which it is not for the other tests."""
    before = set(registry.registered_checks), set(registry.deployment_checks)
    sys.modules.pop(CHECKS, None)
    importlib.import_module(CHECKS)
    yield
    registry.registered_checks, registry.deployment_checks = before


def told(one: str) -> list[str]:
    found = run_checks(include_deployment_checks=True)
    return [str(message.msg) for message in found if message.id == one]


def test_every_check_is_registered() -> None:
    tree = ast.parse((CHECKOUT / "better_auth/resource_server/checks.py").read_text())
    declared = {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("check_")
    }
    known = registry.registered_checks | registry.deployment_checks
    assert {one.__name__ for one in known if one.__module__ == CHECKS} == declared != set()


@pytest.mark.parametrize(
    "url", [None, "", "auth.example.com", "ftp://auth.example.com", "https://", "http://[::1"]
)
def test_a_url_that_names_no_server(trust: Trust, url: str | None) -> None:
    trust(AUTH_SERVER={"URL": url})
    assert told("better_auth.E020") == ["AUTH_SERVER.URL names no auth server."]


@pytest.mark.parametrize("extra", ["?x=1", "#x"])
def test_a_url_with_more_than_that(trust: Trust, extra: str) -> None:
    trust(AUTH_SERVER={"URL": f"https://auth.example.com/api/auth{extra}"})
    assert told("better_auth.E021") == ["AUTH_SERVER.URL holds more than an origin and a path."]
    trust(AUTH_SERVER={"URL": "https://name:word@auth.example.com"})
    assert told("better_auth.E021")


def test_a_server_that_would_ask_itself(trust: Trust) -> None:
    for url in (auth_settings.base_url, auth_settings.base_url + "/"):
        trust(AUTH_SERVER={"URL": url})
        assert told("better_auth.E022")


@pytest.mark.parametrize("half", [{"CLIENT_ID": None}, {"CLIENT_SECRET": None}, {"CLIENT_SECRET": ""}])
def test_half_of_the_credentials(trust: Trust, half: dict[str, Any]) -> None:
    trust(AUTH_SERVER=half)
    assert told("better_auth.E023") == ["Of the service's name and secret one is missing."]


def test_no_credentials_mean_no_opaque_tokens(trust: Trust, monkeypatch: pytest.MonkeyPatch) -> None:
    trust(AUTH_SERVER={"CLIENT_ID": None, "CLIENT_SECRET": None})
    assert told("better_auth.W008") == []  # a server of ours, for which the auth proxy asks there
    monkeypatch.setattr(apps, "is_installed", lambda name: name != "better_auth")
    assert told("better_auth.W008")


def test_plain_http(trust: Trust) -> None:
    for url in ("http://auth.example.com", "http://10.0.0.7:8000", "http://auth:8000/accounts"):
        trust(AUTH_SERVER={"URL": url})
        assert told("better_auth.W009") == ["The auth server is asked over plain http."]


@pytest.mark.parametrize(
    "url",
    [
        "https://auth.example.com",
        "https://auth.example.com:8443/accounts/",
        "http://127.0.0.1:8000",
        "http://localhost:8000",
        "http://[::1]:8000",
    ],
)
def test_nothing_is_said_of_what_is_right(trust: Trust, url: str) -> None:
    trust(AUTH_SERVER={"URL": url})
    ids = [f"better_auth.{one}" for one in ("E020", "E021", "E022", "E023", "W008", "W009")]
    assert [told(one) for one in ids] == [[]] * 6
