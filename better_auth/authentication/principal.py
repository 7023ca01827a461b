"""Who is calling, and how we know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from better_auth import factor_requirements
from better_auth.conf import auth_settings
from better_auth.events import AuthMethod
from better_auth.legacy_credentials import old_claims
from better_auth.legacy_credentials.proving import Proof
from better_auth.storage.records import SessionRecord, UserRecord


@dataclass(frozen=True, slots=True)
class Principal:
    """``session`` is None where none stands behind the credentials; ``token`` is the session's token as the
    caller presented it; ``renewed``: this request prolonged the session, so its cookie is due; ``claims``:
    what a token says of itself, verified; ``legacy``: what a credential of the former system has proven;
    ``factors``: what was shown beside what the session began with (``password``, ``second_factor``,
    ``passkey``); ``names``: by which it is told that the credentials have changed or are over, beside those
    of the session and the user (``verified_sessions.forget_names``)."""

    user: UserRecord
    session: SessionRecord | None
    method: AuthMethod
    token: str | None = field(default=None, repr=False)
    renewed: bool = False
    claims: Mapping[str, Any] | None = None
    legacy: Proof | None = None
    factors: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def impersonated_by(self) -> str | None:
        """The id of the administrator who acts in the user's name; None where the user does so themselves."""
        if self.session is not None:
            return self.session.impersonated_by
        actor = (self.claims or {}).get("act")  # RFC 8693, section 4.1
        return str(actor["sub"]) if isinstance(actor, Mapping) and "sub" in actor else None

    @property
    def must_enrol(self) -> bool:
        """They must have a second factor, and have none yet (``TWO_FACTOR.REQUIRED_*``)."""
        return factor_requirements.must_enrol(self.user, self.session)

    def is_fresh(self, at: datetime) -> bool:
        """Signed in within ``SESSION.FRESH_AGE``; counted from the sign-in, renewals do not help."""
        age = auth_settings.session.fresh_age
        if self.session is None:
            return False
        return age == 0 or at - self.session.created_at < timedelta(seconds=age)

    def legacy_claims(self) -> Mapping[str, Any]:
        """For code that still reads the former system's claims: those of the caller's token, or as many made
        from the user (``DUAL_AUTH.CLAIMS``), which may ask the journal."""
        return old_claims.claims_of(self.user, self.legacy)
