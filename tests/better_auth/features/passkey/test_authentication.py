"""``/passkey/generate-authenticate-options`` and ``/passkey/verify-authentication``:
passwordless.md, section 8."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from better_auth import users
from better_auth.authentication.credentials import Credentials
from better_auth.authentication.pipeline import authenticate
from better_auth.models import AuditEntry, Passkey, Session
from better_auth.storage.records import UserRecord
from tests.authenticator import BACKED_UP, BACKUP_ELIGIBLE, PRESENT, Authenticator, base64url
from tests.better_auth.features.passkey.conftest import COOKIE, PasskeyClient
from tests.conftest import ORIGIN, FrozenTime
from tests.protocol import SESSION_TOKEN, answered, set_cookies

pytestmark = pytest.mark.django_db
Entries = Callable[..., list[AuditEntry]]
FAILED = {"code": "AUTHENTICATION_FAILED", "message": "Authentication failed"}
NOT_FOUND = {"code": "PASSKEY_NOT_FOUND", "message": "Passkey not found"}
NO_CHALLENGE = {"code": "CHALLENGE_NOT_FOUND", "message": "Challenge not found"}


@pytest.fixture
def registered(browser: PasskeyClient, ann: UserRecord, device: Authenticator) -> Authenticator:
    """A passkey of Ann's."""
    assert browser.register(device).status_code == 200
    return device


@pytest.fixture
def stranger(new_browser: Callable[..., PasskeyClient]) -> PasskeyClient:
    """A browser in which nobody is signed in."""
    return new_browser()


def reasons(entries: Entries) -> list[str]:
    return [one.details["reason"] for one in entries("sign_in", success=False)]


def test_the_options_are_the_protocols(stranger: PasskeyClient, registered: Authenticator) -> None:
    response = stranger.api("GET", "/passkey/generate-authenticate-options")
    options = response.json()
    assert re.fullmatch(r"[\w-]{43}", options.pop("challenge"))
    assert options == {"rpId": "testserver", "timeout": 60000, "userVerification": "preferred"}
    assert "Max-Age=300" in set_cookies(response)[COOKIE]


def test_whoever_holds_it_is_signed_in_without_saying_who_they_are(
    stranger: PasskeyClient, registered: Authenticator, ann: UserRecord, entries: Entries
) -> None:
    response = stranger.enter(registered)
    body = response.json()
    assert response.status_code == 200, response.content
    assert set(body) == {"session", "user"}
    assert (body["user"]["id"], body["session"]["userId"]) == (ann.id, ann.id)
    assert SESSION_TOKEN in set_cookies(response)
    assert stranger.session()["user"]["email"] == ann.email
    row = Passkey.objects.get()
    assert (row.counter, row.last_used_at is not None) == (1, True)
    assert Session.objects.get(pk=body["session"]["id"]).auth_method == "passkey"
    principal = authenticate(Credentials(bearer=body["session"]["token"]))
    assert principal is not None
    assert principal.factors == ("passkey",)
    (entry,) = [one for one in entries("sign_in", success=True) if one.auth_method == "passkey"]
    assert (entry.subject_id, entry.session_id) == (ann.id, body["session"]["id"])


def test_who_was_only_touched_is_told_apart(
    browser: PasskeyClient, stranger: PasskeyClient, ann: UserRecord, configure: Callable[..., None]
) -> None:
    """The device was held, by whomever: not what a policy that wants a passkey means."""
    key = Authenticator(ORIGIN, flags=PRESENT)
    browser.register(key)
    session_id = stranger.enter(key).json()["session"]["id"]
    assert Session.objects.get(pk=session_id).auth_method == "security_key"
    configure(PASSKEY={"USER_VERIFICATION": "required"})
    assert stranger.request_options()["userVerification"] == "required"
    assert answered(stranger.enter(key)) == (400, FAILED)


def test_nobody_is_asked_for_a_second_factor_beside_it(
    stranger: PasskeyClient, registered: Authenticator, ann: UserRecord
) -> None:
    users.update(ann, two_factor_enabled=True)
    assert stranger.enter(registered).json()["user"]["twoFactorEnabled"] is True
    assert stranger.session()["user"]["id"] == ann.id


def test_a_device_that_does_not_count_signs_in_again_and_again(
    browser: PasskeyClient, stranger: PasskeyClient, ann: UserRecord
) -> None:
    key = Authenticator(ORIGIN, counts=False)
    browser.register(key)
    assert [stranger.enter(key).status_code for _ in range(2)] == [200, 200]
    assert Passkey.objects.get().counter == 0


