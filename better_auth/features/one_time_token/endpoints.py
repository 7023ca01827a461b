"""``/one-time-token/*``. Source: jwt-bearer-multisession.md, section 4."""

from __future__ import annotations

from better_auth.conf import auth_settings
from better_auth.features.one_time_token import tokens
from better_auth.http import wire
from better_auth.http.endpoint import Access, Call, endpoint
from better_auth.http.fields import Body, StrictText
from better_auth.http.reply import Reply


@endpoint("GET", "/one-time-token/generate", access=Access.SIGNED_IN, needs_row=True, is_offered=tokens.is_on)
def generate_one_time_token(call: Call) -> Reply:
    tokens.ensure_clients_may_ask()
    return Reply({"token": tokens.generate(call.redelivered())})


class OneTimeTokenBody(Body):
    token = StrictText()


@endpoint("POST", "/one-time-token/verify", body=OneTimeTokenBody, is_offered=tokens.is_on)
def verify_one_time_token(call: Call) -> Reply:
    issued = tokens.verify(call.body["token"], client=call.client)
    body = {
        "session": wire.session_object(issued.session, token=issued.token),
        "user": wire.user_object(issued.user),
    }
    sets_cookie = not auth_settings.one_time_token.disable_set_session_cookie
    return Reply(body, session=issued if sets_cookie else None)
