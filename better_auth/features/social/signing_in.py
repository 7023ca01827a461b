"""Sign in with a provider: by coming back from it, or by an ID token that a client shows.

Sources: core.md, sections 2 and 6; oauth-and-providers.md, sections A1, A3 and A4.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import transaction

from better_auth.errors import AuthError, BadRequest, ErrorCode, Forbidden, NotFound, Unauthorized
from better_auth.events import AuthMethod, Client, SignInFailed, publish
from better_auth.features.social import flows, linking
from better_auth.features.social.flows import Flow, FlowRefused
from better_auth.features.social.resolving import Unresolved, address_of, resolve
from better_auth.paced_log import PacedLog
from better_auth.providers import registry
from better_auth.providers.id_tokens import IdTokenRefused
from better_auth.providers.provider import LONGEST_NAME, Provider
from better_auth.providers.records import Answer, Identity, ProfileRefused, ProviderFailed, Tokens
from better_auth.sessions import IssuedSession
from better_auth.sign_in import complete_sign_in
from better_auth.storage.records import UserRecord

logger = logging.getLogger("better_auth.social")
paced = PacedLog(logger)


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """What a browser brings back from a provider; ``shown``: the state in its cookie."""

    provider_id: str | None
    state: str | None
    shown: str | None
    code: str | None = field(default=None, repr=False)
    error: str | None = None
    error_description: str | None = None
    issuer: str | None = None
    user: str | None = field(default=None, repr=False)
    device_id: str | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """Where the browser goes: ``url``, or with ``error`` the page for errors (None: ours). ``is_over``: the
    flow is spent."""

    url: str | None = None
    error: str | None = None
    description: str | None = None
    issued: IssuedSession | None = None
    is_over: bool = False


class Stopped(Exception):
    """A flow ends here, with this error."""

    def __init__(self, error: str, description: str | None = None) -> None:
        super().__init__(error)
        self.error, self.description = error, description


def find_provider(provider_id: str) -> Provider:
    """Raises ``PROVIDER_NOT_FOUND``."""
    provider = registry.find(provider_id)
    if provider is None:
        raise NotFound(ErrorCode.PROVIDER_NOT_FOUND)
    return provider


def begin(provider: Provider, **kept: Any) -> flows.Begun:
    """Raises ``INVALID_OAUTH_CONFIGURATION`` where the provider's addresses are not to be had."""
    try:
        return flows.begin(provider, **kept)
    except ProviderFailed as fault:
        paced.say(logging.ERROR, "sign-in with %s can't begin: %s", provider.id, fault)
        raise BadRequest(ErrorCode.INVALID_OAUTH_CONFIGURATION) from None
    except FlowRefused:
        raise BadRequest(ErrorCode.VALIDATION_ERROR, "[body] Too big") from None


def come_back(back: Return, *, client: Client) -> Ending:
    """The end of a flow: a session, a linked account, or an error that a page can show. Never raises what a
    provider did wrong."""
    try:
        flow = flows.resume(back.state, shown=back.shown, provider_id=back.provider_id)
    except FlowRefused as refusal:
        return Ending(error=refusal.code)
    try:
        url, issued = _finish(flow, back, client)
    except Stopped as end:
        details = {"provider": flow.provider_id, "reason": _known(end.error)}
        publish(SignInFailed(client=client, method=AuthMethod.SOCIAL, details=details))
        return Ending(flow.error_url, end.error, end.description, is_over=True)
    return Ending(url, issued=issued, is_over=True)


def _finish(flow: Flow, back: Return, client: Client) -> tuple[str, IssuedSession | None]:
    if back.error:
        raise Stopped(back.error, back.error_description)
    if not back.code:
        raise Stopped("no_code")
    provider = registry.find(flow.provider_id)
    if provider is None:
        raise Stopped("oauth_provider_not_found")
    identity = _exchange(provider, flow, back)
    if flow.link:
        try:
            linking.finish_link(flow.link, identity, client=client)
        except Unresolved as refusal:
            raise Stopped(refusal.code) from None
        return flow.callback_url, None
    try:
        issued, is_new = sign_in(
            provider,
            identity,
            requests_sign_up=flow.requests_sign_up,
            callback_url=flow.callback_url,
            client=client,
        )
    except Unresolved as refusal:
        raise Stopped(refusal.code) from None
    except AuthError as refusal:  # a ban, or the host's hooks
        raise Stopped(
            refusal.code.name if refusal.code else "unable_to_create_session", refusal.message
        ) from None
    return (flow.new_user_url or flow.callback_url) if is_new else flow.callback_url, issued


def _exchange(provider: Provider, flow: Flow, back: Return) -> Identity:
    """The code for an identity. A provider that is down, or answers nonsense, ends the flow with an error."""
    try:
        if not provider.is_answer_of(back.issuer):
            raise Stopped("issuer_mismatch")
        if provider.binds_nonce() and not flow.nonce:
            raise Stopped("nonce_binding_missing")
        return provider.exchange(
            Answer(
                code=back.code or "",
                state=back.state or "",
                code_verifier=flow.code_verifier,
                nonce=flow.nonce,
                user=back.user,
                device_id=back.device_id,
            )
        )
    except ProfileRefused as fault:
        paced.say(logging.WARNING, "%s did not tell who somebody is: %s", provider.id, fault)
        raise Stopped("unable_to_get_user_info") from None
    except ProviderFailed as fault:
        paced.say(logging.WARNING, "%s did not take a code: %s", provider.id, fault)
        raise Stopped("invalid_code") from None


