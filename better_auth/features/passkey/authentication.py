"""Sign in with a passkey, with or without saying who one is. Source: passwordless.md, section 8; WebAuthn,
section 7.2."""

from __future__ import annotations

import re
from typing import Any

from better_auth import passkeys, users
from better_auth.conf import auth_settings
from better_auth.crypto.passkey_answers import BadAnswer, BadSignature, read_assertion
from better_auth.errors import AuthError, BadRequest, Unauthorized
from better_auth.events import AuthMethod, Client, PasskeyCounterWentBack, SignInFailed, publish
from better_auth.features.passkey.ceremonies import (
    TIMEOUT_MS,
    Begun,
    Ceremony,
    descriptors,
    expectation,
    issue_challenge,
    rp_id,
    take_challenge,
)
from better_auth.features.passkey.errors import Code
from better_auth.features.passkey.registration import method_of
from better_auth.models.passkey import CREDENTIAL_ID_LENGTH
from better_auth.passkeys import PasskeyRecord
from better_auth.sign_in import SignInOutcome, complete_sign_in
from better_auth.storage.records import UserRecord

CREDENTIAL_ID = re.compile(rf"[A-Za-z0-9_-]{{1,{CREDENTIAL_ID_LENGTH}}}")


def begin_authentication(user: UserRecord | None) -> Begun:
    """Options for the browser; only who is signed in is told which passkeys they have."""
    token, challenge = issue_challenge(Ceremony.AUTHENTICATION, subject=user.id if user else "")
    known = descriptors(passkeys.list_for(user)) if user else []
    options = {
        "rpId": rp_id(),
        "challenge": challenge,
        "timeout": TIMEOUT_MS,
        "userVerification": auth_settings.passkey.user_verification,
        **({"allowCredentials": known} if known else {}),
    }
    return Begun(token, options)


def sign_in_with_passkey(
    *, token: str | None, answer: dict[str, Any], origins: list[str], client: Client
) -> SignInOutcome:
    """Check the signature, then hand over to ``complete_sign_in``.

    A counter that does not go forward is refused, and recorded: another device has the same key. Raises
    ``CHALLENGE_NOT_FOUND`` (400), ``PASSKEY_NOT_FOUND`` (401), ``AUTHENTICATION_FAILED`` (401 for a bad
    signature, else 400).
    """
    challenge = take_challenge(Ceremony.AUTHENTICATION, token)
    if challenge is None:
        raise _refusal(BadRequest(Code.CHALLENGE_NOT_FOUND), "no_challenge", client)
    passkey = _find(answer.get("id"))
    user = users.find_by_key(passkey.user_key) if passkey else None
    if passkey is None or user is None:
        raise _refusal(Unauthorized(Code.PASSKEY_NOT_FOUND), "unknown_passkey", client)
    failed = Code.AUTHENTICATION_FAILED
    try:
        assertion = read_assertion(answer, expectation(challenge, origins), public_key=passkey.public_key)
    except BadSignature:
        raise _refusal(Unauthorized(failed), "bad_signature", client, user) from None
    except BadAnswer:
        raise _refusal(BadRequest(failed), "bad_answer", client, user) from None
    if not passkeys.note_use(passkey, counter=assertion.counter, backed_up=assertion.backed_up):
        details = {"passkey": passkey.id, "counter": assertion.counter, "seen": passkey.counter}
        publish(PasskeyCounterWentBack(client=client, subject_id=user.id, details=details))
        raise _refusal(BadRequest(failed), "counter", client, user)
    method = method_of(user_verified=assertion.user_verified)
    return complete_sign_in(user, method=method, client=client, remember=None)


def _find(credential_id: Any) -> PasskeyRecord | None:
    if not isinstance(credential_id, str) or not CREDENTIAL_ID.fullmatch(credential_id):
        return None
    return passkeys.find_by_credential(credential_id)


def _refusal(refusal: AuthError, reason: str, client: Client, user: UserRecord | None = None) -> AuthError:
    """The refusal, once it has been recorded."""
    publish(
        SignInFailed(
            client=client,
            subject_id=user.id if user else "",
            method=AuthMethod.PASSKEY,
            details={"reason": reason},
        )
    )
    return refusal
