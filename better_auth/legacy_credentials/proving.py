"""From what is shown to what it proves: the signature or the row, the time, the day of the cutover, the
kind of token, whether it was revoked, and last whom it is about. Each once all before it are good."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.utils.module_loading import import_string

from better_auth import clock, users
from better_auth.conf import auth_settings
from better_auth.crypto.jose import ExpiredToken, InvalidToken, ensure_timely
from better_auth.crypto.jwt_reading import Claims, is_for
from better_auth.errors import ErrorCode
from better_auth.legacy_credentials import rows, signed
from better_auth.legacy_credentials.cutover import ensure_before_cutover
from better_auth.legacy_credentials.refusals import Refused
from better_auth.legacy_credentials.rows import Row
from better_auth.legacy_credentials.schemes import (
    AUTHTOKEN,
    HOST,
    JWT,
    SESSIONS,
    SIMPLEJWT,
    JwtRules,
    rules_of,
    source_of,
)
from better_auth.legacy_credentials.shown import Shown
from better_auth.legacy_credentials.subjects import legacy_id_in, resolve
from better_auth.storage.records import UserRecord

logger = logging.getLogger("better_auth.legacy")

TOLD = ("exp", "iat", "jti")


@dataclass(frozen=True, slots=True)
class Proof:
    """``claims``: of a JWT as the former system wrote them, else None; ``times``: ``exp`` and ``iat`` in Unix
    seconds, as far as they are known, and ``jti``."""

    scheme: str
    source: str
    legacy_id: str
    user: UserRecord
    is_refresh: bool = False
    claims: Claims | None = None
    times: Mapping[str, Any] = field(default_factory=dict)


def prove(shown: Shown, *, for_exchange: bool = False, from_store: bool = False) -> Proof | None:
    """Whom it speaks for; None where it is of no scheme in force. ``for_exchange``: refresh tokens, too.

    Raises ``Refused``.
    """
    scheme = shown.scheme
    try:
        if shown.scheme == AUTHTOKEN:
            return _prove_token(shown.token, from_store)
        if shown.scheme == SESSIONS:
            return _prove_session(shown.token, from_store)
        known = shown.known or signed.read_signed(shown.token)
        if known is None:
            return None
        scheme = known.scheme
        return _prove_jwt(known.scheme, known.claims, for_exchange, from_store)
    except Refused as refusal:
        refusal.scheme = scheme
        raise


def fingerprint(shown: Shown) -> str:
    """One for all spellings of one credential: of a JWT without its signature, which may have several."""
    what = shown.token.rpartition(".")[0] if shown.scheme == JWT else shown.token
    return hashlib.sha256(f"{shown.scheme}:{what}".encode("utf-8", "surrogatepass")).hexdigest()


def _prove_jwt(scheme: str, claims: Claims, for_exchange: bool, from_store: bool) -> Proof:
    rules: JwtRules = rules_of(scheme)
    _ensure_timely(claims)
    ensure_before_cutover()
    if rules.issuer is not None and claims.get("iss") != rules.issuer:
        raise Refused(ErrorCode.LEGACY_TOKEN_INVALID)
    if rules.audience is not None and not is_for(claims, rules.audience):
        raise Refused(ErrorCode.LEGACY_TOKEN_INVALID)
    is_refresh = _is_refresh(rules, claims)
    if is_refresh and not for_exchange:
        raise Refused(ErrorCode.LEGACY_TOKEN_INVALID)
    legacy_id = legacy_id_in(claims.get(rules.user_id_claim))
    if scheme == SIMPLEJWT and rules_of(SIMPLEJWT).blacklist and rows.is_blacklisted(claims.get("jti")):
        raise Refused(ErrorCode.LEGACY_TOKEN_REVOKED)
    _ensure_not_revoked(rules.is_revoked, claims)
    source = source_of(scheme)
    user = resolve(source, legacy_id, from_store=from_store)
    times = {name: claims[name] for name in TOLD if name in claims}
    return Proof(scheme, source, legacy_id, user, is_refresh, claims, times)


def _prove_token(key: str, from_store: bool) -> Proof:
    ensure_before_cutover()
    row = rows.find_token(key)
    if row is None:
        raise Refused(ErrorCode.LEGACY_TOKEN_INVALID)
    max_age: int | None = rules_of(AUTHTOKEN).max_age
    if max_age is not None and _age(row) >= max_age:
        raise Refused(ErrorCode.LEGACY_TOKEN_EXPIRED)
    return _prove_row(AUTHTOKEN, row, from_store)


def _age(row: Row) -> float:
    """In seconds; of one that does not say when it was made, beyond all bounds."""
    return (clock.now() - row.created_at).total_seconds() if row.created_at else float("inf")


def _prove_session(key: str, from_store: bool) -> Proof | None:
    """A browser sends its cookie along, whatever it is asking: one of nobody is no refusal."""
    ensure_before_cutover()
    row = rows.find_session(key)
    if row is None:
        return None
    proof = _prove_row(SESSIONS, row, from_store)
    if proof.source == HOST:
        instance = users.find_row(proof.user)
        if instance is None or not rows.is_of_password(row, instance.password):
            raise Refused(ErrorCode.LEGACY_TOKEN_REVOKED)
    elif not rows.is_in_force(row, proof.legacy_id):
        raise Refused(ErrorCode.LEGACY_TOKEN_REVOKED)
    return proof


def _prove_row(scheme: str, row: Row, from_store: bool) -> Proof:
    legacy_id = legacy_id_in(row.subject if isinstance(row.subject, int) else str(row.subject))
    _ensure_not_revoked(rules_of(scheme).is_revoked, {"user_id": legacy_id})
    source = source_of(scheme)
    moments = {"iat": row.created_at, "exp": row.expires_at}
    times = {name: clock.epoch_ms(moment) // 1000 for name, moment in moments.items() if moment}
    user = resolve(source, legacy_id, from_store=from_store)
    return Proof(scheme, source, legacy_id, user, times=times)


def _ensure_timely(claims: Claims) -> None:
    """Both clocks may be apart by ``DUAL_AUTH.LEEWAY``. Raises ``Refused``."""
    now, leeway = clock.timestamp(), auth_settings.dual_auth.leeway
    try:
        ensure_timely(claims, now=now, leeway=leeway)
    except ExpiredToken:
        raise Refused(ErrorCode.LEGACY_TOKEN_EXPIRED) from None
    except InvalidToken:
        raise Refused(ErrorCode.LEGACY_TOKEN_INVALID) from None
    if claims.get("iat", 0) > now + leeway:
        raise Refused(ErrorCode.LEGACY_TOKEN_INVALID)


def _is_refresh(rules: JwtRules, claims: Claims) -> bool:
    """Raises ``Refused`` for what says to be neither."""
    if rules.type_claim is None:
        return False
    kind = claims.get(rules.type_claim)
    if kind not in (rules.access_type, rules.refresh_type):
        raise Refused(ErrorCode.LEGACY_TOKEN_INVALID)
    return bool(kind == rules.refresh_type)


def _ensure_not_revoked(path: str | None, claims: Mapping[str, Any]) -> None:
    """By the host's own check. Where it fails, nobody knows. Raises ``Refused``."""
    if path is None:
        return
    try:
        is_revoked = _imported(path)(claims)
    except Exception:  # the host's code, and whatever it asks
        logger.exception("the check of revoked credentials failed")
        raise Refused(ErrorCode.LEGACY_SYSTEM_UNAVAILABLE) from None
    if is_revoked:
        raise Refused(ErrorCode.LEGACY_TOKEN_REVOKED)


@lru_cache(maxsize=8)
def _imported(path: str) -> Any:
    return import_string(path)
