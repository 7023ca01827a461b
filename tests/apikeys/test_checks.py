"""The app's system checks."""

from __future__ import annotations

from typing import Any

from apikeys import checks
from better_auth.conf.schema import DEFAULT_AUTHENTICATORS


def ids(found: Any) -> list[str]:
    return [one.id for one in found]


def test_the_project_as_it_ships_has_nothing_to_say() -> None:
    assert ids(checks.check_configurations(None)) == []
    assert ids(checks.check_authenticator(None)) == []


def test_a_mistake_in_a_configuration_is_named(configure: Any) -> None:
    configure(API_KEYS={"CONFIGURATIONS": {"machines": {"DEFAULT_PREFX": "m_", "BEARER": True}}})
    (found,) = checks.check_configurations(None)
    assert found.id == "apikeys.E001"
    assert "['machines']['DEFAULT_PREFX']: unknown key; did you mean DEFAULT_PREFIX?" in found.msg
    assert "['machines']['BEARER']: not to be set here" in found.msg


def test_a_configuration_that_is_no_dictionary_is_named(configure: Any) -> None:
    configure(API_KEYS={"CONFIGURATIONS": {"machines": 5}})
    assert ids(checks.check_configurations(None)) == ["apikeys.E001"]


def test_an_authenticator_that_is_not_asked_is_missed(configure: Any) -> None:
    configure(AUTHENTICATORS=list(DEFAULT_AUTHENTICATORS))
    assert ids(checks.check_authenticator(None)) == ["apikeys.W002"]
