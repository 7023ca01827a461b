"""An operator at the admin site as it ships, in a real browser with the headers that it sends."""

from __future__ import annotations

import re
import time

from playwright.sync_api import Page, expect

from tests.better_auth.features.two_factor.conftest import authenticator_of
from tests.browser.test_two_factor import call
from tests.conformance.run_conformance import ADMIN_EMAIL, ADMIN_PASSWORD
from tests.server import PASSWORD, RunningServer, new_email


def sign_in(page: Page, server: RunningServer, code: str = "") -> None:
    page.goto(server.origin + "/admin/")
    page.get_by_label("Email").fill(ADMIN_EMAIL)
    page.get_by_label("Password").fill(ADMIN_PASSWORD)
    page.get_by_label("One-time code").fill(code)
    page.get_by_role("button", name="Log in").click()


def test_an_operator_signs_in_and_ends_the_sessions_of_somebody(page: Page, server: RunningServer) -> None:
    person = {"name": "Ann", "email": new_email("admin"), "password": PASSWORD}
    page.goto(server.origin + "/client")
    page.wait_for_function("globalThis.auth")
    call(page, "signUp.email", person)
    page.context.clear_cookies()

    sign_in(page, server)
    expect(page).to_have_url(re.compile("/admin/$"))
    page.goto(server.origin + f"/admin/better_auth/user/?q={person['email']}")
    page.get_by_role("checkbox").last.check()
    page.locator("select[name=action]").select_option(label="Revoke all sessions of the selected users")
    page.get_by_role("button", name=re.compile("Run|Go")).click()
    expect(page.locator(".messagelist")).to_be_visible()


def test_an_operator_with_a_second_factor_is_asked_for_it(page: Page, server: RunningServer) -> None:
    page.goto(server.origin + "/client")
    page.wait_for_function("globalThis.auth")
    operator = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
    call(page, "signIn.email", operator)
    app = authenticator_of(call(page, "twoFactor.enable", {"password": ADMIN_PASSWORD})["totpURI"])
    call(page, "twoFactor.verifyTotp", {"code": app.code(app.step_at(time.time()) - 1)})
    page.context.clear_cookies()
    try:
        sign_in(page, server)
        expect(page.locator(".errornote")).to_contain_text("authenticator app")
        sign_in(page, server, app.code(app.step_at(time.time())))
        expect(page).to_have_url(re.compile("/admin/$"))
    finally:  # for the other tests of this server
        page.context.clear_cookies()
        page.goto(server.origin + "/client")
        page.wait_for_function("globalThis.auth")
        call(page, "signIn.email", operator)
        call(page, "twoFactor.verifyTotp", {"code": app.code(app.step_at(time.time()) + 1)})
        call(page, "twoFactor.disable", {"password": ADMIN_PASSWORD})
