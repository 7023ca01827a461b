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
from better_auth.events import Client, observe
from better_auth.legacy_credentials import last_methods, shown, usage
from better_auth.legacy_credentials.proving import Proof, prove
from better_auth.legacy_credentials.refusals import Refused
from better_auth.legacy_credentials.schemes import METHODS
from better_auth.legacy_credentials.shown import Shown
from better_auth.legacy_credentials.subjects import resolve

Ask = Callable[[Credentials], Principal | None]


def find_shown(credentials: Credentials) -> Shown | None:
    """What of these may be the former system's; nothing is looked up."""
    if not credentials.takes_legacy:
        return None
    return shown.find_shown(credentials.bearer, credentials.header_token, credentials.cookies)


def authenticate(credentials: Credentials, shown: Shown, ask: Ask) -> Principal | None:
    """Who is calling, by either system; ``ask`` asks ours. Raises ``InvalidCredentials``."""
    others = _without(shown, credentials)
    if not auth_settings.dual_auth.prefer_better_auth:
        return _former_first(credentials, others, shown, ask)
    ended: SessionEnded | None = None
    try:
        principal = ask(others) if others else None
    except SessionEnded as refusal:
        principal, ended = None, refusal
    principal = principal or _speak_for_former(credentials, shown) or _ask_whole(credentials, shown, ask)
    if principal is None and ended is not None:
        raise ended
    return principal


def _without(shown: Shown, credentials: Credentials) -> Credentials | None:
    """What else the request shows; None where that is nothing."""
    if shown.place != "bearer":
        return credentials
    return replace(credentials, bearer=None) if credentials.cookies else None


def _former_first(
    credentials: Credentials, others: Credentials | None, shown: Shown, ask: Ask
) -> Principal | None:
    refused: LegacyCookieRefused | None = None
    try:
        principal = _speak_for_former(credentials, shown)
    except LegacyCookieRefused as refusal:
        principal, refused = None, refusal
    principal = principal or _ask_whole(credentials, shown, ask)
    if principal is None and others is not None:
        principal = ask(others)
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
    usage.note(shown.scheme, "refused", client=credentials.client)
    raise LegacyRefused(code)


def _speak_for_former(credentials: Credentials, shown: Shown) -> Principal | None:
    """Raises ``LegacyRefused``."""
    proof = _prove(shown, client=credentials.client, from_store=credentials.from_store)
    if proof is None:
        return None
    method = METHODS[proof.scheme]
    _count(method, "accepted")
    usage.note(proof.scheme, "accepted", client=credentials.client, claims=proof.claims)
    if not credentials.read_only:
        last_methods.note(proof.user, method)
    return principal_of(proof)


def prove_for_exchange(shown: Shown, *, client: Client) -> Proof:
    """Of access and refresh tokens, as the databases have it now. Raises ``LegacyRefused``."""
    proof = _prove(shown, client=client, from_store=True, for_exchange=True)
    if proof is None:
        _count(METHODS[shown.scheme], ErrorCode.LEGACY_TOKEN_INVALID.name.lower())
        usage.note(shown.scheme, "refused", client=client)
        raise LegacyRefused(ErrorCode.LEGACY_TOKEN_INVALID)
    return proof


def prove_user_again(proof: Proof, *, client: Client) -> Proof:
    """The same, with its user as the database has them now. Raises ``LegacyRefused``."""
    try:
        user = resolve(proof.source, proof.legacy_id, from_store=True)
        if user.key != proof.user.key:
            raise Refused(ErrorCode.LEGACY_USER_NOT_MIGRATED)
    except Refused as refusal:
        _count(METHODS[proof.scheme], refusal.code.name.lower())
        usage.note(proof.scheme, "refused", client=client, claims=proof.claims)
        raise LegacyRefused(refusal.code, refusal.message, status=refusal.status) from None
    return replace(proof, user=user)


def exchanged_before(proof: Proof, *, client: Client) -> LegacyRefused:
    """The refusal, once it is counted."""
    code = ErrorCode.LEGACY_TOKEN_EXCHANGED
    _count(METHODS[proof.scheme], code.name.lower())
    usage.note(proof.scheme, "refused", client=client, claims=proof.claims)
    return LegacyRefused(code)


def note_exchange(proof: Proof, *, client: Client) -> None:
    """It has become a session of ours."""
    _count(METHODS[proof.scheme], "exchanged")
    usage.note(proof.scheme, "exchanged", client=client, claims=proof.claims)


def _prove(shown: Shown, *, client: Client, from_store: bool, for_exchange: bool = False) -> Proof | None:
    """Raises ``LegacyRefused``, once it is counted."""
    try:
        return prove(shown, for_exchange=for_exchange, from_store=from_store)
    except Refused as refusal:
        scheme = refusal.scheme or shown.scheme
        _count(METHODS[scheme], refusal.code.name.lower())
        usage.note(scheme, "refused", client=client)
        kind = LegacyCookieRefused if shown.place == "cookie" else LegacyRefused
        raise kind(refusal.code, refusal.message, status=refusal.status) from None


def principal_of(proof: Proof) -> Principal:
    """It speaks for the user: no session of ours stands behind it."""
    return Principal(proof.user, None, METHODS[proof.scheme], claims=proof.times, legacy=proof)


def _count(scheme: str, result: str) -> None:
    observe("token_validation", scheme, "accepted" if result in ("accepted", "exchanged") else "refused")
    observe("legacy_token", scheme, result)
