"""Sign in with e-mail and password. Source: core.md, section 2."""

from __future__ import annotations

from better_auth import accounts, legacy, passwords, rate_limits, users
from better_auth.conf import auth_settings
from better_auth.errors import BadRequest, ErrorCode, Forbidden, Unauthorized
from better_auth.events import AuthMethod, Client, SignInFailed, publish
from better_auth.features.email_verification import links
from better_auth.sign_in import SignInOutcome, complete_sign_in


def sign_in_with_email(
    *, email: str, password: str, remember: bool, callback_url: str | None, client: Client
) -> SignInOutcome:
    """Check the password, then hand over to ``complete_sign_in``.

    An unknown address costs the same hash as a wrong password, and is answered alike. Somebody who is not
    here yet may come over now (``legacy``), once the limits let the attempt pass.
    """
    if not auth_settings.email_password.enabled:
        raise BadRequest(ErrorCode.EMAIL_PASSWORD_DISABLED)
    passwords.ensure_not_too_long(password)
    address = users.normalize_email(email)
    known = users.find_by_email(address)
    legacy.ensure_reachable(known)
    attempt = rate_limits.begin_sign_in(account=address, client=client)
    user = legacy.prove(email=address, password=password, user=known, client=client)
    if user is None:
        publish(
            SignInFailed(
                client=client,
                subject_id=known.id if known else "",
                method=AuthMethod.PASSWORD,
                details={"reason": "wrong_password" if known else "unknown_user"},
            )
        )
        raise Unauthorized(ErrorCode.INVALID_EMAIL_OR_PASSWORD)
    attempt.succeeded()
    if auth_settings.email_password.require_email_verification and not user.email_verified:
        if auth_settings.email_verification.send_on_sign_in:
            links.mail_verification(user, callback_url=callback_url)
        raise Forbidden(ErrorCode.EMAIL_NOT_VERIFIED)
    accounts.ensure_credential(user)
    return complete_sign_in(user, method=AuthMethod.PASSWORD, client=client, remember=remember)
