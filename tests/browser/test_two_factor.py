"""The official client's second factor in a real browser: an app that reads the picture, and its code."""

from __future__ import annotations

import base64
import time
from typing import Any

import zxingcpp
from playwright.sync_api import Page

from tests.better_auth.features.two_factor.conftest import authenticator_of
from tests.server import PASSWORD, RunningServer, new_email

CALL = """async ([path, args]) => {
    const { data, error } = await path.split('.').reduce((one, name) => one[name], auth)(...args);
    return { data, error: error && { status: error.status, code: error.code } };
}"""
# The picture as a page shows it, in shades of grey.
SHOW = """async (source) => {
    const picture = document.body.appendChild(new Image());
    picture.src = source;
    await picture.decode();
    const [width, height] = [picture.naturalWidth, picture.naturalHeight];
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const drawing = canvas.getContext("2d");
    drawing.drawImage(picture, 0, 0, width, height);
    const { data } = drawing.getImageData(0, 0, width, height);
    let grey = "";
    for (let at = 0; at < data.length; at += 4) grey += String.fromCharCode(data[at]);
    return { width, height, grey: btoa(grey) };
}"""


def call(page: Page, path: str, *arguments: Any) -> Any:
    outcome = page.evaluate(CALL, [path, list(arguments)])
    assert outcome["error"] is None, outcome
    return outcome["data"]


def scanned(page: Page, picture: str) -> str:
    """What a telephone's camera reads."""
    seen = page.evaluate(SHOW, picture)
    pixels = memoryview(base64.b64decode(seen["grey"])).cast("B", shape=[seen["height"], seen["width"]])
    (found,) = zxingcpp.read_barcodes(pixels)
    return str(found.text)


def test_an_app_that_has_read_the_picture_signs_in(page: Page, server: RunningServer) -> None:
    page.goto(server.origin + "/client")
    page.wait_for_function("globalThis.auth")
    person = {"name": "Ann", "email": new_email("factor"), "password": PASSWORD}
    call(page, "signUp.email", person)
    shown = call(page, "twoFactor.enable", {"password": PASSWORD, "qrCode": True})
    uri = scanned(page, shown["totpQRCode"])
    assert uri == shown["totpURI"]
    app = authenticator_of(uri)
    call(page, "twoFactor.verifyTotp", {"code": app.code(app.step_at(time.time()))})
    assert call(page, "getSession")["user"]["twoFactorEnabled"] is True

    call(page, "signOut")
    answer = call(page, "signIn.email", {"email": person["email"], "password": PASSWORD})
    assert answer == {"twoFactorRedirect": True, "twoFactorMethods": ["totp", "otp"]}
    assert page.evaluate("globalThis.wanted") == {"twoFactorMethods": ["totp", "otp"]}
    assert page.evaluate(CALL, ["getSession", []])["data"] is None
    code = app.code(app.step_at(time.time()) + 1)
    entered = call(page, "twoFactor.verifyTotp", {"code": code, "trustDevice": True})
    assert entered["user"]["email"] == person["email"]
    assert call(page, "getSession")["session"]["token"] == entered["token"]
    assert page.evaluate("document.cookie") == ""

    call(page, "signOut")
    assert call(page, "signIn.email", {"email": person["email"], "password": PASSWORD})["redirect"] is False
