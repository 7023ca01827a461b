"""``/sign-in/magic-link`` and ``/magic-link/verify``. Source: passwordless.md, section 1."""

from __future__ import annotations

from better_auth.conf import auth_settings
from better_auth.features.passwordless.magic_link import (
    LinkRefused,
    is_on,
    request_magic_link,
    verify_magic_link,
)
from better_auth.http import origin, wire
from better_auth.http.endpoint import Call, endpoint
from better_auth.http.fields import LONGEST_NAME, Body, StrictEmail, StrictObject, StrictText
from better_auth.http.reply import Reply, redirect
from better_auth.http.signed_in import challenged
from better_auth.http.trusted_urls import resolve, with_query
from better_auth.sign_in import SignInChallenge

TARGETS = ("callbackURL", "newUserCallbackURL", "errorCallbackURL")


class MagicLinkBody(Body):
    email = StrictEmail()
    name = StrictText(required=False, max_length=LONGEST_NAME, printable=True)
    callbackURL = StrictText(required=False)
    newUserCallbackURL = StrictText(required=False)
    errorCallbackURL = StrictText(required=False)
    metadata = StrictObject(required=False)


@endpoint("POST", "/sign-in/magic-link", body=MagicLinkBody, guards_login=True, is_offered=is_on)
def sign_in_magic_link(call: Call) -> Reply:
    request_magic_link(
        email=call.body["email"],
        name=call.body.get("name", ""),
        targets={name: call.body[name] for name in TARGETS if call.body.get(name)},
        metadata=call.body.get("metadata"),
        client=call.client,
    )
    return Reply({"status": True})


class VerifyQuery(Body):
    token = StrictText()
    callbackURL = StrictText(required=False)
    errorCallbackURL = StrictText(required=False)
    newUserCallbackURL = StrictText(required=False)


@endpoint("GET", "/magic-link/verify", query=VerifyQuery, is_offered=is_on)
def magic_link_verify(call: Call) -> Reply:
    for name in TARGETS:
        origin.ensure_trusted_url(call.query.get(name, ""))
    callback = call.query.get("callbackURL")
    try:
        entered = verify_magic_link(call.query["token"], client=call.client)
    except LinkRefused as refusal:
        told = {"error": refusal.error, "error_description": refusal.description}
        target = _absolute(call.query.get("errorCallbackURL") or callback)
        return redirect(with_query(target, **{name: text for name, text in told.items() if text}))
    issued = entered.outcome
    if isinstance(issued, SignInChallenge):
        return challenged(issued)
    if callback:
        newcomers = call.query.get("newUserCallbackURL") if entered.is_new else None
        reply = redirect(_absolute(newcomers or callback))
        reply.session = issued
        return reply
    session = wire.session_object(issued.session, token=issued.token)
    body = {"token": issued.token, "user": wire.user_object(issued.user), "session": session}
    return Reply(body, session=issued)


def _absolute(target: str | None) -> str:
    return resolve(target or "/", auth_settings.base_url)
