"""API keys of a Better Auth server: a key that was given out there opens here what it opened there."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps

from apikeys import usage
from apikeys.models import ApiKey
from apikeys.server_calls import create_api_key, update_api_key, verify_api_key
from better_auth import clock, users
from migration_tools.models import BroughtRow, MigrationRun
from organizations.models import Organization
from tests.migration_tools.conftest import Migrate
from tests.migration_tools.original import Original, at

pytestmark = pytest.mark.django_db

TABLE = """CREATE TABLE apikey (id TEXT PRIMARY KEY, "configId" TEXT, name TEXT, start TEXT, prefix TEXT,
    "referenceId" TEXT, key TEXT, "refillInterval" INTEGER, "refillAmount" INTEGER, "lastRefillAt" TIMESTAMP,
    enabled BOOLEAN, "rateLimitEnabled" BOOLEAN, "rateLimitTimeWindow" INTEGER, "rateLimitMax" INTEGER,
    "requestCount" INTEGER, remaining INTEGER, "lastRequest" TIMESTAMP, "expiresAt" TIMESTAMP,
    "createdAt" TIMESTAMP, "updatedAt" TIMESTAMP, permissions TEXT, metadata TEXT)"""


@pytest.fixture(autouse=True)
def _forget_uses() -> Any:
    yield
    usage.forget()


@pytest.fixture
def there(original: Original) -> Original:
    original.run(TABLE)
    return original


def secret_of(name: str) -> str:
    return f"pk_{name}" + "K" * 60


def digest_of(secret: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(secret.encode()).digest()).decode().rstrip("=")


def issue(there: Original, name: str, owner: str, **more: Any) -> str:
    """A key as that server writes it, and the key itself."""
    row = {
        **{"id": f"key-{name}", "configId": "default", "name": name, "start": "pk_", "prefix": "pk_"},
        **{"referenceId": owner, "key": digest_of(secret_of(name)), "enabled": True, "requestCount": 0},
        **{"rateLimitEnabled": False, "rateLimitTimeWindow": 86_400_000, "rateLimitMax": 10},
        **{"createdAt": at(-3), "updatedAt": at(-3), "metadata": "null"},
        **more,
    }
    there.insert("apikey", **row)
    return secret_of(name)


def code_of(secret: str, **more: Any) -> str | None:
    """None for a key that is good."""
    answer = verify_api_key(secret, **more)
    return answer["error"]["code"] if answer["error"] else None


def test_a_key_of_a_user_verifies_here_with_its_limits_and_permissions(
    there: Original, migrate: Migrate
) -> None:
    limits = {"rateLimitEnabled": True, "rateLimitMax": 5, "requestCount": 4, "lastRequest": at(0)}
    limits |= {"remaining": 7, "refillAmount": 100, "refillInterval": 864_000_000}
    told = {"permissions": json.dumps({"files": ["read"]}), "metadata": json.dumps(json.dumps({"a": [1]}))}
    secret = issue(there, "deploy", "ann", **limits, **told, expiresAt=at(30))
    dry = migrate(*there.told, "--dry-run")
    assert "1  API keys of users would come along" in dry.output
    assert not ApiKey.objects.exists()
    result = migrate(*there.told)
    assert result.code == 0, result.output
    assert "1  API keys of users came along" in result.output
    answer = verify_api_key(secret, permissions={"files": ["read"]})
    assert answer["valid"], answer
    key = answer["key"]
    shown = {name: key[name] for name in ("id", "referenceId", "name", "start", "prefix", "enabled")}
    told_there = {"id": "key-deploy", "referenceId": "ann", "name": "deploy", "start": "pk_", "prefix": "pk_"}
    assert shown == {**told_there, "enabled": True}
    assert (key["remaining"], key["requestCount"], key["metadata"]) == (6, 5, {"a": [1]})
    assert code_of(secret, permissions={"files": ["write"]}) == "KEY_NOT_FOUND"
    assert code_of(secret) == "RATE_LIMITED"


def test_it_opens_a_session_of_its_owner(there: Original, migrate: Migrate, client: Any) -> None:
    secret = issue(there, "deploy", "ann")
    migrate(*there.told)
    answer = client.get("/api/auth/get-session", headers={"x-api-key": secret})
    assert answer.json()["user"]["email"] == "ann@example.org"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"enabled": False}, "KEY_DISABLED"),
        ({"expiresAt": at(-1)}, "INVALID_API_KEY"),
        ({"remaining": 0}, "USAGE_EXCEEDED"),
        ({"referenceId": "who never comes"}, "INVALID_API_KEY"),
        ({"key": secret_of("deploy")}, None),  # disableKeyHashing
        ({"configId": None, "enabled": None, "rateLimitEnabled": None}, None),
    ],
)
def test_what_a_key_was_there_it_is_here(
    more: dict[str, Any], code: str | None, there: Original, migrate: Migrate
) -> None:
    secret = issue(there, "deploy", "ann", **more)
    assert migrate(*there.told).code == 0
    assert code_of(secret) == code
    assert not ApiKey.objects.filter(key_hash=secret).exists()


@pytest.mark.parametrize(
    "more",
    [
        {"permissions": '{"files": "read"}'},
        {"permissions": "[1"},
        {"metadata": "[1]"},
        {"remaining": -1},
        {"key": ""},
        {"prefix": "x" * 65},
    ],
)
def test_a_key_that_nobody_could_keep_takes_no_user_with_it(
    more: dict[str, Any], there: Original, migrate: Migrate
) -> None:
    issue(there, "deploy", "ann", **more)
    good = issue(there, "other", "ann")
    result = migrate(*there.told)
    assert result.code == 0, result.output
    assert "api-key-unreadable" in result.output
    assert result.report["outcomes"]["created"] == 3
    assert [row.id for row in ApiKey.objects.all()] == ["key-other"]
    assert code_of(good) is None


def test_keys_of_a_configuration_come_where_it_is_named(
    there: Original, migrate: Migrate, configure: Any
) -> None:
    """Under other rules a key might open what it did not there."""
    ours, theirs = issue(there, "m", "ann", configId="machines"), issue(there, "o", "org-1", configId="teams")
    result = migrate(*there.told)
    assert "api-key-without-configuration" in result.output
    assert not ApiKey.objects.exists()
    teams = {"teams": {"REFERENCES": "organization"}}
    configure(API_KEYS={"CONFIGURATIONS": {"machines": {"RATE_LIMIT_ENABLED": False}, **teams}})
    result = migrate(*there.told, "--resume")
    assert result.code == 0, result.output
    assert "api-key-without-configuration" not in result.output
    assert [code_of(one) for one in (ours, theirs)] == [None, None]
    assert ApiKey.objects.get(pk="key-o").reference_id == "org-1"


def test_nobody_gets_the_keys_of_an_organization_whose_id_is_theirs(
    there: Original, migrate: Migrate, configure: Any
) -> None:
    """Serial ids: the organization 1 and the user 1."""
    row = {"id": "1", "name": "One", "email": "one@example.org", "emailVerified": True}
    there.insert("user", **row, createdAt=at(-30), updatedAt=at(-30))
    there.insert("organization", id="1", name="First", slug="first", createdAt=at(-20))
    there.join("member-9", "1", "bob", "owner")
    teams = {"teams": {"REFERENCES": "organization"}}
    configure(API_KEYS={"CONFIGURATIONS": teams, "ENABLE_SESSION": True})
    secret = issue(there, "o", "1", configId="teams")
    mine = issue(there, "u", "1")
    assert migrate(*there.told).code == 0
    assert {row.pk: row.config_id for row in ApiKey.objects.all()} == {"key-o": "teams", "key-u": "default"}
    assert code_of(secret, config_id="default") == "INVALID_API_KEY"
    assert [code_of(secret), code_of(mine)] == [None, None]


def test_what_was_brought_is_not_brought_again_and_new_keys_come(there: Original, migrate: Migrate) -> None:
    for name in ("one", "two"):
        issue(there, name, "ann")
    migrate(*there.told)
    ApiKey.objects.filter(pk="key-one").delete()
    update_api_key("key-two", enabled=False)
    secret = issue(there, "three", "ann")
    assert "1  API keys of users came along" in migrate(*there.told, "--resume").output
    again = migrate(*there.told, "--resume")
    assert again.code == 0, again.output
    assert "API keys" not in again.output
    assert {row.pk: row.enabled for row in ApiKey.objects.all()} == {"key-two": False, "key-three": True}
    assert code_of(secret) is None


def test_a_watermark_sees_new_keys(there: Original, migrate: Migrate) -> None:
    there.run('ALTER TABLE account ADD COLUMN "updatedAt" TIMESTAMP')
    issue(there, "old", "ann", createdAt=at(-9), updatedAt=at(-9))
    migrate(*there.told, "--watermark", "updatedAt")
    secret = issue(there, "new", "bob", updatedAt=at(1))
    result = migrate(*there.told, "--watermark", "updatedAt", "--resume")
    assert result.code == 0, result.output
    assert "1  API keys of users came along" in result.output
    assert code_of(secret) is None


def test_a_rollback_takes_away_what_the_run_made(there: Original, migrate: Migrate, configure: Any) -> None:
    configure(API_KEYS={"CONFIGURATIONS": {"teams": {"REFERENCES": "organization"}}})
    used = issue(there, "deploy", "ann", rateLimitEnabled=True)
    issue(there, "o", "org-1", configId="teams")
    migrate(*there.told)
    issue(there, "later", "ann")
    issue(there, "o-later", "org-1", configId="teams")
    migrate(*there.told, "--resume")
    assert code_of(used) is None
    assert ApiKey.objects.count() == 4
    result = migrate("--rollback")
    assert result.code == 0, result.output
    assert sorted(ApiKey.objects.values_list("pk", flat=True)) == ["key-deploy", "key-o"]
    result = migrate("--rollback")
    assert result.code == 0, result.output
    assert not ApiKey.objects.exists()
    assert not BroughtRow.objects.exists()
    assert not Organization.objects.exists()
    assert migrate(*there.told).code == 0
    assert ApiKey.objects.count() == 4


@pytest.mark.parametrize("change", ["made", "changed"])
def test_a_rollback_keeps_who_made_or_changed_a_key_here(
    change: str, there: Original, migrate: Migrate
) -> None:
    issue(there, "deploy", "ann")
    issue(there, "other", "bob")
    migrate(*there.told)
    if change == "made":
        create_api_key(user_id="ann", name="here")
    else:
        update_api_key("key-deploy", name="renamed")
    before = set(ApiKey.objects.filter(reference_id="ann").values_list("pk", flat=True))
    result = migrate("--rollback")
    assert "ann: apikeys.apikey" in result.output
    assert set(ApiKey.objects.values_list("pk", flat=True)) == before
    migrate("--rollback", "--run", str(MigrationRun.objects.get().pk), "--force-changed")
    assert users.find_by_email("ann@example.org") is None
    assert not ApiKey.objects.exists()


def test_a_link_that_is_undone_leaves_no_key_behind(there: Original, migrate: Migrate) -> None:
    secret = issue(there, "deploy", "ann")
    here = users.create(email="ann@example.org", name="Was here", email_verified=True)
    mine = create_api_key(user_id=here.id, rateLimitEnabled=False)
    assert migrate(*there.told, "--on-conflict", "link").code == 0
    assert ApiKey.objects.get(pk="key-deploy").reference_id == here.id
    assert code_of(secret) is None
    assert migrate("--rollback").code == 0
    assert code_of(secret) == "INVALID_API_KEY"
    assert code_of(mine["key"]) is None


def test_keys_of_an_organization_keep_it_only_if_somebody_here_made_them(
    there: Original, migrate: Migrate, configure: Any
) -> None:
    configure(API_KEYS={"CONFIGURATIONS": {"teams": {"REFERENCES": "organization"}}})
    secret = issue(there, "o", "org-1", configId="teams")
    migrate(*there.told)
    create_api_key(organization_id="org-1", config_id="teams")
    result = migrate("--rollback")
    assert "org-1: apikeys.apikey" in result.output
    assert code_of(secret) is None


def test_a_key_that_is_here_already_stays_as_it_is(there: Original, migrate: Migrate) -> None:
    secret = issue(there, "deploy", "ann")
    own = users.create(email="here@example.org", name="Here")
    ApiKey.objects.create(reference_id=own.id, key_hash=digest_of(secret))
    assert migrate(*there.told).code == 0
    assert ApiKey.objects.get().reference_id == own.id
    assert migrate("--rollback").code == 0
    assert ApiKey.objects.exists()


def test_older_servers_know_keys_of_users_alone(there: Original, migrate: Migrate) -> None:
    there.run('ALTER TABLE apikey RENAME COLUMN "referenceId" TO "userId"')
    there.run('ALTER TABLE apikey DROP COLUMN "configId"')
    row = {"id": "old", "userId": "ann", "key": digest_of(secret_of("old"))}
    there.insert("apikey", **row, createdAt=at(-3), rateLimitEnabled=False)
    assert migrate(*there.told).code == 0
    assert code_of(secret_of("old")) is None


def test_where_the_app_is_not_installed_they_are_counted(
    there: Original, migrate: Migrate, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue(there, "deploy", "ann")
    monkeypatch.setattr(apps, "is_installed", lambda name: name != "apikeys")
    result = migrate(*there.told)
    assert result.code == 0, result.output
    assert "1  API keys of users stay behind" in result.output
    monkeypatch.undo()
    assert not ApiKey.objects.exists()
    assert migrate(*there.told, "--resume").code == 0
    assert ApiKey.objects.count() == 1


def test_no_repr_shows_what_a_key_rests_as(there: Original) -> None:
    from migration_tools.sources.better_auth_database import BetterAuthDatabase
    from migration_tools.sources.source import Told

    issue(there, "deploy", "ann", key=secret_of("deploy"), expiresAt=at(2))
    source = BetterAuthDatabase(Told(dsn=there.dsn))
    (ann,) = (read.user for read in source.read() if read.user and read.user.api_keys)
    source.close()
    assert ann.api_keys[0].columns["expires_at"] > clock.now() + timedelta(days=1)
    assert secret_of("deploy") not in repr(ann)
    assert digest_of(secret_of("deploy")) not in repr(ann)
