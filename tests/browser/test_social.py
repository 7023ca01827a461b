"""Sign-in with a real, certified OpenID provider: the official client, a browser, and somebody who consents
(core.md, sections 2 and 6; oauth-and-providers.md, A1 to A6)."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.conformance.run_conformance import DEFAULT_SUITE, child, install_libraries
from tests.interop.reference import ensure_node
from tests.server import CHECKOUT, PASSWORD, RunningServer

FOLDER = CHECKOUT / "tests/oidc_provider"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def site() -> Iterator[RunningServer]:
    """Our server, and the provider that it is configured for."""
    ensure_node()
    install_libraries(DEFAULT_SUITE)
    install_libraries(FOLDER)
    port = free_port()
    company = {
        "DISCOVERY_URL": f"http://127.0.0.1:{port}/.well-known/openid-configuration",
        "CLIENT_ID": "client-1",
        "CLIENT_SECRET": "secret-of-the-client-0123456789abcdef",
    }
    settings = {
        "DJANGO_SETTINGS_MODULE": "tests.settings.browser_page",
        "BETTER_AUTH_SOCIAL_PROVIDERS": json.dumps({"company": company}),
    }
    with RunningServer(**settings) as running:
        back = f"{running.origin}/api/auth/callback/company"
        environ = {**os.environ, "PORT": str(port), "REDIRECT_URI": back}
        with (
            (running.site.workspace / "provider.log").open("w") as log,
            child(["node", "provider.mjs"], cwd=FOLDER, stdout=log, env=environ) as provider,
        ):
            wait_for(port, provider)
            yield running


def wait_for(port: int, provider: Any) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        try:
            provider.wait(0.1)
        except Exception:  # noqa: S112, it still runs
            continue
        pytest.fail("the provider did not start")


def auth(page: Page, call: str, *arguments: Any) -> Any:
    """The outcome of a method of the client, as ``signIn.social``."""
    script = """async ([path, args]) => {
        const { data, error } = await path.split('.').reduce((one, name) => one[name], auth)(...args);
        return { data, error: error && { status: error.status, code: error.code } };
    }"""
    return page.evaluate(script, [call, list(arguments)])


def open_client(page: Page, site: RunningServer) -> None:
    page.goto(site.origin + "/client")
    page.wait_for_function("globalThis.auth")


def travel(page: Page, site: RunningServer, method: str = "signIn.social", *, name: str, **more: Any) -> None:
    """There, as somebody of this name who consents, and back again."""
    back = {"callbackURL": "/client", "errorCallbackURL": "/client", **more}
    page.evaluate(
        "([path, args]) => { path.split('.').reduce((one, name) => one[name], auth)(args); }",
        [method, {"provider": "company", **back}],
    )
    page.wait_for_url("**/interaction/**")
    page.fill("input[name=login]", name)
    page.fill("input[name=password]", "whatever")
    page.click("button[type=submit]")
    page.wait_for_selector("form input[value=consent]", state="attached")
    page.click("button[type=submit]")
    page.wait_for_url(f"{site.origin}/client*")
    page.wait_for_function("globalThis.auth")


def test_somebody_signs_up_comes_again_and_is_known(page: Page, site: RunningServer) -> None:
    open_client(page, site)
    travel(page, site, name="ann", newUserCallbackURL="/client?new=1")
    assert page.url == f"{site.origin}/client?new=1"
    user = auth(page, "getSession")["data"]["user"]
    assert (user["email"], user["emailVerified"], user["name"]) == (
        "ann@example.com",
        True,
        "ann of the company",
    )
    (account,) = auth(page, "listAccounts")["data"]
    assert (account["providerId"], account["accountId"]) == ("company", "ann")
    assert {"openid", "email", "profile"} <= set(account["scopes"])
    assert [one for one in page.context.cookies() if one["name"] == "better-auth.state"] == []

    tokens = auth(page, "getAccessToken", {"accountId": account["id"]})["data"]
    info = auth(page, "accountInfo", {"query": {"accountId": account["id"]}})["data"]
    assert tokens["accessToken"]
    assert (info["user"]["email"], info["account"]["accountId"]) == ("ann@example.com", "ann")
    refreshed = auth(page, "refreshToken", {"accountId": account["id"]})["data"]
    assert refreshed["accessToken"] != tokens["accessToken"]
    again = auth(page, "refreshToken", {"accountId": account["id"]})["data"]
    assert again["refreshToken"] != refreshed["refreshToken"]
    only = auth(page, "unlinkAccount", {"accountId": account["id"]})
    assert only["error"] == {"status": 400, "code": "FAILED_TO_UNLINK_LAST_ACCOUNT"}

    auth(page, "signOut")
    page.context.clear_cookies()
    open_client(page, site)
    travel(page, site, name="ann", newUserCallbackURL="/client?new=1")
    assert page.url == f"{site.origin}/client"
    assert auth(page, "getSession")["data"]["user"]["id"] == user["id"]


def test_somebody_with_a_password_links_and_unlinks(page: Page, site: RunningServer) -> None:
    open_client(page, site)
    person = {"name": "Bob", "email": "bob@example.com", "password": PASSWORD}
    assert auth(page, "signUp.email", person)["error"] is None
    travel(page, site, "linkSocial", name="bob")
    accounts = {one["providerId"]: one for one in auth(page, "listAccounts")["data"]}
    assert set(accounts) == {"credential", "company"}
    done = auth(page, "unlinkAccount", {"accountId": accounts["company"]["id"]})
    assert done == {"data": {"status": True}, "error": None}
    assert [one["providerId"] for one in auth(page, "listAccounts")["data"]] == ["credential"]


@pytest.mark.parametrize("name", ["carol", "unverified-dan"])
def test_nobody_gets_into_an_account_by_claiming_its_address(
    page: Page, site: RunningServer, name: str
) -> None:
    open_client(page, site)
    person = {"name": "First", "email": f"{name}@example.com", "password": PASSWORD}
    assert auth(page, "signUp.email", person)["error"] is None
    auth(page, "signOut")
    travel(page, site, name=name)
    assert page.url == f"{site.origin}/client?error=account_not_linked"
    assert auth(page, "getSession")["data"] is None


def test_somebody_who_refuses_comes_back_with_the_providers_error(page: Page, site: RunningServer) -> None:
    open_client(page, site)
    page.evaluate(
        "auth.signIn.social({provider: 'company', callbackURL: '/in', errorCallbackURL: '/client'})"
    )
    page.wait_for_url("**/interaction/**")
    page.click("a:has-text('Cancel')")
    page.wait_for_url(f"{site.origin}/client*")
    assert "error=access_denied" in page.url
