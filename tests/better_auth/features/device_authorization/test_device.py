"""Devices that are approved elsewhere (passwordless.md, section 9; RFC 8628)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from better_auth import device_codes, users
from better_auth.crypto.identifiers import token_digest
from better_auth.models import AuditEntry, DeviceCode, Session
from better_auth.sign_in import SignInChallenge
from better_auth.storage.records import UserRecord
from tests.better_auth.features.device_authorization.conftest import Device
from tests.conftest import ApiClient, FrozenTime
from tests.protocol import answered

pytestmark = pytest.mark.django_db
Configure = Callable[..., None]
NewBrowser = Callable[..., ApiClient]
NewDevice = Callable[..., Device]
asked: list[tuple[str, str]] = []


def only_tv(client_id: str) -> bool:
    return client_id == "tv"


def note(*, client_id: str, scope: str) -> None:
    asked.append((client_id, scope))


def second_factor(*arguments: Any, **more: Any) -> SignInChallenge:
    return SignInChallenge("two-factor", {"twoFactorRedirect": True})


def refused(error: str, description: str, status: int = 400) -> tuple[int, Any]:
    return status, {"error": error, "error_description": description}


def look(browser: ApiClient, code: str) -> Any:
    return browser.api("GET", f"/device?user_code={code}")


def decide(browser: ApiClient, code: Any, *, verb: str = "approve") -> Any:
    return browser.api("POST", f"/device/{verb}", {"userCode": code})


PENDING = refused("authorization_pending", "Authorization pending")
SLOW_DOWN = refused("slow_down", "Polling too frequently")
UNKNOWN = refused("invalid_request", "Invalid user code")
PROCESSED = refused("invalid_request", "Device code already processed")
NO_GRANT = refused("invalid_grant", "Invalid device code")
DENIED = refused("access_denied", "Access denied")


def test_a_device_gets_its_codes(device: Device) -> None:
    codes = dict(device.codes)
    assert re.fullmatch(r"[a-zA-Z0-9]{40}", codes.pop("device_code"))
    user_code = codes.pop("user_code")
    assert re.fullmatch(r"[ABCDEFGHJKLMNPQRSTUVWXYZ2-9]{8}", user_code)
    assert codes == {
        "verification_uri": "http://testserver/device",
        "verification_uri_complete": f"http://testserver/device?user_code={user_code}",
        "expires_in": 1800,
        "interval": 5,
    }


def test_neither_code_rests(device: Device) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM better_auth_device_codes")
        kept = repr(cursor.fetchall())
    assert token_digest(device.codes["device_code"]) in kept
    assert (device.codes["device_code"] in kept, device.user_code in kept) == (False, False)
    assert token_digest(device.user_code) not in kept  # which could be guessed


@pytest.mark.parametrize(
    ("body", "description"),
    [
        ({}, "[body.client_id] Invalid input: expected string, received undefined"),
        ({"client_id": 5}, "[body.client_id] Invalid input: expected string, received number"),
        ({"client_id": ""}, "client_id is required"),
        (
            {"client_id": "x" * 256},
            "[body.client_id] Too big: expected string to have <=255 characters",
        ),
        (
            {"client_id": "a\x00"},
            "[body.client_id] Invalid input: control characters are not allowed",
        ),
    ],
)
def test_who_asks_says_who_they_are(browser: ApiClient, body: Any, description: str) -> None:
    assert answered(browser.api("POST", "/device/code", body)) == refused("invalid_request", description)


def test_forms_are_taken_and_repetitions_are_not(browser: ApiClient) -> None:
    form = "application/x-www-form-urlencoded"
    response = browser.api("POST", "/device/code", "client_id=tv&scope=a+b", content_type=form)
    assert response.status_code == 200
    response = browser.api("POST", "/device/code", "client_id=tv&client_id=x", content_type=form)
    assert answered(response) == refused("invalid_request", "client_id must not be repeated")


def test_the_host_knows_its_clients(browser: ApiClient, new_device: NewDevice, configure: Configure) -> None:
    asked.clear()
    paths = {"VALIDATE_CLIENT": f"{__name__}.only_tv", "ON_REQUEST": f"{__name__}.note"}
    configure(DEVICE_AUTHORIZATION=paths)
    device = new_device(scope="all")
    assert asked == [("tv", "all")]
    unknown = refused("invalid_client", "Invalid client ID")
    assert answered(browser.api("POST", "/device/code", {"client_id": "other"})) == unknown
    assert answered(device.poll(client_id="other")) == unknown


def test_from_the_code_to_the_session(
    device: Device, signed_in: ApiClient, new_browser: NewBrowser, frozen_time: FrozenTime
) -> None:
    assert answered(device.poll()) == PENDING
    seen = {"user_code": device.user_code, "status": "pending"}
    assert answered(look(new_browser(), device.user_code)) == (200, seen)
    claimed = {**seen, "client_id": "tv", "scope": "openid profile"}
    assert answered(look(signed_in, device.user_code)) == (200, claimed)
    assert answered(decide(signed_in, device.user_code)) == (200, {"success": True})
    assert answered(look(signed_in, device.user_code)) == (200, {**claimed, "status": "approved"})
    frozen_time.advance(seconds=5)
    response = device.poll()
    granted = response.json()
    assert response.status_code == 200
    assert {**granted, "access_token": ""} == {
        "access_token": "",
        "token_type": "Bearer",
        "expires_in": 604800,
        "scope": "openid profile",
    }
    assert (list(response.cookies), "set-auth-token" in response.headers) == ([], False)
    program = new_browser(headers={"authorization": f"Bearer {granted['access_token']}"})
    assert program.session()["user"]["email"] == "ann@example.com"
    assert Session.objects.count() == 2
    frozen_time.advance(seconds=5)
    assert answered(device.poll()) == NO_GRANT
    told = list(AuditEntry.objects.order_by("created_at", "id").values_list("event_type", "auth_method"))
    assert told[-2:] == [("device_approved", ""), ("sign_in", "device_code")]


def test_an_approval_ends_with_the_sessions_of_who_gave_it(
    device: Device, signed_in: ApiClient, frozen_time: FrozenTime
) -> None:
    """Whoever had a session for a moment can't keep it in a device's code."""
    look(signed_in, device.user_code)
    decide(signed_in, device.user_code)
    assert signed_in.api("POST", "/revoke-other-sessions").status_code == 200
    assert answered(device.poll()) == refused("invalid_grant", "Invalid device code")


def test_a_refused_device_stays_out(device: Device, signed_in: ApiClient, frozen_time: FrozenTime) -> None:
    look(signed_in, device.user_code)
    assert answered(decide(signed_in, device.user_code, verb="deny")) == (200, {"success": True})
    assert answered(decide(signed_in, device.user_code)) == PROCESSED
    assert answered(device.poll()) == DENIED
    frozen_time.advance(seconds=5)
    assert (answered(device.poll()), Session.objects.count()) == (NO_GRANT, 1)


def test_asking_too_often_does_not_move_the_clock(device: Device, frozen_time: FrozenTime) -> None:
    assert answered(device.poll()) == PENDING
    for _ in range(3):
        frozen_time.advance(seconds=1.5)
        assert answered(device.poll()) == SLOW_DOWN
    frozen_time.advance(seconds=0.5)
    assert answered(device.poll()) == PENDING


def test_codes_run_out(device: Device, signed_in: ApiClient, frozen_time: FrozenTime) -> None:
    look(signed_in, device.user_code)
    frozen_time.advance(seconds=1800)
    expired = refused("expired_token", "User code has expired")
    assert answered(look(signed_in, device.user_code)) == expired
    assert answered(decide(signed_in, device.user_code)) == expired
    assert answered(device.poll()) == refused("expired_token", "Device code has expired")
    assert DeviceCode.objects.count() == 0


def test_only_its_own_client_may_ask(device: Device) -> None:
    assert answered(device.poll(client_id="other")) == refused("invalid_grant", "Client ID mismatch")
    assert answered(device.poll(device_code="x" * 100_000)) == NO_GRANT
    assert answered(device.poll(device_code=device.user_code)) == NO_GRANT


@pytest.mark.parametrize("grant_type", ["refresh_token", "", 5, None, ["x"]])
def test_the_grant_type_is_checked(device: Device, grant_type: Any) -> None:
    message = '[body.grant_type] Invalid input: expected "urn:ietf:params:oauth:grant-type:device_code"'
    response = device.poll(grant_type=grant_type)
    assert answered(response) == (400, {"message": message, "code": "VALIDATION_ERROR"})


def test_a_code_is_its_claimants(
    device: Device, signed_in: ApiClient, new_browser: NewBrowser, make_user: Callable[..., UserRecord]
) -> None:
    """attacks.md, A18."""
    make_user("eve@example.com")
    eve = new_browser()
    eve.sign_in("eve@example.com")
    description = (
        "Device code has not been claimed by a verifying session; call `GET /device` with the `user_code` "
        "while signed in before approving or denying"
    )
    assert answered(decide(eve, device.user_code)) == refused("invalid_request", description)
    look(signed_in, device.user_code)
    assert answered(look(eve, device.user_code)) == (
        200,
        {"user_code": device.user_code, "status": "pending"},
    )
    for verb in ("approve", "deny"):
        description = f"You are not authorized to {verb} this device authorization"
        response = decide(eve, device.user_code, verb=verb)
        assert answered(response) == refused("access_denied", description, 403)
    assert answered(decide(signed_in, device.user_code)) == (200, {"success": True})


def test_a_device_may_name_its_user(
    new_device: NewDevice,
    signed_in: ApiClient,
    ann: UserRecord,
    new_browser: NewBrowser,
    make_user: Callable[..., UserRecord],
) -> None:
    make_user("eve@example.com")
    eve = new_browser()
    eve.sign_in("eve@example.com")
    device = new_device(user_id=ann.id)
    look(eve, device.user_code)
    assert decide(eve, device.user_code).status_code == 403
    assert decide(signed_in, device.user_code).status_code == 200
    assert new_device(user_id="nobody").codes["user_code"]  # nobody learns who there is


@pytest.mark.parametrize("spell", [str.lower, lambda code: f" {code[:4]}-{code[4:]} ", str])
def test_a_code_is_known_however_it_is_typed(
    device: Device, signed_in: ApiClient, spell: Callable[[str], str]
) -> None:
    typed = spell(device.user_code)
    response = signed_in.api("GET", "/device", QUERY_STRING=f"user_code={typed.replace(' ', '+')}")
    assert (response.status_code, response.json()["user_code"]) == (200, typed)
    assert decide(signed_in, typed).status_code == 200


@pytest.mark.parametrize("code", ["", "-", "NOSUCHCD", "x" * 5000, "ABCD%F0%9F%98%80"])
def test_unknown_codes(signed_in: ApiClient, device: Device, code: str) -> None:
    assert answered(look(signed_in, code)) == UNKNOWN
    assert answered(decide(signed_in, code)) == UNKNOWN


@pytest.mark.parametrize("verb", ["approve", "deny"])
def test_deciding_needs_a_session(browser: ApiClient, device: Device, verb: str) -> None:
    response = decide(browser, device.user_code, verb=verb)
    assert answered(response) == refused("unauthorized", "Authentication required", 401)


def test_nobody_approves_in_somebodys_name(
    device: Device, signed_in: ApiClient, make_user: Callable[..., UserRecord], ann: UserRecord
) -> None:
    users.update(ann, role="admin")
    bob = make_user("bob@example.com")
    assert signed_in.api("POST", "/admin/impersonate-user", {"userId": bob.id}).status_code == 200
    look(signed_in, device.user_code)
    response = decide(signed_in, device.user_code)
    assert (response.status_code, response.json()["code"]) == (403, "NOT_ALLOWED_WHILE_IMPERSONATING")
    assert answered(device.poll()) == PENDING


@pytest.mark.parametrize("trouble", ["banned", "deleted", "gate"])
def test_whoever_may_not_sign_in_gets_no_device(
    device: Device, signed_in: ApiClient, ann: UserRecord, configure: Configure, trouble: str
) -> None:
    look(signed_in, device.user_code)
    decide(signed_in, device.user_code)
    if trouble == "banned":
        users.update(ann, banned=True)
    elif trouble == "deleted":
        users.delete(ann)
    else:
        configure(SIGN_IN_GATES=[f"{__name__}.second_factor"])
    assert answered(device.poll()) == DENIED
    assert Session.objects.count() == (0 if trouble == "deleted" else 1)


def test_guesses_are_limited(
    device: Device, signed_in: ApiClient, new_browser: NewBrowser, configure: Configure
) -> None:
    configure(RATE_LIMIT={"ENABLED": True})
    stranger = new_browser(REMOTE_ADDR="192.0.2.1")
    assert [look(stranger, "NOSUCHCD").status_code for _ in range(6)] == [400] * 5 + [429]
    assert look(stranger, device.user_code).status_code == 429
    tried = [decide(signed_in, "NOSUCHCD").status_code for _ in range(31)]
    assert tried == [400] * 30 + [429]
    assert decide(signed_in, device.user_code).status_code == 429


def test_a_code_that_is_out_already_is_not_given_again(
    device: Device, new_device: NewDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter(["d" * 40, device.user_code, "e" * 40, "FRESHCDE"])
    monkeypatch.setattr(device_codes, "random_string", lambda length, alphabet: next(drawn))
    assert new_device().user_code == "FRESHCDE"


def test_without_the_feature_there_is_none_of_it(browser: ApiClient, configure: Configure) -> None:
    configure(FEATURES=["bearer"])
    assert browser.api("POST", "/device/code", {"client_id": "tv"}).status_code == 404
    assert browser.get("/device").status_code == 404
