"""``/get-session`` and the endpoints that list, change and end sessions. Source: core.md, section 3."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.db import transaction

from better_auth import additional_fields, clock, factor_requirements, sessions
from better_auth.conf import auth_settings
from better_auth.errors import BadRequest, ErrorCode, MethodNotAllowed, Unauthorized
from better_auth.events import AuthMethod, SessionRevoked, SessionsRevoked, publish
from better_auth.features.session_management.sign_out import sign_out as end_session
from better_auth.http import (
    admin_session,
    cookies,
    device_sessions,
    legacy_session,
    session_copy,
    session_jwt,
    wire,
)
from better_auth.http.endpoint import Access, Call, endpoint
from better_auth.http.fields import Body, StrictBoolean, StrictText
from better_auth.http.input_fields import ensure_settable_on_session
from better_auth.http.reply import Reply


@endpoint("GET", "/get-session", is_hot=True, takes_legacy=True, aliases=("/session",))
def get_session(call: Call) -> Reply:
    """The session and its user, or null. With a valid copy in a cookie the store is not asked.

    A credential of the former system is answered by what stands for its session."""
    asks_store = _flag(call, "disableCookieCache") or call.credentials.api_key
    copy = None if asks_store else session_copy.read(call.credentials)
    if copy is not None:
        return _copied(call, copy)
    if _flag(call, "disableCookieCache"):
        call.credentials = replace(call.credentials, from_store=True)
    deferred = auth_settings.session.defer_refresh
    if deferred:
        call.credentials = session_copy.without_writing(call.credentials)
    elif _flag(call, "disableRefresh"):
        call.credentials = session_copy.without_renewal(call.credentials)
    reply = _session_reply(call)
    if deferred and call.principal and call.principal.session:
        reply.body["needsRefresh"] = sessions.is_due(call.session, clock.now())
    return reply


@endpoint("POST", "/get-session", is_hot=True, reads_body=False)
def refresh_session(call: Call) -> Reply:
    """The renewing half of a deferred refresh."""
    if not auth_settings.session.defer_refresh:
        raise MethodNotAllowed(ErrorCode.METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED)
    return _session_reply(call)


@endpoint("GET", "/list-sessions", access=Access.FRESH)
def list_sessions(call: Call) -> Reply:
    """The caller's own session with its token, the others with a handle that ``/revoke-session`` takes."""
    own, token = call.session.id, call.ensure_principal().token or ""
    listed = sessions.list_active(call.user)
    return Reply(
        [
            wire.session_object(one, token=token if one.id == own else sessions.handle_of(one))
            for one in listed
        ]
    )


class RevokeSessionBody(Body):
    token = StrictText()


@endpoint("POST", "/revoke-session", access=Access.SIGNED_IN, needs_row=True, body=RevokeSessionBody)
def revoke_session(call: Call) -> Reply:
    """Always a success, so that nobody learns whose token it was."""
    session = sessions.find_owned(call.user, call.body["token"])
    if session:
        with transaction.atomic():
            if sessions.revoke(session, call.user):
                publish(SessionRevoked(client=call.client, subject_id=call.user.id, session_id=session.id))
    return Reply({"status": True}, clears_session=bool(session and session.id == call.session.id))


@endpoint("POST", "/revoke-sessions", access=Access.SIGNED_IN, needs_row=True)
def revoke_sessions(call: Call) -> Reply:
    _revoke_all(call, keep_own=False)
    return Reply({"status": True}, clears_session=True)


@endpoint("POST", "/revoke-other-sessions", access=Access.SIGNED_IN, needs_row=True)
def revoke_other_sessions(call: Call) -> Reply:
    _revoke_all(call, keep_own=True)
    return Reply({"status": True})


class UpdateSessionBody(Body):
    shape = "record"

    @classmethod
    def parse(cls, value: Any, *, place: str = "body") -> dict[str, Any]:
        super().parse(value, place=place)
        return dict(value)


