"""A page in a real browser that talks to a backend of another origin, and to nobody else."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.browser.headless import result_of
from tests.resource_project.running import RunningService
from tests.server import PASSWORD, Interface, RunningServer, new_email


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_a_front_end_needs_its_backend_only(
    chromium: str, server: RunningServer, tmp_path: Path, interface: Interface
) -> None:
    email = new_email("proxied")
    trusted = {"BETTER_AUTH_TRUSTED_ORIGINS": server.origin}
    proxies = {"BETTER_AUTH_TRUSTED_PROXIES": "127.0.0.1"}
    with (
        RunningServer(**trusted, **proxies) as auth_server,
        RunningService(auth_server.origin, interface=interface, **trusted) as backend,
    ):
        asked = urlencode({"email": email, "password": PASSWORD, "backend": backend.url})
        steps = result_of(f"{server.origin}/proxied?{asked}", chromium=chromium, profile=tmp_path)
    assert "failure" not in steps, steps["failure"]
    statuses = {name: step["status"] for name, step in steps.items() if isinstance(step, dict)}
    refused = {"nobody": 401, "loggedOut": 401}
    assert statuses == {name: refused.get(name, 200) for name in statuses}
    assert steps["verify"]["body"]["user"]["email"] == email
    assert steps["bearer"]["body"]["user"]["email"] == email
    assert steps["login"]["token"].startswith(steps["login"]["body"]["token"])
    assert steps["introspect"]["body"] == {"active": True}
    assert steps["readableCookies"] == ""
