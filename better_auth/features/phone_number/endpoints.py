"""``/phone-number/*`` and ``/sign-in/phone-number``. Source: passwordless.md, section 3."""

from __future__ import annotations

from typing import Any

from better_auth import additional_fields
from better_auth.errors import ErrorCode, Unauthorized
from better_auth.features.phone_number import password_reset as resetting
from better_auth.features.phone_number import verification
from better_auth.features.phone_number.sign_in import sign_in_with_phone_number
from better_auth.http import wire
from better_auth.http.endpoint import Call, endpoint, ensure_themselves
from better_auth.http.fields import Body, StrictBoolean, StrictText
from better_auth.http.reply import Reply
from better_auth.phone_numbers import is_offered
from better_auth.sign_in import SignInChallenge


class NumberBody(Body):
    phoneNumber = StrictText()


@endpoint("POST", "/phone-number/send-otp", body=NumberBody, is_offered=is_offered)
def send_phone_code(call: Call) -> Reply:
    verification.send_code(call.body["phoneNumber"])
    return Reply({"message": "code sent"})


class VerifyBody(Body):
    phoneNumber = StrictText()
    code = StrictText()
    disableSession = StrictBoolean(required=False)
    updatePhoneNumber = StrictBoolean(required=False)

    @classmethod
    def parse(cls, value: Any, *, place: str = "body") -> dict[str, Any]:
        return {**super().parse(value, place=place), "given": value}


@endpoint("POST", "/phone-number/verify", body=VerifyBody, is_offered=is_offered)
def verify_phone_number(call: Call) -> Reply:
    number, updates = call.body["phoneNumber"], call.body.get("updatePhoneNumber", False)
    if updates:
        ensure_themselves(call)
    verification.ensure_code(number, call.body["code"], client=call.client)
    return _updated(call, number) if updates else _signed_in(call, number)


class SignInBody(Body):
    phoneNumber = StrictText()
    password = StrictText()
    rememberMe = StrictBoolean(required=False)


@endpoint("POST", "/sign-in/phone-number", body=SignInBody, guards_login=True, is_offered=is_offered)
def sign_in_phone_number(call: Call) -> Reply:
    outcome = sign_in_with_phone_number(
        number=call.body["phoneNumber"],
        password=call.body["password"],
        remember=call.body.get("rememberMe", True),
        client=call.client,
    )
    if isinstance(outcome, SignInChallenge):
        return Reply(outcome.body, clears_session=True, keepsakes=outcome.keepsakes)
    return Reply({"token": outcome.token, "user": wire.user_object(outcome.user)}, session=outcome)


@endpoint("POST", "/phone-number/request-password-reset", body=NumberBody, is_offered=is_offered)
def request_password_reset_by_phone(call: Call) -> Reply:
    resetting.request_password_reset(call.body["phoneNumber"], client=call.client)
    return Reply({"status": True})


class ResetBody(Body):
    phoneNumber = StrictText()
    otp = StrictText()
    newPassword = StrictText()


@endpoint("POST", "/phone-number/reset-password", body=ResetBody, is_offered=is_offered)
def reset_password_by_phone(call: Call) -> Reply:
    resetting.reset_password(
        call.body["phoneNumber"],
        code=call.body["otp"],
        new_password=call.body["newPassword"],
        client=call.client,
    )
    return Reply({"status": True})


def _updated(call: Call, number: str) -> Reply:
    """The caller keeps their session, and gets no cookie; an API key's is none."""
    principal = call.principal
    if principal is None or principal.session is None or not principal.token:
        raise Unauthorized(ErrorCode.USER_NOT_FOUND)
    call.ensure_row()
    user = verification.change_own_number(call.user, number, client=call.client)
    return Reply({"status": True, "token": principal.token, "user": wire.user_object(user)})


def _signed_in(call: Call, number: str) -> Reply:
    given = call.body["given"]
    verified = verification.verify(
        number,
        read_fields=lambda: additional_fields.read_new("user", given),
        wants_session=not call.body.get("disableSession", False),
        client=call.client,
    )
    outcome = verified.outcome
    if isinstance(outcome, SignInChallenge):
        return Reply(outcome.body, clears_session=True, keepsakes=outcome.keepsakes)
    token = outcome.token if outcome else None
    return Reply({"status": True, "token": token, "user": wire.user_object(verified.user)}, session=outcome)
