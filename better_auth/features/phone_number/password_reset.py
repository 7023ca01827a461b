"""Reset a forgotten password by a code. Source: passwordless.md, section 3."""

from __future__ import annotations

from django.db import transaction

from better_auth import accounts, passwords, phone_numbers, sessions, users, verifications
from better_auth.conf import auth_settings
from better_auth.errors import BadRequest
from better_auth.events import Client, PasswordReset, PasswordResetRequested, publish
from better_auth.features.phone_number import codes
from better_auth.phone_numbers import Code
from better_auth.verifications import Purpose


def request_password_reset(number: str, *, client: Client) -> None:
    """Send a code, if the number is somebody's; nobody learns whether it is."""
    phone_numbers.ensure_valid(number)
    user = users.find_by_unique("phone_number", number)
    with transaction.atomic():
        subject = user.id if user else number
        codes.send(number, purpose=Purpose.PHONE_RESET_CODE, subject=subject, is_sent=user is not None)
        details = {} if user else {"reason": "unknown_user"}
        publish(PasswordResetRequested(client=client, subject_id=user.id if user else "", details=details))


def reset_password(number: str, *, code: str, new_password: str, client: Client) -> None:
    """Spend the code and set the password. One that nobody may have leaves the code usable.

    Of any number of parallel tries one gets through. A wrong code, and a number that is nobody's, cost the
    hash as well. Raises what ``codes`` does, ``UNEXPECTED_ERROR`` where the number is nobody's any more, and
    ``PHONE_NUMBER_PENDING_VERIFICATION`` where its owner has not shown that it is theirs.
    """
    passwords.ensure_acceptable(new_password)
    phone_numbers.ensure_valid(number)
    user = users.find_by_unique("phone_number", number)
    subject = user.id if user else number
    attempt = codes.begin(number, client=client)
    encoded = passwords.hash_password(new_password)
    codes.ensure_right(code, purpose=Purpose.PHONE_RESET_CODE, subject=subject, client=client)
    attempt.succeeded()
    if user is None:
        raise BadRequest(Code.UNEXPECTED_ERROR)
    if not user.phone_number_verified:
        raise BadRequest(Code.PHONE_NUMBER_PENDING_VERIFICATION)
    passwords.ensure_acceptable(new_password, email=user.email, name=user.name)
    with transaction.atomic():
        accounts.ensure_credential(user)
        passwords.set_password(user, encoded)
        verifications.revoke_proofs(subject=user.id)
        if auth_settings.email_password.revoke_sessions_on_reset:
            sessions.revoke_all(user)
        sessions.announce(user)
        publish(PasswordReset(client=client, subject_id=user.id))
