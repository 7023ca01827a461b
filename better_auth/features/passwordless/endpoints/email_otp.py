"""``/email-otp/*``, ``/sign-in/email-otp`` and ``/forget-password/email-otp``.

Source: passwordless.md, section 2.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from better_auth.errors import BadRequest, ErrorCode
from better_auth.features.email_verification.codes import CodeKind, is_on
from better_auth.features.passwordless import code_email, code_password, code_sign_in
from better_auth.features.passwordless.proven_address import Arrival
from better_auth.http import wire
from better_auth.http.endpoint import Access, Call, endpoint
from better_auth.http.fields import (
    LONGEST_IMAGE,
    LONGEST_NAME,
    Body,
    StrictChoice,
    StrictText,
    is_email,
)
from better_auth.http.input_fields import columns_of_new_user
from better_auth.http.reply import Reply
from better_auth.http.signed_in import challenged
from better_auth.sign_in import SignInChallenge

DONE = {"success": True}


class SendCodeBody(Body):
    email = StrictText()
    type = StrictChoice(*CodeKind, required=True)


@endpoint("POST", "/email-otp/send-verification-otp", body=SendCodeBody, guards_login=True, is_offered=is_on)
def send_verification_otp(call: Call) -> Reply:
    email = _address(call.body["email"])
    code_sign_in.request_code(CodeKind(call.body["type"]), email=email, client=call.client)
    return Reply(DONE)


class CheckCodeBody(Body):
    email = StrictText()
    type = StrictChoice(*CodeKind, required=True)
    otp = StrictText()


@endpoint("POST", "/email-otp/check-verification-otp", body=CheckCodeBody, is_offered=is_on)
def check_verification_otp(call: Call) -> Reply:
    email, kind = _address(call.body["email"]), CodeKind(call.body["type"])
    code_sign_in.check_code(kind, email=email, otp=call.body["otp"], client=call.client)
    return Reply(DONE)


class VerifyEmailBody(Body):
    email = StrictText()
    otp = StrictText()


@endpoint("POST", "/email-otp/verify-email", body=VerifyEmailBody, is_offered=is_on)
def verify_email_otp(call: Call) -> Reply:
    email = _address(call.body["email"])
    verified = code_email.verify_email_with_code(email=email, otp=call.body["otp"], client=call.client)
    if isinstance(verified.signed_in, SignInChallenge):
        return challenged(verified.signed_in)
    body = {"status": True, "token": None, "user": wire.user_object(verified.user)}
    if verified.signed_in:
        return Reply(body | {"token": verified.signed_in.token}, session=verified.signed_in)
    is_own = call.principal and call.principal.session and call.user.id == verified.user.id
    return Reply(body, session=call.redelivered(user=verified.user) if is_own else None)


class SignInBody(Body):
    email = StrictText()
    otp = StrictText()
    name = StrictText(required=False, max_length=LONGEST_NAME, printable=True)
    image = StrictText(required=False, max_length=LONGEST_IMAGE)

    @classmethod
    def parse(cls, value: Any, *, place: str = "body") -> dict[str, Any]:
        """What the host's own fields say is read where somebody new signs up by the code."""
        return {**super().parse(value, place=place), "columns": partial(columns_of_new_user, value)}


@endpoint("POST", "/sign-in/email-otp", body=SignInBody, is_offered=is_on)
def sign_in_email_otp(call: Call) -> Reply:
    arrival = Arrival(
        call.body["email"], call.body.get("name", ""), call.body.get("image"), call.body["columns"]
    )
    entered = code_sign_in.sign_in_with_code(arrival, otp=call.body["otp"], client=call.client)
    issued = entered.outcome
    if isinstance(issued, SignInChallenge):
        return challenged(issued)
    return Reply({"token": issued.token, "user": wire.user_object(issued.user)}, session=issued)


class RequestResetBody(Body):
    email = StrictText()


@endpoint("POST", "/email-otp/request-password-reset", body=RequestResetBody, is_offered=is_on)
def request_password_reset_email_otp(call: Call) -> Reply:
    code_password.request_reset_code(email=_address(call.body["email"]), client=call.client)
    return Reply(DONE)


@endpoint("POST", "/forget-password/email-otp", body=RequestResetBody, is_offered=is_on)
def forget_password_email_otp(call: Call) -> Reply:
    """The older name of the one above, which clients still call."""
    code_password.request_reset_code(email=_address(call.body["email"]), client=call.client)
    return Reply(DONE)


class ResetPasswordBody(Body):
    email = StrictText()
    otp = StrictText()
    password = StrictText()


@endpoint("POST", "/email-otp/reset-password", body=ResetPasswordBody, is_offered=is_on)
def reset_password_email_otp(call: Call) -> Reply:
    code_password.reset_password_with_code(
        email=_address(call.body["email"]),
        otp=call.body["otp"],
        new_password=call.body["password"],
        client=call.client,
    )
    return Reply(DONE)


class RequestChangeBody(Body):
    newEmail = StrictText()
    otp = StrictText(required=False)


@endpoint(
    "POST",
    "/email-otp/request-email-change",
    access=Access.SIGNED_IN,
    needs_row=True,
    body=RequestChangeBody,
    changes_credentials=True,
    is_offered=is_on,
)
def request_email_change_email_otp(call: Call) -> Reply:
    code_email.request_email_change(
        call.user,
        new_email=call.body["newEmail"],
        otp=call.body.get("otp"),
        client=call.client,
    )
    return Reply(DONE)


class ChangeEmailBody(Body):
    newEmail = StrictText()
    otp = StrictText()


@endpoint(
    "POST",
    "/email-otp/change-email",
    access=Access.SIGNED_IN,
    needs_row=True,
    body=ChangeEmailBody,
    changes_credentials=True,
    is_offered=is_on,
)
def change_email_email_otp(call: Call) -> Reply:
    changed = code_email.change_email_with_code(
        call.user, new_email=call.body["newEmail"], otp=call.body["otp"], client=call.client
    )
    return Reply(DONE, session=call.redelivered(user=changed))


def _address(text: str) -> str:
    if not is_email(text):
        raise BadRequest(ErrorCode.INVALID_EMAIL)
    return text
