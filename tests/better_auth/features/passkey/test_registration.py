"""``/passkey/generate-register-options`` and ``/passkey/verify-registration``:
passwordless.md, section 8."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import cbor2
import pytest

from better_auth import users
from better_auth.errors import BadRequest, ErrorCode
from better_auth.models import AuditEntry, Passkey, Session, Verification
from better_auth.storage.records import UserRecord
from tests.authenticator import BACKED_UP, BACKUP_ELIGIBLE, PRESENT, VERIFIED, Authenticator, base64url
from tests.better_auth.features.passkey.conftest import COOKIE, PasskeyClient
from tests.conftest import ORIGIN, FrozenTime
from tests.protocol import ISO_DATE, SESSION_TOKEN, answered, refusal, set_cookies

pytestmark = pytest.mark.django_db
Entries = Callable[..., list[AuditEntry]]
NOT_VERIFIED = {"code": "FAILED_TO_VERIFY_REGISTRATION", "message": "Failed to verify registration"}
NO_CHALLENGE = {"code": "CHALLENGE_NOT_FOUND", "message": "Challenge not found"}


def test_the_options_are_the_protocols(browser: PasskeyClient, ann: UserRecord) -> None:
    response = browser.api("GET", "/passkey/generate-register-options")
    options = response.json()
    assert re.fullmatch(r"[\w-]{43}", options.pop("challenge"))
    handle = urlsafe_b64decode(options["user"].pop("id") + "=")
    assert re.fullmatch(rb"[a-z0-9]{32}", handle)
    assert options == {
        "rp": {"name": "Better Auth", "id": "testserver"},
        "user": {"name": ann.email, "displayName": ann.email},
        "pubKeyCredParams": [{"alg": one, "type": "public-key"} for one in (-8, -7, -257)],
        "timeout": 60000,
        "attestation": "none",
        "excludeCredentials": [],
        "authenticatorSelection": {
            "residentKey": "preferred",
            "userVerification": "preferred",
            "requireResidentKey": False,
        },
        "extensions": {"credProps": True},
        "hints": [],
    }
    cookie = set_cookies(response)[COOKIE]
    assert cookie.endswith("; Max-Age=300; Path=/; HttpOnly; SameSite=Lax")


def test_what_is_asked_for_is_in_the_options(
    browser: PasskeyClient, ann: UserRecord, configure: Callable[..., None]
) -> None:
    configure(PASSKEY={"RP_ID": "example.com", "RP_NAME": "Acme", "USER_VERIFICATION": "required"})
    configure(PASSKEY={"RESIDENT_KEY": "required"})
    options = browser.register_options(authenticatorAttachment="cross-platform", name="Work")
    assert options["rp"] == {"name": "Acme", "id": "example.com"}
    assert (options["user"]["name"], options["user"]["displayName"]) == ("Work", ann.email)
    assert options["authenticatorSelection"] == {
        "residentKey": "required",
        "userVerification": "required",
        "authenticatorAttachment": "cross-platform",
        "requireResidentKey": True,
    }


@pytest.mark.parametrize(
    "query",
    [
        {"authenticatorAttachment": "telepathy"},
        {"name": "a\x00"},
        {"context": "x" * 5000},
        {"name": ["a", "b"]},
    ],
)
def test_a_bad_query_is_refused(browser: PasskeyClient, ann: UserRecord, query: Any) -> None:
    response = browser.api("GET", "/passkey/generate-register-options", data=query)
    assert (response.status_code, response.json()["code"]) == (400, "VALIDATION_ERROR")


def test_a_passkey_is_kept_and_shown(
    browser: PasskeyClient, ann: UserRecord, device: Authenticator, entries: Entries
) -> None:
    device.flags |= BACKUP_ELIGIBLE | BACKED_UP
    response = browser.register(device, name="  My key ")
    shown = response.json()
    assert response.status_code == 200, response.content
    assert ISO_DATE.fullmatch(shown["createdAt"])
    row = Passkey.objects.get()
    assert shown == {
        "id": row.pk,
        "name": "My key",
        "publicKey": row.public_key,
        "userId": ann.id,
        "credentialID": device.credential_id,
        "counter": 0,
        "deviceType": "multiDevice",
        "backedUp": True,
        "transports": "internal,hybrid",
        "createdAt": shown["createdAt"],
        "aaguid": "00000000-0000-0000-0000-000000000000",
    }
    assert browser.listed() == [shown]
    (entry,) = entries("passkey_registration", success=True)
    assert (entry.subject_id, entry.details) == (ann.id, {"passkey": row.pk})
    descriptor = {"id": device.credential_id, "transports": ["internal", "hybrid"], "type": "public-key"}
    assert browser.register_options()["excludeCredentials"] == [descriptor]
    assert browser.request_options()["allowCredentials"] == [descriptor]


def test_a_session_can_come_with_it(browser: PasskeyClient, ann: UserRecord, device: Authenticator) -> None:
    response = browser.register(device, createSession=True)
    body = response.json()
    assert (body["credentialID"], body["user"]["id"]) == (device.credential_id, ann.id)
    assert SESSION_TOKEN in set_cookies(response)
    assert browser.session()["session"]["id"] == body["session"]["id"]
    assert Session.objects.get(pk=body["session"]["id"]).auth_method == "passkey"


def test_nobody_registers_without_a_session(browser: PasskeyClient, db: None) -> None:
    for method, path, body in (
        ("GET", "/passkey/generate-register-options", None),
        ("POST", "/passkey/verify-registration", {"response": {}}),
    ):
        assert answered(browser.api(method, path, body)) == (401, refusal("UNAUTHORIZED"))


def test_an_old_session_does_not_do(
    browser: PasskeyClient, frozen_time: FrozenTime, ann: UserRecord, device: Authenticator
) -> None:
    answer = device.register(browser.register_options())
    frozen_time.advance(days=1, seconds=1)
    for response in (
        browser.api("GET", "/passkey/generate-register-options"),
        browser.register(device, answer=answer),
    ):
        assert answered(response) == (403, refusal("SESSION_NOT_FRESH"))
    assert not Passkey.objects.exists()


def test_a_challenge_serves_one_try_right_or_wrong(
    browser: PasskeyClient, ann: UserRecord, device: Authenticator, entries: Entries
) -> None:
    answer = device.register(browser.register_options())
    assert answered(browser.register(device, answer={})) == (500, NOT_VERIFIED)
    assert answered(browser.register(device, answer=answer)) == (400, NO_CHALLENGE)
    answer = device.register(browser.register_options())
    assert browser.register(device, answer=answer).status_code == 200
    assert answered(browser.register(device, answer=answer)) == (400, NO_CHALLENGE)
    reasons = [one.details["reason"] for one in entries("passkey_registration", success=False)]
    assert reasons == ["bad_answer", "no_challenge", "no_challenge"]
    assert not Verification.objects.filter(purpose="passkey-challenge").exists()


def test_a_challenge_expires(
    browser: PasskeyClient, frozen_time: FrozenTime, ann: UserRecord, device: Authenticator
) -> None:
    answer = device.register(browser.register_options())
    frozen_time.advance(seconds=301)
    assert answered(browser.register(device, answer=answer)) == (400, NO_CHALLENGE)


def test_the_challenge_of_a_sign_in_is_none_for_a_registration(
    browser: PasskeyClient, ann: UserRecord, device: Authenticator
) -> None:
    challenge = browser.request_options()["challenge"]
    answer = device.register({"challenge": challenge, "user": {"id": ""}})
    assert answered(browser.register(device, answer=answer)) == (400, NO_CHALLENGE)


def test_the_challenge_of_somebody_else_is_refused(
    browser: PasskeyClient,
    new_browser: Callable[..., PasskeyClient],
    ann: UserRecord,
    make_user: Callable[..., UserRecord],
    device: Authenticator,
) -> None:
    answer = device.register(browser.register_options())
    make_user("bob@example.com")
    other = new_browser()
    other.sign_in("bob@example.com")
    other.cookies[COOKIE] = browser.cookies[COOKIE].value
    response = other.register(device, answer=answer)
    assert answered(response) == (
        401,
        {
            "code": "YOU_ARE_NOT_ALLOWED_TO_REGISTER_THIS_PASSKEY",
            "message": "You are not allowed to register this passkey",
        },
    )
    assert not Passkey.objects.exists()


def test_a_forged_cookie_names_no_challenge(
    browser: PasskeyClient, ann: UserRecord, device: Authenticator
) -> None:
    answer = device.register(browser.register_options())
    token = browser.cookies[COOKIE].value.partition(".")[0]
    for forged in (token, f"{token}.{'A' * 43}%3D", browser.cookies[SESSION_TOKEN].value):
        browser.cookies[COOKIE] = forged
        assert answered(browser.register(device, answer=answer)) == (400, NO_CHALLENGE)


def test_a_credential_is_registered_once(
    browser: PasskeyClient,
    new_browser: Callable[..., PasskeyClient],
    ann: UserRecord,
    make_user: Callable[..., UserRecord],
    device: Authenticator,
    entries: Entries,
) -> None:
    assert browser.register(device).status_code == 200
    make_user("bob@example.com")
    other = new_browser()
    other.sign_in("bob@example.com")
    assert answered(other.register(device)) == (400, NOT_VERIFIED)
    assert other.listed() == []
    (entry,) = entries("passkey_registration", success=False)
    assert entry.details == {"reason": "already_registered"}


def bomb(depth: int) -> bytes:
    return b"\x81" * depth + b"\x00"


def attested(device: Authenticator, data: bytes) -> str:
    return base64url(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data}))


WHOLE = Authenticator(ORIGIN)
HOSTILE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "nothing": lambda answer: None,
    "text": lambda answer: "credential",
    "a number": lambda answer: 7,
    "a list": lambda answer: [answer],
    "no members": lambda answer: {**answer, "response": []},
    "no id": lambda answer: {**answer, "id": None},
    "ids that differ": lambda answer: {**answer, "rawId": "AAAA"},
    "another type": lambda answer: {**answer, "type": "password"},
    "no client data": lambda answer: member(answer, clientDataJSON=None),
    "client data that is no JSON": lambda answer: member(answer, clientDataJSON=base64url(b"{")),
    "client data as a list": lambda answer: member(answer, clientDataJSON=base64url(b"[]")),
    "client data that is deep": lambda answer: member(answer, clientDataJSON=base64url(b"[" * 40_000)),
    "client data that is no base64": lambda answer: member(answer, clientDataJSON="é\x00"),
    "no attestation": lambda answer: member(answer, attestationObject=""),
    "an attestation that is no CBOR": lambda answer: member(answer, attestationObject=base64url(b"\xff" * 9)),
    "CBOR that is deep": lambda answer: member(answer, attestationObject=base64url(bomb(40_000))),
    "CBOR that claims to be huge": lambda answer: member(
        answer, attestationObject=base64url(b"\x9b\x00\x00\x00\x10\x00\x00\x00\x00")
    ),
    "a number without end": lambda answer: member(
        answer, attestationObject=base64url(b"\xc5\x82\x1b\x7f\xff\xff\xff\xff\xff\xff\xff\x01")
    ),
    "data that is cut short": lambda answer: member(answer, attestationObject=attested(WHOLE, b"\x00" * 36)),
    "data without a credential": lambda answer: member(
        answer, attestationObject=attested(WHOLE, WHOLE._data(PRESENT | VERIFIED))
    ),
    "a credential that is cut short": lambda answer: member(
        answer, attestationObject=attested(WHOLE, WHOLE._data(PRESENT | 64) + bytes(16) + b"\xff\xff")
    ),
    "a key that is none": lambda answer: member(
        answer,
        attestationObject=attested(
            WHOLE, WHOLE._data(PRESENT | 64) + bytes(16) + b"\x00\x01a" + cbor2.dumps({1: 2, 3: -7})
        ),
    ),
    "a key that is on no curve": lambda answer: member(
        answer,
        attestationObject=attested(
            WHOLE,
            WHOLE._data(PRESENT | 64)
            + bytes(16)
            + b"\x00\x01a"
            + cbor2.dumps({1: 2, 3: -7, -1: 1, -2: b"\x01" * 32, -3: b"\x02" * 32}),
        ),
    ),
    "too large": lambda answer: member(answer, attestationObject="A" * 70_000),
    "an unknown format": lambda answer: member(
        answer, attestationObject=base64url(cbor2.dumps({"fmt": "mine", "authData": b""}))
    ),
}


def member(answer: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {**answer, "response": {**answer["response"], **changed}}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_answer_that_is_not_whole_is_not_verified(
    name: str, browser: PasskeyClient, ann: UserRecord, device: Authenticator
) -> None:
    """The protocol answers 500 by name; nothing else of the request fails, and nothing is kept."""
    whole = device.register(browser.register_options())
    body = {"response": HOSTILE[name](whole)}
    response = browser.api("POST", "/passkey/verify-registration", body)
    assert answered(response) == (500, NOT_VERIFIED)
    assert not Passkey.objects.exists()


@pytest.mark.parametrize(
    "device",
    [
        Authenticator("https://evil.example.org", rp_id="testserver"),
        Authenticator(ORIGIN, rp_id="evil.example.org"),
        Authenticator("http://testserver.evil.example.org", rp_id="testserver"),
        Authenticator(ORIGIN, flags=0),
    ],
    ids=["another origin", "another domain", "an origin that begins alike", "nobody there"],
)
def test_what_was_made_elsewhere_is_not_verified(
    device: Authenticator, browser: PasskeyClient, ann: UserRecord
) -> None:
    assert answered(browser.register(device)) == (500, NOT_VERIFIED)


def test_an_assertion_is_no_registration(
    browser: PasskeyClient, ann: UserRecord, device: Authenticator
) -> None:
    options = browser.register_options()
    client_data = base64url(device.client_data("webauthn.get", options["challenge"]))
    answer = device.register(options, clientDataJSON=client_data)
    assert answered(browser.register(device, answer=answer)) == (500, NOT_VERIFIED)


def test_users_must_be_verified_where_the_settings_say_so(
    browser: PasskeyClient, ann: UserRecord, configure: Callable[..., None]
) -> None:
    touched = Authenticator(ORIGIN, flags=PRESENT)
    configure(PASSKEY={"USER_VERIFICATION": "required"})
    assert answered(browser.register(touched)) == (500, NOT_VERIFIED)
    configure(PASSKEY={"USER_VERIFICATION": "preferred"})
    assert browser.register(touched).status_code == 200


def test_origins_of_the_settings_are_the_only_ones(
    browser: PasskeyClient, ann: UserRecord, device: Authenticator, configure: Callable[..., None]
) -> None:
    app = "android:apk-key-hash:0123456789abcdef"
    configure(PASSKEY={"ORIGIN": [app]})
    assert answered(browser.register(device)) == (500, NOT_VERIFIED)
    assert browser.register(Authenticator(app, rp_id="testserver")).status_code == 200


def test_without_an_origin_nothing_is_verified(browser: PasskeyClient, ann: UserRecord) -> None:
    """With a cookie the request is refused as any is; without, by the ceremony's own rule."""
    browser.register_options()
    response = browser.api("POST", "/passkey/verify-registration", {"response": {}}, headers={"origin": ""})
    assert response.json()["code"] == "MISSING_OR_NULL_ORIGIN"
    token = browser.sign_in().headers["set-auth-token"]
    bare = PasskeyClient(headers={"origin": "", "authorization": f"Bearer {token}"})
    response = bare.api("POST", "/passkey/verify-registration", {"response": {}})
    assert answered(response) == (400, NOT_VERIFIED)


