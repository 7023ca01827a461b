"""``/send-verification-email`` and ``/verify-email``."""

from __future__ import annotations

from typing import Any

from better_auth.errors import Unauthorized
from better_auth.features.email_verification import verify_email as verification
from better_auth.features.email_verification.links import LinkRefused
from better_auth.http import origin, wire
from better_auth.http.endpoint import Call, endpoint
from better_auth.http.fields import Body, StrictEmail, StrictText
from better_auth.http.reply import Reply, redirect
from better_auth.http.trusted_urls import with_query


class SendVerificationBody(Body):
    email = StrictEmail()
    callbackURL = StrictText(required=False)


@endpoint("POST", "/send-verification-email", body=SendVerificationBody)
def send_verification_email(call: Call) -> Reply:
    verification.request_verification_email(
        email=call.body["email"],
        callback_url=call.body.get("callbackURL"),
        caller=call.principal.user if call.principal else None,
    )
    return Reply({"status": True})


class VerifyEmailQuery(Body):
    token = StrictText()
    callbackURL = StrictText(required=False)


@endpoint("GET", "/verify-email", query=VerifyEmailQuery)
def verify_email(call: Call) -> Reply:
    callback_url = call.query.get("callbackURL", "")
    origin.ensure_trusted_url(callback_url)
    try:
        outcome = verification.verify_email(
            call.query["token"], callback_url=callback_url, caller=call.principal, client=call.client
        )
    except LinkRefused as refusal:
        if not callback_url:
            raise Unauthorized(refusal.code) from None
        return redirect(with_query(callback_url, error=refusal.code.name))
    body: dict[str, Any] = {"status": True}
    if not outcome.awaits_link:
        body["user"] = wire.user_object(outcome.user) if outcome.user else None
    reply = redirect(callback_url) if callback_url else Reply(body)
    reply.session = outcome.issued
    return reply
