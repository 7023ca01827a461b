"""Operators see runs and records, and change nothing but what is to be tried again."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client

from migration_tools.models import MigrationRecord, MigrationRun
from tests.migration_tools.conftest import Migrate, people, person

pytestmark = pytest.mark.django_db
RUNS, RECORDS = "/admin/migration_tools/migrationrun/", "/admin/migration_tools/migrationrecord/"


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(get_user_model().objects.create_superuser("root@example.org", "x"))  # type: ignore[attr-defined]
    return client


@pytest.fixture
def brought(migrate: Migrate, jsonl: Callable[..., str]) -> MigrationRun:
    migrate("--source", "jsonl", "--input", jsonl(*people(3), "{", person(9, email="foo@")))
    return MigrationRun.objects.get()


def test_a_run_shows_how_far_it_is(operator: Client, brought: MigrationRun) -> None:
    page = operator.get(RUNS).content.decode()
    assert "5 of 5 (100%)" in page
    assert "3 created" in page
    shown = operator.get(f"{RUNS}{brought.pk}/change/")
    assert f"--rollback --run {brought.pk}" in shown.content.decode()
    assert "Refresh" not in shown
    assert "at its end" in shown.content.decode()
    MigrationRun.objects.update(state="running")
    assert operator.get(f"{RUNS}{brought.pk}/change/")["Refresh"] == "5"


def test_a_run_whose_process_was_killed_is_not_taken_for_one_at_work(
    operator: Client, brought: MigrationRun
) -> None:
    MigrationRun.objects.update(
        state="running", lease_token="x", lease_holder="elsewhere|1|1", lease_until=None
    )
    shown = operator.get(f"{RUNS}{brought.pk}/change/").content.decode()
    assert "was interrupted after 5 records: go on with --resume" in shown


def test_outcomes_lead_to_the_records_that_they_count(
    operator: Client, brought: MigrationRun, migrate: Migrate, jsonl: Callable[..., str]
) -> None:
    migrate("--source", "jsonl", "--input", jsonl(person(0, name="x"), *list(people(9))[1:]), "--resume")
    page = operator.get(RUNS).content.decode()
    links = re.findall(r'href="([^"]*outcome=[^"]*)" class="nowrap">(\d+) (\w+)<', page)
    run = str(MigrationRun.objects.latest("pk").pk)
    found = {what: (href, int(count)) for href, count, what in links if f"exact={run}" in href}
    assert set(found) == {"created", "skipped"}
    for href, count in found.values():
        listed = operator.get(html.unescape(href)).context["cl"]
        assert listed.result_count == count
    assert "2 unchanged" in page


def test_records_are_found_by_state_and_reason(operator: Client, brought: MigrationRun) -> None:
    page = operator.get(RECORDS, {"state__exact": "failed"}).content.decode()
    assert "invalid-json" in page
    assert "person1@example.org" not in page
    record = MigrationRecord.objects.get(legacy_id="u-1")
    shown = operator.get(f"{RECORDS}{record.pk}/change/").content.decode()
    assert "person1@example.org" in shown
    assert operator.get(RECORDS, {"q": "u-1"}).content.decode().count("person1@example.org") == 1


def test_what_failed_can_be_tried_again(
    operator: Client, brought: MigrationRun, migrate: Migrate, jsonl: Callable[..., str]
) -> None:
    chosen = [str(pk) for pk in MigrationRecord.objects.values_list("pk", flat=True)]
    body = {"action": "try_again", "_selected_action": chosen}
    page = operator.post(RECORDS, body, follow=True).content.decode()
    assert "2 records wait" in page
    assert MigrationRecord.objects.filter(state="pending").count() == 2
    migrate("--source", "jsonl", "--input", jsonl(*people(3), person(9)), "--resume")
    assert MigrationRecord.objects.get(legacy_id="u-9").state == "migrated"
    assert not MigrationRecord.objects.filter(state="pending").exists()


def test_nobody_edits_or_tries_again_without_the_right(client: Client, brought: MigrationRun) -> None:
    looker = get_user_model().objects.create_user("looker@example.org", "x", is_staff=True)  # type: ignore[attr-defined]
    looker.user_permissions.add(*Permission.objects.filter(codename__startswith="view_migration"))
    client.force_login(looker)
    body = {"action": "try_again", "_selected_action": [str(MigrationRecord.objects.latest("pk").pk)]}
    client.post(RECORDS, body, follow=True)
    assert not MigrationRecord.objects.filter(state="pending").exists()
    for path in (f"{RUNS}add/", f"{RECORDS}add/", f"{RUNS}{brought.pk}/delete/"):
        assert client.get(path).status_code == 403
