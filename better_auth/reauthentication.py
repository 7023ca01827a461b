"""Ask somebody who is signed in for their password again, before something that matters."""

from __future__ import annotations

from better_auth import legacy, passwords, rate_limits
from better_auth.errors import BadRequest, ErrorCode
from better_auth.events import AuthMethod, Client, PasswordCheckFailed, publish
from better_auth.storage.records import UserRecord


def ensure_password(user: UserRecord, password: str, *, client: Client) -> str:
    """The hash that the password fits.

    Raises ``CREDENTIAL_ACCOUNT_NOT_FOUND``, ``INVALID_PASSWORD`` or ``PASSWORD_TOO_LONG``, all 400.
    """
    passwords.ensure_not_too_long(password)
    if not legacy.has_password(user):
        raise BadRequest(ErrorCode.CREDENTIAL_ACCOUNT_NOT_FOUND)
    return verify_password(user, password, client=client)


def verify_password(user: UserRecord, password: str, *, client: Client) -> str:
    """The hash that the password fits; guesses count against the account, as at sign-in.

    Raises ``INVALID_PASSWORD``, also for somebody who has none, or ``PASSWORD_TOO_LONG``.
    """
    passwords.ensure_not_too_long(password)
    attempt = rate_limits.begin_sign_in(account=user.email, client=client)
    present = legacy.find_verified_hash(password, user, client=client)
    if present is None:
        details = {"reason": "wrong_password"}
        failed = PasswordCheckFailed(
            client=client, subject_id=user.id, method=AuthMethod.PASSWORD, details=details
        )
        publish(failed)
        raise BadRequest(ErrorCode.INVALID_PASSWORD)
    attempt.succeeded()
    return present
