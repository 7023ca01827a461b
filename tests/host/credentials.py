"""The credential table: every state of a session, shown in every way. All doors must agree on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from better_auth import clock, sessions
from better_auth.authentication.cookie_names import SESSION_TOKEN, cookie_name
from better_auth.conf import auth_settings
from better_auth.crypto.signing import sign_raw, sign_value
from better_auth.events import AuthMethod, Client
from better_auth.models import Session
from better_auth.sessions import IssuedSession
from better_auth.storage.records import UserRecord

STATES = ("valid", "expired", "revoked", "malformed", "absent")
KINDS = ("cookie", "signed bearer", "bare bearer")
TABLE = [(state, kind) for state in STATES for kind in KINDS]
OTHER_SECRET = "ZYXWVUTSRQPONMLKJIHGFEDCBA9876543210"


@dataclass(frozen=True)
class Shown:
    """The headers of a request that carries the credential."""

    headers: dict[str, str]
    issued: IssuedSession


def show(user: UserRecord, state: str, kind: str) -> Shown:
    """A session of the user in this state, and the headers that present it in this way."""
    issued = sessions.issue(user, client=Client(), method=AuthMethod.PASSWORD)
    if state == "expired":
        past = clock.now() - timedelta(seconds=1)
        Session.objects.filter(pk=issued.session.id).update(expires_at=past)
    elif state == "revoked":
        assert sessions.revoke(issued.session, user)
    headers = {} if state == "absent" else _headers(issued.token, kind, is_malformed=state == "malformed")
    return Shown(headers, issued)


def make_due(issued: IssuedSession) -> None:
    """Bring the session near its end, so that its next use prolongs it."""
    soon = clock.now() + timedelta(hours=1)
    Session.objects.filter(pk=issued.session.id).update(expires_at=soon)


def _headers(token: str, kind: str, *, is_malformed: bool) -> dict[str, str]:
    secret = OTHER_SECRET if is_malformed else auth_settings.secret
    if kind == "cookie":
        return {"cookie": f"{cookie_name(SESSION_TOKEN)}={sign_value(token, secret=secret)}"}
    if kind == "signed bearer":
        return {"authorization": f"Bearer {sign_raw(token, secret=secret)}"}
    return {"authorization": f"Bearer {token[::-1] if is_malformed else token}"}
