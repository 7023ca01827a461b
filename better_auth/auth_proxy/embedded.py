"""The auth proxy of a server that has its users itself.

``login``, ``register``, ``social`` and ``refresh`` are the endpoints of the base path under other names, with
their limits and all their rules; what a sign-in with a password answers always carries a refresh token.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import wraps
from typing import Any

from django.urls import path

from better_auth.auth_proxy import routes
from better_auth.features.auth_proxy import endpoints
from better_auth.features.email_password import endpoints as email_password
from better_auth.features.jwt import endpoints as jwt
from better_auth.features.jwt.delivery import add_refresh_token
from better_auth.features.social import endpoints as social
from better_auth.http.endpoint import Call, Operation
from better_auth.http.fields import LONGEST_NAME, Body, StrictText
from better_auth.http.reply import Reply, redirect
from better_auth.http.views import nothing_else, view_of


class RegisterBody(email_password.SignUpBody):
    """Forms of other systems have no field for a name."""

    name = StrictText(required=False, max_length=LONGEST_NAME, printable=True)

    @classmethod
    def parse(cls, value: Any, *, place: str = "body") -> dict[str, Any]:
        return {"name": "", **super().parse(value, place=place)}


class RefreshBody(Body):
    refresh_token = StrictText()
    format = StrictText(required=False)

    @classmethod
    def parse(cls, value: Any, *, place: str = "body") -> dict[str, Any]:
        return {**super().parse(value, place=place), "grant_type": "refresh_token"}


def signing_in(operation: Operation, name: str, **demands: Any) -> Operation:
    """The same operation; its answer carries a refresh token, whatever ``TOKENS.IN_SIGN_IN_ANSWERS`` says."""

    @wraps(operation.handler)
    def handler(call: Call) -> Reply:
        reply = operation.handler(call)
        if reply.session is not None:
            add_refresh_token(reply.session, reply)
        return reply

    return proxied(replace(operation, handler=handler, **demands), name)


def proxied(operation: Operation, name: str) -> Operation:
    """Switched off by ``DISABLED_PATHS`` under its own name here, too."""
    return replace(operation, aliases=(*operation.aliases, routes.own_path(name)))


def callback_by_post(call: Call) -> Reply:
    """Sent on to GET at the same address, whatever host the browser knows it by."""
    return redirect(f"?{social.posted_answer(call)}")


_CALLBACK = {
    "GET": replace(social.callback, path="/auth-proxy/callback"),
    "POST": replace(social.callback_by_post, path="/auth-proxy/callback", handler=callback_by_post),
}
OPERATIONS: Mapping[str, Mapping[str, Operation]] = {
    "login": {"POST": signing_in(email_password.sign_in_email, "login")},
    "register": {"POST": signing_in(email_password.sign_up_email, "register", body=RegisterBody)},
    "social": {"POST": proxied(replace(social.sign_in_social, accepts_form=True), "social")},
    "refresh": {"POST": proxied(replace(jwt.issue_tokens, body=RefreshBody, optional_body=False), "refresh")},
    "logout": {"POST": endpoints.log_out_through_proxy},
    "introspect": {"POST": endpoints.introspect_through_proxy},
    "verify": {"GET": endpoints.verify_caller, "POST": endpoints.verify_token},
    "callback": _CALLBACK,
    "callback/<str:provider>": _CALLBACK,
}
urlpatterns = [
    *(
        path(route, view_of(OPERATIONS[route]), name=f"better-auth-proxy-{routes.name_of(route)}")
        for route in routes.ROUTES
    ),
    nothing_else("better-auth-proxy-not-found"),
]
