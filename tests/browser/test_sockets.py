"""A socket in a real browser, by its cookie, closes when another tab signs the user out."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, Page

from tests.server import PASSWORD, RunningServer, new_email

SIGNED_UP = "([email, password]) => window.call('/sign-up/email', { name: 'Ann', email, password })"


def opened(context: BrowserContext, server: RunningServer) -> Page:
    page = context.new_page()
    page.goto(f"{server.origin}/sockets")
    return page


def test_a_socket_closes_when_another_tab_signs_out(page: Page, server: RunningServer) -> None:
    assert page.context.browser is not None
    context = page.context.browser.new_context()
    page, other = opened(context, server), opened(context, server)
    email = new_email("sockets")
    assert page.evaluate(SIGNED_UP, [email, PASSWORD]) == 200

    page.evaluate("window.open_socket()")
    page.wait_for_function("window.heard.length === 1")
    (result,) = page.evaluate("window.heard")
    assert (result["type"], result["success"], result["method"]) == ("auth.result", True, "session")
    assert result["user"]["email"] == email

    assert other.evaluate("window.call('/update-user', { name: 'Ann Renamed' })") == 200
    page.wait_for_function("window.heard.length === 2")
    assert page.evaluate("window.heard[1].user.name") == "Ann Renamed"

    assert other.evaluate("window.call('/sign-out', {})") == 200
    page.wait_for_function("window.ended !== null")
    assert page.evaluate("window.ended") == {"code": 4441, "reason": "revoked"}
    assert page.evaluate("window.heard[2]") == {"type": "session.ended", "reason": "revoked"}


def test_a_browser_is_told_why_it_is_not_let_in(page: Page, server: RunningServer) -> None:
    """Not only 1006."""
    page.goto(f"{server.origin}/sockets")
    script = """new Promise(done => {
        const socket = new WebSocket(`ws://${location.host}/ws`, ["better-auth", "better-auth.token.bad"])
        socket.onclose = (event) => done([event.code, socket.protocol])
    })"""
    assert page.evaluate(script) == [4401, "better-auth"]
