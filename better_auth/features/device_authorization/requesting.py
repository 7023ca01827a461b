"""The device's side: it asks for codes, and then whether somebody has approved them (RFC 8628)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn

from django.db import transaction
from django.utils.module_loading import import_string

from better_auth import clock, device_codes, users
from better_auth.conf import auth_settings
from better_auth.device_codes import DeviceRequest, IssuedCodes
from better_auth.errors import Forbidden
from better_auth.events import AuthMethod, Client
from better_auth.features.device_authorization.errors import DeviceRefused
from better_auth.sessions import IssuedSession
from better_auth.sign_in import complete_sign_in

FEATURE = "device_authorization"


@dataclass(frozen=True, slots=True)
class Grant:
    """``expires_in`` in seconds."""

    issued: IssuedSession = field(repr=False)
    expires_in: int
    scope: str


def is_on() -> bool:
    return FEATURE in auth_settings.features


def request_codes(*, client_id: str, scope: str, user_id: str) -> IssuedCodes:
    """Raises ``invalid_client`` where the host does not know the client."""
    if not client_id:
        raise DeviceRefused("invalid_request", "client_id is required")
    _ensure_client(client_id)
    told = auth_settings.device_authorization.on_request
    if told:
        import_string(told)(client_id=client_id, scope=scope)
    return device_codes.issue(client_id=client_id, scope=scope, user_id=user_id)


def exchange(device_code: str, *, client_id: str, client: Client) -> Grant:
    """A session for an approved code, once: of any number of parallel calls one gets it.

    Raises ``DeviceRefused``, in the order of passwordless.md, section 9.
    """
    _ensure_client(client_id)
    request = device_codes.find_by_device_code(device_code)
    if request is None:
        raise DeviceRefused("invalid_grant", "Invalid device code")
    if request.client_id != client_id:
        raise DeviceRefused("invalid_grant", "Client ID mismatch")
    if not device_codes.note_poll(request):
        raise DeviceRefused("slow_down", "Polling too frequently")
    if request.is_over(clock.now()):
        device_codes.end(request)
        raise DeviceRefused("expired_token", "Device code has expired")
    if request.is_pending:
        raise DeviceRefused("authorization_pending", "Authorization pending")
    if not request.is_approved:
        device_codes.end(request)
        _deny()
    issued = _sign_in(request, client=client)
    seconds = int((issued.session.expires_at - clock.now()).total_seconds())
    return Grant(issued, seconds, request.scope)


def _sign_in(request: DeviceRequest, *, client: Client) -> IssuedSession:
    user = users.find_by_id(request.claimed_by)
    if user is None:
        _deny()
    try:
        with transaction.atomic():
            if not device_codes.end(request):
                raise DeviceRefused("invalid_grant", "Invalid device code")
            outcome = complete_sign_in(user, method=AuthMethod.DEVICE_CODE, client=client)
    except Forbidden:  # banned since
        _deny()
    if not isinstance(outcome, IssuedSession):  # a gate of the host's wants what a device can't give
        _deny()
    return outcome


def _ensure_client(client_id: str) -> None:
    path = auth_settings.device_authorization.validate_client
    if path and not import_string(path)(client_id):
        raise DeviceRefused("invalid_client", "Invalid client ID")


def _deny() -> NoReturn:
    raise DeviceRefused("access_denied", "Access denied")
