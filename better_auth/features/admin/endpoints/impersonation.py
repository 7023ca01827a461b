"""Act in somebody's name, and stop. Source: admin.md, section 6."""

from __future__ import annotations

from better_auth.features.admin import impersonation
from better_auth.features.admin.administrator import Administrator, get_target
from better_auth.features.admin.endpoints import bodies
from better_auth.features.admin.endpoints.operation import operation
from better_auth.http import admin_session, cookies, wire
from better_auth.http.endpoint import Call
from better_auth.http.reply import Reply
from better_auth.sessions import IssuedSession


@operation("POST", "/impersonate-user", needs=("user", "impersonate"), body=bodies.UserBody)
def impersonate_user(call: Call, administrator: Administrator) -> Reply:
    call.ensure_row()  # there is no way back to an API key
    target = get_target(call.body["userId"])
    issued = impersonation.impersonate_user(administrator, target, former=call.session)
    reply = _shown(issued)
    cookies.clear_session_data(reply)
    if not call.session.impersonated_by:  # else the browser keeps the administrator's own already
        admin_session.keep(reply, call.ensure_principal().token or "", call.credentials)
    return reply


@operation("POST", "/stop-impersonating", needs=None)
def stop_impersonating(call: Call, administrator: Administrator) -> Reply:
    token, remember = admin_session.read(call.credentials.cookies)
    issued = impersonation.stop_impersonating(
        call.session, call.user, admin_token=token, remember=remember, actor=administrator
    )
    reply = _shown(issued)
    admin_session.drop(reply)
    return reply


def _shown(issued: IssuedSession) -> Reply:
    body = {
        "session": wire.session_object(issued.session, token=issued.token),
        "user": wire.user_object(issued.user),
    }
    return Reply(body, session=issued)
