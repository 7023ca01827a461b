"""``/sign-up/email``, ``/sign-in/email``, and the endpoints of passwords."""

from __future__ import annotations

from typing import Any

from better_auth import password_strength as strength
from better_auth import phone_numbers, reauthentication, usernames
from better_auth.conf import auth_settings
from better_auth.errors import BadRequest, ErrorCode
from better_auth.features.email_password import password_change, password_reset
from better_auth.features.email_password.sign_in import sign_in_with_email
from better_auth.features.email_password.sign_up import sign_up_with_email
from better_auth.http import origin, wire
from better_auth.http.endpoint import Access, Call, endpoint
from better_auth.http.fields import (
    LONGEST_IMAGE,
    LONGEST_NAME,
    Body,
    StrictBoolean,
    StrictEmail,
    StrictText,
    is_email,
)
from better_auth.http.input_fields import columns_of_new_user
from better_auth.http.reply import Reply, redirect
from better_auth.http.signed_in import signed_in
from better_auth.http.trusted_urls import resolve, with_query


class SignUpBody(Body):
    name = StrictText(max_length=LONGEST_NAME, printable=True)
    email = StrictEmail()
    password = StrictText(min_length=1)
    image = StrictText(required=False, max_length=LONGEST_IMAGE)
    callbackURL = StrictText(required=False)
    rememberMe = StrictBoolean(required=False)

    @classmethod
    def parse(cls, value: Any, *, place: str = "body") -> dict[str, Any]:
        """User names and numbers come first, as upstream has it, and the schema before all other fields."""
        members = value if isinstance(value, dict) else {}
        phone_numbers.ensure_not_set(members)
        usernames.read_new(members)
        checked = super().parse(value, place=place)
        return {**checked, "columns": columns_of_new_user(value)}


@endpoint(
    "POST", "/sign-up/email", body=SignUpBody, accepts_form=True, guards_login=True, aliases=("/register",)
)
def sign_up_email(call: Call) -> Reply:
    outcome = sign_up_with_email(
        email=call.body["email"],
        name=call.body["name"],
        password=call.body["password"],
        image=call.body.get("image"),
        columns=call.body["columns"],
        remember=call.body.get("rememberMe", True),
        callback_url=call.body.get("callbackURL"),
        client=call.client,
    )
    token = outcome.issued.token if outcome.issued else None
    return Reply({"token": token, "user": wire.user_object(outcome.user)}, session=outcome.issued)


class SignInBody(Body):
    email = StrictText()
    password = StrictText()
    callbackURL = StrictText(required=False)
    rememberMe = StrictBoolean(required=False)


@endpoint(
    "POST", "/sign-in/email", body=SignInBody, accepts_form=True, guards_login=True, aliases=("/login",)
)
def sign_in_email(call: Call) -> Reply:
    if not is_email(call.body["email"]):
        raise BadRequest(ErrorCode.INVALID_EMAIL)
    outcome = sign_in_with_email(
        email=call.body["email"],
        password=call.body["password"],
        remember=call.body.get("rememberMe", True),
        callback_url=call.body.get("callbackURL"),
        client=call.client,
    )
    return signed_in(outcome, callback_url=call.body.get("callbackURL"))


class RequestResetBody(Body):
    email = StrictEmail()
    redirectTo = StrictText(required=False)


@endpoint("POST", "/request-password-reset", body=RequestResetBody)
def request_password_reset(call: Call) -> Reply:
    password_reset.request_password_reset(
        email=call.body["email"], redirect_to=call.body.get("redirectTo", ""), client=call.client
    )
    message = "If this email exists in our system, check your email for the reset link"
    return Reply({"status": True, "message": message})


class ResetLinkQuery(Body):
    callbackURL = StrictText()


@endpoint("GET", "/reset-password/<str:token>", query=ResetLinkQuery)
def reset_password_link(call: Call) -> Reply:
    """Where the mailed link leads: on to the page of the front end that asks for the new password."""
    callback_url, token = call.query["callbackURL"], call.path["token"]
    origin.ensure_trusted_url(callback_url)
    known = bool(callback_url) and password_reset.is_reset_token(token)
    base = auth_settings.base_url + auth_settings.base_path
    target = resolve(callback_url, auth_settings.base_url) if callback_url else f"{base}/error"
    return redirect(with_query(target, token=token) if known else with_query(target, error="INVALID_TOKEN"))


class ResetPasswordBody(Body):
    newPassword = StrictText()
    token = StrictText(required=False)


class ResetPasswordQuery(Body):
    token = StrictText(required=False)


@endpoint("POST", "/reset-password", body=ResetPasswordBody, query=ResetPasswordQuery)
def reset_password(call: Call) -> Reply:
    token = call.body.get("token") or call.query.get("token")
    password_reset.reset_password(token=token, new_password=call.body["newPassword"], client=call.client)
    return Reply({"status": True})


class ChangePasswordBody(Body):
    newPassword = StrictText()
    currentPassword = StrictText()
    revokeOtherSessions = StrictBoolean(required=False)


@endpoint(
    "POST",
    "/change-password",
    access=Access.SIGNED_IN,
    needs_row=True,
    body=ChangePasswordBody,
    changes_credentials=True,
)
def change_password(call: Call) -> Reply:
    issued = password_change.change_password(
        call.user,
        current_password=call.body["currentPassword"],
        new_password=call.body["newPassword"],
        revoke_sessions=call.body.get("revokeOtherSessions", False),
        client=call.client,
    )
    token = issued.token if issued else None
    return Reply({"token": token, "user": wire.user_object(call.user)}, session=issued)


class VerifyPasswordBody(Body):
    password = StrictText()


@endpoint("POST", "/verify-password", access=Access.SIGNED_IN, needs_row=True, body=VerifyPasswordBody)
def verify_password(call: Call) -> Reply:
    reauthentication.verify_password(call.user, call.body["password"], client=call.client)
    return Reply({"status": True})


class PasswordStrengthBody(Body):
    password = StrictText()
    email = StrictText(required=False, max_length=320)
    name = StrictText(required=False, max_length=LONGEST_NAME)


@endpoint("POST", "/password-strength", body=PasswordStrengthBody)
def password_strength(call: Call) -> Reply:
    """Our addition: what a form can show while somebody types. Nothing is kept."""
    return Reply(dict(strength.estimate(**call.body)))