@endpoint("POST", "/update-session", access=Access.SIGNED_IN, needs_row=True, body=UpdateSessionBody)
def update_session(call: Call) -> Reply:
    """Only additional fields that the settings declare can be changed."""
    ensure_settable_on_session(call.body)
    fields = additional_fields.read_changes("session", call.body)
    if not fields:
        raise BadRequest(message="No fields to update")
    session = sessions.update(call.session, additional_fields=fields)
    if session is None:
        call.session_ended = True
        raise Unauthorized(ErrorCode.FAILED_TO_GET_SESSION)
    issued = call.redelivered(session=session)
    return Reply({"session": wire.session_object(session, token=issued.token)}, session=issued)


class SignOutBody(Body):
    callbackURL = StrictText(required=False)
    disableRedirect = StrictBoolean(required=False)
    state = StrictText(required=False)


@endpoint("POST", "/sign-out", body=SignOutBody, optional_body=True, renews=False, aliases=("/logout",))
def sign_out(call: Call) -> Reply:
    """End the caller's session, if there is one; never fails for lack of it. Whoever leaves while acting in
    somebody's name leaves nothing of their own in the browser either, and whoever leaves a device on which
    several are signed in leaves it for them all."""
    if call.principal and call.principal.session:
        end_session(call.session, call.user, client=call.client)
    reply = Reply({"success": True}, clears_session=True)
    if admin_session.is_kept(call.credentials.cookies):
        admin_session.drop(reply)
    if device_sessions.is_on():
        _leave_device(call, reply)
    return reply


def _leave_device(call: Call, reply: Reply) -> None:
    """End every other session that the device keeps; only cookies with our signature count."""
    own = call.principal.token if call.principal else None
    for token in device_sessions.tokens_in(call.credentials.cookies):
        resumed = sessions.resume(token, renew=False, from_store=True) if token != own else None
        if resumed:
            end_session(resumed.session, resumed.user, client=call.client)
        device_sessions.drop(reply, token)


def _flag(call: Call, name: str) -> bool:
    """As JavaScript takes it for true: any text but the empty one, and any list."""
    values = call.request.GET.getlist(name)
    return len(values) > 1 or any(values)


def _copied(call: Call, copy: dict[str, Any]) -> Reply:
    reply = Reply(copy)
    if session_jwt.is_announced() and not factor_requirements.are_configured():
        claims = session_jwt.claims_of_copy(copy)
        if claims is None and call.principal and call.principal.session:
            claims = session_jwt.claims_of(call.user, call.session)
        if claims is not None:
            session_jwt.announce(reply, claims)
    return reply


def _session_reply(call: Call) -> Reply:
    if auth_settings.session.cookie_cache.enabled:
        # What is copied into a cookie is good for minutes: it must not be remembered from before.
        call.credentials = replace(call.credentials, from_store=True)
    reply = Reply(None, read_at_ms=clock.epoch_ms(clock.now()))
    reply.request_cookies = call.credentials.cookies
    if call.principal and call.principal.legacy:
        reply.body = legacy_session.show(call.principal)
    elif call.principal:
        token = call.principal.token or ""
        reply.body = {
            "session": wire.session_object(call.session, token=token),
            "user": wire.user_object(call.user),
        }
        if call.principal.method is AuthMethod.API_KEY:
            return reply
        session_copy.refresh(call.redelivered(), reply, renewed=call.principal.renewed)
        if session_jwt.is_announced() and not call.principal.must_enrol:
            session_jwt.announce(reply, session_jwt.claims_of(call.user, call.session))
    elif not auth_settings.session.cookie_cache.enabled and session_copy.is_present(call.credentials):
        cookies.clear_session_data(reply)
    return reply


def _revoke_all(call: Call, *, keep_own: bool) -> None:
    with transaction.atomic():
        count = sessions.revoke_all(call.user, keep=call.session if keep_own else None)
        publish(SessionsRevoked(client=call.client, subject_id=call.user.id, details={"count": count}))