def sign_in(
    provider: Provider, identity: Identity, *, requests_sign_up: bool, callback_url: str, client: Client
) -> tuple[IssuedSession, bool]:
    """A session, and whether its user is new. Raises ``Unresolved``, and ``AuthError`` for whoever is shut
    out."""
    resolved = resolve(
        identity,
        rules=provider.rules,
        requests_sign_up=requests_sign_up,
        callback_url=callback_url,
        client=client,
    )
    outcome = complete_sign_in(resolved.user, method=AuthMethod.SOCIAL, client=client)
    if not isinstance(outcome, IssuedSession):
        raise Unresolved("unable to create session")  # a gate of the host's own that asks for more
    return outcome, resolved.is_new


def identify(
    provider: Provider, *, token: str, nonce: str | None, tokens: Tokens, told_name: str = ""
) -> Identity:
    """Who an ID token is about; ``told_name``: where it does not tell, as Apple's do not.

    Raises ``ID_TOKEN_NOT_SUPPORTED``, ``INVALID_TOKEN``, ``FAILED_TO_GET_USER_INFO`` or
    ``USER_EMAIL_NOT_FOUND``.
    """
    try:
        if not provider.takes_id_tokens():
            raise NotFound(ErrorCode.ID_TOKEN_NOT_SUPPORTED)
        profile = provider.identify(token, nonce=nonce)
    except ProfileRefused:
        raise Unauthorized(ErrorCode.FAILED_TO_GET_USER_INFO) from None
    except (IdTokenRefused, ProviderFailed) as fault:
        paced.say(logging.WARNING, "an ID token of %s was refused: %s", provider.id, fault)
        raise Unauthorized(ErrorCode.INVALID_TOKEN) from None
    if address_of(profile) is None:
        raise Unauthorized(ErrorCode.USER_EMAIL_NOT_FOUND)
    if told_name and not profile.name and provider.id == "apple":
        profile = replace(profile, name=told_name[:LONGEST_NAME])
    issuer = profile.raw.get("iss")
    return Identity(provider.id, profile, tokens, issuer if isinstance(issuer, str) else None)


def sign_in_with_id_token(
    provider: Provider, identity: Identity, *, requests_sign_up: bool, callback_url: str, client: Client
) -> IssuedSession:
    """Raises ``EMAIL_NOT_VERIFIED``, or ``OAUTH_LINK_ERROR`` with the reason as its message."""
    try:
        issued, _ = sign_in(
            provider, identity, requests_sign_up=requests_sign_up, callback_url=callback_url, client=client
        )
    except Unresolved as refusal:
        details = {"provider": provider.id, "reason": refusal.code}
        publish(SignInFailed(client=client, method=AuthMethod.SOCIAL, details=details))
        if refusal.reason == "email not verified":
            raise Forbidden(ErrorCode.EMAIL_NOT_VERIFIED) from None
        raise Unauthorized(ErrorCode.OAUTH_LINK_ERROR, refusal.reason) from None
    return issued


def sign_in_with_one_tap(token: str, *, callback_url: str, client: Client) -> IssuedSession:
    """Google's prompt gives a page an ID token. Refusals as the one-tap plugin words them, most without a
    code."""
    provider = find_provider("google")
    scopes = ("openid", "profile", "email")
    try:
        identity = identify(provider, token=token, nonce=None, tokens=Tokens(id_token=token, scopes=scopes))
    except Unauthorized as refusal:
        is_mute = refusal.code is ErrorCode.USER_EMAIL_NOT_FOUND
        raise BadRequest(message="Email not available in token" if is_mute else "invalid id token") from None
    try:
        return sign_in_with_id_token(
            provider, identity, requests_sign_up=True, callback_url=callback_url, client=client
        )
    except Unauthorized as refusal:
        raise Unauthorized(message=refusal.message) from None


def link_now(user: UserRecord, identity: Identity, *, client: Client) -> None:
    with transaction.atomic():
        linking.link_identity(user, identity, client=client)


KNOWN_ERRORS = frozenset(
    {
        "no_code",
        "oauth_provider_not_found",
        "issuer_mismatch",
        "nonce_binding_missing",
        "invalid_code",
        "unable_to_get_user_info",
        "email_not_found",
        "account_not_linked",
        "signup_disabled",
        "unable_to_link_account",
        "unable_to_create_user",
        "unable_to_create_session",
        "email_not_verified",
        "email_does_not_match",
        "account_already_linked_to_different_user",
        "access_denied",
        "BANNED_USER",
    }
)


def _known(error: str) -> str:
    """For metrics and the audit log, which hold nothing that a provider or a visitor wrote."""
    return error if error in KNOWN_ERRORS else "other"
