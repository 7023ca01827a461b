"""One run, from the first record to the last: look for what comes twice, then plan and write batch by batch.

A dry run does the same reading, checking and planning, and stops before the writing.
"""

from __future__ import annotations

import gc
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Any

from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction

from better_auth import adopted_keys
from better_auth.events import observe
from better_auth.users import EmailTaken
from migration_tools import journal
from migration_tools.checking import check, keys_of
from migration_tools.duplicates import Duplicates, Hashes
from migration_tools.lanes import Baton, in_lanes
from migration_tools.leases import Lease
from migration_tools.models import MigrationRecord, MigrationRun, RecordState
from migration_tools.planning import Item, Line, Outcome, Plan, Planner
from migration_tools.policy import OnConflict, Policy
from migration_tools.records import Read, Refused
from migration_tools.sources.source import Share, Source
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
    """``tell`` hears of progress, ``listen`` of every record of which there is something to say."""

    source: Source
    name: str
    policy: Policy
    selection: Selection
    batch_size: int = 500
    is_strict: bool = False
    jobs: int = 1
    tell: Callable[[Progress], None] = lambda progress: None
    listen: Callable[[Line], None] = lambda line: None
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
        target = Target(self.name, asks_for_ids=False)
        writer = Writer(self.name, run.pk, run.started_at, self.policy)
        position = run.checkpoint
        if position:
            self.done, self.counts = run.done, Counter(run.counts)
        else:
            self._forget_attempts()
        journal.keep(run, lease, total=self.total)
        self._adopt_signing_keys(run, lease)
        pen = Pen(planner, target, writer, run, lease)
        if self._has_lanes():
            self._run_in_lanes(pen, position)
            return
        for items in self._batches(position, self.done):
            stop = self._write(pen, items)
            if stop:
                raise stop

    def _run_in_lanes(self, pen: Pen, position: str) -> None:
        """The same in several processes: each has the batches of its lane, and reads past the others'."""
        first = self.done
        self.source.close()

        def work(lane: int, baton: Baton, tell: Callable[[Any], None]) -> None:
            lines: list[Line] = []
            self.listen, self.tell = lines.append, lambda progress: None
            for items in self._batches(position, first, lane=lane):
                self._write_in_turn(pen, items, baton)
                tell((self.done, self.counts, lines[:]))
                lines.clear()
                baton.hand_on((self.done, self.counts))

        in_lanes(self.jobs, (self.done, self.counts), work, self._hear)

    def _hear(self, told: tuple[int, Counter[str], list[Line]]) -> None:
        """Of a batch that a lane has committed; lanes are not heard in the order of their batches."""
        done, counts, lines = told
        if done > self.done:
            created = counts[Outcome.CREATED] - self.counts[Outcome.CREATED]
            if created:
                observe("migrated_users", self.name, value=created)
            self.done, self.counts = done, counts
        for line in lines:
            self.listen(line)
        self.tell(Progress("writing", self.done, self.total, self.counts))

    def _adopt_signing_keys(self, run: MigrationRun, lease: Lease) -> None:
        keys = self.source.signing_keys()
        if keys:
            with transaction.atomic():
                adopted = [*run.adopted_keys, *adopted_keys.adopt(keys)]
                journal.keep(run, lease, adopted_keys=adopted)

    def _forget_attempts(self) -> None:
        """Records without an id can't be recognised: those of earlier runs give way to this one's."""
        MigrationRecord.objects.filter(source=self.name, legacy_id=None).exclude(
            state__in=[RecordState.MIGRATED, RecordState.ROLLED_BACK]
        ).delete()

    def _look_for_duplicates(self, sign_of_life: Callable[[], None] = lambda: None) -> Duplicates:
        duplicates = Duplicates()
        expected = self.source.total() if self.selection == Selection() else self.selection.limit

        def seen(number: int) -> None:
            self.total = max(self.total, number)
            sign_of_life()
            self.tell(Progress("checking", number, expected, Counter()))

        if self._has_lanes() and self.source.is_shareable:
            self._add_in_lanes(duplicates, seen)
        else:
            for number in self._add(duplicates, self._selected("", 0)):
                seen(number)
                duplicates.flush()
        duplicates.close()
        self.tell(Progress("checking", self.total, self.total, Counter()))
        return duplicates

    def _add(self, duplicates: Duplicates, records: Iterator[Read]) -> Iterator[int]:
        """How many there were, after each so many and at the end."""
        number = 0
        for number, read in enumerate(records, start=1):
            if read.user is not None:
                with suppress(Refused):
                    keys = keys_of(read.user, self.policy)
                    is_coming = not keys.is_deleted or self.policy.bring_deleted
                    duplicates.add(number, keys, is_coming=is_coming)
            if number % LEASE_EVERY == 0:
                yield number
        yield number

    def _add_in_lanes(self, duplicates: Duplicates, seen: Callable[[int], None]) -> None:
        def work(lane: int, baton: Baton, tell: Callable[[Any], None]) -> None:
            for number in self._add(duplicates, self._selected("", 0, self._share(lane))):
                tell((number, duplicates.drain()))

        def hear(told: tuple[int, Hashes]) -> None:
            number, hashes = told
            duplicates.absorb(hashes)
            seen(number)

        in_lanes(self.jobs, None, work, hear)

    def _has_lanes(self) -> bool:
        return self.jobs > 1 and connection.vendor == "postgresql" and hasattr(os, "fork")

    def _share(self, lane: int | None) -> Share | None:
        """A source that can leaves other lanes' records unread; a choice by address wants them all."""
        if lane is None or not self.source.is_shareable or self.selection.emails is not None:
            return None
        return Share(lane, self.jobs, self.batch_size)

    def items(self, after: str = "", number: int = 0) -> Iterator[Item]:
        """Records, read and checked."""
        for number, read in enumerate(self._selected(after, number), start=number + 1):  # noqa: B020
            yield self._item(number, read)

    def _item(self, number: int, read: Read) -> Item:
        if read.user is None:
            return Item(number, read.place, read.position, read.external_id, refusal=read.refusal)
        external_id = read.user.external_id
        try:
            checked = check(read.user, self.policy)
        except Refused as refusal:
            return Item(number, read.place, read.position, external_id, refusal=refusal)
        return Item(number, read.place, read.position, external_id, checked=checked)

    def _selected(self, after: str, number: int, share: Share | None = None) -> Iterator[Read]:
        limit = None if self.selection.limit is None else max(self.selection.limit - number, 0)
        records = self.source.read(after, share) if share else self.source.read(after)
        return Selection(limit, self.selection.emails).of(records)

    def _batches(self, after: str, number: int, lane: int | None = None) -> Iterator[list[Item]]:
        """All, or those of one of the lanes."""
        records = self._selected(after, number, self._share(lane))
        for turn in count():
            reads = list(islice(records, self.batch_size))
            if not reads:
                return
            if lane is None or turn % self.jobs == lane:
                yield [self._item(at, read) for at, read in enumerate(reads, start=number + 1)]
            number += len(reads)

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

    def _write_in_turn(self, pen: Pen, items: list[Item], baton: Baton) -> None:
        """Plan and write while other lanes do, commit behind them; what goes wrong is done again then."""
        plans, stop = self._plan(pen.planner, pen.target, items)
        if plans:
            try:
                self._commit(pen, plans, baton)
            except (IntegrityError, EmailTaken, OperationalError, InterfaceError):
                self._take_turn(baton)
                stop = self._write(pen, items)
        self._take_turn(baton)
        if stop:
            raise stop

    def _take_turn(self, baton: Baton) -> None:
        if not baton.is_held:
            self.done, self.counts = baton.take()

    def _write(self, pen: Pen, items: list[Item]) -> Stopped | None:
        """One transaction. Where somebody was quicker, planned anew; in the end record by record."""
        for _ in range(ATTEMPTS):
            plans, stop = self._plan(pen.planner, pen.target, items)
            try:
                self._commit_patiently(pen, plans)
            except (IntegrityError, EmailTaken):
                pen.target.has_entries = pen.target.asks_for_ids = True
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

    def _commit(self, pen: Pen, plans: list[Plan], baton: Baton | None = None) -> None:
        with transaction.atomic():
            _hasten()
            pen.writer.write(plans)
            if baton:
                self._take_turn(baton)
            # Last of all: whoever has lost the lease undoes what is written here.
            journal.keep(
                pen.run,
                pen.lease,
                checkpoint=plans[-1].item.position,
                done=self.done + len(plans),
                counts=dict(self.counts + _counted(plans)),
            )
        created = sum(plan.outcome is Outcome.CREATED for plan in plans)
        if created and not baton:  # else the process that hears of all counts them
            observe("migrated_users", self.name, value=created)
        before = self.done
        self._count(plans)
        if any(before < size <= self.done for size in ANALYZED_AT):
            analyze_tables()

    def _count(self, plans: list[Plan]) -> None:
        self.counts += _counted(plans)
        self.done += len(plans)
        for plan in plans:
            line = plan.line()
            if line:
                self.listen(line)
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