def test_what_the_device_says_of_its_backup_is_kept(
    browser: PasskeyClient, stranger: PasskeyClient, ann: UserRecord, device: Authenticator
) -> None:
    device.flags |= BACKUP_ELIGIBLE
    browser.register(device)
    device.flags |= BACKED_UP
    stranger.enter(device)
    assert Passkey.objects.get().backed_up


def test_one_never_registered_is_refused(
    stranger: PasskeyClient, registered: Authenticator, device: Authenticator, entries: Entries
) -> None:
    assert answered(stranger.enter(Authenticator(ORIGIN))) == (401, NOT_FOUND)
    for bad in (None, 7, "", "a\x00b", "x" * 2000, "%", {"a": 1}):
        answer = {**device.authenticate(stranger.request_options()), "id": bad}
        assert answered(stranger.enter(device, answer=answer)) == (401, NOT_FOUND)
    assert set(reasons(entries)) == {"unknown_passkey"}


def test_an_answer_serves_once(stranger: PasskeyClient, registered: Authenticator, entries: Entries) -> None:
    answer = registered.authenticate(stranger.request_options())
    assert stranger.enter(registered, answer=answer).status_code == 200
    assert answered(stranger.enter(registered, answer=answer)) == (400, NO_CHALLENGE)
    answer = registered.authenticate(stranger.request_options())
    assert answered(stranger.enter(registered, answer={**answer, "type": "x"})) == (400, FAILED)
    assert answered(stranger.enter(registered, answer=answer)) == (400, NO_CHALLENGE)
    assert reasons(entries) == ["no_challenge", "bad_answer", "no_challenge"]


def test_a_challenge_expires(
    frozen_time: FrozenTime, stranger: PasskeyClient, registered: Authenticator
) -> None:
    answer = registered.authenticate(stranger.request_options())
    frozen_time.advance(seconds=301)
    assert answered(stranger.enter(registered, answer=answer)) == (400, NO_CHALLENGE)


def test_the_challenge_of_a_registration_is_none_for_a_sign_in(
    browser: PasskeyClient, registered: Authenticator
) -> None:
    answer = registered.authenticate(browser.register_options())
    assert answered(browser.enter(registered, answer=answer)) == (400, NO_CHALLENGE)


def test_an_answer_to_another_challenge_is_refused(
    stranger: PasskeyClient, new_browser: Callable[..., PasskeyClient], registered: Authenticator
) -> None:
    answer = registered.authenticate(new_browser().request_options())
    stranger.request_options()
    assert answered(stranger.enter(registered, answer=answer)) == (400, FAILED)


def test_a_signature_that_does_not_hold_is_refused(
    stranger: PasskeyClient, registered: Authenticator, entries: Entries
) -> None:
    forger = Authenticator(ORIGIN)
    forger.id = registered.id
    assert answered(stranger.enter(forger)) == (401, FAILED)
    forger.counter = 2**32 - 2
    assert answered(stranger.enter(forger)) == (401, FAILED)
    assert reasons(entries) == ["bad_signature", "bad_signature"]
    assert Passkey.objects.get().counter == 0
    assert stranger.enter(registered).status_code == 200


@pytest.mark.parametrize("seen", [1, 9])
def test_a_counter_that_does_not_go_forward_is_refused_and_recorded(
    seen: int, stranger: PasskeyClient, registered: Authenticator, ann: UserRecord, entries: Entries
) -> None:
    Passkey.objects.update(counter=seen)
    assert answered(stranger.enter(registered)) == (400, FAILED)
    (entry,) = entries("passkey_counter_went_back", success=False)
    assert entry.subject_id == ann.id
    assert entry.details == {"passkey": Passkey.objects.get().pk, "counter": 1, "seen": seen}
    assert reasons(entries) == ["counter"]
    assert Passkey.objects.get().counter == seen
    assert stranger.session() is None


def test_a_device_that_stops_counting_is_refused(stranger: PasskeyClient, registered: Authenticator) -> None:
    stranger.enter(registered)
    registered.counts, registered.counter = False, 0
    assert answered(stranger.enter(registered)) == (400, FAILED)


