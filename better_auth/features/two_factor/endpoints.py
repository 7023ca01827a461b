"""``/two-factor/*``. Source: two-factor.md, section 3."""

from __future__ import annotations

from better_auth.authentication.cookie_names import TWO_FACTOR, cookie_name
from better_auth.conf import auth_settings
from better_auth.crypto.signing import unsign_value
from better_auth.features.two_factor import (
    backup_codes,
    challenges,
    enrolment,
    gate,
    otp,
    totp,
    trusted_devices,
)
from better_auth.features.two_factor.errors import ChallengeSpent
from better_auth.features.two_factor.verification import Passed, Verifier
from better_auth.http import wire
from better_auth.http.endpoint import Access, Call, endpoint
from better_auth.http.fields import Body, StrictBoolean, StrictChoice, StrictText
from better_auth.http.reply import Reply, error_reply
from better_auth.sign_in import SignInChallenge

METHODS = ("otp", "totp")
LONGEST_ISSUER = 120


class PasswordBody(Body):
    password = StrictText(required=False)


class EnableBody(PasswordBody):
    method = StrictChoice(*METHODS)
    issuer = StrictText(required=False, max_length=LONGEST_ISSUER, printable=True)
    qrCode = StrictBoolean(required=False)


class UriBody(PasswordBody):
    qrCode = StrictBoolean(required=False)


class CodeBody(Body):
    code = StrictText()
    trustDevice = StrictBoolean(required=False)


class BackupCodeBody(CodeBody):
    disableSession = StrictBoolean(required=False)


class SendBody(Body):
    trustDevice = StrictBoolean(required=False)


@endpoint(
    "POST",
    "/two-factor/enable",
    access=Access.SIGNED_IN,
    needs_row=True,
    body=EnableBody,
    changes_credentials=True,
    is_offered=gate.is_on,
)
def enable_two_factor(call: Call) -> Reply:
    """Our addition: with ``qrCode`` the answer has a picture of the URI as well, in ``totpQRCode``."""
    body, password = call.body, call.body.get("password")
    if body.get("method") == "otp":
        passed = enrolment.enable_otp(_caller(call), password=password)
        return _with_session(Reply({"method": "otp"}), passed)
    enrolled = enrolment.enable_totp(_caller(call), password=password, issuer=body.get("issuer"))
    shown = {"method": "totp", **_uri(call, enrolled.uri), "backupCodes": enrolled.codes}
    return _with_session(Reply(shown), enrolled.passed)


@endpoint(
    "POST",
    "/two-factor/disable",
    access=Access.SIGNED_IN,
    needs_row=True,
    body=PasswordBody,
    changes_credentials=True,
    is_offered=gate.is_on,
)
def disable_two_factor(call: Call) -> Reply:
    issued = enrolment.disable(_caller(call), password=call.body.get("password"))
    forgotten = (trusted_devices.FORGOTTEN,) if call.client.trusted_device else ()
    return Reply({"status": True}, session=issued, keepsakes=forgotten)


@endpoint(
    "POST",
    "/two-factor/get-totp-uri",
    access=Access.SIGNED_IN,
    needs_row=True,
    body=UriBody,
    changes_credentials=True,
    is_offered=gate.is_on,
)
def get_totp_uri(call: Call) -> Reply:
    return Reply(_uri(call, enrolment.show_uri(_caller(call), password=call.body.get("password"))))


@endpoint(
    "POST",
    "/two-factor/generate-backup-codes",
    access=Access.SIGNED_IN,
    needs_row=True,
    body=PasswordBody,
    changes_credentials=True,
    is_offered=gate.is_on,
)
def generate_backup_codes(call: Call) -> Reply:
    codes = enrolment.generate_backup_codes(_caller(call), password=call.body.get("password"))
    return Reply({"status": True, "backupCodes": codes})


@endpoint("POST", "/two-factor/verify-totp", body=CodeBody, changes_credentials=True, is_offered=gate.is_on)
def verify_totp(call: Call) -> Reply:
    try:
        return _passed(totp.verify_totp(_verifier(call), call.body["code"], trust_device=_trusts(call)))
    except ChallengeSpent as refusal:
        return _ended(refusal)


@endpoint(
    "POST",
    "/two-factor/send-otp",
    body=SendBody,
    optional_body=True,
    changes_credentials=True,
    is_offered=gate.is_on,
)
def send_two_factor_otp(call: Call) -> Reply:
    otp.send_otp(_verifier(call))
    return Reply({"status": True})


@endpoint("POST", "/two-factor/verify-otp", body=CodeBody, changes_credentials=True, is_offered=gate.is_on)
def verify_two_factor_otp(call: Call) -> Reply:
    return _passed(otp.verify_otp(_verifier(call), call.body["code"], trust_device=_trusts(call)))


@endpoint(
    "POST",
    "/two-factor/verify-backup-code",
    body=BackupCodeBody,
    changes_credentials=True,
    is_offered=gate.is_on,
)
def verify_backup_code(call: Call) -> Reply:
    try:
        passed = backup_codes.verify_backup_code(
            _verifier(call),
            call.body["code"],
            trust_device=_trusts(call),
            without_session=call.body.get("disableSession", False),
        )
    except ChallengeSpent as refusal:
        return _ended(refusal)
    return _passed(passed)


def _caller(call: Call) -> Verifier:
    principal = call.ensure_principal()
    return Verifier(principal.user, call.client, call.session, principal.token or "")


def _verifier(call: Call) -> Verifier:
    """Who is signed in; else who is between password and code. Raises ``INVALID_TWO_FACTOR_COOKIE``."""
    if call.principal is not None:
        call.ensure_row()
        return _caller(call)
    shown = call.credentials.cookies.get(cookie_name(TWO_FACTOR))
    identifier = unsign_value(shown, secret=auth_settings.secret) if shown else None
    found = challenges.get(identifier)
    return Verifier(found.user, call.client, challenge=found)


def _trusts(call: Call) -> bool:
    wanted: bool = call.body.get("trustDevice", False)
    return wanted


def _uri(call: Call, uri: str) -> dict[str, str]:
    picture = {"totpQRCode": totp.picture_of(uri)} if call.body.get("qrCode") else {}
    return {"totpURI": uri, **picture}


def _passed(passed: Passed) -> Reply:
    if isinstance(passed.outcome, SignInChallenge):  # of another gate, after this one
        challenge = passed.outcome
        return Reply(challenge.body, keepsakes=(*passed.keepsakes, *challenge.keepsakes))
    token = {} if passed.token is None else {"token": passed.token}
    return _with_session(Reply({**token, "user": wire.user_object(passed.user)}), passed)


def _with_session(reply: Reply, passed: Passed | None) -> Reply:
    if passed is not None and not isinstance(passed.outcome, SignInChallenge):
        reply.session, reply.keepsakes = passed.outcome, passed.keepsakes
    return reply


def _ended(refusal: ChallengeSpent) -> Reply:
    reply = error_reply(refusal)
    reply.keepsakes = (challenges.FORGOTTEN,)
    return reply
