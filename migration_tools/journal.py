"""The lifecycle of runs, and the only writer of them: start, lease, checkpoint, end.

Also the way from a legacy id to its user.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError, Q, QuerySet

from better_auth import clock
from better_auth.conf.loading import nearest
from better_auth.legacy_credentials.subjects import Standing
from migration_tools import leases
from migration_tools.leases import LEASE, Lease
from migration_tools.models import MigrationRecord, MigrationRun, RecordState, RunState

OPEN = (RunState.RUNNING, RunState.INTERRUPTED, RunState.ROLLING_BACK)


class RunRefused(Exception):
    """The run can't begin; the message says why and what to do."""


class LeaseLost(Exception):
    """Another process has taken the run over: this one must not write any more."""


def find_user_key(source: str, legacy_id: str) -> Any:
    """The primary key of the user that a migrated legacy id belongs to, or None. One look-up in an index."""
    rows = MigrationRecord.objects.filter(source=source, legacy_id=legacy_id, state=RecordState.MIGRATED)
    return rows.values_list("user_id", flat=True).first()


def standing(source: str, legacy_id: str) -> Standing:
    """What became of a legacy id, for credentials of the former system. One look-up in an index."""
    rows = MigrationRecord.objects.filter(source=source, legacy_id=legacy_id)
    found = rows.values_list("state", "user_id").first()
    if found is None:
        return Standing("not_here")
    state, user_key = found
    if state == RecordState.MIGRATED:
        return Standing("gone") if user_key is None else Standing("here", user_key)
    return Standing("rolled_back" if state == RecordState.ROLLED_BACK else "not_here")


def find_legacy_id(source: str, user_key: Any) -> str | None:
    """The id that this user had there, or None."""
    rows = MigrationRecord.objects.filter(user_id=user_key, source=source, state=RecordState.MIGRATED)
    return rows.exclude(legacy_id=None).values_list("legacy_id", flat=True).first()


def is_migrated(source: str, legacy_id: str) -> bool:
    """Whether the record has become a user here, who may be gone again."""
    rows = MigrationRecord.objects.filter(source=source, legacy_id=legacy_id, state=RecordState.MIGRATED)
    return rows.exists()


def find_open(source: str) -> MigrationRun | None:
    """The run of this source that is not at its end."""
    return MigrationRun.objects.filter(source=source, state__in=OPEN).first()


def start(
    source: str,
    kind: str,
    *,
    options: Mapping[str, Any],
    identity: Mapping[str, Any],
    watermark: Mapping[str, Any] | None = None,
) -> tuple[MigrationRun, Lease]:
    """A new run, leased to this process. Raises ``RunRefused`` where one is open."""
    lease, now = Lease.of_this_process(), clock.now()
    try:
        with transaction.atomic():
            run = MigrationRun.objects.create(
                source=source,
                kind=kind,
                options=dict(options),
                identity=dict(identity),
                watermark=dict(watermark or {}),
                lease_token=lease.token,
                lease_holder=lease.holder,
                lease_until=now + LEASE,
                started_at=now,
                updated_at=now,
            )
    except IntegrityError:
        run = MigrationRun.objects.filter(source=source, state__in=OPEN).get()
        raise RunRefused(describe(run)) from None
    return run, lease


def lazy_run(source: str) -> MigrationRun:
    """The run that those belong to who come one by one; of two that begin it at once, one does."""
    rows = MigrationRun.objects.filter(source=source, state=RunState.LAZY, rollback_closed_at=None)
    run = rows.first()
    if run is None:
        try:
            with transaction.atomic():
                run = MigrationRun.objects.create(source=source, kind="lazy", state=RunState.LAZY)
        except IntegrityError:
            run = rows.get()
    return run


