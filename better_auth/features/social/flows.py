"""A flow: from sending somebody to a provider until they come back, once, in the same browser.

Sources: core.md, section 6, "State"; oauth-and-providers.md, section A2; RFC 9700, section 4.7.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from better_auth import verifications
from better_auth.crypto.identifiers import URL_SAFE, new_oauth_state, random_string
from better_auth.providers.provider import Provider
from better_auth.providers.records import AuthorizationRequest
from better_auth.sealing import Undecryptable, open_sealed, seal
from better_auth.verifications import Purpose

STATE_SECONDS = 600
VERIFIER_LENGTH = 128
# Of ``additionalData`` and addresses together; the row is written for anybody who asks.
LONGEST_FLOW = 64 * 1024
LONGEST_URL = 16 * 1024


class FlowRefused(Exception):
    """``code``: as the protocol calls it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class LinkIntent:
    """Who wants an account linked, and the session that must still live when they come back."""

    user_id: str
    email: str
    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What is kept of a flow. It rests sealed."""

    provider_id: str
    callback_url: str
    error_url: str | None = None
    new_user_url: str | None = None
    requests_sign_up: bool = False
    nonce: str | None = field(default=None, repr=False)
    code_verifier: str = field(default="", repr=False)
    link: LinkIntent | None = None
    additional: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Begun:
    """``url``: where to send them; ``state``: what their browser must show when they come back."""

    url: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a client may say about the way there."""

    scopes: tuple[str, ...] = ()
    login_hint: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)


def begin(provider: Provider, *, wishes: Wishes, **kept: Any) -> Begun:
    """Remember a flow, and tell where it leads. ``kept`` are members of ``Flow``.

    Raises ``ProviderFailed`` before anything is remembered, ``FlowRefused`` for one that is too long.
    """
    state, verifier = new_oauth_state(), random_string(VERIFIER_LENGTH, URL_SAFE)
    nonce = new_oauth_state() if provider.binds_nonce() else None
    flow = Flow(provider_id=provider.id, code_verifier=verifier, nonce=nonce, **kept)
    url = provider.authorization_url(
        AuthorizationRequest(
            state=state,
            code_verifier=verifier,
            nonce=nonce,
            scopes=wishes.scopes,
            login_hint=wishes.login_hint,
            params=wishes.params,
        )
    )
    written = orjson.dumps(asdict(flow)).decode()
    if len(written) > LONGEST_FLOW or len(url) > LONGEST_URL:
        raise FlowRefused("too_long")
    verifications.issue(
        purpose=Purpose.SOCIAL_STATE,
        token=state,
        subject=flow.link.user_id if flow.link else "",
        expires_in=STATE_SECONDS,
        payload={"sealed": seal(written)},
    )
    return Begun(url, state)


def resume(state: str | None, *, shown: str | None, provider_id: str | None) -> Flow:
    """The flow of this state, which no one else gets then. ``shown``: the state in the browser's cookie;
    ``provider_id``: who sent them back, where the address tells.

    Raises ``FlowRefused``; a flow whose check has failed stays, so that no stranger can end it.
    """
    if not state:
        raise FlowRefused("state_not_found")
    if not shown or not hmac.compare_digest(shown.encode(), state.encode("utf-8", "replace")):
        raise FlowRefused("state_mismatch")
    found = verifications.find(purpose=Purpose.SOCIAL_STATE, token=state)
    flow = _read(found.payload) if found else None
    if flow is None or provider_id not in (None, flow.provider_id):
        raise FlowRefused("state_mismatch")
    if verifications.consume(purpose=Purpose.SOCIAL_STATE, token=state) is None:
        raise FlowRefused("state_mismatch")
    return flow


def _read(payload: Mapping[str, Any]) -> Flow | None:
    try:
        members = orjson.loads(open_sealed(str(payload.get("sealed", ""))))
    except (Undecryptable, orjson.JSONDecodeError):
        return None
    link = members.pop("link", None)
    return Flow(**members, link=LinkIntent(**link) if link else None)
