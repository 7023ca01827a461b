"""Credentials of the former system, in the one pipeline beside ours (``DUAL_AUTH``).

With ``PREFER_BETTER_AUTH`` a living session of ours is found first, and a request that has one costs nothing
more; else what the former system gave out speaks first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from better_auth.authentication.credentials import (
    Credentials,
    InvalidBearer,
    InvalidCredentials,
    LegacyCookieRefused,
    LegacyRefused,
    SessionEnded,
)
from better_auth.authentication.principal import Principal
from better_auth.conf import auth_settings
from better_auth.errors import ErrorCode
from better_auth.events import observe
from better_auth.legacy_credentials import last_methods, shown
from better_auth.legacy_credentials.proving import Proof, prove
from better_auth.legacy_credentials.refusals import Refused
from better_auth.legacy_credentials.schemes import METHODS
from better_auth.legacy_credentials.shown import Shown

Ask = Callable[[Credentials], Principal | None]


def find_shown(credentials: Credentials) -> Shown | None:
    """What of these may be the former system's; nothing is looked up."""
    if not credentials.takes_legacy:
        return None
    return shown.find_shown(credentials.bearer, credentials.header_token, credentials.cookies)


def authenticate(credentials: Credentials, shown: Shown, ask: Ask) -> Principal | None:
    """Who is calling, by either system; ``ask`` asks ours. Raises ``InvalidCredentials``."""
    others = replace(credentials, bearer=None) if shown.place == "bearer" else credentials
    if not auth_settings.dual_auth.prefer_better_auth:
        return _former_first(credentials, others, shown, ask)
    ended: SessionEnded | None = None
    try:
        principal = ask(others)
    except SessionEnded as refusal:
        principal, ended = None, refusal
    principal = principal or _speak_for_former(credentials, shown) or _ask_whole(credentials, shown, ask)
    if principal is None and ended is not None:
        raise ended
    return principal


def _former_first(credentials: Credentials, others: Credentials, shown: Shown, ask: Ask) -> Principal | None:
    refused: LegacyCookieRefused | None = None
    try:
        principal = _speak_for_former(credentials, shown)
    except LegacyCookieRefused as refusal:
        principal, refused = None, refusal
    principal = principal or _ask_whole(credentials, shown, ask) or ask(others)
    if principal is None and refused is not None:
        raise refused
    return principal


def _ask_whole(credentials: Credentials, shown: Shown, ask: Ask) -> Principal | None:
    """A bearer that the former system does not know may be known to an authenticator of the host's."""
    if shown.place != "bearer":
        return None
    try:
        return ask(credentials)
    except InvalidBearer:
        code = ErrorCode.LEGACY_TOKEN_INVALID
    except InvalidCredentials as refusal:
        if refusal.code is not ErrorCode.UNAUTHORIZED:
            raise
        code = ErrorCode.LEGACY_TOKEN_INVALID
    _count(METHODS[shown.scheme], code.name.lower())
    raise LegacyRefused(code)


def _speak_for_former(credentials: Credentials, shown: Shown) -> Principal | None:
    """Raises ``LegacyRefused``."""
    try:
        proof = prove(shown, from_store=credentials.from_store)
    except Refused as refusal:
        _count(METHODS[refusal.scheme or shown.scheme], refusal.code.name.lower())
        kind = LegacyCookieRefused if shown.place == "cookie" else LegacyRefused
        raise kind(refusal.code, refusal.message, status=refusal.status) from None
    if proof is None:
        return None
    method = METHODS[proof.scheme]
    _count(method, "accepted")
    if not credentials.read_only:
        last_methods.note(proof.user, method)
    return principal_of(proof)


def principal_of(proof: Proof) -> Principal:
    """It speaks for the user: no session of ours stands behind it."""
    return Principal(proof.user, None, METHODS[proof.scheme], claims=proof.times, legacy=proof)


def _count(scheme: str, result: str) -> None:
    observe("token_validation", scheme, "accepted" if result == "accepted" else "refused")
    observe("legacy_token", scheme, result)
