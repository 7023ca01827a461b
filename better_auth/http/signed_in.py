"""The answer to a password that was right: a session, or what is wanted beside it."""

from __future__ import annotations

from typing import Any

from better_auth.http import wire
from better_auth.http.reply import Reply, location
from better_auth.sign_in import SignInChallenge, SignInOutcome


def signed_in(outcome: SignInOutcome, *, callback_url: str | None) -> Reply:
    """As ``/sign-in/email`` and ``/sign-in/username`` answer (core.md, section 2)."""
    if isinstance(outcome, SignInChallenge):
        return challenged(outcome)
    body: dict[str, Any] = {"redirect": bool(callback_url), "token": outcome.token}
    if callback_url is not None:
        body["url"] = callback_url
    headers = location(callback_url) if callback_url else {}
    return Reply(body | {"user": wire.user_object(outcome.user)}, headers=headers, session=outcome)


def challenged(challenge: SignInChallenge) -> Reply:
    """Something more is wanted; whatever session there was is not one of whoever comes in."""
    return Reply(challenge.body, clears_session=True, keepsakes=challenge.keepsakes)