@pytest.mark.parametrize(
    "body", [{"name": 7}, {"createSession": "yes"}, {"name": "a\x00"}, {"name": "n" * 1001}]
)
def test_a_bad_body_is_refused(browser: PasskeyClient, ann: UserRecord, body: Any) -> None:
    response = browser.api("POST", "/passkey/verify-registration", {"response": {}, **body})
    assert (response.status_code, response.json()["code"]) == (400, "VALIDATION_ERROR")


def test_who_acts_in_somebodys_name_registers_nothing(
    browser: PasskeyClient, ann: UserRecord, make_user: Callable[..., UserRecord]
) -> None:
    make_user("ada@example.com", role="admin")
    browser.sign_in("ada@example.com")
    browser.api("POST", "/admin/impersonate-user", {"userId": ann.id})
    for response in (
        browser.api("GET", "/passkey/generate-register-options"),
        browser.api("POST", "/passkey/verify-registration", {"response": {}}),
    ):
        assert response.json()["code"] == "NOT_ALLOWED_WHILE_IMPERSONATING"


def test_where_it_is_switched_off_there_is_nothing(
    browser: PasskeyClient, ann: UserRecord, settings: Any
) -> None:
    settings.BETTER_AUTH = {**settings.BETTER_AUTH, "FEATURES": ["bearer"]}
    for path in ("generate-register-options", "generate-authenticate-options", "list-user-passkeys"):
        assert browser.api("GET", f"/passkey/{path}").status_code == 404


