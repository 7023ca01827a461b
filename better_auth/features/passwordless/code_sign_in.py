"""Ask for a code, look whether it is right, and sign in by it. Source: passwordless.md, section 2."""

from __future__ import annotations

from django.db import transaction

from better_auth import rate_limits, users
from better_auth.conf import auth_settings
from better_auth.errors import BadRequest, ErrorCode
from better_auth.events import AuthMethod, Client
from better_auth.features.email_verification import codes
from better_auth.features.email_verification.codes import Code, CodeKind
from better_auth.features.passwordless import code_password
from better_auth.features.passwordless.proven_address import Arrival, Entered, enter
from better_auth.verifications import CodeOutcome


def request_code(kind: CodeKind, *, email: str, client: Client) -> None:
    """Mail a code, where somebody has the address or may sign up with it; nobody learns whether it is so."""
    if kind is CodeKind.CHANGE_EMAIL:
        raise BadRequest(message="Invalid OTP type")
    if kind is CodeKind.FORGET_PASSWORD:
        code_password.request_reset_code(email=email, client=client)
        return
    address = users.normalize_email(email)
    rate_limits.ensure_mail_rate(address)
    user = users.find_by_email(address)
    if user:
        codes.send(kind, to=user.email, subject=address, name=user.name, user_id=user.id, client=client)
    elif kind is CodeKind.SIGN_IN and not auth_settings.email_otp.disable_sign_up:
        codes.send(kind, to=address, client=client)
    else:
        codes.pretend(kind, address, client=client)


def check_code(kind: CodeKind, *, email: str, otp: str, client: Client) -> None:
    """Whether it is the right one, which then stays good. A wrong one counts as everywhere."""
    address = users.normalize_email(email)
    begun = codes.begin(address, known_as=address, client=client)
    user = users.find_by_email(address)
    subject = code_password.subject_of(user, address) if kind is CodeKind.FORGET_PASSWORD else address
    tried = codes.attempt(kind, subject, otp, keep=True)
    codes.ensure_accepted(tried, kind, user_id=user.id if user else "", client=client)
    begun.succeeded()
    if user is None:
        raise BadRequest(ErrorCode.USER_NOT_FOUND)


def sign_in_with_code(arrival: Arrival, *, otp: str, client: Client) -> Entered:
    """Spend the code; a stranger signs up by it. Of any number of parallel tries one gets through."""
    kind, address = CodeKind.SIGN_IN, users.normalize_email(arrival.email)
    begun = codes.begin(address, known_as=address, client=client)
    entered = None
    with transaction.atomic():
        tried = codes.attempt(kind, address, otp)
        if tried.outcome is CodeOutcome.ACCEPTED:
            may_sign_up = not auth_settings.email_otp.disable_sign_up
            entered = enter(arrival, may_sign_up=may_sign_up, method=AuthMethod.EMAIL_OTP, client=client)
    known = users.find_by_email(address) if entered is None else None
    codes.ensure_accepted(tried, kind, user_id=known.id if known else "", client=client)
    begun.succeeded()
    if entered is None:
        raise BadRequest(Code.INVALID_OTP)
    return entered
