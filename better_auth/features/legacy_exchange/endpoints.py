"""``/legacy/exchange``."""

from __future__ import annotations

from dataclasses import replace

from better_auth.authentication import beside
from better_auth.authentication.credentials import LegacyRefused
from better_auth.conf import auth_settings
from better_auth.errors import ErrorCode
from better_auth.features.legacy_exchange.exchange import exchange
from better_auth.http import wire
from better_auth.http.endpoint import Call, endpoint
from better_auth.http.fields import Body, StrictText
from better_auth.http.reply import Reply
from better_auth.legacy_credentials.shown import Shown, find_named
from better_auth.sign_in import SignInChallenge


class ExchangeBody(Body):
    token = StrictText(required=False)


@endpoint(
    "POST",
    "/legacy/exchange",
    body=ExchangeBody,
    optional_body=True,
    accepts_form=True,
    guards_login=True,
    is_offered=lambda: auth_settings.dual_auth.enabled,
)
def exchange_legacy_credential(call: Call) -> Reply:
    """Our addition: a credential of the former system, in the body or as every door takes it, once for a
    session."""
    outcome = exchange(_shown(call), client=call.client)
    if isinstance(outcome, SignInChallenge):
        return Reply(outcome.body, clears_session=True, keepsakes=outcome.keepsakes)
    body = {"redirect": False, "token": outcome.token, "user": wire.user_object(outcome.user)}
    return Reply(body, session=outcome)


def _shown(call: Call) -> Shown:
    """What the body has outdoes the rest. Raises ``LegacyRefused``."""
    token, credentials = call.body.get("token"), replace(call.credentials, takes_legacy=True)
    shown = find_named(token) if token else beside.find_shown(credentials)
    if shown is None:
        raise LegacyRefused(ErrorCode.LEGACY_TOKEN_INVALID)
    return shown
