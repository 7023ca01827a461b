"""The endpoints as the official client uses them; what the conformance suite leaves open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apikeys.models import ApiKey
from apikeys.server_calls import create_api_key, update_api_key, verify_api_key
from better_auth import clock
from better_auth.models import AuditEntry
from tests.conftest import ApiClient

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(browser: ApiClient) -> ApiClient:
    assert browser.sign_up().status_code == 200
    return browser


def create(browser: ApiClient, **body: Any) -> Any:
    answer = browser.api("POST", "/api-key/create", body)
    assert answer.status_code == 200, answer.content
    return answer.json()


def refused(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_the_key_is_shown_once_and_kept_nowhere(ann: ApiClient) -> None:
    made = create(ann, name="deploy")
    row = ApiKey.objects.get()
    assert made["key"] not in str(ApiKey.objects.values())
    assert made["start"] == made["key"][:6] == row.start
    others = [
        ann.api("GET", f"/api-key/get?id={made['id']}"),
        ann.api("GET", "/api-key/list"),
        ann.api("POST", "/api-key/update", {"keyId": made["id"], "name": "again"}),
    ]
    assert [one.status_code for one in others] == [200, 200, 200]
    assert all(made["key"] not in one.content.decode() for one in others)


def test_the_plain_alias_makes_a_key(ann: ApiClient) -> None:
    answer = ann.api("POST", "/api-key", {"name": "deploy"})
    assert answer.status_code == 200
    assert answer.json()["name"] == "deploy"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"prefix": "with space"}, "VALIDATION_ERROR"),
        ({"prefix": ""}, "VALIDATION_ERROR"),
        ({"prefix": "x" * 33}, "INVALID_PREFIX_LENGTH"),
        ({"name": 5}, "VALIDATION_ERROR"),
        ({"name": "nul\x00"}, "VALIDATION_ERROR"),
        ({"expiresIn": 0}, "VALIDATION_ERROR"),
        ({"expiresIn": "soon"}, "VALIDATION_ERROR"),
        ({"expiresIn": 1e300}, "VALIDATION_ERROR"),
        ({"remaining": -1}, "VALIDATION_ERROR"),
        ({"refillAmount": 5}, "SERVER_ONLY_PROPERTY"),
        ({"rateLimitEnabled": False}, "SERVER_ONLY_PROPERTY"),
        ({"permissions": {"files": "read"}}, "VALIDATION_ERROR"),
        ({"metadata": {"a": 1}}, "METADATA_DISABLED"),
    ],
)
def test_create_refuses(ann: ApiClient, body: dict[str, Any], code: str) -> None:
    assert refused(ann.api("POST", "/api-key/create", body)) == (400, code)
    assert not ApiKey.objects.exists()


def test_what_only_the_server_sets_is_refused_before_the_session_is_asked_for(browser: ApiClient) -> None:
    answer = browser.api("POST", "/api-key/create", {"permissions": {"files": ["read"]}})
    assert refused(answer) == (400, "SERVER_ONLY_PROPERTY")


def test_nobody_makes_a_key_for_somebody_else(ann: ApiClient) -> None:
    answer = ann.api("POST", "/api-key/create", {"userId": "somebody"})
    assert refused(answer) == (401, "UNAUTHORIZED_SESSION")


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("GET", "/api-key/get?id=x", None, "UNAUTHORIZED"),
        ("GET", "/api-key/list", None, "UNAUTHORIZED"),
        ("POST", "/api-key/delete", {"keyId": "x"}, "UNAUTHORIZED"),
        ("POST", "/api-key/update", {"keyId": "x"}, "UNAUTHORIZED_SESSION"),
        ("POST", "/api-key/rotate", {"keyId": "x"}, "UNAUTHORIZED"),
        ("GET", "/api-key/usage?id=x", None, "UNAUTHORIZED"),
    ],
)
def test_a_session_is_needed(browser: ApiClient, method: str, path: str, body: Any, code: str) -> None:
    assert refused(browser.api(method, path, body)) == (401, code)


def test_a_foreign_key_is_like_none(ann: ApiClient, new_browser: Callable[..., ApiClient]) -> None:
    key_id = create(ann)["id"]
    eve = new_browser()
    eve.sign_up("eve@example.com")
    answers = [
        eve.api("GET", f"/api-key/get?id={key_id}"),
        eve.api("GET", "/api-key/get?id=nul%00"),
        eve.api("POST", "/api-key/update", {"keyId": key_id, "enabled": False}),
        eve.api("POST", "/api-key/delete", {"keyId": key_id}),
        eve.api("POST", "/api-key/rotate", {"keyId": key_id}),
        eve.api("GET", f"/api-key/usage?id={key_id}"),
    ]
    assert [refused(one) for one in answers if one.json()["code"] != "VALIDATION_ERROR"] == [
        (404, "KEY_NOT_FOUND")
    ] * 5
    assert ApiKey.objects.get().enabled


def test_a_change_of_nothing_is_refused(ann: ApiClient) -> None:
    key_id = create(ann)["id"]
    answers = [{}, {"metadata": {"a": 1}}]
    for body in answers:
        answer = ann.api("POST", "/api-key/update", {"keyId": key_id, **body})
        assert refused(answer) == (400, "NO_VALUES_TO_UPDATE")
    assert refused(ann.api("POST", "/api-key/update", {"keyId": key_id, "remaining": 5})) == (
        400,
        "SERVER_ONLY_PROPERTY",
    )


def test_an_update_sets_and_clears_the_expiry(ann: ApiClient) -> None:
    key_id = create(ann)["id"]
    later = ann.api("POST", "/api-key/update", {"keyId": key_id, "expiresIn": 2 * 86400}).json()
    assert later["expiresAt"] is not None
    cleared = ann.api("POST", "/api-key/update", {"keyId": key_id, "expiresIn": None}).json()
    assert cleared["expiresAt"] is None
    assert cleared["updatedAt"] == cleared["createdAt"]


def test_metadata_where_it_is_on(ann: ApiClient, configure: Any) -> None:
    configure(API_KEYS={"ENABLE_METADATA": True})
    made = create(ann, metadata={"team": "blue", "n": [1, {"x": None}]})
    assert ann.api("GET", f"/api-key/get?id={made['id']}").json()["metadata"] == {
        "team": "blue",
        "n": [1, {"x": None}],
    }
    unfit = ["text", {"nul": "\x00"}, {"\x00": 1}, {"deep": nested(101)}, {"deep": nested(900)}, {"n": 1e30}]
    for metadata in unfit:
        for path, more in (("create", {}), ("update", {"keyId": made["id"]})):
            answer = ann.api("POST", f"/api-key/{path}", {"metadata": metadata, **more})
            assert refused(answer) == (400, "INVALID_METADATA_TYPE")


def test_metadata_that_is_accepted_is_shown_again(ann: ApiClient, configure: Any) -> None:
    configure(API_KEYS={"ENABLE_METADATA": True})
    metadata = {"deep": nested(100), "large": 2**62, "": {"\u00e9": [[], {}, None, True, -1.5]}}
    key_id = create(ann, metadata=metadata)["id"]
    for path in (f"/api-key/get?id={key_id}", "/api-key/list"):
        answer = ann.api("GET", path)
        assert answer.status_code == 200
        told = answer.json()
        assert told.get("apiKeys", [told])[0]["metadata"] == metadata


def nested(depth: int) -> Any:
    found: Any = []
    for _ in range(depth - 1):
        found = [found]
    return found


def test_a_list_is_paged_and_sorted(ann: ApiClient) -> None:
    for name in ("b", "c", "a"):
        create(ann, name=name)
    listed = ann.api("GET", "/api-key/list?sortBy=name&sortDirection=desc&limit=2&offset=1").json()
    assert [one["name"] for one in listed["apiKeys"]] == ["b", "a"]
    assert (listed["total"], listed["limit"], listed["offset"]) == (3, 2, 1)
    nothing = ann.api("GET", "/api-key/list?limit=0").json()
    assert nothing == {"apiKeys": [], "total": 3, "limit": 0}
    for wrong in ("limit=-1", "limit=x", "offset=1.5", "sortDirection=up"):
        answer = ann.api("GET", f"/api-key/list?{wrong}")
        assert refused(answer) == (400, "VALIDATION_ERROR"), wrong


def test_an_answer_has_room_for_so_many_keys(ann: ApiClient) -> None:
    made = create(ann)
    values = ApiKey.objects.values().get()
    ApiKey.objects.bulk_create([ApiKey(**{**values, "id": f"k{at}"}) for at in range(1100)])

    def ids(query: str) -> tuple[list[str], Any]:
        listed = ann.api("GET", f"/api-key/list{query}").json()
        assert listed["total"] == 1101
        return [one["id"] for one in listed["apiKeys"]], listed.get("limit")

    first, asked = ids("")
    assert (len(first), asked) == (100, None)
    most, limit = ids("?limit=5000")
    assert (len(most), limit) == (1000, 1000)
    rest, _ = ids("?limit=5000&offset=1000")
    assert len({*most, *rest}) == 1101
    assert made["id"] in {*most, *rest}


def test_keys_of_a_configuration_that_is_gone_are_the_defaults(ann: ApiClient, configure: Any) -> None:
    """As they are at the doors: their owner sees them, and can end them."""
    configure(API_KEYS={"CONFIGURATIONS": {"teams": {"REFERENCES": "organization"}}})
    made = create(ann, name="robot")
    ApiKey.objects.update(config_id="machines")
    other = create(ann)
    listed = ann.api("GET", "/api-key/list").json()
    assert {one["id"]: one["configId"] for one in listed["apiKeys"]} == {
        made["id"]: "machines",
        other["id"]: "default",
    }
    assert ann.api("GET", "/api-key/list?configId=machines").json()["total"] == 2
    assert ann.api("GET", f"/api-key/get?id={made['id']}").status_code == 200
    deleted = ann.api("POST", "/api-key/delete", {"keyId": made["id"], "configId": "machines"})
    assert deleted.json() == {"success": True}


def test_an_owner_does_not_enable_what_an_operator_disabled(ann: ApiClient) -> None:
    made = create(ann)
    update_api_key(made["id"], blocked=True)
    answer = ann.api("POST", "/api-key/update", {"keyId": made["id"], "enabled": True})
    assert (answer.status_code, answer.json()["enabled"]) == (200, False)
    rotated = ann.api("POST", "/api-key/rotate", {"keyId": made["id"]}).json()
    assert rotated["enabled"] is False
    for key in (made["key"], rotated["key"]):
        assert verify_api_key(key)["error"]["code"] == "KEY_DISABLED"
    update_api_key(made["id"], blocked=False)
    assert verify_api_key(rotated["key"])["valid"]
    assert refused(ann.api("POST", "/api-key/update", {"keyId": made["id"], "blocked": False})) == (
        400,
        "NO_VALUES_TO_UPDATE",
    )


def test_configurations_have_rules_of_their_own(ann: ApiClient, configure: Any) -> None:
    configure(API_KEYS={"CONFIGURATIONS": {"machines": {"DEFAULT_PREFIX": "m_", "REQUIRE_NAME": True}}})
    answer = ann.api("POST", "/api-key/create", {"configId": "machines"})
    assert refused(answer) == (400, "NAME_REQUIRED")
    made = create(ann, configId="machines", name="robot")
    assert made["key"].startswith("m_")
    assert create(ann, configId="unknown")["configId"] == "default"
    assert refused(ann.api("GET", f"/api-key/get?id={made['id']}")) == (404, "KEY_NOT_FOUND")
    assert ann.api("GET", f"/api-key/get?id={made['id']}&configId=machines").status_code == 200
    assert ann.api("GET", "/api-key/list").json()["total"] == 2
    assert ann.api("GET", "/api-key/list?configId=machines").json()["total"] == 1


def test_keys_of_organizations_need_that_app(ann: ApiClient, configure: Any, settings: Any) -> None:
    settings.INSTALLED_APPS = [one for one in settings.INSTALLED_APPS if one != "organizations"]
    configure(API_KEYS={"CONFIGURATIONS": {"teams": {"REFERENCES": "organization"}}})
    answer = ann.api("POST", "/api-key/create", {"configId": "teams"})
    assert refused(answer) == (400, "ORGANIZATION_ID_REQUIRED")
    answer = ann.api("POST", "/api-key/create", {"configId": "teams", "organizationId": "o"})
    assert refused(answer) == (500, "ORGANIZATION_PLUGIN_REQUIRED")


def test_the_audit_log_tells_of_keys_and_shows_none(ann: ApiClient) -> None:
    made = create(ann, name="deploy")
    ann.api("POST", "/api-key/update", {"keyId": made["id"], "enabled": False})
    ann.api("POST", "/api-key/delete", {"keyId": made["id"]})
    entries = AuditEntry.objects.filter(event_type__startswith="api_key").order_by("id")
    assert [one.event_type for one in entries] == ["api_key_created", "api_key_updated", "api_key_deleted"]
    assert all(one.details["start"] == made["start"] for one in entries)
    assert made["key"] not in str(list(entries.values()))


def test_keys_go_with_their_owner(ann: ApiClient) -> None:
    create(ann)
    assert ann.api("POST", "/delete-user", {}).status_code == 200
    assert not ApiKey.objects.exists()


def test_expired_keys_are_tidied_away(ann: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from apikeys import keys

    made = create(ann)
    ApiKey.objects.update(expires_at=clock.now())
    monkeypatch.setattr(keys, "_purged_at", float("-inf"))
    assert ann.api("GET", "/api-key/list").json()["total"] == 0
    assert not ApiKey.objects.filter(pk=made["id"]).exists()


class TestRotation:
    def test_the_old_key_stays_good_for_the_overlap(self, ann: ApiClient, frozen_time: Any) -> None:
        made = create(ann, name="deploy", prefix="live_")
        answer = ann.api("POST", "/api-key/rotate", {"keyId": made["id"], "overlap": 600})
        rotated = answer.json()
        assert answer.status_code == 200
        assert (rotated["id"], rotated["name"]) == (made["id"], "deploy")
        assert rotated["key"].startswith("live_")
        assert status_with(made["key"]) == status_with(rotated["key"]) == 200
        frozen_time.advance(seconds=601)
        assert status_with(made["key"]) == 401
        assert status_with(rotated["key"]) == 200

    def test_without_overlap_the_old_key_ends_at_once(self, ann: ApiClient) -> None:
        made = create(ann)
        rotated = ann.api("POST", "/api-key/rotate", {"keyId": made["id"], "overlap": 0}).json()
        assert (status_with(made["key"]), status_with(rotated["key"])) == (401, 200)

    def test_the_key_before_the_old_one_ends_with_the_next_rotation(self, ann: ApiClient) -> None:
        made = create(ann)
        second = ann.api("POST", "/api-key/rotate", {"keyId": made["id"]}).json()
        third = ann.api("POST", "/api-key/rotate", {"keyId": made["id"]}).json()
        assert [status_with(one["key"]) for one in (made, second, third)] == [401, 200, 200]


def status_with(key: str) -> int:
    answer = ApiClient().api("GET", "/get-session", headers={"x-api-key": key})
    return int(answer.status_code)


def test_usage_is_told_by_day(ann: ApiClient) -> None:
    user_id = ann.session()["user"]["id"]
    made = create_api_key(user_id=user_id, rateLimitEnabled=False)
    for _ in range(3):
        assert status_with(made["key"]) == 200
    told = ann.api("GET", f"/api-key/usage?id={made['id']}&days=7").json()
    assert len(told["days"]) == 7
    assert told["days"][-1] == {"day": clock.now().date().isoformat(), "count": 3}
    assert told["total"] == 3
