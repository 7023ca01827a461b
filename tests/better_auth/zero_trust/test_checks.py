"""What is wrong with policies is told before anybody comes by them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse

from better_auth.conf import auth_settings
from better_auth.zero_trust import policies
from better_auth.zero_trust.middleware import ZeroTrustMiddleware
from tests.host.trust import MIDDLEWARE, OURS

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.host.trust_urls")]

Configure = Callable[..., None]


@pytest.fixture(autouse=True)
def _trust_nobody(settings: Any) -> None:
    settings.MIDDLEWARE = MIDDLEWARE


BAD = {
    "an unknown key": (
        {"paths": ["/a"], "policy": {"maxage": 1}},
        "unknown key 'maxage'; did you mean max_age",
    ),
    "of the entry": ({"path": ["/a"], "policy": {}}, "unknown key 'path'; did you mean paths"),
    "no paths": ({"policy": {}}, "paths wants a list"),
    "a text for paths": ({"paths": "/a", "policy": {}}, "paths wants a list"),
    "no policy": ({"paths": ["/a"]}, "policy is missing"),
    "another word": ({"paths": ["/a"], "policy": "open"}, "either a dictionary or 'public'"),
    "no slash": ({"paths": ["billing/"], "policy": {}}, "'billing/' is no pattern"),
    "dots": ({"paths": ["/a/../b"], "policy": {}}, "is no pattern"),
    "a method": ({"paths": ["/a"], "methods": ["PSOT"], "policy": {}}, "'PSOT' is none; did you mean POST"),
    "no methods": ({"paths": ["/a"], "methods": [], "policy": {}}, "methods wants a list"),
    "an age": ({"paths": ["/a"], "policy": {"max_age": True}}, "max_age wants a number"),
    "no age": ({"paths": ["/a"], "policy": {"max_age": 0}}, "max_age wants a number"),
    "a strength": ({"paths": ["/a"], "policy": {"strength": []}}, "strength wants one of"),
    "none": ({"paths": ["/a"], "policy": {"strength": "none"}}, "strength wants one of"),
    "to allow": ({"paths": ["/a"], "policy": {"network": "allow"}}, "network wants 'step_up' or 'deny'"),
    "a prefix": ({"paths": ["/a"], "policy": {"ipv4_prefix": 33}}, "ipv4_prefix wants a number of bits"),
    "a way": ({"paths": ["/a"], "policy": {"credentials": ["sesion"]}}, "did you mean session"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_mistake_opens_nothing(name: str, configure: Configure) -> None:
    rule, said = BAD[name]
    configure(ZERO_TRUST={"POLICIES": [{"paths": ["/b"], "policy": {}}, rule]})
    found = policies.read(auth_settings.zero_trust).problems
    assert len(found) == 1
    assert found[0].startswith("ZERO_TRUST.POLICIES[1]: ")
    assert said in found[0]
    assert told("better_auth.E040") == list(found)
    with pytest.raises(ImproperlyConfigured, match="POLICIES"):
        ZeroTrustMiddleware(lambda request: HttpResponse())


def told(one: str) -> list[str]:
    return [str(message.msg) for message in run_checks() if message.id == one]


def test_policies_that_nobody_keeps_are_told_of(configure: Configure, settings: Any) -> None:
    configure(ZERO_TRUST={"PUBLIC": ["/page"]})
    assert told("better_auth.W020") == []
    settings.MIDDLEWARE = [one for one in MIDDLEWARE if one not in OURS]
    assert told("better_auth.W020") == ["ZERO_TRUST has policies, but nothing keeps them."]
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, *reversed(OURS)]
    assert "prolongs no session" in told("better_auth.W020")[0]


@pytest.mark.parametrize(
    ("pattern", "is_there"),
    [
        ("/page", True),
        ("/page/", False),
        ("/pages", False),
        ("/billing/**", True),
        ("/billing/x/y", True),
        ("/api/auth/delete-user", True),
        ("/api/*/sign-out", True),
        ("/things/*", True),
        ("/*", True),
        ("/thinks/**", False),
        ("/**", True),
    ],
)
def test_a_pattern_that_fits_no_url_is_told_of(pattern: str, is_there: bool, configure: Configure) -> None:
    configure(ZERO_TRUST={"POLICIES": [{"paths": [pattern], "policy": {}}]})
    assert told("better_auth.W021") == ([] if is_there else [f"ZERO_TRUST: no URL fits '{pattern}'."])


@pytest.mark.parametrize(
    ("former", "later", "is_reached"),
    [
        ({"paths": ["/**"]}, {"paths": ["/page"]}, False),
        ({"paths": ["/billing/**"]}, {"paths": ["/billing/*/x"]}, False),
        ({"paths": ["/billing/*"]}, {"paths": ["/billing/**"]}, True),
        ({"paths": ["/billing/*/x"]}, {"paths": ["/billing/*"]}, True),
        ({"paths": ["/page", "/api"]}, {"paths": ["/api"]}, False),
        ({"paths": ["/page"]}, {"paths": ["/api", "/page"]}, True),
        ({"paths": ["/page"], "methods": ["GET"]}, {"paths": ["/page"]}, True),
        ({"paths": ["/page"], "methods": ["GET", "POST"]}, {"paths": ["/page"], "methods": ["POST"]}, False),
        ({"paths": ["/page"]}, {"paths": ["/page"], "methods": ["POST"]}, False),
    ],
)
def test_an_entry_that_is_never_reached_is_told_of(
    former: dict[str, Any], later: dict[str, Any], is_reached: bool, configure: Configure
) -> None:
    configure(ZERO_TRUST={"POLICIES": [{**former, "policy": {}}, {**later, "policy": "public"}]})
    assert bool(told("better_auth.W022")) is not is_reached


def test_a_device_that_nobody_can_know_is_told_of(configure: Configure) -> None:
    configure(ZERO_TRUST={"DEFAULT": {"device": "step_up"}}, RATE_LIMIT={"ENABLED": False})
    assert len(told("better_auth.W023")) == 1
    configure(RATE_LIMIT={"ENABLED": True})
    assert told("better_auth.W023") == []
