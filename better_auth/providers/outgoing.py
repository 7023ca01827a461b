"""Calls to providers: bounded in time and size, over TLS, and never led elsewhere.

A provider's addresses come from the settings, or from the discovery document at an address of the settings.
A redirect is no answer: it could lead a secret, or this server, anywhere (attacks.md, A27).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from better_auth.conf import auth_settings

LONGEST_ANSWER = 1024 * 1024
CHUNK = 16 * 1024
USER_AGENT = "better-auth"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class UnsafeAddress(requests.RequestException):
    """Neither https nor this machine."""


class AnswerRefused(requests.RequestException):
    """Longer or slower than anybody waits for, or a redirect."""


class _NoPassword(AuthBase):
    """Keeps the library from looking for one in this machine's ``.netrc``."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def is_safe(url: str) -> bool:
    """https, or http on this machine; without user or password."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    if not host or parts.username is not None or parts.password is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)


def fetch(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, Any] | None = None,
    data: Any = None,
    json: Any = None,
    params: Any = None,
    auth: Any = None,
) -> requests.Response:
    """The answer, whatever its status, read to its end. Raises ``requests.RequestException``."""
    if not is_safe(url):
        raise UnsafeAddress("a provider's address must begin with https://")
    seconds = auth_settings.social.timeout_ms / 1000
    ends_at = time.monotonic() + seconds
    with (
        requests.Session() as session,
        session.request(
            method,
            url,
            headers={"User-Agent": USER_AGENT, "Accept": "application/json", **(headers or {})},
            data=data,
            json=json,
            params=params,
            auth=auth or _NoPassword(),
            timeout=seconds,
            allow_redirects=False,
            stream=True,
        ) as response,
    ):
        if response.is_redirect or response.is_permanent_redirect:
            raise AnswerRefused("a provider answered with a redirect")
        response._content = _read(response, ends_at)  # what the library reads from here on
    return response


def fetch_json(url: str) -> dict[str, Any]:
    """A public document. Raises ``requests.RequestException``."""
    response = fetch(url)
    if response.status_code != 200:
        raise AnswerRefused(f"a provider answered with status {response.status_code}")
    try:
        document = response.json()
    except ValueError:
        raise AnswerRefused("a provider answered with no JSON") from None
    if not isinstance(document, dict):
        raise AnswerRefused("a provider answered with no object")
    return document


def _read(response: requests.Response, ends_at: float) -> bytes:
    content = bytearray()
    for chunk in response.iter_content(CHUNK):
        content += chunk
        if len(content) > LONGEST_ANSWER:
            raise AnswerRefused("a provider's answer is too long")
        if time.monotonic() > ends_at:
            raise AnswerRefused("a provider takes too long")
    return bytes(content)