class TestWithoutASession:
    """The host names whom a passkey is for: people can begin with one."""

    @pytest.fixture(autouse=True)
    def _open(self, db: None, configure: Callable[..., None]) -> None:
        configure(PASSKEY={"REQUIRE_SESSION": False, "RESOLVE_USER": f"{__name__}.invited"})

    def test_the_user_whom_the_host_names_gets_it(
        self, browser: PasskeyClient, make_user: Callable[..., UserRecord], device: Authenticator
    ) -> None:
        bob = make_user("bob@example.com")
        options = browser.register_options(context="bob@example.com")
        assert options["user"]["displayName"] == "Bob"
        body = {"response": device.register(options), "createSession": True}
        response = browser.api("POST", "/passkey/verify-registration", body)
        assert response.json()["user"]["id"] == bob.id
        assert browser.session()["user"]["id"] == bob.id

    @pytest.mark.parametrize("context", ["nobody", "nameless", "numbered"])
    def test_whom_the_host_does_not_name_is_refused(self, browser: PasskeyClient, context: str) -> None:
        response = browser.api("GET", "/passkey/generate-register-options", data={"context": context})
        wanted = {"code": "RESOLVED_USER_INVALID", "message": "Resolved user is invalid"}
        assert answered(response) == (400, wanted)

    def test_without_the_hosts_word_there_is_nobody(
        self, browser: PasskeyClient, configure: Callable[..., None]
    ) -> None:
        configure(PASSKEY={"RESOLVE_USER": None})
        response = browser.api("GET", "/passkey/generate-register-options")
        assert (response.status_code, response.json()["code"]) == (400, "RESOLVE_USER_REQUIRED")

    def test_the_host_may_make_the_user_when_all_is_verified(
        self, browser: PasskeyClient, device: Authenticator, configure: Callable[..., None]
    ) -> None:
        configure(PASSKEY={"AFTER_REGISTRATION": f"{__name__}.make_user_of"})
        options = browser.register_options(context="new@example.com")
        assert users.find_by_email("new@example.com") is None
        body = {"response": device.register(options), "createSession": True}
        assert browser.api("POST", "/passkey/verify-registration", body).status_code == 200
        assert browser.session()["user"]["email"] == "new@example.com"

    def test_what_the_host_refuses_leaves_nothing(
        self, browser: PasskeyClient, device: Authenticator, configure: Callable[..., None]
    ) -> None:
        configure(PASSKEY={"AFTER_REGISTRATION": f"{__name__}.refuse"})
        options = browser.register_options(context="new@example.com")
        response = browser.register(device, answer=device.register(options))
        assert answered(response) == (400, refusal("INVALID_EMAIL"))
        assert users.find_by_email("new@example.com") is None
        assert not Passkey.objects.exists()

    def test_a_user_who_is_not_there_gets_none(self, browser: PasskeyClient, device: Authenticator) -> None:
        options = browser.register_options(context="gone@example.com")
        response = browser.register(device, answer=device.register(options))
        assert answered(response) == (500, {"code": "USER_NOT_FOUND", "message": "User not found"})

    def test_what_was_begun_in_a_session_ends_in_one(
        self, browser: PasskeyClient, ann: UserRecord, device: Authenticator
    ) -> None:
        """Whoever had the session for a moment does not finish once it was revoked."""
        answer = device.register(browser.register_options())
        Session.objects.all().delete()
        response = browser.register(device, answer=answer)
        assert response.json()["code"] == "YOU_ARE_NOT_ALLOWED_TO_REGISTER_THIS_PASSKEY"
        assert not Passkey.objects.exists()

    def test_who_is_signed_in_is_asked_for_a_fresh_session_and_for_nobody_else(
        self,
        browser: PasskeyClient,
        frozen_time: FrozenTime,
        ann: UserRecord,
        device: Authenticator,
        configure: Callable[..., None],
    ) -> None:
        configure(PASSKEY={"AFTER_REGISTRATION": f"{__name__}.make_user_of"})
        options = browser.register_options(context="new@example.com")
        assert options["user"]["displayName"] == ann.email
        response = browser.register(device, answer=device.register(options))
        assert response.json()["code"] == "YOU_ARE_NOT_ALLOWED_TO_REGISTER_THIS_PASSKEY"
        frozen_time.advance(**{"seconds": timedelta(days=1).total_seconds() + 1})
        response = browser.api("GET", "/passkey/generate-register-options")
        assert answered(response) == (403, refusal("SESSION_NOT_FRESH"))


def invited(*, context: str | None, client: Any) -> Any:
    user = users.find_by_email(context or "")
    told = {"nobody": None, "nameless": {"id": "x", "name": ""}, "numbered": {"id": 7, "name": "Bob"}}
    new = {"id": user.id if user else "later", "name": context, "display_name": "Bob"}
    return told.get(context or "", new)


def make_user_of(*, user: dict[str, str], context: str | None, client: Any) -> str:
    return users.create(email=context or "", name=user["display_name"]).id


def refuse(*, user: dict[str, str], context: str | None, client: Any) -> None:
    make_user_of(user=user, context=context, client=client)
    raise BadRequest(ErrorCode.INVALID_EMAIL)
