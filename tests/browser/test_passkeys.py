"""The official client's passkeys in a real browser, with a virtual authenticator as its device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import CDPSession, Page

from tests.server import PASSWORD, RunningServer, new_email

NOTHING = {"data": None, "error": None}


@dataclass
class Visit:
    """A page on which the client waits, and the browser's devices."""

    page: Page
    devices: CDPSession

    def auth(self, call: str, *arguments: Any) -> Any:
        """The outcome of a method of the client, as ``signIn.passkey``."""
        script = """async ([path, args]) => {
            const { data, error } = await path.split('.').reduce((one, name) => one[name], auth)(...args);
            return { data, error: error && { status: error.status, code: error.code } };
        }"""
        return self.page.evaluate(script, [call, list(arguments)])

    def add_device(self, *, verifies: bool = True, keeps: bool = True) -> str:
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": keeps,
            "hasUserVerification": verifies,
            "isUserVerified": verifies,
            "automaticPresenceSimulation": True,
        }
        added = self.devices.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        return str(added["authenticatorId"])

    def sign_up(self) -> str:
        email = new_email("passkey")
        person = {"name": "Ann", "email": email, "password": PASSWORD}
        assert self.auth("signUp.email", person)["error"] is None
        return email


@pytest.fixture
def visit(page: Page, server: RunningServer) -> Visit:
    page.goto(server.origin.replace("127.0.0.1", "localhost") + "/client")
    page.wait_for_function("globalThis.auth")
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    return Visit(page, devices)


def test_a_passkey_is_registered_signs_in_and_is_deleted(visit: Visit) -> None:
    device, email = visit.add_device(), visit.sign_up()
    added = visit.auth("passkey.addPasskey", {"name": "My laptop"})
    assert added["error"] is None
    passkey = added["data"]
    assert (passkey["name"], passkey["counter"], passkey["transports"]) == ("My laptop", 1, "internal")
    assert visit.auth("passkey.listUserPasskeys")["data"] == [passkey]
    again = visit.auth("passkey.addPasskey")
    assert again["error"] == {"status": 400, "code": "ERROR_AUTHENTICATOR_PREVIOUSLY_REGISTERED"}

    visit.auth("signOut")
    assert visit.auth("getSession") == NOTHING
    # Nobody has said who they are: the device finds the passkey by the domain.
    entered = visit.auth("signIn.passkey")
    assert entered["error"] is None
    assert entered["data"]["user"]["email"] == email
    assert visit.auth("getSession")["data"]["session"]["token"] == entered["data"]["session"]["token"]
    kept = visit.devices.send("WebAuthn.getCredentials", {"authenticatorId": device})["credentials"]
    (listed,) = visit.auth("passkey.listUserPasskeys")["data"]
    assert [one["signCount"] for one in kept] == [listed["counter"]]
    # Signed in, the server names the passkeys to ask for.
    assert visit.auth("signIn.passkey")["data"]["user"]["email"] == email

    renamed = visit.auth("passkey.updatePasskey", {"id": passkey["id"], "name": "Old laptop"})
    assert renamed["data"]["passkey"]["name"] == "Old laptop"
    assert visit.auth("passkey.deletePasskey", {"id": passkey["id"]})["data"] == {"status": True}
    assert visit.auth("passkey.listUserPasskeys")["data"] == []
    visit.auth("signOut")
    refused = {"status": 401, "code": "PASSKEY_NOT_FOUND"}
    assert visit.auth("signIn.passkey") == {"data": None, "error": refused}


def test_a_cloned_device_is_found_out(visit: Visit) -> None:
    device = visit.add_device()
    visit.sign_up()
    assert visit.auth("passkey.addPasskey")["error"] is None
    (key,) = visit.devices.send("WebAuthn.getCredentials", {"authenticatorId": device})["credentials"]
    assert visit.auth("signIn.passkey")["error"] is None
    visit.devices.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": device})
    clone = visit.add_device()
    visit.devices.send("WebAuthn.addCredential", {"authenticatorId": clone, "credential": key})
    refused = {"status": 400, "code": "AUTHENTICATION_FAILED"}
    assert visit.auth("signIn.passkey") == {"data": None, "error": refused}


def test_a_device_that_verifies_nobody_is_refused_where_that_is_required(
    visit: Visit, server: RunningServer
) -> None:
    """By the browser; and by the server, where a page has asked the browser for less."""
    visit.add_device(verifies=False)
    visit.sign_up()
    assert visit.auth("passkey.addPasskey")["data"] is None
    answers = visit.page.evaluate(
        """async () => {
            const options = await (await fetch("/api/auth/passkey/generate-register-options")).json();
            options.authenticatorSelection.userVerification = "discouraged";
            const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
            const response = (await navigator.credentials.create({ publicKey })).toJSON();
            const answer = await fetch("/api/auth/passkey/verify-registration", {
                method: "POST",
                headers: { "Content-Type": "application/json" },
                body: JSON.stringify({ response }),
            });
            return [answer.status, (await answer.json()).code];
        }"""
    )
    assert answers == [500, "FAILED_TO_VERIFY_REGISTRATION"]
