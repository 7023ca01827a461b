"""All operations of the protocol, for tests that hold of each of them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from better_auth.http.endpoint import Operation
from tests.conftest import PASSWORD

# A body that the schema of an operation accepts.
VALID_BODIES: dict[str, Any] = {
    "/revoke-session": {"token": "x"},
    "/update-session": {},
    "/update-user": {"name": "B"},
    "/change-email": {"newEmail": "new@example.com"},
    "/change-password": {"newPassword": "another password", "currentPassword": PASSWORD},
    "/verify-password": {"password": PASSWORD},
    "/delete-user": {},
    "/link-social": {"provider": "google"},
    "/unlink-account": {"accountId": "x"},
    "/sign-up/email": {"name": "B", "email": "b@example.com", "password": "long enough"},
    "/sign-in/email": {"email": "ann@example.com", "password": PASSWORD},
    "/sign-in/magic-link": {"email": "ann@example.com"},
    "/email-otp/send-verification-otp": {"email": "ann@example.com", "type": "sign-in"},
    "/email-otp/check-verification-otp": {"email": "ann@example.com", "type": "sign-in", "otp": "x"},
    "/email-otp/verify-email": {"email": "ann@example.com", "otp": "x"},
    "/sign-in/email-otp": {"email": "ann@example.com", "otp": "x"},
    "/email-otp/request-password-reset": {"email": "ann@example.com"},
    "/forget-password/email-otp": {"email": "ann@example.com"},
    "/email-otp/reset-password": {"email": "ann@example.com", "otp": "x", "password": "long enough"},
    "/email-otp/request-email-change": {"newEmail": "new@example.com"},
    "/email-otp/change-email": {"newEmail": "new@example.com", "otp": "x"},
    "/sign-in/username": {"username": "ann.l", "password": PASSWORD},
    "/is-username-available": {"username": "ann.l"},
    "/sign-in/social": {"provider": "google"},
    "/one-tap/callback": {"idToken": "x"},
    "/request-password-reset": {"email": "ann@example.com"},
    "/reset-password": {"newPassword": "long enough", "token": "x"},
    "/send-verification-email": {"email": "ann@example.com"},
    "/device/code": {"client_id": "tv"},
    "/device/token": {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": "x",
        "client_id": "tv",
    },
    "/device/approve": {"userCode": "x"},
    "/device/deny": {"userCode": "x"},
    "/phone-number/send-otp": {"phoneNumber": "+15550100"},
    "/phone-number/verify": {"phoneNumber": "+15550100", "code": "000000"},
    "/phone-number/request-password-reset": {"phoneNumber": "+15550100"},
    "/phone-number/reset-password": {
        "phoneNumber": "+15550100",
        "otp": "000000",
        "newPassword": "long enough",
    },
    "/sign-in/phone-number": {"phoneNumber": "+15550100", "password": PASSWORD},
    "/multi-session/set-active": {"sessionToken": "x"},
    "/multi-session/revoke": {"sessionToken": "x"},
    "/one-time-token/verify": {"token": "x"},
    "/password-strength": {"password": "long enough"},
    "/token": {"refresh_token": "x"},
    "/introspect": {"token": "x"},
    "/revoke": {"token": "x"},
    "/legacy/exchange": {"token": "x"},
    "/passkey/verify-registration": {"response": {}},
    "/passkey/verify-authentication": {"response": {}},
    "/passkey/delete-passkey": {"id": "x"},
    "/passkey/update-passkey": {"id": "x", "name": "B"},
    "/two-factor/enable": {"password": PASSWORD},
    "/two-factor/disable": {"password": PASSWORD},
    "/two-factor/get-totp-uri": {"password": PASSWORD},
    "/two-factor/generate-backup-codes": {"password": PASSWORD},
    "/two-factor/verify-totp": {"code": "123456"},
    "/two-factor/verify-otp": {"code": "123456"},
    "/two-factor/verify-backup-code": {"code": "123456"},
    "/two-factor/send-otp": {},
    "/admin/create-user": {"name": "C", "email": "c@example.com"},
    "/admin/update-user": {"userId": "x", "data": {"name": "B"}},
    "/admin/set-role": {"userId": "x", "role": "user"},
    "/admin/ban-user": {"userId": "x"},
    "/admin/unban-user": {"userId": "x"},
    "/admin/list-user-sessions": {"userId": "x"},
    "/admin/revoke-user-session": {"sessionToken": "x"},
    "/admin/revoke-user-sessions": {"userId": "x"},
    "/admin/remove-user": {"userId": "x"},
    "/admin/impersonate-user": {"userId": "x"},
    "/admin/set-user-password": {"userId": "x", "newPassword": "long enough"},
    "/admin/has-permission": {"permissions": {"user": ["list"]}},
}


def send_nothing(**arguments: Any) -> None:
    """A sender of text messages."""


def with_everything(declared: dict[str, Any]) -> dict[str, Any]:
    """Settings with which each operation is there: ``/legacy/exchange`` is only beside a former system,
    telephone numbers only where there is a sender."""
    return {
        "DUAL_AUTH": {"ENABLED": True},
        "FEATURES": [*declared["FEATURES"], "phone_number"],
        "PHONE_NUMBER": {"SENDER": f"{__name__}.send_nothing"},
    }


def url_of(operation: Operation) -> str:
    return re.sub(r"<str:\w+>", "something", operation.path)


def each(*some: Operation) -> Any:
    return pytest.mark.parametrize("operation", some, ids=lambda one: f"{one.method} {one.path}")
