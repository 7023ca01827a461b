"""Somebody else's sessions. Source: admin.md, section 4."""

from __future__ import annotations

from better_auth import sessions
from better_auth.features.admin import user_sessions as ending
from better_auth.features.admin.administrator import Administrator
from better_auth.features.admin.endpoints import bodies
from better_auth.features.admin.endpoints.operation import operation
from better_auth.http import wire
from better_auth.http.endpoint import Call
from better_auth.http.reply import Reply


@operation("POST", "/list-user-sessions", needs=("session", "list"), body=bodies.UserBody)
def list_user_sessions(call: Call, administrator: Administrator) -> Reply:
    """In the place of tokens, which nobody keeps, handles: ``/admin/revoke-user-session`` takes them."""
    listed = ending.list_user_sessions(call.body["userId"])
    return Reply({"sessions": [wire.session_object(one, token=sessions.handle_of(one)) for one in listed]})


@operation("POST", "/revoke-user-session", needs=("session", "revoke"), body=bodies.RevokeUserSessionBody)
def revoke_user_session(call: Call, administrator: Administrator) -> Reply:
    ending.revoke_user_session(call.body["sessionToken"], actor=administrator)
    return Reply({"success": True})


@operation("POST", "/revoke-user-sessions", needs=("session", "revoke"), body=bodies.UserBody)
def revoke_user_sessions(call: Call, administrator: Administrator) -> Reply:
    ending.revoke_user_sessions(call.body["userId"], actor=administrator)
    return Reply({"success": True})
