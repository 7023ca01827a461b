"""The page ``/device``, on which people approve a device: plain forms, no script.

Looking at a code claims it, so that is a POST, too. A foreign page can't send one: the request must come from
a trusted origin, as everywhere.
"""

from __future__ import annotations

from typing import Any

from django.template.loader import render_to_string

from better_auth.conf import auth_settings
from better_auth.errors import AuthError, TooManyRequests
from better_auth.features.device_authorization import deciding
from better_auth.features.device_authorization.endpoints.api import signed_in_user
from better_auth.features.device_authorization.errors import DeviceRefused
from better_auth.features.device_authorization.requesting import is_on
from better_auth.http.endpoint import Call, endpoint
from better_auth.http.fields import Body, StrictText
from better_auth.http.reply import Reply
from better_auth.http.trusted_urls import resolve, with_query

TEMPLATE = "better_auth/device.html"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    ),
    # With no-referrer a browser would tell no origin with the form, and the code is not to leave the site.
    "Referrer-Policy": "same-origin",
}
LONGEST_CODE = 64
APPROVE, DENY = "approve", "deny"
# By what the API says; everything else reads like a mistyped code.
TEXTS = {
    "expired_token": "This code has expired. Start again on your device.",
    "access_denied": "Somebody else is signing in with this code. Start again on your device.",
}
MISTYPED = "This code is not known. Please look at your device again."
TOO_MANY = "Too many codes were tried. Please wait some minutes."


class DevicePageQuery(Body):
    user_code = StrictText(required=False, max_length=LONGEST_CODE)


@endpoint("GET", "/device-page", query=DevicePageQuery, is_offered=is_on)
def show_device_page(call: Call) -> Reply:
    """The form for the code, filled in where the link had one; nothing is claimed yet."""
    return _form(call, call.query.get("user_code", ""))


class DevicePageBody(Body):
    user_code = StrictText(max_length=LONGEST_CODE)
    decision = StrictText(required=False)


@endpoint(
    "POST",
    "/device-page",
    body=DevicePageBody,
    accepts_form=True,
    changes_credentials=True,
    is_offered=is_on,
)
def answer_device_page(call: Call) -> Reply:
    """First the code, then, asked who wants what, the decision."""
    user, code = signed_in_user(call), call.body["user_code"]
    if user is None:
        return _form(call, code)
    decision = call.body.get("decision", "")
    try:
        if decision in (APPROVE, DENY):
            deciding.decide(code, user=user, approves=decision == APPROVE, client=call.client)
            return _page({"step": "approved" if decision == APPROVE else "denied"})
        request = deciding.look_at(code, user=user)
        if request.claimed_by != user.id:
            raise DeviceRefused("access_denied", "")
        if not request.is_pending:
            raise DeviceRefused("invalid_request", "")
    except (DeviceRefused, TooManyRequests) as refusal:
        return _form(call, code, refusal)
    asked = {"client_id": request.client_id, "scope": request.scope, "email": user.email}
    return _page({"step": "decide", "user_code": code, **asked})


def _form(call: Call, code: str, refusal: AuthError | None = None) -> Reply:
    user = signed_in_user(call)
    context: dict[str, Any] = {"step": "enter" if user else "sign_in", "user_code": code}
    if user:
        context["email"] = user.email
    elif auth_settings.device_authorization.sign_in_page:
        page = resolve(auth_settings.device_authorization.verification_uri, auth_settings.base_url)
        back = with_query(page, user_code=code) if code else page
        context["sign_in_url"] = with_query(auth_settings.device_authorization.sign_in_page, callbackURL=back)
    if isinstance(refusal, TooManyRequests):
        context["problem"] = TOO_MANY
    elif isinstance(refusal, DeviceRefused):
        context["problem"] = TEXTS.get(refusal.error, MISTYPED)
    return _page(context, status=refusal.status if refusal else 200)


def _page(context: dict[str, Any], *, status: int = 200) -> Reply:
    page = render_to_string(TEMPLATE, {**context, "app_name": auth_settings.app_name})
    return Reply(page, status=status, content_type="text/html; charset=utf-8", headers=dict(HEADERS))
