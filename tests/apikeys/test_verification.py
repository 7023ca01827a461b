"""Whether a key opens something: every refusal with the protocol's code, and what a use costs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apikeys import keys, lookup, usage, verification
from apikeys.configuration import configuration
from apikeys.errors import KeyRefused
from apikeys.keys import By
from apikeys.models import ApiKey, ApiKeyUsage
from apikeys.server_calls import (
    create_api_key,
    delete_all_expired_api_keys,
    update_api_key,
    verify_api_key,
)
from better_auth import clock
from better_auth.crypto.identifiers import api_key_digest
from better_auth.errors import BadRequest
from better_auth.models import AuditEntry
from better_auth.storage.records import UserRecord

pytestmark = pytest.mark.django_db
MakeKey = Callable[..., dict[str, Any]]


def code_of(key: str, **demands: Any) -> str | None:
    """None for a good key."""
    told = verify_api_key(key, **demands)
    assert (told["key"] is not None) == told["valid"]
    return None if told["valid"] else told["error"]["code"]


def test_a_good_key(make_key: MakeKey) -> None:
    made = make_key(name="deploy", permissions={"files": ["read"]})
    told = verify_api_key(made["key"])
    shown = {name: value for name, value in made.items() if name != "key"}
    assert told == {"valid": True, "error": None, "key": shown}


@pytest.mark.parametrize(
    "text", [None, 5, ["x"], b"x" * 64, "", "x", "x" * 64, "x" * 1024 * 1024, "nul\x00" * 20, "\ud800" * 64]
)
def test_what_is_no_key(owner: UserRecord, text: Any) -> None:
    assert code_of(text) == "INVALID_API_KEY"


def test_a_mistyped_key_costs_no_look_up(make_key: MakeKey, django_assert_num_queries: Any) -> None:
    key = make_key()["key"]
    mistyped = key[:10] + ("a" if key[10] != "a" else "b") + key[11:]
    with django_assert_num_queries(0):
        assert verification.find_presented(mistyped) is None
    with django_assert_num_queries(0):
        assert verification.find_presented("x" * 1024 * 1024) is None


def test_a_key_made_elsewhere_is_good(owner: UserRecord) -> None:
    key = "pk_" + "MLNZqwerty" * 6 + "abcd"
    ApiKey.objects.create(reference_id=owner.id, key_hash=api_key_digest(key), rate_limit_enabled=False)
    assert code_of(key) is None


def test_disabled_and_enabled_again(make_key: MakeKey) -> None:
    made = make_key()
    update_api_key(made["id"], enabled=False)
    assert code_of(made["key"]) == "KEY_DISABLED"
    update_api_key(made["id"], enabled=True)
    assert code_of(made["key"]) is None


def test_expired_keys_say_so_once(make_key: MakeKey, frozen_time: Any) -> None:
    made = make_key(expiresIn=86400)
    frozen_time.advance(seconds=86399)
    assert code_of(made["key"]) is None
    frozen_time.advance(seconds=1)
    assert code_of(made["key"]) == "KEY_EXPIRED"
    assert code_of(made["key"]) == "INVALID_API_KEY"


def test_another_configuration_is_like_no_key(make_key: MakeKey, configure: Any) -> None:
    configure(API_KEYS={"CONFIGURATIONS": {"machines": {}}})
    made = make_key()
    assert code_of(made["key"], config_id="machines") == "INVALID_API_KEY"
    assert code_of(made["key"], config_id="default") is None


@pytest.mark.parametrize(
    ("wanted", "is_enough"),
    [
        ({"files": ["read"]}, True),
        ({"files": ["read", "write"]}, True),
        ({"files": ["read"], "mail": ["send"]}, False),
        ({"files": ["delete"]}, False),
        ({"mail": ["read"]}, False),
        ({"files": []}, False),
        ({}, False),
    ],
)
def test_permissions_must_cover_what_is_wanted(make_key: MakeKey, wanted: Any, is_enough: bool) -> None:
    made = make_key(permissions={"files": ["read", "write"]})
    assert code_of(made["key"], permissions=wanted) == (None if is_enough else "KEY_NOT_FOUND")


def test_a_key_without_permissions_may_nothing(make_key: MakeKey) -> None:
    assert code_of(make_key()["key"], permissions={"files": ["read"]}) == "KEY_NOT_FOUND"


def test_a_key_that_is_used_up_is_gone(make_key: MakeKey) -> None:
    made = make_key(remaining=2)
    assert verify_api_key(made["key"])["key"]["remaining"] == 1
    assert [code_of(made["key"]) for _ in range(3)] == [None, "USAGE_EXCEEDED", "INVALID_API_KEY"]


def test_a_refill_comes_when_its_interval_is_over(make_key: MakeKey, frozen_time: Any) -> None:
    made = make_key(remaining=1, refillAmount=3, refillInterval=60_000)
    assert [code_of(made["key"]) for _ in range(2)] == [None, "USAGE_EXCEEDED"]
    frozen_time.advance(seconds=60)
    assert code_of(made["key"]) == "USAGE_EXCEEDED"
    frozen_time.advance(milliseconds=1)
    told = verify_api_key(made["key"])["key"]
    assert (told["remaining"], told["lastRefillAt"]) == (2, clock.iso(clock.now()))
    assert [code_of(made["key"]) for _ in range(3)] == [None, None, "USAGE_EXCEEDED"]
    frozen_time.advance(seconds=61)
    assert code_of(made["key"]) is None


def test_without_a_number_a_refill_means_nothing(make_key: MakeKey) -> None:
    made = make_key(refillAmount=1, refillInterval=1)
    assert [code_of(made["key"]) for _ in range(3)] == [None] * 3
    assert ApiKey.objects.get().remaining is None


def test_the_limit_of_a_key_is_a_sliding_gap(make_key: MakeKey, frozen_time: Any) -> None:
    """The count begins anew only after a full window without an allowed use (api-key.md, section 6)."""
    made = make_key(rateLimitEnabled=True, rateLimitMax=2, rateLimitTimeWindow=10_000)
    assert code_of(made["key"]) is None
    frozen_time.advance(seconds=8)
    assert code_of(made["key"]) is None
    frozen_time.advance(seconds=4)
    assert verify_api_key(made["key"])["error"] == {
        "message": "Rate limit exceeded.",
        "code": "RATE_LIMITED",
        "details": {"tryAgainIn": 6000},
    }
    frozen_time.advance(milliseconds=6001)
    assert verify_api_key(made["key"])["key"]["requestCount"] == 1


def test_a_use_is_taken_before_the_limit_refuses(make_key: MakeKey) -> None:
    made = make_key(remaining=5, rateLimitEnabled=True, rateLimitMax=1, rateLimitTimeWindow=10_000)
    assert [code_of(made["key"]) for _ in range(2)] == [None, "RATE_LIMITED"]
    assert ApiKey.objects.get().remaining == 3


def test_limits_can_be_switched_off_for_all(make_key: MakeKey, configure: Any) -> None:
    made = make_key(rateLimitEnabled=True, rateLimitMax=1, rateLimitTimeWindow=10_000)
    configure(API_KEYS={"RATE_LIMIT_ENABLED": False})
    assert [code_of(made["key"]) for _ in range(3)] == [None] * 3


def test_a_key_of_the_defaults_has_ten_uses_a_day(owner: UserRecord) -> None:
    made = create_api_key(user_id=owner.id)
    assert [code_of(made["key"]) for _ in range(11)] == [None] * 10 + ["RATE_LIMITED"]


def test_intervals_beyond_all_time_are_no_fault(make_key: MakeKey) -> None:
    endless = 2**53 - 1
    made = make_key(
        remaining=9,
        refillAmount=9,
        refillInterval=endless,
        rateLimitEnabled=True,
        rateLimitMax=1,
        rateLimitTimeWindow=endless,
    )
    assert [code_of(made["key"]) for _ in range(2)] == [None, "RATE_LIMITED"]


def test_the_server_takes_limits_away(make_key: MakeKey) -> None:
    made = make_key(remaining=1, permissions={"files": ["read"]})
    changed = update_api_key(made["id"], remaining=None, permissions=None)
    assert (changed["remaining"], changed["permissions"]) == (None, None)
    assert [code_of(made["key"]) for _ in range(3)] == [None] * 3


@pytest.mark.parametrize("members", [{"prefx": "x"}, {"remaining": "5"}, {"permissions": {"files": "read"}}])
def test_the_server_is_told_of_its_mistakes(make_key: MakeKey, members: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        make_key(**members)


def test_all_expired_keys_go_at_once(make_key: MakeKey, frozen_time: Any) -> None:
    make_key(expiresIn=86400)
    kept = make_key()
    frozen_time.advance(days=2)
    assert delete_all_expired_api_keys() == {"success": True, "error": None}
    assert [row.id for row in ApiKey.objects.all()] == [kept["id"]]


class TestBehind:
    def test_a_key_without_limits_costs_no_statement(
        self, make_key: MakeKey, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        key = make_key()["key"]
        # Within the test's own transaction nothing is kept, and what is kept in Redis is another test's.
        levels = "better_auth.storage.verified_sessions"
        monkeypatch.setattr(f"{levels}.may_remember", lambda: True)
        monkeypatch.setattr(f"{levels}.may_trust_memory", lambda: True)
        monkeypatch.setattr(f"{levels}.trusted_redis", lambda: (None, None))
        lookup.find(api_key_digest(key))
        with django_assert_num_queries(0):
            for _ in range(5):
                verification.verify(key)

    def test_a_change_beside_a_rotation_is_seen_at_once(
        self, owner: UserRecord, make_key: MakeKey, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever changes the key knows the digest it had before."""
        levels = "better_auth.storage.verified_sessions"
        monkeypatch.setattr(f"{levels}.may_remember", lambda: True)
        monkeypatch.setattr(f"{levels}.may_trust_memory", lambda: True)
        monkeypatch.setattr(f"{levels}.trusted_redis", lambda: (None, None))
        before = keys.get(make_key()["id"])
        _, rotated = keys.rotate(before, configuration(None), overlap=0, by=By())
        assert code_of(rotated) is None
        keys.update(before, configuration(None), {"enabled": False}, by=By())
        assert code_of(rotated) == "KEY_DISABLED"

    def test_uses_and_the_last_one_are_written_in_one_batch(self, make_key: MakeKey) -> None:
        keys = [make_key()["key"] for _ in range(2)]
        for _ in range(3):
            verification.verify(keys[0])
        verification.verify(keys[1])
        with CaptureQueriesContext(connection) as written:
            usage.flush()
        assert sorted(ApiKeyUsage.objects.values_list("count", flat=True)) == [1, 3]
        assert ApiKey.objects.filter(last_request__isnull=True).count() == 0
        assert len(written) < 12
        usage.flush()
        assert sorted(ApiKeyUsage.objects.values_list("count", flat=True)) == [1, 3]

    def test_what_can_not_be_written_is_written_later(
        self, make_key: MakeKey, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        key = make_key()["key"]
        verification.verify(key)
        with monkeypatch.context() as broken:
            broken.setattr(ApiKeyUsage.objects, "bulk_create", None)
            with pytest.raises(TypeError):
                usage.flush()
        verification.verify(key)
        usage.flush()
        assert ApiKeyUsage.objects.get().count == 2

    def test_a_deleted_key_spoils_no_batch(self, make_key: MakeKey) -> None:
        first, second = make_key(), make_key()
        verification.verify(first["key"])
        verification.verify(second["key"])
        ApiKey.objects.filter(pk=first["id"]).delete()
        usage.flush()
        assert [row.key_id for row in ApiKeyUsage.objects.all()] == [second["id"]]

    def test_old_days_are_forgotten(self, make_key: MakeKey, frozen_time: Any) -> None:
        verification.verify(make_key()["key"])
        usage.flush()
        usage.forget_before(usage.today())
        assert ApiKeyUsage.objects.count() == 1
        frozen_time.advance(days=1)
        usage.forget_before(usage.today())
        assert not ApiKeyUsage.objects.exists()


class TestTheLog:
    def test_a_refusal_is_told_once_a_minute(self, make_key: MakeKey) -> None:
        made = make_key()
        update_api_key(made["id"], enabled=False)
        for _ in range(5):
            code_of(made["key"])
        (entry,) = AuditEntry.objects.filter(event_type="api_key_refused")
        assert entry.details == {
            "key": made["id"],
            "start": made["start"],
            "name": None,
            "reason": "KEY_DISABLED",
        }
        assert not entry.success

    def test_of_unknown_keys_nothing_is_told(self, owner: UserRecord) -> None:
        code_of("x" * 64)
        assert not AuditEntry.objects.filter(event_type="api_key_refused").exists()

    def test_no_line_shows_a_key(self, make_key: MakeKey, caplog: pytest.LogCaptureFixture) -> None:
        made = make_key()
        with caplog.at_level(logging.DEBUG):
            code_of(made["key"])
            update_api_key(made["id"], enabled=False)
            code_of(made["key"])
            with pytest.raises(KeyRefused) as refusal:
                verification.verify(made["key"])
        assert made["key"] not in caplog.text + repr(refusal.value) + str(refusal.value.body)
