"""Sign-in with providers, linked accounts and their tokens. Source: core.md, sections 2 and 6."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from rest_framework.exceptions import ValidationError

from better_auth.accounts import AccountRecord
from better_auth.authentication.cookie_names import cookie_name
from better_auth.conf import auth_settings
from better_auth.crypto.signing import sign_value, unsign_value
from better_auth.errors import BadRequest, ErrorCode, Unauthorized
from better_auth.events import AuthMethod
from better_auth.features.social import provider_tokens, signing_in
from better_auth.features.social.flows import Begun, LinkIntent, Wishes
from better_auth.features.social.signing_in import Ending, Return
from better_auth.http import bodies, cookies, wire
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
from better_auth.http.reply import Reply, location, redirect
from better_auth.http.trusted_urls import with_query
from better_auth.kept_json import is_keepable
from better_auth.providers.provider import Provider
from better_auth.providers.records import Identity, Tokens
from better_auth.storage.records import UserRecord

STATE = "state"
# What a provider may send people back with; nothing else goes on.
RETURNED = ("code", "state", "error", "error_description", "user", "iss", "device_id")
# Less than the flow's row, as the protocol has it (oauth-and-providers.md, section A2).
COOKIE_SECONDS = 300
LONGEST_ERROR = 100
LONGEST_DESCRIPTION = 500
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
    provider = signing_in.find_provider(call.body["provider"])
    if "idToken" in call.body:
        issued = signing_in.sign_in_with_id_token(
            provider,
            _shown_identity(provider, call.body["idToken"]),
            requests_sign_up=call.body.get("requestSignUp", False),
            callback_url=call.body.get("callbackURL") or "/",
            client=call.client,
        )
        body = {"redirect": False, "token": issued.token, "user": wire.user_object(issued.user)}
        return Reply(body, session=issued)
    begun = signing_in.begin(
        provider,
        **_kept(call.body),
        new_user_url=call.body.get("newUserCallbackURL"),
        requests_sign_up=call.body.get("requestSignUp", False),
    )
    return _sent_there(begun, disable_redirect=call.body.get("disableRedirect", False))


@endpoint(
    "POST", "/link-social", access=Access.SIGNED_IN, needs_row=True, body=SocialBody, changes_credentials=True
)
def link_social(call: Call) -> Reply:
    provider = signing_in.find_provider(call.body["provider"])
    if "idToken" in call.body:
        identity = _shown_identity(provider, call.body["idToken"])
        signing_in.link_now(call.user, identity, client=call.client)
        return Reply({"url": "", "status": True, "redirect": False})
    intent = LinkIntent(call.user.id, call.user.email, call.session.id)
    begun = signing_in.begin(provider, **_kept(call.body), link=intent)
    return _sent_there(begun, disable_redirect=call.body.get("disableRedirect", False))


class OneTapBody(Body):
    idToken = StrictText()
    callbackURL = StrictText(required=False)


@endpoint("POST", "/one-tap/callback", body=OneTapBody)
def one_tap(call: Call) -> Reply:
    """Sign in with what Google's prompt gave a page; the client leads on by itself."""
    issued = signing_in.sign_in_with_one_tap(
        call.body["idToken"], callback_url=call.body.get("callbackURL") or "/", client=call.client
    )
    return Reply({"token": issued.token, "user": wire.user_object(issued.user)}, session=issued)


@endpoint("GET", "/callback/<str:provider>")
def callback(call: Call) -> Reply:
    """Where a provider sends people back to. Every outcome is a redirect (core.md, section 6)."""
    given = {name: values for name, values in call.request.GET.lists() if name in RETURNED}
    if any(len(values) != 1 or "\x00" in values[0] for values in given.values()):
        return redirect(_error_url(Ending(error="invalid_callback_request")))
    members = {name: values[0] for name, values in given.items()}
    cookie = call.credentials.cookies.get(cookie_name(STATE))
    ending = signing_in.come_back(
        Return(
            provider_id=call.path.get("provider") or call.request.GET.get("provider"),
            state=members.get("state"),
            shown=unsign_value(cookie, secret=auth_settings.secret) if cookie else None,
            code=members.get("code"),
            error=members.get("error"),
            error_description=members.get("error_description"),
            issuer=members.get("iss"),
            user=members.get("user"),
            device_id=members.get("device_id"),
        ),
        client=call.client,
    )
    reply = redirect(_error_url(ending) if ending.error else ending.url or auth_settings.base_url)
    reply.session = ending.issued
    if ending.is_over:
        cookies.expire_cookie(reply, cookie_name(STATE))
    return reply


@endpoint("POST", "/callback/<str:provider>", reads_body=False)
def callback_by_post(call: Call) -> Reply:
    """Apple posts its answer; the browser is sent on to GET, where its cookies come along."""
    provider = quote(call.path["provider"], safe="")
    base = auth_settings.base_url + auth_settings.base_path
    return redirect(f"{base}/callback/{provider}?{posted_answer(call)}")


