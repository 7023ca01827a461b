"""Who the tests are about: Ann owns an organization, Bob is about to join it, Eve has one of her own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.organizations.people import Somebody, somebody


@pytest.fixture
def ann(db: None) -> Somebody:
    return somebody("ann")


@pytest.fixture
def bob(db: None) -> Somebody:
    return somebody("bob")


@pytest.fixture
def eve(db: None) -> Somebody:
    return somebody("eve")


@pytest.fixture
def acme(ann: Somebody) -> dict[str, Any]:
    return ann.founds("acme")
