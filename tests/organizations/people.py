"""People with browsers of their own, in and around an organization."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from tests.conftest import ApiClient


@dataclass
class Somebody:
    """Signed up and signed in; ``call`` is a request below ``/organization``."""

    browser: ApiClient
    user: dict[str, Any]

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        extra = {"query_params": query} if query else {}
        return self.browser.api(method, f"/organization{path}", body, **extra)

    def ok(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        response = self.call(method, path, body, **query)
        assert response.status_code == 200, response.content
        return response.json()

    def refused(
        self, status: int, code: str | None, method: str, path: str, body: Any = None, **query: Any
    ) -> Any:
        response = self.call(method, path, body, **query)
        told = response.json() if response.content else {}
        assert (response.status_code, told.get("code")) == (status, code), response.content
        return told

    @property
    def session(self) -> dict[str, Any]:
        return dict(self.browser.session()["session"])

    def founds(self, slug: str = "", **more: Any) -> dict[str, Any]:
        """A new organization, which is the active one."""
        body = {"name": "Acme", "slug": slug or f"acme-{secrets.token_hex(4)}", **more}
        return dict(self.ok("POST", "/create", body))

    def invites(self, other: Somebody, role: Any = "member", **more: Any) -> dict[str, Any]:
        body = {"email": other.user["email"], "role": role, **more}
        return dict(self.ok("POST", "/invite-member", body))

    def admits(self, other: Somebody, role: Any = "member", **more: Any) -> dict[str, Any]:
        """Invite them, and they accept; the membership."""
        invitation = self.invites(other, role, **more)
        answer = other.ok("POST", "/accept-invitation", {"invitationId": invitation["id"]})
        return dict(answer["member"])


def somebody(name: str) -> Somebody:
    browser = ApiClient()
    response = browser.sign_up(f"{name}@example.com", name=name.title())
    assert response.status_code == 200, response.content
    return Somebody(browser, response.json()["user"])
