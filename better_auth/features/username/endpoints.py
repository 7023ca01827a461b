"""``/sign-in/username`` and ``/is-username-available``."""

from __future__ import annotations

from better_auth import usernames
from better_auth.features.username.availability import is_username_available as is_free
from better_auth.features.username.sign_in import sign_in_with_username
from better_auth.http.endpoint import Call, endpoint
from better_auth.http.fields import Body, StrictBoolean, StrictText
from better_auth.http.reply import Reply
from better_auth.http.signed_in import signed_in


class SignInBody(Body):
    username = StrictText()
    password = StrictText()
    rememberMe = StrictBoolean(required=False)
    callbackURL = StrictText(required=False)


@endpoint("POST", "/sign-in/username", body=SignInBody, is_offered=usernames.is_offered)
def sign_in_username(call: Call) -> Reply:
    outcome = sign_in_with_username(
        username=call.body["username"],
        password=call.body["password"],
        remember=call.body.get("rememberMe", True),
        callback_url=call.body.get("callbackURL"),
        client=call.client,
    )
    return signed_in(outcome, callback_url=call.body.get("callbackURL"))


class AvailabilityBody(Body):
    username = StrictText()


@endpoint("POST", "/is-username-available", body=AvailabilityBody, is_offered=usernames.is_offered)
def is_username_available(call: Call) -> Reply:
    return Reply({"available": is_free(call.body["username"])})
