"""The gate of sign-ins: whoever has a second factor is asked for it once the password was right.

Source: two-factor.md, section 2. Other ways to sign in are not asked, as the protocol has it: a mailed link
or a passkey is no password that somebody may have guessed.
"""

from __future__ import annotations

from better_auth import clock, factors
from better_auth.conf import auth_settings
from better_auth.events import AuthMethod, TwoFactorChallenged, publish
from better_auth.features.two_factor import challenges, trusted_devices
from better_auth.sign_in import Cleared, SignInAttempt, SignInChallenge
from better_auth.storage.records import UserRecord

KIND = "two_factor"
# User names and telephone numbers come with a password, too, and are this method.
CHALLENGED = frozenset({AuthMethod.PASSWORD})


def challenge(attempt: SignInAttempt) -> SignInChallenge | Cleared | None:
    """In ``SIGN_IN_GATES``. A trusted device passes, and is given another token for the next time."""
    user = attempt.user
    if not is_wanted(attempt) or user.is_shut_out(clock.now()):
        return None  # the shut out are refused by whoever issues the session
    renewed = trusted_devices.renew(user, client=attempt.client)
    if renewed is not None:
        return Cleared((renewed,))
    body = {"twoFactorRedirect": True, "twoFactorMethods": methods_of(user)}
    keepsakes = challenges.issue(attempt)
    if attempt.client.trusted_device:
        keepsakes = (*keepsakes, trusted_devices.FORGOTTEN)
    publish(TwoFactorChallenged(client=attempt.client, subject_id=user.id, method=attempt.method))
    return SignInChallenge(KIND, body, keepsakes)


def is_wanted(attempt: SignInAttempt) -> bool:
    return (
        is_on()
        and attempt.user.two_factor_enabled
        and not attempt.second_factor
        and attempt.method in CHALLENGED
    )


def is_on() -> bool:
    return "two_factor" in auth_settings.features


def methods_of(user: UserRecord) -> list[str]:
    """What the user can be asked for; a backup code always goes, and is not named."""
    rules, methods = auth_settings.two_factor, []
    found = factors.find(user) if rules.totp else None
    if found and found.has_authenticator and found.verified:
        methods.append("totp")
    if rules.otp and user.email:
        methods.append("otp")
    return methods
