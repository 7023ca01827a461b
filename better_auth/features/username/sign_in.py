"""Sign in with a user name and the password. Source: passwordless.md, section 4."""

from __future__ import annotations

from typing import NoReturn

from better_auth import accounts, legacy, passwords, rate_limits, usernames, users
from better_auth.conf import auth_settings
from better_auth.errors import ErrorCode, Forbidden, Unauthorized, Unprocessable
from better_auth.events import AuthMethod, Client, SignInFailed, publish
from better_auth.features.email_verification import links
from better_auth.sign_in import SignInOutcome, complete_sign_in
from better_auth.storage.records import UserRecord
from better_auth.usernames import Code

# Nobody's address (RFC 2606): what a legacy system is asked about a name that nobody has.
NOBODYS_DOMAIN = "username.invalid"


def sign_in_with_username(
    *, username: str, password: str, remember: bool, callback_url: str | None, client: Client
) -> SignInOutcome:
    """Check the password, then hand over to ``complete_sign_in``, as for an address.

    A name that nobody has costs the same hash as a wrong password, counts alike, and is answered alike.
    Guesses at a name have a budget of their own: one shared with the address would tell whose it is.
    """
    if not username or not password:
        raise Unauthorized(Code.INVALID_USERNAME_OR_PASSWORD)
    mistake = usernames.find_mistake(username)
    if mistake:
        raise Unprocessable(mistake)
    passwords.ensure_not_too_long(password)
    name = usernames.normalized(username)
    known = users.find_by_unique("username", name)
    address = known.email if known else f"{name}@{NOBODYS_DOMAIN}"
    legacy.ensure_reachable(known)
    attempt = rate_limits.begin_sign_in(account=f"username:{name}", known_as=address, client=client)
    user = legacy.prove(email=address, password=password, user=known, client=client)
    if user is None:
        _refuse(known, client)
    attempt.succeeded()
    if auth_settings.email_password.require_email_verification and not user.email_verified:
        if auth_settings.email_verification.send_on_sign_in:
            links.mail_verification(user, callback_url=callback_url)
        raise Forbidden(ErrorCode.EMAIL_NOT_VERIFIED)
    accounts.ensure_credential(user)
    return complete_sign_in(user, method=AuthMethod.PASSWORD, client=client, remember=remember)


def _refuse(known: UserRecord | None, client: Client) -> NoReturn:
    reason = "wrong_password" if known else "unknown_user"
    publish(
        SignInFailed(
            client=client,
            subject_id=known.id if known else "",
            method=AuthMethod.PASSWORD,
            details={"reason": reason},
        )
    )
    raise Unauthorized(Code.INVALID_USERNAME_OR_PASSWORD)
