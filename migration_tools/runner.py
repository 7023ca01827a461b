"""One run, from the first record to the last: look for what comes twice, then plan and write batch by batch.

A dry run does the same reading, checking and planning, and stops before the writing.
"""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction

from better_auth.events import observe
from better_auth.users import EmailTaken
from migration_tools import journal
from migration_tools.checking import check, keys_of
from migration_tools.duplicates import Duplicates
from migration_tools.lanes import Turn, in_lanes
from migration_tools.leases import Lease
from migration_tools.models import MigrationRecord, MigrationRun, RecordState
from migration_tools.planning import Item, Outcome, Plan, Planner
from migration_tools.policy import OnConflict, Policy
from migration_tools.records import Read, Refused
from migration_tools.sources.source import Source
from migration_tools.target import Target, analyze_tables
from migration_tools.writing import Writer

ATTEMPTS = 3
# Between two signs of life of a run that only reads.
LEASE_EVERY = 5000
# A table that grew from nothing is planned for as if it were empty, and searched row by row.
ANALYZED_AT = (2_000, 10_000, 50_000, 250_000, 1_000_000, 5_000_000)
# Seconds to wait before each further try to reach the target that has gone away.
PAUSES = (0.5, 1, 2, 4, 8)
UNKNOWN_HASH = "unknown_hash"


class Stopped(Exception):
    """The run ends before its time because it was told to: ``--strict``, or ``--on-conflict fail``."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which records the run is about. ``emails``: lower-case, or None for all."""

    limit: int | None = None
    emails: frozenset[str] | None = None

    def of(self, records: Iterator[Read]) -> Iterator[Read]:
        if self.emails is not None:
            wanted = self.emails
            records = (
                one for one in records if one.user and (one.user.email or "").strip().lower() in wanted
            )
        return islice(records, self.limit) if self.limit is not None else records


@dataclass(slots=True)
class Progress:
    """Told after each batch. ``phase``: ``checking`` or ``writing``; ``total`` is None while nobody knows."""

    phase: str
    done: int
    total: int | None
    counts: Counter[str]


@dataclass(frozen=True, slots=True)
class Pen:
    """What a run writes with."""

    planner: Planner
    target: Target
    writer: Writer
    run: MigrationRun
    lease: Lease


