"""The social endpoints, as they answer where no provider is configured. Source: core.md, sections 2 and 6."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from rest_framework.exceptions import ValidationError

from better_auth.accounts import AccountRecord
from better_auth.conf import auth_settings
from better_auth.errors import BadRequest, ErrorCode, NotFound, Unauthorized
from better_auth.features.social import provider_tokens
from better_auth.http import bodies
from better_auth.http.endpoint import Access, Call, endpoint
from better_auth.http.fields import (
    UNDEFINED,
    Body,
    StrictBoolean,
    StrictList,
    StrictNumber,
    StrictObject,
    StrictRecord,
    StrictText,
)
from better_auth.http.reply import Reply, redirect
from better_auth.http.trusted_urls import with_query
from better_auth.storage.records import UserRecord

RESERVED: tuple[str, ...] = ("state", "client_id", "redirect_uri", "response_type")
RESERVED += ("code_challenge", "code_challenge_method", "nonce", "scope")


class ProviderName(StrictText):
    """Upstream's validator for it knows several types, so it names none when it refuses."""

    def __init__(self) -> None:
        super().__init__()
        self.error_messages |= {"required": "Invalid input", "null": "Invalid input"}

    def to_internal_value(self, value: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("Invalid input")
        return super().to_internal_value(value)


class IdTokenNameBody(Body):
    firstName = StrictText(required=False)
    lastName = StrictText(required=False)


class IdTokenUserBody(Body):
    name = IdTokenNameBody(required=False)
    email = StrictText(required=False)


class IdTokenBody(Body):
    token = StrictText()
    nonce = StrictText(required=False)
    accessToken = StrictText(required=False)
    refreshToken = StrictText(required=False)
    expiresAt = StrictNumber(required=False)
    user = IdTokenUserBody(required=False)


class SocialBody(Body):
    callbackURL = StrictText(required=False)
    errorCallbackURL = StrictText(required=False)
    provider = ProviderName()
    disableRedirect = StrictBoolean(required=False)
    idToken = IdTokenBody(required=False)
    scopes = StrictList(required=False)
    requestSignUp = StrictBoolean(required=False)
    loginHint = StrictText(required=False)
    additionalParams = StrictRecord(required=False)
    additionalData = StrictObject(required=False)

    @classmethod
    def parse(cls, value: Any, *, place: str = "body") -> dict[str, Any]:
        checked = super().parse(value, place=place)
        if any(name in RESERVED for name in checked.get("additionalParams", {})):
            text = f"additionalParams cannot include reserved OAuth parameters: {', '.join(RESERVED)}"
            raise BadRequest(ErrorCode.VALIDATION_ERROR, f"[body.additionalParams] {text}")
        return checked


class SocialSignInBody(SocialBody):
    newUserCallbackURL = StrictText(required=False)


@endpoint("POST", "/sign-in/social", body=SocialSignInBody)
def sign_in_social(call: Call) -> Reply:
    raise NotFound(ErrorCode.PROVIDER_NOT_FOUND)


@endpoint(
    "POST", "/link-social", access=Access.SIGNED_IN, needs_row=True, body=SocialBody, changes_credentials=True
)
def link_social(call: Call) -> Reply:
    raise NotFound(ErrorCode.PROVIDER_NOT_FOUND)


@endpoint("GET", "/callback/<str:provider>")
def callback(call: Call) -> Reply:
    """No flow can have begun, so no state is known."""
    error = "state_mismatch" if call.request.GET.get("state") else "state_not_found"
    target = auth_settings.error_url or f"{auth_settings.base_url}{auth_settings.base_path}/error"
    return redirect(with_query(target, error=error))


@endpoint("POST", "/callback/<str:provider>", reads_body=False)
def callback_by_post(call: Call) -> Reply:
    """Apple posts its answer; the browser is sent on to GET, where its cookies come along."""
    posted = bodies.read(call.request, accepts_form=True)
    members = {} if posted is UNDEFINED else posted
    Body.parse(members)  # only that it is an object
    merged = {**members, **call.request.GET.dict()}
    text = {name: value for name, value in merged.items() if isinstance(value, str)}
    provider = quote(call.path["provider"], safe="")
    base = auth_settings.base_url + auth_settings.base_path
    return redirect(f"{base}/callback/{provider}?{urlencode(text)}")


class AccountSelector(Body):
    """Exactly one of ``accountId`` and ``useAccountCookie``; anything else is refused as a whole."""

    @classmethod
    def parse(cls, value: Any, *, place: str = "body") -> dict[str, Any]:
        chosen = dict(value) if isinstance(value, Mapping) else {}
        user_id = chosen.pop("userId", "")
        one_of = chosen.keys() == {"accountId"} and isinstance(chosen["accountId"], str)
        one_of = one_of or chosen == {"useAccountCookie": True}
        if not one_of or not isinstance(user_id, str) or "\x00" in str(chosen.get("accountId", "")):
            raise BadRequest(ErrorCode.VALIDATION_ERROR, f"[{place}] Invalid input")
        return chosen


@endpoint("POST", "/get-access-token", body=AccountSelector)
def get_access_token(call: Call) -> Reply:
    provider_tokens.refuse_unsupported(_selected(call, call.body))


@endpoint("POST", "/refresh-token", body=AccountSelector)
def refresh_token(call: Call) -> Reply:
    provider_tokens.refuse_unsupported(_selected(call, call.body))


@endpoint("GET", "/account-info", query=AccountSelector)
def account_info(call: Call) -> Reply:
    provider_tokens.refuse_unconfigured(_selected(call, call.query))


def _selected(call: Call, selector: Mapping[str, Any]) -> AccountRecord:
    return provider_tokens.get_account(_signed_in_user(call), row_id=selector.get("accountId"))


def _signed_in_user(call: Call) -> UserRecord:
    """These three answer 401 without a body."""
    if call.principal is None:
        raise Unauthorized()
    return call.principal.user
