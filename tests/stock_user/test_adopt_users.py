"""``manage.py adopt_users``: whom it makes profiles for, who gets which address, and what it leaves alone."""

from __future__ import annotations

import csv
import io
import re
import stat
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection

from better_auth import adoption
from better_auth.models import Account, UserProfile
from tests.conftest import ApiClient
from tests.stock_user.conftest import OLD_PASSWORD

HostUser = Callable[..., Any]


def adopt(*arguments: str) -> str:
    out = io.StringIO()
    call_command("adopt_users", *arguments, stdout=out)
    return out.getvalue()


def addresses() -> dict[str, str | None]:
    return dict(UserProfile.objects.values_list("user__username", "email"))


def rows_of_the_host() -> list[Any]:
    return list(User.objects.order_by("pk").values())


def reported(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="") as file:
        return {row["username"]: row for row in csv.DictReader(file)}


def test_people_sign_in_with_the_password_they_have(host_user: HostUser, browser: ApiClient) -> None:
    ann = host_user("ann", " Ann@Example.com ", first_name="Ann", last_name="Lee")
    assert browser.sign_in(password=OLD_PASSWORD).status_code == 401
    adopt()
    answer = browser.sign_in(password=OLD_PASSWORD)
    assert answer.status_code == 200
    user = browser.session()["user"]
    assert (user["id"], user["email"], user["name"]) == (str(ann.pk), "ann@example.com", "Ann Lee")
    assert user["emailVerified"] is False


def test_profile_tells_what_the_host_knows(host_user: HostUser) -> None:
    joined = datetime(2014, 3, 1, 12, 30, 15, 123000, UTC)
    host_user("bob", "bob@example.com", date_joined=joined)
    adopt()
    profile = UserProfile.objects.get(user__username="bob")
    assert (profile.name, profile.created_at, profile.role) == ("bob", joined, "user")
    assert not profile.banned
    assert not profile.email_verified


def test_credential_accounts_are_for_those_who_have_a_password(host_user: HostUser) -> None:
    ann = host_user("ann", "ann@example.com")
    host_user("bob", "bob@example.com", password="!unusable")
    host_user("cat", "cat@example.com", password="")
    adopt()
    accounts = Account.objects.values_list("provider_id", "account_id", "user_id", "password")
    assert list(accounts) == [("credential", str(ann.pk), ann.pk, None)]


def test_rows_of_the_host_are_never_changed(host_user: HostUser) -> None:
    for number in range(5):
        host_user(f"user{number}", f" User{number % 3}@Example.com")
    before = rows_of_the_host()
    adopt("--on-duplicate", "oldest")
    assert rows_of_the_host() == before


def test_missing_and_invalid_addresses_are_reported(host_user: HostUser, tmp_path: Path) -> None:
    host_user("none")
    host_user("blank", "   ")
    host_user("odd", "nobody at home")
    # The Kelvin sign is a K in lower case, and belongs to somebody else.
    host_user("kelvin", "\u212aim@example.com")
    host_user("kim", "kim@example.com")
    report = tmp_path / "report.csv"
    out = adopt("--report", str(report))
    expected = {"none": None, "blank": None, "odd": None, "kelvin": None, "kim": "kim@example.com"}
    assert addresses() == expected
    found = reported(report)
    assert {name: row["reason"] for name, row in found.items()} == {
        "none": "missing",
        "blank": "missing",
        "odd": "invalid",
        "kelvin": "invalid",
    }
    assert found["odd"]["e-mail"] == "nobody at home"
    assert "2 (missing)" in out
    assert "2 (invalid)" in out
    assert stat.S_IMODE(report.stat().st_mode) == 0o600


def test_nobody_gets_an_address_that_several_have(
    host_user: HostUser, browser: ApiClient, tmp_path: Path
) -> None:
    old, new = host_user("old", "ann@example.com"), host_user("new", "ANN@example.com ")
    report = tmp_path / "report.csv"
    out = adopt("--report", str(report))
    assert addresses() == {"old": None, "new": None}
    found = reported(report)
    assert found["old"] == {
        "host pk": str(old.pk),
        "username": "old",
        "e-mail": "ann@example.com",
        "reason": f"duplicate: also {new.pk}",
    }
    assert found["new"]["e-mail"] == "ANN@example.com "
    assert "--on-duplicate oldest" in out
    assert browser.sign_in(password=OLD_PASSWORD).status_code == 401
    assert browser.sign_up().json()["code"] == "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"


def test_the_oldest_may_be_given_it(host_user: HostUser) -> None:
    host_user("new", "ann@example.com", date_joined=datetime(2020, 1, 1, tzinfo=UTC))
    host_user("old", "ann@example.com", date_joined=datetime(2010, 1, 1, tzinfo=UTC))
    adopt("--on-duplicate", "oldest")
    assert addresses() == {"new": None, "old": "ann@example.com"}


def test_the_choice_may_be_made_later(host_user: HostUser) -> None:
    for name in ("old", "new"):
        host_user(name, "ann@example.com")
    adopt()
    adopt("--on-duplicate", "oldest")
    assert addresses() == {"old": "ann@example.com", "new": None}


