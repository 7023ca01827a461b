"""Between the password and the code: what stands for somebody who has given the one and not yet the other.

Source: two-factor.md, section 2. It opens nothing: no session exists until the code was right.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from better_auth import users, verifications
from better_auth.authentication.cookie_names import DONT_REMEMBER, TWO_FACTOR
from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import URL_SAFE, random_string
from better_auth.errors import Unauthorized
from better_auth.events import AuthMethod
from better_auth.features.two_factor.errors import ChallengeSpent, Code
from better_auth.sessions import Keepsake
from better_auth.sign_in import SignInAttempt
from better_auth.storage.records import UserRecord
from better_auth.verifications import CodeOutcome, Purpose

PREFIX, RANDOM_LENGTH = "2fa-", 20
LONGEST = 64
FORGOTTEN = Keepsake(TWO_FACTOR)


@dataclass(frozen=True, slots=True)
class Challenge:
    """``identifier``: what the client holds; of it a digest is kept. ``method`` and ``remember``: of the
    sign-in that waits."""

    user: UserRecord
    identifier: str = field(repr=False)
    method: AuthMethod
    remember: bool | None


def issue(attempt: SignInAttempt) -> tuple[Keepsake, ...]:
    """Remember the attempt; what the client needs to come back with the code."""
    identifier = PREFIX + random_string(RANDOM_LENGTH, URL_SAFE)
    seconds = auth_settings.two_factor.challenge_expires_in
    verifications.issue(
        purpose=Purpose.TWO_FACTOR_CHALLENGE,
        token=identifier,
        subject=attempt.user.id,
        expires_in=seconds,
        payload={"method": attempt.method, "remember": attempt.remember},
    )
    kept = Keepsake(TWO_FACTOR, identifier, seconds)
    return (kept, Keepsake(DONT_REMEMBER, "true", None)) if attempt.remember is False else (kept,)


def get(identifier: str | None) -> Challenge:
    """Raises ``INVALID_TWO_FACTOR_COOKIE`` for what is none, over or spent, or whose user is gone."""
    found = None
    if identifier and identifier.startswith(PREFIX) and len(identifier) <= LONGEST:
        found = verifications.find(purpose=Purpose.TWO_FACTOR_CHALLENGE, token=identifier)
    user = users.find_by_id(found.subject) if found else None
    if found is None or user is None or identifier is None:
        raise Unauthorized(Code.INVALID_TWO_FACTOR_COOKIE)
    method, remember = AuthMethod(found.payload["method"]), found.payload["remember"]
    return Challenge(user, identifier, method, remember)


def count_guess(challenge: Challenge) -> None:
    """One more guess for this password. Raises ``ChallengeSpent``, which ends the challenge, or
    ``INVALID_TWO_FACTOR_COOKIE``."""
    outcome = verifications.count_try(
        purpose=Purpose.TWO_FACTOR_CHALLENGE,
        token=challenge.identifier,
        allowed_attempts=auth_settings.two_factor.challenge_attempts,
    )
    if outcome is CodeOutcome.SPENT:
        raise ChallengeSpent
    if outcome is not CodeOutcome.ACCEPTED:
        raise Unauthorized(Code.INVALID_TWO_FACTOR_COOKIE)


def consume(challenge: Challenge) -> None:
    """Take it for good: of several right codes at once, one makes a session.

    Raises ``INVALID_TWO_FACTOR_COOKIE``.
    """
    if verifications.consume(purpose=Purpose.TWO_FACTOR_CHALLENGE, token=challenge.identifier) is None:
        raise Unauthorized(Code.INVALID_TWO_FACTOR_COOKIE)


def revoke_all(user: UserRecord) -> None:
    """Whoever stands between password and code starts again."""
    verifications.revoke(purpose=Purpose.TWO_FACTOR_CHALLENGE, subject=user.id)