def posted_answer(call: Call) -> str:
    """What a provider posted, as a query; what it says in the query itself counts for more."""
    posted = bodies.read(call.request, accepts_form=True)
    members = {} if posted is UNDEFINED else posted
    Body.parse(members)  # only that it is an object
    merged = {**members, **call.request.GET.dict()}
    return urlencode({name: merged[name] for name in merged if name in RETURNED and _is_text(merged[name])})


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _kept(body: Mapping[str, Any]) -> dict[str, Any]:
    """What both ways to begin a flow keep of it, and say on the way."""
    additional = body.get("additionalData", {})
    if not is_keepable(additional):
        raise BadRequest(ErrorCode.VALIDATION_ERROR, "[body.additionalData] Invalid input")
    return {
        "callback_url": body.get("callbackURL") or auth_settings.base_url,
        "error_url": body.get("errorCallbackURL") or None,
        "additional": additional,
        "wishes": Wishes(
            scopes=tuple(body.get("scopes", ())),
            login_hint=body.get("loginHint"),
            params=body.get("additionalParams", {}),
        ),
    }


def _sent_there(begun: Begun, *, disable_redirect: bool) -> Reply:
    headers = {} if disable_redirect else location(begun.url)
    reply = Reply({"url": begun.url, "redirect": not disable_redirect}, headers=headers)
    value = sign_value(begun.state, secret=auth_settings.secret)
    cookies.set_cookie(reply, cookie_name(STATE), value, max_age=COOKIE_SECONDS)
    return reply


def _error_url(ending: Ending) -> str:
    own = auth_settings.error_url or f"{auth_settings.base_url}{auth_settings.base_path}/error"
    told = {"error": (ending.error or "")[:LONGEST_ERROR]}
    if ending.description:
        told["error_description"] = ending.description[:LONGEST_DESCRIPTION]
    return with_query(ending.url or own, **told)


def _shown_identity(provider: Provider, shown: Mapping[str, Any]) -> Identity:
    tokens = Tokens(
        access_token=shown.get("accessToken") or None,
        refresh_token=shown.get("refreshToken") or None,
        id_token=shown["token"],
    )
    user = shown.get("user") or {}
    name = user.get("name") or {}
    told = " ".join(filter(None, (name.get("firstName"), name.get("lastName"))))
    return signing_in.identify(
        provider, token=shown["token"], nonce=shown.get("nonce"), tokens=tokens, told_name=told
    )


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


@endpoint("POST", "/get-access-token", body=AccountSelector, changes_credentials=True)
def get_access_token(call: Call) -> Reply:
    fresh = provider_tokens.valid_tokens(_signed_in_user(call), _selected(call, call.body))
    told = {
        "accessToken": fresh.tokens.access_token or "",
        "accessTokenExpiresAt": wire.iso(fresh.tokens.access_token_expires_at),
        "scopes": list(fresh.account.scopes),
        "idToken": fresh.tokens.id_token,
    }
    return Reply({name: value for name, value in told.items() if value is not None})


@endpoint("POST", "/refresh-token", body=AccountSelector, changes_credentials=True)
def refresh_token(call: Call) -> Reply:
    fresh = provider_tokens.refresh(_signed_in_user(call), _selected(call, call.body))
    told = {
        "accessToken": fresh.tokens.access_token,
        "refreshToken": fresh.tokens.refresh_token,
        "accessTokenExpiresAt": wire.iso(fresh.tokens.access_token_expires_at),
        "refreshTokenExpiresAt": wire.iso(fresh.tokens.refresh_token_expires_at),
        "scope": ",".join(fresh.account.scopes),
        "idToken": fresh.tokens.id_token,
        "providerId": fresh.account.provider_id,
        "accountId": fresh.account.id,
    }
    return Reply({name: value for name, value in told.items() if value is not None})


@endpoint("GET", "/account-info", query=AccountSelector)
def account_info(call: Call) -> Reply:
    account = _selected(call, call.query)
    profile = provider_tokens.read_profile(_signed_in_user(call), account)
    user = {
        "name": profile.name,
        "email": profile.email,
        "image": profile.image,
        "emailVerified": profile.email_verified,
    }
    shown = {"id": account.id, "providerId": account.provider_id, "accountId": account.account_id}
    return Reply({"user": user, "data": dict(profile.raw), "account": shown})


def _selected(call: Call, selector: Mapping[str, Any]) -> AccountRecord:
    return provider_tokens.get_account(_signed_in_user(call), row_id=selector.get("accountId"))


def _signed_in_user(call: Call) -> UserRecord:
    """These three answer 401 without a body. An API key stands for its owner here, not at a provider."""
    if call.principal is None or call.principal.method is AuthMethod.API_KEY:
        raise Unauthorized()
    return call.principal.user