def test_a_corrected_address_is_taken_over_by_the_next_run(host_user: HostUser) -> None:
    host_user("old", "ann@example.com")
    new = host_user("new", "ann@example.com")
    adopt()
    User.objects.filter(pk=new.pk).update(email="bob@example.com")
    adopt()
    assert addresses() == {"old": "ann@example.com", "new": "bob@example.com"}


def test_nobody_loses_an_address(host_user: HostUser) -> None:
    host_user("ann", "ann@example.com", date_joined=datetime(2020, 1, 1, tzinfo=UTC))
    adopt()
    host_user("older", "ann@example.com", date_joined=datetime(2010, 1, 1, tzinfo=UTC))
    adopt("--on-duplicate", "oldest")
    assert addresses() == {"ann": "ann@example.com", "older": None}


def test_an_address_in_another_profile_is_not_given_twice(host_user: HostUser, tmp_path: Path) -> None:
    ann = host_user("ann", "ann@example.com")
    adopt()
    User.objects.filter(pk=ann.pk).update(email="moved@example.com")
    host_user("second", "ann@example.com")
    adopt("--report", str(tmp_path / "report.csv"))
    assert addresses() == {"ann": "ann@example.com", "second": None}
    assert reported(tmp_path / "report.csv")["second"]["reason"] == "taken"


def test_an_id_that_is_in_use_is_not_given_twice(host_user: HostUser) -> None:
    ann, bob = host_user("ann", "ann@example.com"), host_user("bob", "bob@example.com")
    UserProfile.objects.create(user=ann, public_id=str(bob.pk), email="ann@example.com")
    adopt()
    assert UserProfile.objects.get(user=bob).public_id not in {str(bob.pk), ""}


def test_a_second_run_finds_nothing_to_do(host_user: HostUser) -> None:
    host_user("ann", "ann@example.com")
    assert "1 profiles made, 1 of them with a password; 1 addresses taken over." in adopt()
    before = list(UserProfile.objects.values())
    assert "0 users read" in adopt()
    assert list(UserProfile.objects.values()) == before


def test_an_interrupted_run_is_resumed(host_user: HostUser, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(7):
        host_user(f"user{number}", f"user{number}@example.com")
    real, calls = adoption.adopt, []

    def interrupted(*arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*arguments, **options)

    monkeypatch.setattr(adoption, "adopt", interrupted)
    with pytest.raises(KeyboardInterrupt):
        adopt("--batch-size", "2")
    assert UserProfile.objects.count() == 4
    monkeypatch.setattr(adoption, "adopt", real)
    assert "3 profiles made" in adopt("--batch-size", "2")
    assert UserProfile.objects.count() == Account.objects.count() == 7


def test_dry_run_tells_the_same_and_writes_nothing(host_user: HostUser, tmp_path: Path) -> None:
    for number in range(6):
        host_user(f"user{number}", f"user{number % 4}@example.com")
    host_user("none")
    dry = adopt("--dry-run", "--report", str(tmp_path / "dry.csv"))
    assert not UserProfile.objects.exists()
    assert not Account.objects.exists()
    real = adopt("--report", str(tmp_path / "real.csv"))
    assert (tmp_path / "dry.csv").read_text() == (tmp_path / "real.csv").read_text()
    assert "7 profiles would be made" in dry
    assert numbers_of(dry) == numbers_of(real)


def numbers_of(output: str) -> list[str]:
    return re.findall(r"[\d,]+ (?:profiles|of them|addresses|\(\w+\))", output)


def test_progress_is_plain_lines_with_a_rate(host_user: HostUser) -> None:
    for number in range(3):
        host_user(f"user{number}", f"user{number}@example.com")
    lines = adopt("--batch-size", "1").splitlines()
    assert re.fullmatch(r"1 of 3 users, [\d,]+ a second", lines[0])
    assert "\r" not in "".join(lines)


def test_impossible_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="batch-size"):
        call_command("adopt_users", "--batch-size", "0")
    with pytest.raises(CommandError, match="--report"):
        call_command("adopt_users", "--report", str(tmp_path / "absent" / "report.csv"))


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_make_each_profile_once(host_user: HostUser) -> None:
    for number in range(60):
        host_user(f"user{number}", f"user{number % 50}@example.com")
    start, failures = threading.Barrier(2), []

    def run() -> None:
        start.wait()
        try:
            adopt("--batch-size", "7")
        except Exception as fault:
            failures.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert UserProfile.objects.count() == Account.objects.count() == 60
    assert UserProfile.objects.filter(email__isnull=True).count() == 20


@pytest.mark.django_db(transaction=True)
def test_a_user_who_is_deleted_meanwhile_stops_nobody(
    host_user: HostUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = host_user("gone", "gone@example.com")
    host_user("ann", "ann@example.com")
    real = adoption._new_profiles

    def after_a_deletion(*arguments: Any) -> Any:
        User.objects.filter(pk=gone.pk).delete()
        return real(*arguments)

    monkeypatch.setattr(adoption, "_new_profiles", after_a_deletion)
    adopt()
    assert addresses() == {"ann": "ann@example.com"}
