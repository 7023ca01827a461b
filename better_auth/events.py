"""What happened, in the past tense. Each event is raised once, by the rule that made it happen.

``publish`` tells the receivers at once, inside the caller's transaction: the audit row stands or falls with
the change. ``committed`` is sent after the commit, to whoever only wants to know (logs, metrics, host code);
what fails there can't fail the change. Events carry ids, never rows, and never a secret.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, ClassVar

from django.db import transaction
from django.dispatch import Signal

logger = logging.getLogger("better_auth.metrics")

recorded = Signal()
committed = Signal()
# A sign-in has made a better hash of the same password: ``user_key``, ``before`` and ``after``. No event:
# nothing has happened to the user.
rehashed = Signal()
# Called at each observation, several times in a request: a signal would cost more than what it tells.
observers: list[Callable[[Observation], None]] = []


class AuthMethod(StrEnum):
    """How somebody proved who they are."""

    PASSWORD = "password"
    EMAIL_LINK = "email_link"
    ANONYMOUS = "anonymous"
    DEVICE_CODE = "device_code"
    MAGIC_LINK = "magic_link"
    EMAIL_OTP = "email_otp"
    PHONE_CODE = "phone_code"
    SESSION = "session"
    BEARER = "bearer"
    JWT = "jwt"
    ACCESS_TOKEN = "access_token"
    API_KEY = "api_key"
    SOCIAL = "social"
    LEGACY_JWT = "legacy_jwt"
    IMPERSONATION = "impersonation"
    PASSKEY = "passkey"
    # A passkey whose device did not ask who was there: it was held, and no more.
    SECURITY_KEY = "security_key"
    LEGACY_SIMPLEJWT = "legacy_simplejwt"
    LEGACY_AUTHTOKEN = "legacy_authtoken"
    LEGACY_SESSION = "legacy_session"


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request came from: address (canonical, or empty) and ``User-Agent`` (or empty).

    ``device_id`` and ``device_accounts`` are of the device's own cookie (``http.known_devices``).
    ``impersonator_id``: who in truth acts there, in the name of the user who is signed in.
    ``trusted_device``: what the device shows so as not to be asked for a second factor again.
    """

    ip_address: str = ""
    user_agent: str = ""
    device_id: str = ""
    device_accounts: tuple[str, ...] = ()
    impersonator_id: str = ""
    trusted_device: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something to somebody else, by the id on the wire, and from where."""

    id: str
    client: Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """``subject_id``: whom it happened to; ``actor_id``: who did it, where that is known."""

    type: ClassVar[str] = ""
    success: ClassVar[bool] = True

    client: Client = field(default_factory=Client)
    subject_id: str = ""
    actor_id: str = ""
    session_id: str = ""
    method: AuthMethod | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


class SignedUp(Event):
    type = "sign_up"


class SignedIn(Event):
    type = "sign_in"


class SignInFailed(Event):
    type = "sign_in"
    success = False


class SignedOut(Event):
    type = "sign_out"


class SessionRevoked(Event):
    type = "session_revoked"


class SessionSwitched(Event):
    """Of the sessions of one device, another is the active one."""

    type = "session_switched"


class SessionHandedOver(Event):
    """To another client, by a one-time token."""

    type = "session_handed_over"


class SessionsRevoked(Event):
    type = "sessions_revoked"


class UserCreated(Event):
    """By an operator; whoever signs up themselves is ``SignedUp``."""

    type = "user_created"


class UserUpdated(Event):
    type = "user_updated"


class UserDeleted(Event):
    type = "user_deleted"


class AnonymousUserLinked(Event):
    """Somebody anonymous has signed in with a name; ``details["anonymous_id"]`` is who they were."""

    type = "anonymous_user_linked"


class AnonymousUserNotLinked(Event):
    type = "anonymous_user_linked"
    success = False


class PhoneNumberVerified(Event):
    type = "phone_number_verified"


class DeviceApproved(Event):
    type = "device_approved"


class DeviceDenied(Event):
    type = "device_denied"


class UserBanned(Event):
    type = "user_banned"


class UserUnbanned(Event):
    type = "user_unbanned"


class RoleChanged(Event):
    type = "role_changed"


class ImpersonationStarted(Event):
    type = "impersonation_started"


class ImpersonationEnded(Event):
    type = "impersonation_ended"


class ImpersonationRefused(Event):
    """An administrator in somebody's name tried what only that person may do."""

    type = "impersonation_refused"
    success = False


