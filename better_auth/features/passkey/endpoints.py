"""``/passkey/*``. Source: passwordless.md, section 8."""

from __future__ import annotations

from typing import Any

from better_auth import clock, passkeys
from better_auth.authentication.cookie_names import cookie_name
from better_auth.conf import auth_settings
from better_auth.crypto.signing import sign_value, unsign_value
from better_auth.errors import BadRequest, ErrorCode, Forbidden
from better_auth.features.passkey.authentication import begin_authentication, sign_in_with_passkey
from better_auth.features.passkey.ceremonies import CHALLENGE_SECONDS, Begun
from better_auth.features.passkey.errors import Code
from better_auth.features.passkey.own_passkeys import delete_passkey as delete_own
from better_auth.features.passkey.own_passkeys import rename_passkey
from better_auth.features.passkey.registration import (
    begin_registration,
    register_passkey,
    registrant_of,
    resolve_registrant,
)
from better_auth.http import cookies, wire
from better_auth.http.endpoint import Access, Call, endpoint
from better_auth.http.fields import (
    LONGEST_NAME,
    Anything,
    Body,
    StrictBoolean,
    StrictChoice,
    StrictObject,
    StrictText,
)
from better_auth.http.origin import trusted_patterns
from better_auth.http.reply import Reply
from better_auth.http.trusted_urls import is_trusted_origin
from better_auth.passkeys import PasskeyRecord
from better_auth.sessions import IssuedSession
from better_auth.sign_in import SignInOutcome
from better_auth.storage.records import UserRecord

FEATURE = "passkey"
CHALLENGE_COOKIE = "better-auth-passkey"
ATTACHMENTS = ("platform", "cross-platform")
LONGEST_CONTEXT = 4096


def is_offered() -> bool:
    return FEATURE in auth_settings.features


class TrimmedText(StrictText):
    def to_internal_value(self, value: Any) -> str:
        return super().to_internal_value(value.strip() if isinstance(value, str) else value)


class RegisterQuery(Body):
    authenticatorAttachment = StrictChoice(*ATTACHMENTS)
    name = StrictText(required=False, max_length=LONGEST_NAME)
    context = StrictText(required=False, max_length=LONGEST_CONTEXT)  # type: ignore[assignment]


@endpoint(
    "GET",
    "/passkey/generate-register-options",
    query=RegisterQuery,
    changes_credentials=True,
    is_offered=is_offered,
)
def generate_register_options(call: Call) -> Reply:
    caller, context = _registering(call), call.query.get("context")
    registrant = registrant_of(caller) if caller else resolve_registrant(context=context, client=call.client)
    begun = begin_registration(
        registrant,
        name=call.query.get("name"),
        attachment=call.query.get("authenticatorAttachment"),
        context=context,
        signed_in=caller is not None,
    )
    return _begun(begun)


class RegistrationBody(Body):
    response = Anything()
    name = TrimmedText(required=False, max_length=LONGEST_NAME)
    createSession = StrictBoolean(required=False)


@endpoint(
    "POST",
    "/passkey/verify-registration",
    body=RegistrationBody,
    changes_credentials=True,
    is_offered=is_offered,
)
def verify_registration(call: Call) -> Reply:
    caller, origins = _registering(call), _origins(call)
    if not origins:
        raise BadRequest(Code.FAILED_TO_VERIFY_REGISTRATION)
    registered = register_passkey(
        token=_challenge_token(call),
        answer=call.body.get("response"),
        origins=origins,
        name=call.body.get("name") or None,
        signs_in=call.body.get("createSession", False),
        caller=caller,
        client=call.client,
    )
    shown = passkey_object(registered.passkey, registered.user)
    return _signed_in(registered.outcome, beside=shown) if registered.outcome else Reply(shown)


@endpoint("GET", "/passkey/generate-authenticate-options", is_offered=is_offered)
def generate_authenticate_options(call: Call) -> Reply:
    return _begun(begin_authentication(call.principal.user if call.principal else None))


class AuthenticationBody(Body):
    response = StrictObject()


