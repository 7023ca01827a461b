"""Prove an address by a code, or change it by one. Source: passwordless.md, section 2."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from better_auth import clock, rate_limits, sessions, users, verifications
from better_auth.addresses import is_email
from better_auth.conf import auth_settings
from better_auth.errors import BadRequest, ErrorCode
from better_auth.events import AuthMethod, Client, EmailChanged, EmailChangeRequested, EmailVerified, publish
from better_auth.features.email_verification import codes
from better_auth.features.email_verification.codes import CodeKind
from better_auth.sign_in import SignInOutcome, complete_sign_in
from better_auth.storage.records import UserRecord
from better_auth.verifications import CodeOutcome


@dataclass(frozen=True, slots=True)
class Verified:
    """``signed_in``: only where the settings say that a proven address signs in."""

    user: UserRecord
    signed_in: SignInOutcome | None = None


def verify_email_with_code(*, email: str, otp: str, client: Client) -> Verified:
    """Spend the code and mark the address as proven."""
    kind, address = CodeKind.EMAIL_VERIFICATION, users.normalize_email(email)
    begun = codes.begin(address, known_as=address, client=client)
    known, verified = users.find_by_email(address), None
    with transaction.atomic():
        tried = codes.attempt(kind, address, otp)
        if tried.outcome is CodeOutcome.ACCEPTED and known:
            verified = _verify(known, client)
    codes.ensure_accepted(tried, kind, user_id=known.id if known else "", client=client)
    begun.succeeded()
    if verified is None:
        raise BadRequest(ErrorCode.USER_NOT_FOUND)
    return verified


def request_email_change(user: UserRecord, *, new_email: str, otp: str | None, client: Client) -> None:
    """Mail a code to the new address; one that is taken is answered alike, and gets no mail."""
    address = users.normalize_email(new_email)
    _ensure_possible(user, address)
    if auth_settings.email_otp.verify_current_email:
        if not otp:
            raise BadRequest(message="OTP is required to verify current email")
        _spend(CodeKind.EMAIL_VERIFICATION, user.email, otp, user, client)
    rate_limits.ensure_mail_rate(address)
    subject = f"{user.id}:{address}"
    if users.find_by_email(address):
        codes.pretend(CodeKind.CHANGE_EMAIL, subject, client=client)
        return
    publish(EmailChangeRequested(client=client, subject_id=user.id))
    codes.send(
        CodeKind.CHANGE_EMAIL, to=address, subject=subject, name=user.name, user_id=user.id, client=client
    )


def change_email_with_code(user: UserRecord, *, new_email: str, otp: str, client: Client) -> UserRecord:
    """Spend the code of the new address and make it the user's; it is proven by that."""
    kind, address = CodeKind.CHANGE_EMAIL, users.normalize_email(new_email)
    _ensure_possible(user, address)
    begun = codes.begin(user.id, known_as=user.email, client=client)
    changed = None
    with transaction.atomic():
        tried = codes.attempt(kind, f"{user.id}:{address}", otp)
        if tried.outcome is CodeOutcome.ACCEPTED:
            changed = _change(user, address, client)
    codes.ensure_accepted(tried, kind, user_id=user.id, client=client)
    begun.succeeded()
    if changed is None:
        raise BadRequest(message="Email already in use")
    return changed


def _verify(user: UserRecord, client: Client) -> Verified:
    if not user.email_verified:
        user = users.update(user, email_verified=True, email_verified_at=clock.now())
        sessions.refresh_copies(user)
        publish(EmailVerified(client=client, subject_id=user.id, method=AuthMethod.EMAIL_OTP))
    if not auth_settings.email_verification.auto_sign_in:
        return Verified(user)
    return Verified(user, complete_sign_in(user, method=AuthMethod.EMAIL_OTP, client=client))


def _ensure_possible(user: UserRecord, address: str) -> None:
    if not auth_settings.email_otp.change_email:
        raise BadRequest(message="Change email with OTP is disabled")
    if not is_email(address):
        raise BadRequest(ErrorCode.INVALID_EMAIL)
    if address == user.email:
        raise BadRequest(message="Email is the same")


def _spend(kind: CodeKind, subject: str, otp: str, user: UserRecord, client: Client) -> None:
    begun = codes.begin(subject, known_as=user.email, client=client)
    tried = codes.attempt(kind, subject, otp)
    codes.ensure_accepted(tried, kind, user_id=user.id, client=client)
    begun.succeeded()


def _change(user: UserRecord, address: str, client: Client) -> UserRecord | None:
    """None where somebody else has the address meanwhile; the code is spent all the same."""
    try:
        changed = users.update(user, email=address, email_verified=True, email_verified_at=clock.now())
    except users.EmailTaken:
        return None
    verifications.revoke_resets(subject=user.id)
    sessions.refresh_copies(user)
    publish(EmailChanged(client=client, subject_id=user.id, method=AuthMethod.EMAIL_OTP))
    return changed
