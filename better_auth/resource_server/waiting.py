"""Rules that now and then have to wait, followed by a thread or on an event loop.

Rules are a generator: it yields what it waits for, a call to the auth server or somebody else's result, and
is sent what came of it, or thrown ``AuthServerUnavailable``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from concurrent.futures import Future
from typing import Any, TypeVar

from django.core.exceptions import SynchronousOnlyOperation

from better_auth.auth_server.connection import Call, auth_server
from better_auth.conf import auth_settings
from better_auth.errors import AuthServerUnavailable

Result = TypeVar("Result")
Step = Call | Future[Any]
Rules = Generator[Step, Any, Result]

# Longer than any call that somebody else makes for us.
MARGIN_SECONDS = 1.0


def follow(rules: Rules[Result]) -> Result:
    """In this thread. Raises ``SynchronousOnlyOperation`` where waiting would stop an event loop."""
    try:
        step = next(rules)
        while True:
            try:
                outcome = _settle(step)
            except AuthServerUnavailable as fault:
                step = rules.throw(fault)
            else:
                step = rules.send(outcome)
    except StopIteration as end:
        result: Result = end.value
        return result
    finally:
        rules.close()


async def afollow(rules: Rules[Result]) -> Result:
    """On the running event loop."""
    try:
        step = next(rules)
        while True:
            try:
                outcome = await _asettle(step)
            except AuthServerUnavailable as fault:
                step = rules.throw(fault)
            else:
                step = rules.send(outcome)
    except StopIteration as end:
        result: Result = end.value
        return result
    finally:
        rules.close()


def _settle(step: Step) -> Any:
    _ensure_no_event_loop()
    if isinstance(step, Call):
        return auth_server().send(step)
    try:
        return step.result(_longest_wait())
    except TimeoutError:
        raise AuthServerUnavailable from None


async def _asettle(step: Step) -> Any:
    if isinstance(step, Call):
        return await auth_server().asend(step)
    try:
        # Others wait for it, too: it must not be cancelled with us.
        return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(step)), _longest_wait())
    except TimeoutError:
        raise AuthServerUnavailable from None


def _longest_wait() -> float:
    settings = auth_settings.auth_server
    return float((settings.connect_timeout_ms + settings.timeout_ms) / 1000 + MARGIN_SECONDS)


def _ensure_no_event_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise SynchronousOnlyOperation("Asking the auth server would stop the event loop: await aauthenticate().")
