"""``/token`` and ``/jwks``. Source: jwt-bearer-multisession.md, section 1."""

from __future__ import annotations

from typing import Any

from better_auth import access_tokens, factor_requirements, rate_limits, signing_keys
from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import new_id
from better_auth.errors import BadRequest, ErrorCode, Forbidden, NotFound, OAuthError
from better_auth.features.email_password.sign_in import sign_in_with_email
from better_auth.features.jwt import grants
from better_auth.features.jwt.grants import TokenGrant
from better_auth.http import session_jwt
from better_auth.http.endpoint import Access, Call, endpoint
from better_auth.http.fields import Body, StrictText, is_email
from better_auth.http.reply import Reply, public
from better_auth.sign_in import SignInChallenge

PASSWORD_SIGN_IN = "/sign-in/email"


@endpoint("GET", "/token", access=Access.SIGNED_IN, needs_row=True, is_hot=True)
def get_token(call: Call) -> Reply:
    """A JWT about the caller, for services that verify it by the key set."""
    _ensure_on()
    return Reply({"token": session_jwt.mint(session_jwt.claims_of(call.user, call.session))})


@endpoint("GET", "/jwks", is_hot=True, aliases=("/.well-known/jwks.json",))
def jwks(call: Call) -> Reply:
    """The key set (RFC 7517)."""
    _ensure_on()
    return Reply(signing_keys.public_set(), headers=public(auth_settings.jwt.jwks_max_age))


class TokenBody(Body):
    grant_type = StrictText(required=False)
    refresh_token = StrictText(required=False)
    email = StrictText(required=False)
    username = StrictText(required=False)
    password = StrictText(required=False)
    format = StrictText(required=False)


@endpoint(
    "POST", "/token", body=TokenBody, optional_body=True, accepts_form=True, guards_login=True, renews=False
)
def issue_tokens(call: Call) -> Reply:
    """Our addition: an access and a refresh token, for a session, a password, or a refresh token."""
    body = call.body
    wanted = body.get("grant_type") or _grant_type_of(body)
    give = GRANTS.get(wanted)
    if give is None:
        raise OAuthError("unsupported_grant_type", ErrorCode.UNSUPPORTED_GRANT_TYPE)
    granted = give(call)
    if isinstance(granted, SignInChallenge):
        return Reply(granted.body, keepsakes=granted.keepsakes)
    if factor_requirements.must_enrol(granted.user, granted.session):
        raise Forbidden(ErrorCode.TWO_FACTOR_REQUIRED)
    return Reply(_tokens(granted, body.get("format") or auth_settings.tokens.access_format))


def _by_session(call: Call) -> TokenGrant:
    call.ensure_row()
    return grants.grant_for_session(call.user, call.session)


def _by_refresh_token(call: Call) -> TokenGrant:
    return grants.refresh(_needed(call, "refresh_token"), client=call.client)


def _by_password(call: Call) -> TokenGrant | SignInChallenge:
    if PASSWORD_SIGN_IN in auth_settings.disabled_paths:
        raise OAuthError("unsupported_grant_type", ErrorCode.UNSUPPORTED_GRANT_TYPE)
    rate_limits.ensure_rate(PASSWORD_SIGN_IN, call.client)  # no other way round that limit
    email = call.body.get("email") or _needed(call, "username")
    if not is_email(email):
        raise BadRequest(ErrorCode.INVALID_EMAIL)
    outcome = sign_in_with_email(
        email=email, password=_needed(call, "password"), remember=True, callback_url=None, client=call.client
    )
    if isinstance(outcome, SignInChallenge):
        return outcome
    return grants.grant_for_sign_in(outcome.user, outcome.session)


GRANTS = {"session": _by_session, "refresh_token": _by_refresh_token, "password": _by_password}


def _grant_type_of(body: dict[str, Any]) -> str:
    """What the caller shows says what is meant."""
    if "refresh_token" in body:
        return "refresh_token"
    return "password" if "password" in body else "session"


def _needed(call: Call, name: str) -> str:
    text = call.body.get(name)
    if not isinstance(text, str):
        expected = f"[body.{name}] Invalid input: expected string, received undefined"
        raise BadRequest(ErrorCode.VALIDATION_ERROR, expected)
    return text


def _tokens(grant: TokenGrant, form: str) -> dict[str, Any]:
    """The members of RFC 6749, section 5.1."""
    if form == "jwt" and session_jwt.is_on():
        expires_in = auth_settings.tokens.access_expires_in
        claims = session_jwt.claims_of(grant.user, grant.session, sid=grant.session.id, jti=new_id())
        access_token = session_jwt.mint(claims, expires_in=expires_in)
    else:
        access_token, expires_in = access_tokens.issue_opaque(grant.refresh.grant.id)
    return {
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": expires_in,
        "refresh_token": grant.refresh.token,
    }


def _ensure_on() -> None:
    if not session_jwt.is_on():
        raise NotFound
