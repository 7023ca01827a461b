"""Register a passkey. Source: passwordless.md, section 8; WebAuthn, section 7.1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.module_loading import import_string
from webauthn.helpers import bytes_to_base64url

from better_auth import account_notices, passkeys, users
from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import LOWER_ALPHANUMERIC, random_string
from better_auth.crypto.passkey_answers import ALGORITHMS, BadAnswer, NewCredential, read_registration
from better_auth.errors import BadRequest, ServerError, Unauthorized
from better_auth.events import AuthMethod, Client, PasskeyRegistered, PasskeyRegistrationFailed, publish
from better_auth.features.passkey.ceremonies import (
    REQUIRED,
    TIMEOUT_MS,
    Begun,
    Ceremony,
    Challenge,
    descriptors,
    expectation,
    issue_challenge,
    rp_id,
    rp_name,
    take_challenge,
)
from better_auth.features.passkey.errors import Code
from better_auth.passkeys import AlreadyRegistered, PasskeyRecord
from better_auth.sign_in import SignInOutcome, complete_sign_in
from better_auth.storage.records import UserRecord

HANDLE_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Registrant:
    """Whom a passkey is to be for: ``id`` on the wire, and the names that devices show."""

    id: str
    name: str
    display_name: str


@dataclass(frozen=True, slots=True)
class Registered:
    """``outcome``: of the sign-in that was asked for beside it."""

    passkey: PasskeyRecord
    user: UserRecord
    outcome: SignInOutcome | None = None


def registrant_of(user: UserRecord) -> Registrant:
    name = user.email or user.id
    return Registrant(user.id, name, name)


def resolve_registrant(*, context: str | None, client: Client) -> Registrant:
    """Whom the host names for somebody without a session. Raises ``RESOLVE_USER_REQUIRED``,
    ``RESOLVED_USER_INVALID``."""
    path = auth_settings.passkey.resolve_user
    if not path:
        raise BadRequest(Code.RESOLVE_USER_REQUIRED)
    told = import_string(path)(context=context, client=client)
    user_id, name = (told.get("id"), told.get("name")) if isinstance(told, Mapping) else (None, None)
    if not isinstance(user_id, str) or not isinstance(name, str) or not user_id or not name:
        raise BadRequest(Code.RESOLVED_USER_INVALID)
    return Registrant(user_id, name, str(told.get("display_name") or name))


def begin_registration(
    registrant: Registrant,
    *,
    name: str | None,
    attachment: str | None,
    context: str | None,
    signed_in: bool,
) -> Begun:
    """Options for the browser. The handle that the device keeps says nothing of the user.

    ``signed_in``: the user asks for themselves, and must still be there when the answer comes.
    """
    present = users.find_by_id(registrant.id)
    details = {"id": registrant.id, "name": registrant.name, "display_name": registrant.display_name}
    token, challenge = issue_challenge(
        Ceremony.REGISTRATION,
        subject=present.id if present else "",
        user=details,
        context=context,
        signed_in=signed_in,
    )
    return Begun(
        token,
        {
            "challenge": challenge,
            "rp": {"name": rp_name(), "id": rp_id()},
            "user": _shown(registrant, name),
            "pubKeyCredParams": [{"alg": int(one), "type": "public-key"} for one in ALGORITHMS],
            "timeout": TIMEOUT_MS,
            "attestation": "none",
            "excludeCredentials": descriptors(passkeys.list_for(present)) if present else [],
            "authenticatorSelection": _selection(attachment),
            "extensions": {"credProps": True},
            "hints": [],
        },
    )


def register_passkey(
    *,
    token: str | None,
    answer: Any,
    origins: list[str],
    name: str | None,
    signs_in: bool,
    caller: UserRecord | None,
    client: Client,
) -> Registered:
    """Verify the device's answer and keep the credential. ``caller``: who is signed in, if anybody.

    Raises ``CHALLENGE_NOT_FOUND`` (400), ``YOU_ARE_NOT_ALLOWED_TO_REGISTER_THIS_PASSKEY`` (401),
    ``FAILED_TO_VERIFY_REGISTRATION`` (500 where the answer is bad, as the protocol has it; 400 where the
    credential is registered), and what the host's hook raises.
    """
    challenge = take_challenge(Ceremony.REGISTRATION, token)
    if challenge is None:
        _note_failure("no_challenge", caller, client)
        raise BadRequest(Code.CHALLENGE_NOT_FOUND)
    # Begun in a session, it ends in one: else whoever had that session for a moment would finish without it.
    if challenge.user["id"] != caller.id if caller else challenge.signed_in:
        _note_failure("other_user", caller, client)
        raise Unauthorized(Code.YOU_ARE_NOT_ALLOWED_TO_REGISTER_THIS_PASSKEY)
    try:
        credential = read_registration(answer, expectation(challenge, origins))
    except BadAnswer:
        _note_failure("bad_answer", caller, client)
        raise ServerError(Code.FAILED_TO_VERIFY_REGISTRATION) from None
    try:
        with transaction.atomic():
            return _keep(challenge, credential, name=name, signs_in=signs_in, caller=caller, client=client)
    except AlreadyRegistered:
        _note_failure("already_registered", caller, client)
        raise BadRequest(Code.FAILED_TO_VERIFY_REGISTRATION) from None


def _keep(
    challenge: Challenge,
    credential: NewCredential,
    *,
    name: str | None,
    signs_in: bool,
    caller: UserRecord | None,
    client: Client,
) -> Registered:
    user_id = _owner_of(challenge, caller, client)
    user = users.find_by_id(user_id)
    if user is None:
        raise ServerError(Code.USER_NOT_FOUND)
    passkey = passkeys.add(user, credential, name=name)
    publish(PasskeyRegistered(client=client, subject_id=user.id, details={"passkey": passkey.id}))
    account_notices.tell_added(user, provider_id="a passkey")
    outcome = None
    if signs_in:
        method = method_of(user_verified=credential.user_verified)
        outcome = complete_sign_in(user, method=method, client=client, remember=None)
    return Registered(passkey, user, outcome)


def method_of(*, user_verified: bool) -> AuthMethod:
    """Without a verified user a passkey proves that somebody holds the device, whoever they are."""
    return AuthMethod.PASSKEY if user_verified else AuthMethod.SECURITY_KEY


def _owner_of(challenge: Challenge, caller: UserRecord | None, client: Client) -> str:
    """The host's hook may say whom it is for, and make that user just now; never another than the caller."""
    path = auth_settings.passkey.after_registration
    if not path:
        return challenge.user["id"]
    told = import_string(path)(user=challenge.user, context=challenge.context, client=client)
    if told is not None and (not isinstance(told, str) or not told):
        raise BadRequest(Code.RESOLVED_USER_INVALID)
    if caller and told not in (None, caller.id):
        raise Unauthorized(Code.YOU_ARE_NOT_ALLOWED_TO_REGISTER_THIS_PASSKEY)
    return told or challenge.user["id"]


def _shown(registrant: Registrant, name: str | None) -> dict[str, str]:
    """As the device keeps it."""
    handle = random_string(HANDLE_LENGTH, LOWER_ALPHANUMERIC)
    return {
        "id": bytes_to_base64url(handle.encode()),
        "name": name or registrant.name,
        "displayName": registrant.display_name,
    }


def _selection(attachment: str | None) -> dict[str, Any]:
    rules = auth_settings.passkey
    chosen = {"authenticatorAttachment": attachment} if attachment else {}
    return {
        "residentKey": rules.resident_key,
        "userVerification": rules.user_verification,
        **chosen,
        "requireResidentKey": rules.resident_key == REQUIRED,
    }


def _note_failure(reason: str, caller: UserRecord | None, client: Client) -> None:
    subject_id = caller.id if caller else ""
    publish(PasskeyRegistrationFailed(client=client, subject_id=subject_id, details={"reason": reason}))