@dataclass(slots=True)
class Migration:
    """``tell`` hears of progress, ``listen`` of every plan as it is carried out (or would be)."""

    source: Source
    name: str
    policy: Policy
    selection: Selection
    batch_size: int = 500
    is_strict: bool = False
    jobs: int = 1
    tell: Callable[[Progress], None] = lambda progress: None
    listen: Callable[[Plan], None] = lambda plan: None
    counts: Counter[str] = field(default_factory=Counter)
    total: int = 0
    done: int = 0

    def rehearse(self) -> None:
        """A dry run. Writes nothing, and takes no lock.

        Raises ``SourceFault``; ``Stopped`` where the real run would stop.
        """
        planner = Planner(self.policy, self._look_for_duplicates())
        target = Target(self.name)
        for items in self._batches("", 0):
            plans, stop = self._plan(planner, target, items)
            self._count(plans)
            if stop:
                raise stop

    def run(self, run: MigrationRun, lease: Lease) -> None:
        """Carry the run on from its checkpoint to its end.

        Raises ``SourceFault``, ``Stopped``, ``LeaseLost`` or the database's errors; what is committed by then
        stays, and the run can be resumed.
        """
        planner = Planner(self.policy, self._look_for_duplicates(lambda: journal.keep(run, lease)))
        target = Target(self.name)
        writer = Writer(self.name, run.pk, run.started_at, self.policy)
        position = run.checkpoint
        if position:
            self.done, self.counts = run.done, Counter(run.counts)
        else:
            self._forget_attempts()
        journal.keep(run, lease, total=self.total)
        pen = Pen(planner, target, writer, run, lease)
        batches = self._batches(position, self.done)
        if self.jobs > 1 and connection.vendor == "postgresql":
            for _ in in_lanes(self.jobs, batches, partial(self._write_beside_others, pen)):
                pass
            return
        for items in batches:
            stop = self._write(pen, items)
            if stop:
                raise stop

    def _forget_attempts(self) -> None:
        """Records without an id can't be recognised: those of earlier runs give way to this one's."""
        MigrationRecord.objects.filter(source=self.name, legacy_id=None).exclude(
            state__in=[RecordState.MIGRATED, RecordState.ROLLED_BACK]
        ).delete()

    def _look_for_duplicates(self, sign_of_life: Callable[[], None] = lambda: None) -> Duplicates:
        duplicates = Duplicates()
        expected = self.source.total() if self.selection == Selection() else self.selection.limit
        number = 0
        for number, read in enumerate(self._selected("", 0), start=1):
            if read.user is not None:
                with suppress(Refused):
                    keys = keys_of(read.user, self.policy)
                    is_coming = not keys.is_deleted or self.policy.bring_deleted
                    duplicates.add(number, keys, is_coming=is_coming)
            if number % LEASE_EVERY == 0:
                sign_of_life()
                self.tell(Progress("checking", number, expected, Counter()))
        duplicates.close()
        self.total = number
        self.tell(Progress("checking", number, number, Counter()))
        return duplicates

    def items(self, after: str = "", number: int = 0) -> Iterator[Item]:
        """Records, read and checked."""
        for read in self._selected(after, number):
            number += 1
            if read.user is None:
                yield Item(number, read.place, read.position, read.external_id, refusal=read.refusal)
                continue
            external_id = read.user.external_id
            try:
                checked = check(read.user, self.policy)
            except Refused as refusal:
                yield Item(number, read.place, read.position, external_id, refusal=refusal)
            else:
                yield Item(number, read.place, read.position, external_id, checked=checked)

    def _selected(self, after: str, number: int) -> Iterator[Read]:
        limit = None if self.selection.limit is None else max(self.selection.limit - number, 0)
        return Selection(limit, self.selection.emails).of(self.source.read(after))

    def _batches(self, after: str, number: int) -> Iterator[list[Item]]:
        items = self.items(after, number)
        while batch := list(islice(items, self.batch_size)):
            yield batch

    def _plan(self, planner: Planner, target: Target, items: list[Item]) -> tuple[list[Plan], Stopped | None]:
        """The plans up to where the run must stop, if it must."""
        known = target.know([item.checked for item in items if item.checked is not None])
        plans = planner.plan(items, known)
        for at, plan in enumerate(plans):
            if self._must_stop(plan):
                return plans[:at], Stopped(f"{plan.item.place}: {plan.reason}")
        return plans, None

    def _must_stop(self, plan: Plan) -> bool:
        if plan.outcome is Outcome.CONFLICT and self.policy.on_conflict is OnConflict.FAIL:
            return True
        return self.is_strict and plan.outcome in (Outcome.CONFLICT, Outcome.INVALID, Outcome.FAILED)

    def _write_beside_others(self, pen: Pen, items: list[Item], turn: Turn) -> None:
        """Plan and write while earlier batches do, commit behind them; what goes wrong is done again then."""
        plans, stop = self._plan(pen.planner, pen.target, items)
        if plans:
            try:
                self._commit(pen, plans, turn)
            except (IntegrityError, EmailTaken, OperationalError, InterfaceError):
                turn.wait()
                stop = self._write(pen, items)
        turn.wait()
        if stop:
            raise stop

    def _write(self, pen: Pen, items: list[Item]) -> Stopped | None:
        """One transaction. Where somebody was quicker, planned anew; in the end record by record."""
        for _ in range(ATTEMPTS):
            plans, stop = self._plan(pen.planner, pen.target, items)
            try:
                self._commit_patiently(pen, plans)
            except (IntegrityError, EmailTaken):
                pen.target.has_entries = True
                continue
            return stop
        if len(items) > 1:
            half = len(items) // 2
            return self._write(pen, items[:half]) or self._write(pen, items[half:])
        detail = "a rule of the target's tables"
        entry = plans[0].entry if plans else None
        refused = Plan(items[0], Outcome.FAILED, "refused-by-database", detail, entry=entry)
        self._commit_patiently(pen, [refused])
        return Stopped(f"{items[0].place}: refused-by-database") if self.is_strict else None

    def _commit_patiently(self, pen: Pen, plans: list[Plan]) -> None:
        """A database that is away for a moment is waited for. Whether a commit of which no answer came was
        made, the checkpoint tells."""
        for pause in (*PAUSES, None):
            try:
                if plans:
                    self._commit(pen, plans)
                return
            except (OperationalError, InterfaceError):
                if pause is None:
                    raise
                connection.close()
                time.sleep(pause)
                with suppress(OperationalError, InterfaceError):
                    pen.run.refresh_from_db(fields=["checkpoint", "done"])
                    if pen.run.done == self.done + len(plans):
                        self._count(plans)
                        return

    def _commit(self, pen: Pen, plans: list[Plan], turn: Turn | None = None) -> None:
        with transaction.atomic():
            _hasten()
            pen.writer.write(plans)
            if turn:
                turn.wait()
            # Last of all: whoever has lost the lease undoes what is written here.
            journal.keep(
                pen.run,
                pen.lease,
                checkpoint=plans[-1].item.position,
                done=self.done + len(plans),
                counts=dict(self.counts + _counted(plans)),
            )
        created = sum(plan.outcome is Outcome.CREATED for plan in plans)
        if created:
            observe("migrated_users", self.name, value=created)
        before = self.done
        self._count(plans)
        if any(before < size <= self.done for size in ANALYZED_AT):
            analyze_tables()

    def _count(self, plans: list[Plan]) -> None:
        self.counts += _counted(plans)
        self.done += len(plans)
        for plan in plans:
            self.listen(plan)
        self.tell(Progress("writing", self.done, self.total, self.counts))


@contextmanager
def seldom_collected() -> Iterator[None]:
    """A run makes many small objects and no cycles worth looking for at each thousand of them."""
    former = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*former)
        gc.unfreeze()


def _hasten() -> None:
    """Do not wait for the disk at each batch: one that is lost in a crash takes its checkpoint with it."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit TO OFF")


def _counted(plans: list[Plan]) -> Counter[str]:
    counts: Counter[str] = Counter(str(plan.outcome) for plan in plans)
    unknown = sum(plan.has_unknown_hash for plan in plans)
    if unknown:
        counts[UNKNOWN_HASH] = unknown
    return counts
