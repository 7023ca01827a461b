"""What ``/get-session`` shows of somebody who came with a credential of the former system.

It has the shape of a session, so that clients of the protocol know who is signed in and until when. There is
no token in it: it can neither be listed, revoked nor prolonged here, only exchanged.
"""

from __future__ import annotations

from typing import Any

from better_auth import clock
from better_auth.authentication.principal import Principal
from better_auth.conf import auth_settings
from better_auth.http import wire
from better_auth.storage.records import SessionRecord

ID = "legacy"


def show(principal: Principal) -> dict[str, Any]:
    """``{session, user}``."""
    return {
        "session": wire.session_object(_session_of(principal), token=""),
        "user": wire.user_object(principal.user),
    }


def _session_of(principal: Principal) -> SessionRecord:
    times, user, now = principal.claims or {}, principal.user, clock.now()
    # What a token says may be no date at all: 1e18 seconds are a number, too.
    at, longest = now.timestamp(), auth_settings.session.expires_in
    begun_at = clock.from_epoch_ms(round(max(times.get("iat", at), 0) * 1000))
    ends_at = clock.from_epoch_ms(round(min(times.get("exp", at + longest), at + longest) * 1000))
    return SessionRecord(
        id=ID,
        token_hash="",
        user_key=user.key,
        user_id=user.id,
        created_at=begun_at,
        updated_at=begun_at,
        expires_at=ends_at,
        last_seen_at=now,
        ip_address="",
        user_agent="",
        auth_method=principal.method,
        second_factor="",
        impersonated_by=None,
        active_organization_id=None,
        active_team_id=None,
        additional_fields={},
    )