def take_over(run: MigrationRun, *, state: RunState) -> Lease:
    """Go on with a run whose process is gone. Raises ``RunRefused`` while that one is at it.

    One guarded UPDATE: of two that try at once, one gets it.
    """
    lease, now = Lease.of_this_process(), clock.now()
    current = MigrationRun.objects.get(pk=run.pk)
    is_free = current.lease_token == "" or leases.is_over(current.lease_holder, current.lease_until, now)
    if is_free:
        won = MigrationRun.objects.filter(
            pk=run.pk, lease_token=current.lease_token, state=current.state
        ).update(
            state=state,
            lease_token=lease.token,
            lease_holder=lease.holder,
            lease_until=now + LEASE,
            problem="",
            finished_at=None,
            updated_at=now,
        )
        if won:
            run.refresh_from_db()
            return lease
    raise RunRefused(describe(MigrationRun.objects.get(pk=run.pk)))


def keep(run: MigrationRun, lease: Lease, **columns: Any) -> None:
    """Hold the lease a little longer and write down what was reached, within the caller's transaction.

    Raises ``LeaseLost``; the caller's transaction must then be undone.
    """
    now = clock.now()
    rows = MigrationRun.objects.filter(pk=run.pk, lease_token=lease.token)
    if not rows.update(lease_until=now + LEASE, updated_at=now, **columns):
        raise LeaseLost(f"run {run.pk} was taken over by another process")
    for name, value in columns.items():
        setattr(run, name, value)


def give_up(run: MigrationRun, lease: Lease, *, problem: str) -> None:
    """The run stops here and can be resumed; one that has done nothing yet leaves nothing to resume."""
    run.refresh_from_db(fields=["done"])  # other processes may have carried it on
    if run.state == RunState.RUNNING and not run.done:
        with suppress(ProtectedError):  # a run that reads its input again has records from before
            MigrationRun.objects.filter(pk=run.pk, lease_token=lease.token).delete()
            return
    with suppress(LeaseLost):
        state = RunState.ROLLING_BACK if run.state == RunState.ROLLING_BACK else RunState.INTERRUPTED
        keep(run, lease, state=state, problem=problem, lease_token="", lease_holder="")


def finish(run: MigrationRun, lease: Lease, *, state: RunState = RunState.FINISHED) -> None:
    """Raises ``LeaseLost``."""
    keep(run, lease, state=state, finished_at=clock.now(), lease_token="", lease_holder="", problem="")


def closable(source: str) -> QuerySet[MigrationRun]:
    """The runs that can still be undone. Raises ``RunRefused`` where there is none, or one is open: what that
    one keeps holds what earlier ones kept."""
    runs = MigrationRun.objects.filter(source=source)
    if not runs.exists():
        known = sorted(MigrationRun.objects.values_list("source", flat=True).distinct())
        raise RunRefused(f"there is no run of {source}{nearest(source, known)}")
    run = find_open(source)
    if run is not None:
        raise RunRefused(describe(run))
    return runs.filter(rollback_closed_at=None)


def close_rollback(source: str) -> int:
    """Forget what a rollback would need, former hashes above all; the number of runs that were closed.

    Raises ``RunRefused`` as ``closable`` does.
    """
    with transaction.atomic():
        ids = list(closable(source).select_for_update().values_list("pk", flat=True))
        MigrationRecord.objects.filter(run_id__in=ids).filter(Q(former__isnull=False)).update(former=None)
        return MigrationRun.objects.filter(pk__in=ids).update(rollback_closed_at=clock.now())


def describe(run: MigrationRun) -> str:
    """How an open run stands, and what to do about it."""
    now = clock.now()
    is_alive = run.lease_token and not leases.is_over(run.lease_holder, run.lease_until, now)
    if is_alive:
        host, _, rest = run.lease_holder.partition("|")
        process = rest.partition("|")[0]
        return (
            f"run {run.pk} of {run.source} is at work (process {process} on {host.partition('/')[0]}): "
            "wait for its end"
        )
    if run.state == RunState.ROLLING_BACK:
        return (
            f"the rollback of run {run.pk} of {run.source} was interrupted: "
            f"finish it with --rollback --run {run.pk}"
        )
    return (
        f"run {run.pk} of {run.source} was interrupted after {run.done:,} records: go on with --resume, "
        f"or undo it with --rollback --run {run.pk}"
    )