@endpoint("POST", "/passkey/verify-authentication", body=AuthenticationBody, is_offered=is_offered)
def verify_authentication(call: Call) -> Reply:
    origins = _origins(call)
    if not origins:
        raise BadRequest(message="origin missing")
    outcome = sign_in_with_passkey(
        token=_challenge_token(call), answer=call.body["response"], origins=origins, client=call.client
    )
    return _signed_in(outcome, beside={})


@endpoint("GET", "/passkey/list-user-passkeys", access=Access.SIGNED_IN, is_offered=is_offered)
def list_user_passkeys(call: Call) -> Reply:
    return Reply([passkey_object(one, call.user) for one in passkeys.list_for(call.user)])


class DeletePasskeyBody(Body):
    id = StrictText()


@endpoint(
    "POST",
    "/passkey/delete-passkey",
    access=Access.SIGNED_IN,
    needs_row=True,
    body=DeletePasskeyBody,
    changes_credentials=True,
    is_offered=is_offered,
)
def delete_passkey(call: Call) -> Reply:
    delete_own(call.user, passkey_id=call.body["id"], client=call.client)
    return Reply({"status": True})


class UpdatePasskeyBody(Body):
    id = StrictText()
    name = TrimmedText(min_length=1, max_length=LONGEST_NAME)


@endpoint(
    "POST",
    "/passkey/update-passkey",
    access=Access.SIGNED_IN,
    body=UpdatePasskeyBody,
    is_offered=is_offered,
)
def update_passkey(call: Call) -> Reply:
    renamed = rename_passkey(
        call.user, passkey_id=call.body["id"], name=call.body["name"], client=call.client
    )
    return Reply({"passkey": passkey_object(renamed, call.user)})


def passkey_object(passkey: PasskeyRecord, user: UserRecord) -> dict[str, Any]:
    """``user``: whose it is."""
    return {
        "name": passkey.name,
        "publicKey": passkey.public_key,
        "userId": user.id,
        "credentialID": passkey.credential_id,
        "counter": passkey.counter,
        "deviceType": passkey.device_type,
        "backedUp": passkey.backed_up,
        "transports": passkey.transports,
        "createdAt": wire.iso(passkey.created_at),
        "aaguid": passkey.aaguid,
        "id": passkey.id,
    }


def _registering(call: Call) -> UserRecord | None:
    """Who has signed in lately; nobody where the settings let people begin with a passkey."""
    if call.principal is None and not auth_settings.passkey.require_session:
        return None
    principal = call.ensure_principal()
    call.ensure_row()
    if not principal.is_fresh(clock.now()):
        raise Forbidden(ErrorCode.SESSION_NOT_FRESH)
    return principal.user


def _origins(call: Call) -> list[str]:
    """Those that the settings name, or that of the request if it is trusted; none where it tells none."""
    if auth_settings.passkey.origin:
        return list(auth_settings.passkey.origin)
    origin = call.request.META.get("HTTP_ORIGIN", "")
    if origin and not is_trusted_origin(origin, trusted_patterns()):
        raise Forbidden(ErrorCode.INVALID_ORIGIN)
    return [origin] if origin else []


def _begun(begun: Begun) -> Reply:
    reply = Reply(begun.options)
    value = sign_value(begun.token, secret=auth_settings.secret)
    cookies.set_cookie(reply, cookie_name(CHALLENGE_COOKIE), value, max_age=CHALLENGE_SECONDS)
    return reply


def _challenge_token(call: Call) -> str | None:
    value = call.credentials.cookies.get(cookie_name(CHALLENGE_COOKIE))
    return unsign_value(value, secret=auth_settings.secret) if value else None


def _signed_in(outcome: SignInOutcome, *, beside: dict[str, Any]) -> Reply:
    if not isinstance(outcome, IssuedSession):
        return Reply(outcome.body)
    session = wire.session_object(outcome.session, token=outcome.token)
    body = {**beside, "session": session, "user": wire.user_object(outcome.user)}
    return Reply(body, session=outcome)
