"""Keys that belong to an organization: who may do what with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apikeys.models import ApiKey
from apikeys.server_calls import create_api_key, verify_api_key
from better_auth.storage.records import UserRecord
from organizations.models import Member
from tests.conftest import ApiClient

pytestmark = pytest.mark.django_db
TEAMS = {"CONFIGURATIONS": {"teams": {"REFERENCES": "organization", "ENABLE_SESSION": True}}}


@pytest.fixture(autouse=True)
def _configured(configure: Any) -> None:
    configure(API_KEYS=TEAMS)


@pytest.fixture
def ann(browser: ApiClient) -> ApiClient:
    browser.sign_up()
    return browser


@pytest.fixture
def organization(ann: ApiClient) -> str:
    made = ann.api("POST", "/organization/create", {"name": "Acme", "slug": "acme"})
    assert made.status_code == 200, made.content
    return str(made.json()["id"])


@pytest.fixture
def ben(organization: str, make_user: Callable[..., UserRecord]) -> ApiClient:
    """A plain member."""
    user = make_user("ben@example.com")
    Member.objects.create(organization_id=organization, user_id=user.key, role="member")
    client = ApiClient()
    client.sign_in("ben@example.com")
    return client


def refused(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def create(client: ApiClient, organization: str) -> Any:
    return client.api("POST", "/api-key/create", {"configId": "teams", "organizationId": organization})


def test_the_owner_makes_lists_changes_and_deletes_them(ann: ApiClient, organization: str) -> None:
    made = create(ann, organization).json()
    assert made["referenceId"] == organization
    assert ann.api("GET", f"/api-key/list?organizationId={organization}").json()["total"] == 1
    assert ann.api("GET", "/api-key/list").json()["total"] == 0
    named = {"keyId": made["id"], "configId": "teams"}
    assert ann.api("GET", f"/api-key/get?id={made['id']}&configId=teams").status_code == 200
    assert ann.api("POST", "/api-key/update", {**named, "name": "robot"}).json()["name"] == "robot"
    assert ann.api("POST", "/api-key/delete", named).json() == {"success": True}


def test_a_plain_member_may_not(ann: ApiClient, ben: ApiClient, organization: str) -> None:
    made = create(ann, organization).json()
    named = {"keyId": made["id"], "configId": "teams"}
    answers = [
        create(ben, organization),
        ben.api("GET", f"/api-key/get?id={made['id']}&configId=teams"),
        ben.api("GET", f"/api-key/list?organizationId={organization}"),
        ben.api("POST", "/api-key/update", {**named, "enabled": False}),
        ben.api("POST", "/api-key/rotate", named),
        ben.api("POST", "/api-key/delete", named),
    ]
    assert [refused(one) for one in answers] == [(403, "INSUFFICIENT_API_KEY_PERMISSIONS")] * 6


def test_a_role_of_the_settings_grants_it(ben: ApiClient, organization: str, configure: Any) -> None:
    configure(
        ORGANIZATION={
            "STATEMENTS": {"apiKey": ["create", "read", "update", "delete"]},
            "ROLES": {"member": {"apiKey": ["create"]}},
        }
    )
    assert create(ben, organization).status_code == 200
    answer = ben.api("GET", f"/api-key/list?organizationId={organization}")
    assert refused(answer) == (403, "INSUFFICIENT_API_KEY_PERMISSIONS")


@pytest.mark.parametrize("named", ["nobody-has-this", "nul\x00"])
def test_who_is_no_member_learns_nothing(
    organization: str, named: str, make_user: Callable[..., UserRecord]
) -> None:
    make_user("eve@example.com")
    eve = ApiClient()
    eve.sign_in("eve@example.com")
    for one in (organization, named):
        assert refused(create(eve, one)) == (403, "USER_NOT_MEMBER_OF_ORGANIZATION")


def test_they_verify_and_open_no_session(ann: ApiClient, organization: str) -> None:
    made = create_api_key(organization_id=organization, config_id="teams", permissions={"files": ["read"]})
    assert verify_api_key(made["key"], permissions={"files": ["read"]})["valid"]
    answer = ApiClient(headers={"x-api-key": made["key"]}).api("GET", "/get-session")
    assert refused(answer) == (401, "INVALID_REFERENCE_ID_FROM_API_KEY")


def test_they_go_with_the_organization(ann: ApiClient, organization: str) -> None:
    assert create(ann, organization).status_code == 200
    answer = ann.api("POST", "/organization/delete", {"organizationId": organization})
    assert answer.status_code == 200, answer.content
    assert not ApiKey.objects.exists()
