"""``cleanup_auth``: what is past its time goes, once, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction

from better_auth import clock
from better_auth.management.commands.cleanup_auth import delete_in_batches
from better_auth.models import (
    AuditEntry,
    DeviceCode,
    DualDifference,
    LegacyExchange,
    RefreshToken,
    Session,
    SigningKey,
    Verification,
)
from better_auth.storage.records import UserRecord

DAY = timedelta(days=1)


def clean(**options: Any) -> list[str]:
    out = StringIO()
    call_command("cleanup_auth", stdout=out, **options)
    return out.getvalue().splitlines()


def add_sessions(user: UserRecord, number: int, *, expires_in: timedelta) -> None:
    now = clock.now()
    Session.objects.bulk_create(
        Session(
            user_id=user.key, token_hash=f"{expires_in.total_seconds()}-{index}", expires_at=now + expires_in
        )
        for index in range(number)
    )


def add_verifications(number: int, *, expires_in: timedelta) -> None:
    now = clock.now()
    Verification.objects.bulk_create(
        Verification(purpose="reset-password", digest=f"{index}", expires_at=now + expires_in)
        for index in range(number)
    )


def add_refresh_tokens(number: int, *, expires_in: timedelta) -> None:
    now = clock.now()
    RefreshToken.objects.bulk_create(
        RefreshToken(selector_hash=f"{expires_in} {index}", expires_at=now + expires_in)
        for index in range(number)
    )


def add_exchanges(number: int, *, expires_in: timedelta) -> None:
    now = clock.now()
    LegacyExchange.objects.bulk_create(
        LegacyExchange(token_hash=f"{expires_in} {index}", expires_at=now + expires_in)
        for index in range(number)
    )


def add_device_codes(number: int, *, expires_in: timedelta) -> None:
    now = clock.now()
    DeviceCode.objects.bulk_create(
        DeviceCode(
            device_code_hash=f"{expires_in} {index}",
            user_code_hash=f"{expires_in} {index}",
            polling_interval=5000,
            expires_at=now + expires_in,
        )
        for index in range(number)
    )


def add_signing_keys(number: int, *, age: timedelta) -> None:
    """Keys whose time to sign ended so long ago."""
    ended_at = clock.now() - age
    SigningKey.objects.bulk_create(
        SigningKey(replaces=f"{age} {index}", signs_from=ended_at, expires_at=ended_at)
        for index in range(number)
    )


def add_entries(number: int, *, age: timedelta) -> None:
    now = clock.now()
    AuditEntry.objects.bulk_create(
        AuditEntry(event_type="sign_in", success=True, created_at=now - age) for _ in range(number)
    )


def add_differences(number: int, *, age: timedelta) -> None:
    day = (clock.now() - age).date()
    told = {"method": "GET", "reason": "user", "our_status": 200, "former_status": 200}
    DualDifference.objects.bulk_create(
        DualDifference(day=day, route=f"page-{index}", **told) for index in range(number)
    )


@pytest.fixture
def full(make_user: Callable[..., UserRecord]) -> UserRecord:
    """3 dead and 2 living rows of each kind."""
    user = make_user()
    add_sessions(user, 3, expires_in=-DAY)
    add_sessions(user, 2, expires_in=timedelta(minutes=1))
    add_verifications(3, expires_in=-DAY)
    add_verifications(2, expires_in=timedelta(minutes=1))
    add_refresh_tokens(3, expires_in=-DAY)
    add_refresh_tokens(2, expires_in=timedelta(minutes=1))
    add_device_codes(3, expires_in=-DAY)
    add_device_codes(2, expires_in=timedelta(minutes=1))
    add_exchanges(3, expires_in=-DAY)
    add_exchanges(2, expires_in=timedelta(minutes=1))
    LegacyExchange.objects.create(token_hash="of one that never ends")
    add_signing_keys(3, age=31 * DAY)
    add_signing_keys(2, age=29 * DAY)
    add_entries(3, age=366 * DAY)
    add_entries(2, age=364 * DAY)
    add_differences(3, age=366 * DAY)
    add_differences(2, age=364 * DAY)
    return user


def remaining() -> tuple[int, int, int]:
    return Session.objects.count(), Verification.objects.count(), AuditEntry.objects.count()


@pytest.mark.parametrize("batch_size", [1, 2, 3, 1000])
def test_what_is_past_its_time_goes_and_the_rest_stays(full: UserRecord, batch_size: int) -> None:
    assert clean(batch_size=batch_size) == [
        "Expired sessions: 3 deleted",
        "Expired verification tokens: 3 deleted",
        "Expired device codes: 3 deleted",
        "Spent legacy tokens: 3 deleted",
        "Expired refresh tokens: 3 deleted",
        "Signing keys past their grace: 3 deleted",
        "Audit entries older than 365 days: 3 deleted",
        "Differences from the former system older than 365 days: 3 deleted",
    ]
    assert remaining() == (2, 2, 2)
    assert (RefreshToken.objects.count(), SigningKey.objects.count(), DeviceCode.objects.count()) == (2, 2, 2)
    assert DualDifference.objects.count() == 2
    assert LegacyExchange.objects.count() == 3
    now = clock.now()
    assert all(row.expires_at > now for row in Session.objects.all())
    assert all(row.expires_at > now for row in Verification.objects.all())
    assert all(row.created_at > now - 365 * DAY for row in AuditEntry.objects.all())


def test_a_second_run_finds_nothing(full: UserRecord) -> None:
    clean()
    assert [line.rsplit(": ")[1] for line in clean()] == ["0 deleted"] * 8


def test_a_dry_run_only_counts(full: UserRecord) -> None:
    assert clean(dry_run=True) == [
        "Expired sessions: 3 to delete",
        "Expired verification tokens: 3 to delete",
        "Expired device codes: 3 to delete",
        "Spent legacy tokens: 3 to delete",
        "Expired refresh tokens: 3 to delete",
        "Signing keys past their grace: 3 to delete",
        "Audit entries older than 365 days: 3 to delete",
        "Differences from the former system older than 365 days: 3 to delete",
    ]
    assert remaining() == (5, 5, 5)


def test_the_audit_log_is_kept_as_long_as_the_settings_say(
    full: UserRecord, configure: Callable[..., None]
) -> None:
    configure(AUDIT={"RETENTION_DAYS": 364})
    add_entries(1, age=363 * DAY)
    assert clean()[6] == "Audit entries older than 364 days: 5 deleted"
    assert AuditEntry.objects.count() == 1


def test_with_zero_days_the_audit_log_is_kept_for_good(
    full: UserRecord, configure: Callable[..., None]
) -> None:
    configure(AUDIT={"RETENTION_DAYS": 0})
    assert clean()[6:] == ["Audit entries: kept for good (AUDIT.RETENTION_DAYS is 0)"]
    assert (AuditEntry.objects.count(), DualDifference.objects.count()) == (5, 5)


def test_a_long_run_tells_how_far_it_is(db: None) -> None:
    add_verifications(25, expires_in=-DAY)
    assert clean(batch_size=1)[1:4] == [
        "Expired verification tokens: 10 so far",
        "Expired verification tokens: 20 so far",
        "Expired verification tokens: 25 deleted",
    ]


@pytest.mark.parametrize("size", ["0", "-1", "10001", "many"])
def test_a_batch_size_that_makes_no_sense_is_refused(size: str) -> None:
    with pytest.raises(CommandError, match="expected a number from 1 to 10000"):
        call_command("cleanup_auth", f"--batch-size={size}")


def run_at_once(number: int, work: Callable[[], None]) -> None:
    """The same in several threads, begun together; what fails in one fails the test."""
    barrier, failures = threading.Barrier(number), list[BaseException]()

    def run() -> None:
        try:
            barrier.wait(90)
            work()
        except BaseException as fault:
            failures.append(fault)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert failures == []


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_share_the_work(make_user: Callable[..., UserRecord]) -> None:
    user = make_user()
    add_sessions(user, 400, expires_in=-DAY)
    add_sessions(user, 50, expires_in=DAY)
    add_entries(400, age=400 * DAY)
    printed: list[str] = []
    run_at_once(2, lambda: printed.extend(clean(batch_size=7)))
    for label, number in (("Expired sessions", 400), ("Audit entries older than 365 days", 400)):
        said = [
            int(line.split(": ")[1].split()[0])
            for line in printed
            if line.startswith(label) and "del" in line
        ]
        assert len(said) == 2
        assert sum(said) == number
    assert remaining() == (50, 0, 0)


@pytest.mark.django_db(transaction=True)
def test_a_row_that_somebody_holds_is_passed_over(make_user: Callable[..., UserRecord]) -> None:
    if not connection.features.has_select_for_update_skip_locked:
        pytest.skip("rows can't be locked singly here")
    add_sessions(make_user(), 5, expires_in=-DAY)
    held = Session.objects.order_by("pk")[2].pk
    with transaction.atomic():
        Session.objects.select_for_update().get(pk=held)
        run_at_once(1, lambda: clean(batch_size=2))
        assert [row.pk for row in Session.objects.all()] == [held]
    clean()
    assert not Session.objects.exists()


def test_each_batch_begins_where_the_last_one_ended(full: UserRecord) -> None:
    keys = sorted(Session.objects.filter(expires_at__lte=clock.now()).values_list("pk", flat=True))
    seen: list[list[str]] = []
    for deleted in delete_in_batches(Session.objects.filter(expires_at__lte=clock.now()), 2):
        gone = set(keys) - set(Session.objects.values_list("pk", flat=True))
        seen.append(sorted(gone))
        assert deleted == len(gone) - sum(len(before) for before in seen[-2:-1])
    assert seen == [keys[:2], keys]
