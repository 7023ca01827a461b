"""Sign in with a number and the password. Source: passwordless.md, section 3."""

from __future__ import annotations

from better_auth import accounts, legacy, passwords, phone_numbers, rate_limits, text_messages, users
from better_auth.conf import auth_settings
from better_auth.errors import Unauthorized
from better_auth.events import AuthMethod, Client, SignInFailed, publish
from better_auth.features.phone_number import codes
from better_auth.phone_numbers import Code
from better_auth.sign_in import SignInOutcome, complete_sign_in
from better_auth.verifications import Purpose

# Nobody's address (RFC 2606): what a legacy system is asked about a number that nobody has.
NOBODYS_ADDRESS = "nobody@phone-number.invalid"


def sign_in_with_phone_number(*, number: str, password: str, remember: bool, client: Client) -> SignInOutcome:
    """Check the password, then hand over to ``complete_sign_in``, which asks for the second factor.

    A number that nobody has costs the same hash as a wrong password, counts alike, and is answered alike.
    Where numbers must be verified, one that is not gets a code once the password was right.
    """
    phone_numbers.ensure_valid(number)
    passwords.ensure_not_too_long(password)
    known = users.find_by_unique("phone_number", number)
    address = known.email if known else NOBODYS_ADDRESS
    legacy.ensure_reachable(known)
    attempt = rate_limits.begin_sign_in(account=f"phone:{number}", known_as=address, client=client)
    user = legacy.prove(email=address, password=password, user=known, client=client)
    if user is None:
        reason = "wrong_password" if known else "unknown_user"
        publish(
            SignInFailed(
                client=client,
                subject_id=known.id if known else "",
                method=AuthMethod.PASSWORD,
                details={"reason": reason},
            )
        )
        raise Unauthorized(Code.INVALID_PHONE_NUMBER_OR_PASSWORD)
    attempt.succeeded()
    if auth_settings.phone_number.require_verification and not user.phone_number_verified:
        if text_messages.can_be_sent():
            codes.send(number, purpose=Purpose.PHONE_CODE, subject=number)
        raise Unauthorized(Code.PHONE_NUMBER_NOT_VERIFIED)
    accounts.ensure_credential(user)
    return complete_sign_in(user, method=AuthMethod.PASSWORD, client=client, remember=remember)
