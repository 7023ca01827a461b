"""A device, and the person who owns it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from better_auth.storage.records import UserRecord
from tests.conftest import ApiClient, FrozenTime

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass
class Device:
    """A program without cookies that has asked for its codes."""

    program: ApiClient
    codes: Any

    @property
    def user_code(self) -> str:
        return str(self.codes["user_code"])

    def poll(self, **other: Any) -> Any:
        body = {"grant_type": GRANT_TYPE, "device_code": self.codes["device_code"], "client_id": "tv"}
        return self.program.api("POST", "/device/token", {**body, **other})


@pytest.fixture
def new_device(db: None) -> Callable[..., Device]:
    def make(**more: Any) -> Device:
        program = ApiClient()
        response = program.api("POST", "/device/code", {"client_id": "tv", **more})
        assert response.status_code == 200, response.content
        return Device(program, response.json())

    return make


@pytest.fixture
def device(frozen_time: FrozenTime, new_device: Callable[..., Device]) -> Device:
    return new_device(scope="openid profile")


@pytest.fixture
def ann(frozen_time: FrozenTime, make_user: Callable[..., UserRecord]) -> UserRecord:
    return make_user()


@pytest.fixture
def signed_in(browser: ApiClient, ann: UserRecord) -> ApiClient:
    browser.sign_in()
    return browser
