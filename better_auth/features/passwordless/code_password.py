"""Reset a forgotten password by a mailed code. Source: passwordless.md, section 2.

A code belongs to the user, not to the address, so that what voids links for a reset voids it, too.
"""

from __future__ import annotations

from functools import partial

from django.db import transaction

from better_auth import accounts, clock, legacy, passwords, rate_limits, sessions, users, verifications
from better_auth.conf import auth_settings
from better_auth.errors import BadRequest, ErrorCode
from better_auth.events import AuthMethod, Client, EmailVerified, PasswordReset, publish
from better_auth.features.email_verification import codes
from better_auth.features.email_verification.codes import CodeKind
from better_auth.legacy import Claim, Waiting
from better_auth.storage.records import UserRecord
from better_auth.verifications import CodeOutcome, CodeTry

KIND = CodeKind.FORGET_PASSWORD
CLAIM = "claim"


def subject_of(user: UserRecord | None, address: str) -> str:
    return user.id if user else address


def request_reset_code(*, email: str, client: Client) -> None:
    """Mail a code, if the address is known; nobody learns whether it is.

    Somebody whose account waits in the legacy system gets one that claims it, beside the answer.
    """
    if not auth_settings.email_password.reset_enabled:
        raise BadRequest(ErrorCode.RESET_PASSWORD_DISABLED)
    address = users.normalize_email(email)
    rate_limits.ensure_mail_rate(address)
    user = users.find_by_email(address)
    if user:
        codes.send(KIND, to=user.email, subject=user.id, name=user.name, user_id=user.id, client=client)
        return
    codes.pretend(KIND, address, client=client)
    legacy.find_later(address, partial(_offer_claim, address, client))


def reset_password_with_code(*, email: str, otp: str, new_password: str, client: Client) -> None:
    """Spend the code and set the password. A password that is refused leaves the code usable.

    The address is proven by that, too. Of any number of parallel tries one gets through.
    """
    passwords.ensure_length(new_password)
    address = users.normalize_email(email)
    begun = codes.begin(address, known_as=address, client=client)
    user = users.find_by_email(address)
    subject, user_id = subject_of(user, address), user.id if user else ""
    looked = codes.attempt(KIND, subject, otp, keep=True)
    codes.ensure_accepted(looked, KIND, user_id=user_id, client=client)
    person = user or _claimed(looked)
    if person is None:
        raise BadRequest(ErrorCode.USER_NOT_FOUND)
    passwords.ensure_acceptable(new_password, email=person.email, name=person.name)
    encoded = passwords.hash_password(new_password)
    with transaction.atomic():
        tried = codes.attempt(KIND, subject, otp)
        if tried.outcome is CodeOutcome.ACCEPTED:
            _set(person, encoded, client)
    codes.ensure_accepted(tried, KIND, user_id=user_id, client=client)
    begun.succeeded()


def _set(person: UserRecord | Claim, encoded: str, client: Client) -> None:
    if isinstance(person, UserRecord):
        accounts.ensure_credential(person)
        passwords.set_password(person, encoded)
        user: UserRecord | None = person
    else:
        user = person.take(encoded, client=client)
    if user is None:
        raise BadRequest(ErrorCode.USER_NOT_FOUND)
    verifications.revoke_proofs(subject=user.id)
    if auth_settings.email_password.revoke_sessions_on_reset:
        sessions.revoke_all(user)
    publish(PasswordReset(client=client, subject_id=user.id, method=AuthMethod.EMAIL_OTP))
    if not user.email_verified:
        users.update(user, email_verified=True, email_verified_at=clock.now())
        sessions.refresh_copies(user)
        publish(EmailVerified(client=client, subject_id=user.id, method=AuthMethod.EMAIL_OTP))


def _offer_claim(address: str, client: Client, waiting: Waiting) -> None:
    payload = {CLAIM: dict(waiting.reference)}
    codes.send(KIND, to=address, name=waiting.name, client=client, payload=payload)


def _claimed(looked: CodeTry) -> Claim | None:
    return legacy.find_claim(looked.payload[CLAIM]) if CLAIM in looked.payload else None
