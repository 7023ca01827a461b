"""``manage.py check_providers`` (docs/social.md)."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from better_auth.providers import documents
from tests.scripted_provider import CLIENT_ID, CLIENT_SECRET, ScriptedProvider, answering, serving


def told(*names: str) -> tuple[str, bool]:
    """What it prints, and whether it is content."""
    out = io.StringIO()
    try:
        call_command("check_providers", *names, stdout=out)
    except CommandError:
        return out.getvalue(), False
    return out.getvalue(), True


def test_without_providers_it_says_so() -> None:
    assert told() == ("No provider is configured: see docs/social.md.\n", True)
    assert told("acme") == ("acme: not in SOCIAL.PROVIDERS\n", False)


def test_it_asks_each_provider(configure: Callable[..., None]) -> None:
    documents.forget()
    with serving(ScriptedProvider()) as acme:
        configure(SOCIAL={"PROVIDERS": {"acme": acme.settings()}})
        ready = "acme: ready, sends people back to http://testserver/api/auth/callback/acme\n"
        assert told() == (ready, True)
        acme.published = []
        assert told() == ("acme: its key set is empty\n", False)
        acme.replies["/jwks"] = answering(503, {})
        assert told() == ("acme: a document of 127.0.0.1 can't be read: AnswerRefused\n", False)
        acme.document_members["issuer"] = "https://evil.example"
        assert told("acme") == ("acme: the discovery document is by another issuer\n", False)
    assert told() == ("acme: a document of 127.0.0.1 can't be read: ConnectionError\n", False)


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({}, "nobody knows this provider: set DISCOVERY_URL, its addresses, or BACKEND"),
        ({"DISCOVERY_URL": "http://127.0.0.1:1/"}, "CLIENT_ID is missing"),
    ],
)
def test_it_says_what_is_missing(configure: Callable[..., None], own: dict[str, Any], expected: str) -> None:
    configure(SOCIAL={"PROVIDERS": {"acme": {"CLIENT_SECRET": CLIENT_SECRET, **own}}})
    text, is_content = told()
    assert (expected in text, is_content, CLIENT_SECRET in text) == (True, False, False)


def test_plain_oauth_needs_somebody_there_only(configure: Callable[..., None]) -> None:
    with serving(ScriptedProvider()) as acme:
        addresses = {
            "AUTHORIZATION_URL": f"{acme.origin}/authorize",
            "TOKEN_URL": f"{acme.origin}/token",
            "CLIENT_ID": CLIENT_ID,
        }
        configure(SOCIAL={"PROVIDERS": {"acme": addresses}})
        text, is_content = told()
        assert is_content
        assert "note: CLIENT_SECRET is missing" in text


def test_settings_that_can_not_be_read_are_told(configure: Callable[..., None]) -> None:
    configure(SOCIAL={"PROVIDERS": {"acme": {"CLIENT": "c"}}})
    text, is_content = told()
    assert (is_content, "did you mean CLIENT_ID?" in text) == (False, True)
