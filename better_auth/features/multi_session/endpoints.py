"""``/multi-session/*``. Source: jwt-bearer-multisession.md, section 3."""

from __future__ import annotations

from typing import Any

from better_auth.errors import Unauthorized
from better_auth.features.multi_session import device
from better_auth.features.multi_session.errors import Code
from better_auth.http import device_sessions, wire
from better_auth.http.endpoint import Access, Call, endpoint
from better_auth.http.fields import Body, StrictText
from better_auth.http.reply import Reply
from better_auth.sessions import IssuedSession


@endpoint("GET", "/multi-session/list-device-sessions", is_offered=device_sessions.is_on)
def list_device_sessions(call: Call) -> Reply:
    """Whoever holds the signed cookies may see what they stand for, signed in or not."""
    living = device.list_living(device_sessions.tokens_in(call.credentials.cookies))
    return Reply([_shown(one) for one in living])


class DeviceSessionBody(Body):
    sessionToken = StrictText()


@endpoint("POST", "/multi-session/set-active", body=DeviceSessionBody, is_offered=device_sessions.is_on)
def set_active_session(call: Call) -> Reply:
    """The signed cookie opens the session; a token alone is worth nothing here."""
    token = _kept_token(call)
    found = device.find_living(token)
    if found is None:
        refusal = Reply(Unauthorized(Code.INVALID_SESSION_TOKEN).body, status=401)
        device_sessions.drop(refusal, token)
        return refusal
    device.switch_to(found, client=call.client)
    return Reply(_shown(found), session=found)


@endpoint(
    "POST",
    "/multi-session/revoke",
    access=Access.SIGNED_IN,
    needs_row=True,
    body=DeviceSessionBody,
    is_offered=device_sessions.is_on,
)
def revoke_device_session(call: Call) -> Reply:
    """Where the active session goes, the next one of the device takes its place."""
    token = _kept_token(call)
    device.revoke(token, actor_id=call.user.id, client=call.client)
    reply = Reply({"status": True})
    if token == call.ensure_principal().token:
        others = [one for one in device_sessions.tokens_in(call.credentials.cookies) if one != token]
        reply.session = next(iter(device.list_living(others)), None)
        reply.clears_session = reply.session is None
    device_sessions.drop(reply, token)
    return reply


def _kept_token(call: Call) -> str:
    token = device_sessions.find_token(call.credentials.cookies, call.body["sessionToken"])
    if token is None:
        raise Unauthorized(Code.INVALID_SESSION_TOKEN)
    return token


def _shown(one: IssuedSession) -> dict[str, Any]:
    return {
        "session": wire.session_object(one.session, token=one.token),
        "user": wire.user_object(one.user),
    }