class PermissionRefused(Event):
    """Somebody signed in asked for what their roles do not grant."""

    type = "permission_refused"
    success = False


class TwoFactorChallenged(Event):
    """The password was right; the second factor is wanted now."""

    type = "two_factor_challenged"


class TwoFactorPassed(Event):
    """Shown by somebody who is signed in already; a sign-in tells it in its own event."""

    type = "two_factor_passed"


class TwoFactorFailed(Event):
    """``details``: which factor, and the reason."""

    type = "two_factor_failed"
    success = False


class TwoFactorLocked(Event):
    """So many wrong codes that none is looked at for a while."""

    type = "two_factor_locked"
    success = False


class TwoFactorEnabled(Event):
    type = "two_factor_enabled"


class TwoFactorDisabled(Event):
    type = "two_factor_disabled"


class TwoFactorRemoved(Event):
    """By an operator, with a reason."""

    type = "two_factor_removed"


class BackupCodesReplaced(Event):
    type = "backup_codes_replaced"


class DeviceTrusted(Event):
    type = "device_trusted"


class PasswordChanged(Event):
    type = "password_changed"


class PasswordCheckFailed(Event):
    type = "password_check"
    success = False


class PasswordResetRequested(Event):
    type = "password_reset_requested"


class PasswordReset(Event):
    type = "password_reset"


class UnprovenAccessRevoked(Event):
    """The owner of an address has come, whose account somebody had made without proof: what that one could
    sign in with is gone. Apps with credentials of their own take them away in the same transaction."""

    type = "unproven_access_revoked"


class EmailVerified(Event):
    type = "email_verified"


class EmailChangeRequested(Event):
    type = "email_change_requested"


class EmailChanged(Event):
    type = "email_changed"


class AccountLinked(Event):
    """A user can sign in with one more identity at a provider."""

    type = "account_linked"


class AccountUnlinked(Event):
    type = "account_unlinked"


class PasskeyRegistered(Event):
    type = "passkey_registration"


class PasskeyRegistrationFailed(Event):
    type = "passkey_registration"
    success = False


class PasskeyRenamed(Event):
    type = "passkey_renamed"


class PasskeyRemoved(Event):
    type = "passkey_removed"


class PasskeyCounterWentBack(Event):
    """A right signature with a counter that was seen before: there are two of this authenticator."""

    type = "passkey_counter_went_back"
    success = False


class RefreshTokenReused(Event):
    """A refresh token that was used long ago: it was stolen, or its successor was."""

    type = "refresh_token_reused"
    success = False


class RefreshTokenRevoked(Event):
    type = "refresh_token_revoked"


class TrustRefused(Event):
    """Somebody who is signed in was kept from something, or would have been (``details["enforced"]``)."""

    type = "trust_refused"
    success = False


class SocketOpened(Event):
    type = "socket_opened"


class SocketRefused(Event):
    """Of one address and reason a process tells once a minute."""

    type = "socket_refused"
    success = False


class SocketClosed(Event):
    """By the server, for a reason; where all connections are recorded, by whoever."""

    type = "socket_closed"


class SigningKeyRotated(Event):
    type = "signing_key_rotated"


@dataclass(frozen=True, slots=True)
class Observation:
    """Something to count or measure that is no event: ``labels`` in the order that the metric names them."""

    name: str
    labels: tuple[str, ...] = ()
    value: float = 1


def observe(name: str, *labels: str, value: float = 1) -> None:
    """Count or measure; never fails the caller."""
    observation = Observation(name, labels, value)
    for observer in observers:
        try:
            observer(observation)
        except Exception:  # what fails there is no affair of the request
            logger.exception("%s could not be counted", name)


def publish(event: Event) -> None:
    """Record the event now, and announce it once the surrounding transaction has committed.

    What is done in somebody's name has the one who did it as its actor.
    """
    event = _with_true_actor(event)
    recorded.send(sender=type(event), event=event)
    transaction.on_commit(lambda: committed.send_robust(sender=type(event), event=event), robust=True)


def _with_true_actor(event: Event) -> Event:
    impersonator_id = event.client.impersonator_id
    if not impersonator_id or event.actor_id == impersonator_id:
        return event
    details = dict(event.details)
    if event.actor_id not in ("", event.subject_id):
        details["in_name_of"] = event.actor_id
    return replace(event, actor_id=impersonator_id, details=details)
