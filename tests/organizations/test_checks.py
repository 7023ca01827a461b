"""Each system check: what sets it off, and what keeps it quiet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.checks import run_checks

Configure = Callable[..., None]


def told(one: str) -> list[str]:
    return [str(message.msg) for message in run_checks() if message.id == one]


def test_the_settings_of_the_tests_are_sound() -> None:
    assert [one for one in run_checks() if (one.id or "").startswith("organizations.")] == []


@pytest.mark.parametrize("statements", [{"project": "create"}, {"project": [1]}, {1: ["create"]}])
def test_statements_are_lists_of_actions(configure: Configure, statements: Any) -> None:
    configure(ORGANIZATION={"STATEMENTS": statements})
    assert told("organizations.E001") == [
        "ORGANIZATION.STATEMENTS is no map of resources to lists of actions."
    ]


def test_so_are_roles(configure: Configure) -> None:
    configure(ORGANIZATION={"ROLES": {"editor": ["create"]}})
    assert told("organizations.E001") == [
        "ORGANIZATION.ROLES['editor'] is no map of resources to lists of actions."
    ]


def test_roles_grant_what_there_is(configure: Configure) -> None:
    configure(ORGANIZATION={"ROLES": {"editor": {"project": ["create"], "team": ["create", "sell"]}}})
    assert told("organizations.E002") == [
        "ORGANIZATION.ROLES: 'editor' grants what no statement has: project:create, team:sell"
    ]
    configure(ORGANIZATION={"STATEMENTS": {"project": ["create"], "team": ["sell"]}})
    assert told("organizations.E002") == []


@pytest.mark.parametrize("name", ["captain", "owner,admin", ""])
def test_the_creator_gets_a_role_that_there_is(configure: Configure, name: str) -> None:
    configure(ORGANIZATION={"CREATOR_ROLE": name})
    assert len(told("organizations.E003")) == 1
    configure(ORGANIZATION={"CREATOR_ROLE": "captain", "ROLES": {"captain": {"team": ["create"]}}})
    assert told("organizations.E003") == []


def test_the_check_of_creators_can_be_imported(configure: Configure) -> None:
    configure(ORGANIZATION={"CREATION_CHECK": "nowhere.to_be_found"})
    assert "can't be imported" in told("organizations.E004")[0]


def test_sessions_show_their_organization(configure: Configure) -> None:
    configure(FEATURES=["bearer"])
    assert len(told("organizations.W001")) == 1


@pytest.mark.urls("tests.host.urls")
def test_the_endpoints_are_in_the_urls() -> None:
    assert len(told("organizations.W002")) == 1
