"""What the host's own apps have hung on users is never lost by a rollback, however it hangs there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from better_auth import users
from migration_tools.models import MigrationRun
from tests.host.shop.models import Club, Contract, Order
from tests.migration_tools.conftest import Migrate, jsonl, migrate, people, person

__all__ = ["jsonl", "migrate"]

pytestmark = pytest.mark.django_db


def order(user: Any) -> None:
    Order.objects.create(buyer_id=user.key)


def join_a_club(user: Any) -> None:
    Club.objects.create().members.add(user.key)


def sign_a_contract(user: Any) -> None:
    Contract.objects.create(party_id=user.key)


def find(number: int) -> Any:
    return users.find_by_email(f"person{number}@example.org")


@pytest.mark.parametrize(
    ("do", "named"),
    [(order, "shop.order"), (join_a_club, "shop.club_members"), (sign_a_contract, "shop.contract")],
)
def test_whoever_has_rows_of_the_hosts_stays(
    do: Callable[[Any], None], named: str, migrate: Migrate, jsonl: Callable[..., str]
) -> None:
    migrate("--source", "jsonl", "--input", jsonl(*people(3)))
    do(find(1))
    result = migrate("--rollback")
    assert (result.code, f"u-1: {named}" in result.output) == (5, True), result.output
    assert [row.email for row in get_user_model().objects.all()] == ["person1@example.org"]


@pytest.mark.parametrize(("do", "model"), [(order, Order), (join_a_club, Club.members.through)])
def test_by_force_they_go_when_they_are_exported(
    do: Callable[[Any], None], model: Any, migrate: Migrate, jsonl: Callable[..., str], tmp_path: Path
) -> None:
    migrate("--source", "jsonl", "--input", jsonl(*people(3)))
    do(find(1))
    row = model.objects.get()
    assert migrate("--rollback", "--force-changed").code == 0
    assert not get_user_model().objects.exists()
    (line,) = next(tmp_path.glob("*.lost.jsonl")).read_text().splitlines()
    found = [one for one in json.loads(line)["rows"] if one["model"] == model._meta.label_lower]
    assert [one["pk"] for one in found] == [row.pk]


def test_whom_the_host_protects_even_force_does_not_delete(
    migrate: Migrate, jsonl: Callable[..., str]
) -> None:
    migrate("--source", "jsonl", "--input", jsonl(*people(4)))
    sign_a_contract(find(1))
    result = migrate("--rollback", "--force-changed")
    assert (result.code, "u-1: protected by shop.contract" in result.output) == (5, True), result.output
    assert [row.email for row in get_user_model().objects.all()] == ["person1@example.org"]
    assert MigrationRun.objects.get().state == "rolled_back"
    Contract.objects.all().delete()
    assert migrate("--rollback", "--force-changed", "--run", str(MigrationRun.objects.get().pk)).code == 0
    assert not get_user_model().objects.exists()


@pytest.mark.parametrize("do", [order, join_a_club, sign_a_contract])
def test_who_was_only_joined_gets_back_what_was_and_keeps_the_rest(
    do: Callable[[Any], None], migrate: Migrate, jsonl: Callable[..., str]
) -> None:
    """Nothing of the host's is lost when a name is put back, be it older than the run or not."""
    here = users.create(email="person1@example.org", name="Was here", email_verified=True)
    do(here)
    file = jsonl(person(1, email_verified=True, name="From there"))
    migrate("--source", "jsonl", "--input", file, "--trust-verified", "--on-conflict", "update")
    assert users.get(here).name == "From there"
    do(here)
    assert migrate("--rollback").code == 0
    assert users.get(here).name == "Was here"
    assert Order.objects.count() + Club.objects.count() + Contract.objects.count() == 2
