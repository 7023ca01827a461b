"""Signals for the host: ``recorded`` inside the transaction of a change, ``committed`` after it.

The sender is the event's class, so ``committed.connect(receiver, sender=SignedIn)`` hears of sign-ins only. A
receiver of ``recorded`` that raises takes the change back; one of ``committed`` can't.
"""

from better_auth.events import (
    AccountUnlinked,
    EmailChanged,
    EmailChangeRequested,
    EmailVerified,
    Event,
    PasswordChanged,
    PasswordCheckFailed,
    PasswordReset,
    PasswordResetRequested,
    RefreshTokenReused,
    RefreshTokenRevoked,
    SessionRevoked,
    SessionsRevoked,
    SignedIn,
    SignedOut,
    SignedUp,
    SignInFailed,
    SigningKeyRotated,
    UserCreated,
    UserDeleted,
    UserUpdated,
    committed,
    recorded,
)

__all__ = [
    "AccountUnlinked",
    "EmailChangeRequested",
    "EmailChanged",
    "EmailVerified",
    "Event",
    "PasswordChanged",
    "PasswordCheckFailed",
    "PasswordReset",
    "PasswordResetRequested",
    "RefreshTokenReused",
    "RefreshTokenRevoked",
    "SessionRevoked",
    "SessionsRevoked",
    "SignInFailed",
    "SignedIn",
    "SignedOut",
    "SignedUp",
    "SigningKeyRotated",
    "UserCreated",
    "UserDeleted",
    "UserUpdated",
    "committed",
    "recorded",
]
