"""What the auth proxy answers beside the endpoints that it shares with the base path (``auth_proxy``)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from better_auth import clock
from better_auth.authentication.credentials import Credentials, InvalidCredentials
from better_auth.authentication.pipeline import authenticate
from better_auth.authentication.principal import Principal
from better_auth.errors import ErrorCode, OAuthError, Unauthorized
from better_auth.features.auth_proxy.sessions_of_tokens import session_behind
from better_auth.features.introspection.callers import find_service
from better_auth.features.introspection.introspect import introspect
from better_auth.features.session_management.sign_out import sign_out
from better_auth.http import wire
from better_auth.http.credentials import shown_secret
from better_auth.http.endpoint import Call, endpoint
from better_auth.http.fields import Body, StrictText
from better_auth.http.reply import Reply


class IntrospectBody(Body):
    token = StrictText()
    client_id = StrictText(required=False)
    client_secret = StrictText(required=False)


@endpoint("POST", "/auth-proxy/introspect", body=IntrospectBody, accepts_form=True, renews=False)
def introspect_through_proxy(call: Call) -> Reply:
    """Our addition: whether a token is good; who shows a service's secret is told what it stands for."""
    service = find_service(shown_secret(call.request, call.body), call.key_holder)
    told = introspect(call.body["token"], asked_by=service)
    return Reply(dict(told) if service else {"active": told["active"]})


class LogOutBody(Body):
    token = StrictText(required=False)
    refresh_token = StrictText(required=False)


@endpoint("POST", "/auth-proxy/logout", body=LogOutBody, optional_body=True, accepts_form=True, renews=False)
def log_out_through_proxy(call: Call) -> Reply:
    """Our addition: end the session of the cookie, and of every token that is shown.

    Never fails for lack of one, but where nothing else is shown than a token that can't be ended.
    """
    tokens = [call.body.get("token"), call.body.get("refresh_token"), call.credentials.bearer]
    call.credentials = replace(call.credentials, bearer=None)
    found = [(call.session, call.user)] if call.principal and call.principal.session else []
    refusal: OAuthError | None = None
    for token in filter(None, tokens):
        try:
            found += filter(None, [session_behind(token)])
        except OAuthError as error:
            refusal = error
    if refusal and not found:
        raise refusal
    for session, user in found:
        sign_out(session, user, client=call.client)
    return Reply({"success": True}, clears_session=True)


class VerifyBody(Body):
    token = StrictText(required=False)


@endpoint("GET", "/auth-proxy/verify")
def verify_caller(call: Call) -> Reply:
    """Our addition: who calls, by a token of any kind or by the cookie."""
    return _verified(call, call.credentials.bearer)


@endpoint("POST", "/auth-proxy/verify", body=VerifyBody, optional_body=True, accepts_form=True)
def verify_token(call: Call) -> Reply:
    """Our addition: the same for a token in the body."""
    return _verified(call, call.body.get("token") or call.credentials.bearer)


def _verified(call: Call, token: str | None) -> Reply:
    """A token that is shown is what counts, whatever cookie comes along."""
    principal = _principal_of(token, call.credentials) if token else call.principal
    if principal is None:
        raise Unauthorized(ErrorCode.UNAUTHORIZED)
    return Reply({"valid": True, "user": wire.user_object(principal.user), "exp": _expiry(principal)})


def _principal_of(token: str, credentials: Credentials) -> Principal | None:
    try:
        return authenticate(
            replace(credentials, bearer=token, api_key=None, cookies={}, for_session=False, any_kind=True)
        )
    except InvalidCredentials:
        return None


def _expiry(principal: Principal) -> Any:
    """In seconds since 1970, as tokens have it; None for what does not end by itself."""
    if principal.session is not None:
        return clock.epoch_ms(principal.session.expires_at) // 1000
    return (principal.claims or {}).get("exp")
