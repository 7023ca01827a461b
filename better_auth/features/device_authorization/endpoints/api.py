"""``/device``, ``/device/*``. Source: passwordless.md, section 9; RFC 8628."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from better_auth.conf import auth_settings
from better_auth.errors import BadRequest
from better_auth.events import AuthMethod
from better_auth.features.device_authorization import deciding, requesting
from better_auth.features.device_authorization.errors import DeviceRefused, authentication_required
from better_auth.features.device_authorization.requesting import is_on
from better_auth.http import bodies
from better_auth.http.endpoint import Call, endpoint
from better_auth.http.fields import Body, StrictField, StrictText
from better_auth.http.reply import Reply
from better_auth.http.trusted_urls import resolve, with_query
from better_auth.storage.records import UserRecord

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"


class DeviceCodeBody(Body):
    client_id = StrictText(max_length=255, printable=True)
    scope = StrictText(required=False, max_length=1000, printable=True)
    user_id = StrictText(required=False, max_length=255)

    @classmethod
    def parse(cls, value: Any, *, place: str = "body") -> dict[str, Any]:
        try:
            return super().parse(value, place=place)
        except BadRequest as refusal:
            raise DeviceRefused("invalid_request", refusal.message or "") from None


@endpoint("POST", "/device/code", body=DeviceCodeBody, accepts_form=True, is_offered=is_on)
def request_device_code(call: Call) -> Reply:
    _ensure_not_repeated(call)
    codes = requesting.request_codes(
        client_id=call.body["client_id"],
        scope=call.body.get("scope", ""),
        user_id=call.body.get("user_id", ""),
    )
    page = resolve(auth_settings.device_authorization.verification_uri, auth_settings.base_url)
    return Reply(
        {
            "device_code": codes.device_code,
            "user_code": codes.user_code,
            "verification_uri": page,
            "verification_uri_complete": with_query(page, user_code=codes.user_code),
            "expires_in": codes.expires_in,
            "interval": codes.interval,
        }
    )


class GrantType(StrictField):
    """Only the one value, told alike whatever else it is."""

    def __init__(self) -> None:
        super().__init__()
        message = f'Invalid input: expected "{GRANT_TYPE}"'
        self.error_messages |= {"required": message, "null": message, "invalid": message}

    def to_internal_value(self, value: Any) -> Any:
        if value != GRANT_TYPE:
            self.fail("invalid")
        return value


class DeviceTokenBody(Body):
    grant_type = GrantType()
    device_code = StrictText()
    client_id = StrictText()


@endpoint("POST", "/device/token", body=DeviceTokenBody, accepts_form=True, is_offered=is_on)
def exchange_device_code(call: Call) -> Reply:
    """No cookie: what the device gets, it shows as a bearer token."""
    grant = requesting.exchange(
        call.body["device_code"], client_id=call.body["client_id"], client=call.client
    )
    return Reply(
        {
            "access_token": grant.issued.token,
            "token_type": "Bearer",
            "expires_in": grant.expires_in,
            "scope": grant.scope,
        }
    )


class DeviceQuery(Body):
    user_code = StrictText()


@endpoint("GET", "/device", query=DeviceQuery, is_offered=is_on)
def look_at_device(call: Call) -> Reply:
    user = signed_in_user(call)
    request = deciding.look_at(call.query["user_code"], user=user)
    body = {"user_code": call.query["user_code"], "status": request.status}
    if user is not None and request.claimed_by == user.id:
        body |= {"client_id": request.client_id, "scope": request.scope}
    return Reply(body)


class DecisionBody(Body):
    userCode = StrictText()


@endpoint("POST", "/device/approve", body=DecisionBody, changes_credentials=True, is_offered=is_on)
def approve_device(call: Call) -> Reply:
    return _decided(call, approves=True)


@endpoint("POST", "/device/deny", body=DecisionBody, is_offered=is_on)
def deny_device(call: Call) -> Reply:
    return _decided(call, approves=False)


def signed_in_user(call: Call) -> UserRecord | None:
    """Whose session this is; an API key gives no device a session."""
    principal = call.principal
    if principal is None or principal.session is None or principal.method is AuthMethod.API_KEY:
        return None
    return principal.user


def _decided(call: Call, *, approves: bool) -> Reply:
    user = signed_in_user(call)
    if user is None:
        raise authentication_required()
    deciding.decide(call.body["userCode"], user=user, approves=approves, client=call.client)
    return Reply({"success": True})


def _ensure_not_repeated(call: Call) -> None:
    """Of forms: OAuth has each parameter once (RFC 6749, section 3.1)."""
    if bodies.FORM not in call.request.META.get("CONTENT_TYPE", "").lower():
        return
    names = [name for name, _ in parse_qsl(call.request.body.decode(), keep_blank_values=True)]
    for name in names:
        if names.count(name) > 1:
            raise DeviceRefused("invalid_request", f"{name} must not be repeated")