@pytest.mark.parametrize(
    ("origin", "rp_id", "flags"),
    [
        ("https://evil.example.org", "testserver", 5),
        (ORIGIN, "evil.example.org", 5),
        (ORIGIN, "testserver", 4),
        (ORIGIN, "testserver", 5 | BACKED_UP),
    ],
    ids=["another origin", "another domain", "nobody there", "a backup that can't be"],
)
def test_what_was_made_elsewhere_is_refused(
    origin: str, rp_id: str, flags: int, stranger: PasskeyClient, registered: Authenticator
) -> None:
    registered.origin, registered.rp_id, registered.flags = origin, rp_id, flags
    assert answered(stranger.enter(registered)) == (400, FAILED)
    assert stranger.session() is None


HOSTILE: dict[str, Any] = {
    "no members": {"response": None},
    "a list of members": {"response": []},
    "another id": {"rawId": "AAAA"},
    "no type": {"type": None},
    "an attachment that is none": {"authenticatorAttachment": "telepathy"},
}
HOSTILE_MEMBERS: dict[str, Any] = {
    "no data": {"authenticatorData": None},
    "data cut short": {"authenticatorData": base64url(b"\x00" * 36)},
    "data with more behind it": {"authenticatorData": base64url(b"\x00" * 90)},
    "data that is no base64": {"authenticatorData": "é"},
    "too large": {"authenticatorData": "A" * 70_000},
    "extensions that are deep": {
        "authenticatorData": base64url(bytes(32) + b"\x85" + bytes(4) + b"\x81" * 40_000)
    },
    "no signature": {"signature": None},
    "a signature as a number": {"signature": 7},
    "no client data": {"clientDataJSON": ""},
    "client data that is deep": {"clientDataJSON": base64url(b'{"a":' * 8_000)},
    "client data with odd members": {
        "clientDataJSON": base64url(b'{"type":[],"challenge":{},"origin":null,"tokenBinding":{"status":1}}')
    },
    "a handle that is none": {"userHandle": 7},
}


@pytest.mark.parametrize("name", [*HOSTILE, *HOSTILE_MEMBERS])
def test_an_answer_that_is_not_whole_is_refused(
    name: str, stranger: PasskeyClient, registered: Authenticator, entries: Entries
) -> None:
    whole = registered.authenticate(stranger.request_options())
    broken = (
        {**whole, **HOSTILE[name]}
        if name in HOSTILE
        else {**whole, "response": {**whole["response"], **HOSTILE_MEMBERS[name]}}
    )
    assert answered(stranger.enter(registered, answer=broken)) == (400, FAILED)
    assert reasons(entries) == ["bad_answer"]


@pytest.mark.parametrize("body", [{}, {"response": None}, {"response": "x"}, {"response": [1]}])
def test_a_bad_body_is_refused(body: Any, stranger: PasskeyClient, db: None) -> None:
    response = stranger.api("POST", "/passkey/verify-authentication", body)
    assert (response.status_code, response.json()["code"]) == (400, "VALIDATION_ERROR")


def test_origins(stranger: PasskeyClient, registered: Authenticator) -> None:
    bare = PasskeyClient(headers={"origin": ""})
    body = {"response": {}}
    assert answered(bare.api("POST", "/passkey/verify-authentication", body)) == (
        400,
        {"message": "origin missing"},
    )
    foreign = PasskeyClient(headers={"origin": "https://evil.example.org"})
    response = foreign.api("POST", "/passkey/verify-authentication", body)
    assert (response.status_code, response.json()["code"]) == (403, "INVALID_ORIGIN")


def test_the_banned_stay_out(stranger: PasskeyClient, registered: Authenticator, ann: UserRecord) -> None:
    users.update(ann, banned=True)
    response = stranger.enter(registered)
    assert (response.status_code, response.json()["code"]) == (403, "BANNED_USER")
    assert stranger.session() is None


def test_a_passkey_goes_with_its_user(
    stranger: PasskeyClient, registered: Authenticator, ann: UserRecord
) -> None:
    users.delete(ann)
    assert answered(stranger.enter(registered)) == (401, NOT_FOUND)


def test_the_session_is_not_remembered_where_the_browser_said_so(
    browser: PasskeyClient, registered: Authenticator
) -> None:
    browser.sign_in(rememberMe=False)
    cookie = set_cookies(browser.enter(registered))[SESSION_TOKEN]
    assert "Max-Age" not in cookie


def test_a_sign_in_costs_few_queries(stranger: PasskeyClient, registered: Authenticator) -> None:
    answer = registered.authenticate(stranger.request_options())
    with CaptureQueriesContext(connection) as captured:
        assert stranger.enter(registered, answer=answer).status_code == 200
    sent = [one["sql"] for one in captured.captured_queries if "SAVEPOINT" not in one["sql"]]
    assert len(sent) <= 9, sent
