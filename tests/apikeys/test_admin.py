"""API keys in the admin site: found, disabled, rotated; nobody sees a key but who rotates it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from apikeys import verification
from apikeys.models import ApiKey
from apikeys.server_calls import update_api_key, verify_api_key
from better_auth import users
from better_auth.models import AuditEntry
from better_auth.storage.records import UserRecord

pytestmark = pytest.mark.django_db
MakeKey = Callable[..., dict[str, Any]]
LIST = "/admin/apikeys/apikey/"


def client_of(user: UserRecord, **flags: bool) -> Client:
    get_user_model()._default_manager.filter(pk=user.key).update(**flags)
    client = Client()
    client.force_login(users.row_of(user))
    return client


@pytest.fixture
def operator(make_user: Callable[..., UserRecord]) -> Client:
    return client_of(make_user("op@example.com"), is_staff=True, is_superuser=True)


def act(client: Client, action: str, *rows: dict[str, Any], follow: bool = False) -> Any:
    told = {"action": action, "_selected_action": [row["id"] for row in rows]}
    return client.post(LIST, told, follow=follow)


def found_by(client: Client, text: str) -> int:
    answer = client.get(LIST, {"q": text})
    assert answer.status_code == 200
    return int(answer.context["cl"].result_count)


def test_keys_are_found_by_prefix_start_owner_and_name(operator: Client, make_key: MakeKey) -> None:
    made = make_key(name="deploy", prefix="live_")
    make_key(name="other")
    for text in ("live_", made["start"], "ann@example.com", made["referenceId"], "deploy", made["id"]):
        assert found_by(operator, text) in (1, 2), text
    assert found_by(operator, "live_") == found_by(operator, "deploy") == 1
    assert found_by(operator, "ann@example.com") == 2
    assert found_by(operator, "nobody@example.com") == 0


def test_no_page_shows_a_key_or_its_digest(operator: Client, make_key: MakeKey) -> None:
    made = make_key(permissions={"files": ["read"]}, remaining=5, refillAmount=5, refillInterval=60_000)
    for page in (LIST, f"{LIST}{made['id']}/change/"):
        text = operator.get(page).content.decode()
        assert made["start"] in text
        assert made["key"] not in text
        assert ApiKey.objects.get().key_hash not in text


def test_the_chart_has_a_bar_for_each_day(operator: Client, make_key: MakeKey) -> None:
    made = make_key()
    for _ in range(3):
        verification.verify(made["key"])
    text = operator.get(f"{LIST}{made['id']}/change/").content.decode()
    assert text.count("<rect ") == 30
    assert "3 uses, at most 3 a day" in text


def test_keys_are_disabled_and_enabled(operator: Client, make_key: MakeKey) -> None:
    made = make_key()
    act(operator, "disable", made)
    assert verify_api_key(made["key"])["error"]["code"] == "KEY_DISABLED"
    act(operator, "enable", made)
    assert verify_api_key(made["key"])["valid"]
    entries = AuditEntry.objects.filter(event_type="api_key_updated")
    assert {users.find_by_id(entry.actor_id).email for entry in entries} == {"op@example.com"}


def test_what_an_operator_disables_only_an_operator_enables(operator: Client, make_key: MakeKey) -> None:
    made = make_key()
    act(operator, "disable", made)
    update_api_key(made["id"], enabled=True)
    assert verify_api_key(made["key"])["error"]["code"] == "KEY_DISABLED"
    assert "an operator" in operator.get(f"{LIST}{made['id']}/change/").content.decode()
    assert made["start"] in operator.get(f"{LIST}?state=disabled").content.decode()
    update_api_key(made["id"], enabled=False)
    text = act(operator, "enable", made, follow=True).content.decode()
    assert "Still disabled by their owners: 1 key." in text
    assert verify_api_key(made["key"])["error"]["code"] == "KEY_DISABLED"
    update_api_key(made["id"], enabled=True)
    assert verify_api_key(made["key"])["valid"]


def test_a_rotation_shows_the_new_key_once(operator: Client, make_key: MakeKey) -> None:
    made = make_key(name="deploy")
    answer = act(operator, "rotate", made)
    assert "no-store" in answer.headers["Cache-Control"]
    key = answer.context["key"]
    assert key in answer.content.decode()
    assert verify_api_key(key)["valid"]
    assert verify_api_key(made["key"])["valid"]
    assert key not in operator.get(LIST).content.decode()


def test_one_key_at_a_time_is_rotated(operator: Client, make_key: MakeKey) -> None:
    rows = [make_key(), make_key()]
    assert act(operator, "rotate", *rows).status_code == 302
    assert all(verify_api_key(row["key"])["valid"] for row in rows)
    assert not ApiKey.objects.filter(previous_hash__isnull=False).exists()


def test_who_may_only_look_changes_nothing(make_user: Callable[..., UserRecord], make_key: MakeKey) -> None:
    from django.contrib.auth.models import Permission

    made, looker = make_key(), make_user("looker@example.com")
    client = client_of(looker, is_staff=True)
    users.row_of(looker).user_permissions.add(Permission.objects.get(codename="view_apikey"))
    assert client.get(LIST).status_code == 200
    for action in ("disable", "rotate"):
        act(client, action, made)
    row = ApiKey.objects.get()
    assert (row.enabled, row.previous_hash) == (True, None)
    assert client.post(f"{LIST}{made['id']}/delete/", {"post": "yes"}).status_code == 403
