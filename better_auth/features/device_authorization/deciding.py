"""The person's side: they look at a request, which claims it, and approve or deny it.

Source: passwordless.md, section 9. Who has claimed a request decides it, and nobody else (attacks.md, A18).
"""

from __future__ import annotations

from django.db import transaction

from better_auth import clock, device_codes, rate_limits
from better_auth.device_codes import DeviceRequest
from better_auth.events import Client, DeviceApproved, DeviceDenied, publish
from better_auth.features.device_authorization.errors import (
    DeviceRefused,
    already_processed,
    expired_user_code,
    invalid_user_code,
)
from better_auth.models import DeviceCodeStatus
from better_auth.storage.records import UserRecord

NOT_CLAIMED = (
    "Device code has not been claimed by a verifying session; call `GET /device` with the `user_code` while "
    "signed in before approving or denying"
)


def look_at(user_code: str, *, user: UserRecord | None) -> DeviceRequest:
    """The request of a code. Whoever is signed in claims it by looking, if it is pending and nobody's.

    Raises ``DeviceRefused``; ``TooManyRequests`` for an account that looks for codes again and again.
    """
    request = _find(user_code, user)
    if request.is_over(clock.now()):
        raise expired_user_code()
    if user is not None and request.is_pending and not request.claimed_by:
        return device_codes.claim(request, user_id=user.id)
    return request


def decide(user_code: str, *, user: UserRecord, approves: bool, client: Client) -> None:
    """Approve or deny a request that this user has claimed; one decision counts. Raises ``DeviceRefused``."""
    request = _find(user_code, user)
    if request.is_over(clock.now()):
        raise expired_user_code()
    if not request.is_pending:
        raise already_processed()
    if not request.claimed_by:
        raise DeviceRefused("invalid_request", NOT_CLAIMED)
    if request.claimed_by != user.id:
        verb = "approve" if approves else "deny"
        text = f"You are not authorized to {verb} this device authorization"
        raise DeviceRefused("access_denied", text, status=403)
    status = DeviceCodeStatus.APPROVED if approves else DeviceCodeStatus.DENIED
    event = DeviceApproved if approves else DeviceDenied
    with transaction.atomic():
        if not device_codes.decide(request, user_id=user.id, status=status):
            raise already_processed()
        details = {"client_id": request.client_id, "scope": request.scope}
        publish(event(client=client, subject_id=user.id, details=details))


def _find(user_code: str, user: UserRecord | None) -> DeviceRequest:
    """Guesses count against the account; those of nobody are limited by address, as the route is."""
    if user is not None:
        rate_limits.ensure_code_look_ups(user.id)
    request = device_codes.find_by_user_code(user_code)
    if request is None:
        raise invalid_user_code()
    return request
