"""API keys as credentials: the header of the settings, and ``Authorization: Bearer`` where they allow it.

A host lists it first in ``AUTHENTICATORS``: who shows a key means it, whatever cookie comes along.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from apikeys import verification
from apikeys.configuration import Configuration, configuration
from apikeys.errors import ErrorCode, KeyRefused
from apikeys.lookup import name_of
from apikeys.permissions import scope_of
from apikeys.records import KeyRecord
from better_auth import clock, users
from better_auth.access_tokens import OPAQUE_LENGTH, OPAQUE_PREFIX
from better_auth.authentication.credentials import Credentials
from better_auth.authentication.principal import Principal
from better_auth.conf import auth_settings
from better_auth.events import AuthMethod
from better_auth.storage.records import SessionRecord, UserRecord

# A bearer token of this length is a session's; keys that short, made elsewhere, come in their own header.
LONGEST_SESSION_TOKEN = 32


def authenticate(credentials: Credentials) -> Principal | None:
    """None where no key is shown. Raises ``KeyRefused`` with the protocol's code and status."""
    key = credentials.api_key
    if key:
        return _by_header(key, credentials)
    bearer = credentials.bearer
    if not bearer or not (auth_settings.api_keys.bearer or credentials.any_kind) or _is_token(bearer):
        return None
    found = verification.find_presented(bearer, from_store=credentials.from_store)
    if found is None or (credentials.for_session and not configuration(found.config_id).rules.enable_session):
        return None  # it may be a session's token
    return _principal(bearer, found, credentials)


# The front door may answer what brings no key (better_auth.http.door_plan).
authenticate.reads_api_keys_alone = True  # type: ignore[attr-defined]


def _is_token(bearer: str) -> bool:
    """Of another kind, by its shape: a session's, bare or signed, a JWT, or an opaque access token."""
    is_opaque = len(bearer) == OPAQUE_LENGTH and bearer.startswith(OPAQUE_PREFIX)
    return "." in bearer or len(bearer) <= LONGEST_SESSION_TOKEN or is_opaque


def _by_header(key: str, credentials: Credentials) -> Principal:
    if credentials.for_session and len(key) < auth_settings.api_keys.default_key_length:
        raise KeyRefused(ErrorCode.INVALID_API_KEY, status=403)
    found = verification.find_presented(key, from_store=credentials.from_store)
    if found is None or (credentials.for_session and not configuration(found.config_id).rules.enable_session):
        raise KeyRefused(ErrorCode.INVALID_API_KEY)
    return _principal(key, found, credentials)


def _principal(key: str, found: KeyRecord, credentials: Credentials) -> Principal:
    """Counts the use first, as the protocol does, and then asks whose key it is."""
    verification.use(found, read_only=credentials.read_only, is_counted=credentials.is_counted)
    now, chosen = clock.now(), configuration(found.config_id)
    find = users.find_by_id if credentials.from_store else users.find_remembered
    owner = find(found.reference_id) if chosen.rules.references == "user" else None
    if owner is None or owner.is_shut_out(now):
        raise KeyRefused(ErrorCode.INVALID_REFERENCE_ID_FROM_API_KEY)
    session = _session(found, owner, credentials, chosen, now) if credentials.for_session else None
    names = (name_of(found.key_hash),)
    return Principal(owner, session, AuthMethod.API_KEY, token=key, claims=_claims(found), names=names)


def _session(
    found: KeyRecord, owner: UserRecord, credentials: Credentials, chosen: Configuration, now: datetime
) -> SessionRecord:
    """The protocol's session of a key, which has no row. It ends with the key; of one that does not end, its
    life is the session's, in seconds misread as milliseconds (api-key.md, section 6)."""
    return SessionRecord(
        id=found.id,
        token_hash=found.key_hash,
        user_key=owner.key,
        user_id=owner.id,
        created_at=now,
        updated_at=now,
        expires_at=found.expires_at or now + timedelta(milliseconds=auth_settings.session.expires_in),
        last_seen_at=None,
        ip_address=credentials.client.ip_address,
        user_agent=credentials.client.user_agent,
        auth_method=AuthMethod.API_KEY,
        second_factor="",
        impersonated_by=None,
        active_organization_id=None,
        active_team_id=None,
        additional_fields={},
    )


def _claims(found: KeyRecord) -> dict[str, object]:
    """What an introspection tells of the key, and what permissions ask."""
    claims: dict[str, object] = {
        "iat": clock.epoch_ms(found.created_at) // 1000,
        "permissions": found.permissions or {},
        "key_id": found.id,
    }
    if found.expires_at is not None:
        claims["exp"] = clock.epoch_ms(found.expires_at) // 1000
    if found.permissions:
        claims["scope"] = scope_of(found.permissions)
    return claims
