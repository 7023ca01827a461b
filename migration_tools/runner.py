"""One run, from the first record to the last: look for what comes twice, then plan and write batch by batch.

A dry run does the same reading, checking and planning, and stops before the writing.
"""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Any

from django.db import connection, transaction

from better_auth import adopted_keys
from migration_tools import deltas, journal
from migration_tools.checking import check, keys_of
from migration_tools.committing import Pen, prepare
from migration_tools.duplicates import Duplicates, Hashes
from migration_tools.lanes import Baton, in_lanes
from migration_tools.leases import Lease
from migration_tools.models import MigrationRun
from migration_tools.planning import Item, Line, Planner
from migration_tools.policy import Policy
from migration_tools.records import Read, Refused
from migration_tools.sources.source import Share, Source
from migration_tools.tally import Progress, Tally
from migration_tools.target import Target
from migration_tools.writing import Writer

# Between two signs of life of a run that only reads.
LEASE_EVERY = 5000


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
class Migration:
    source: Source
    name: str
    policy: Policy
    selection: Selection
    batch_size: int = 500
    is_strict: bool = False
    jobs: int = 1
    tally: Tally = field(default_factory=Tally)

    def rehearse(self) -> None:
        """A dry run. Writes nothing, and takes no lock.

        Raises ``SourceFault``; ``Stopped`` where the real run would stop.
        """
        planner = Planner(self.policy, self._look_for_duplicates())
        target = Target(self.name)
        for items in self._batches("", 0):
            plans, stop = prepare(planner, target, items, is_strict=self.is_strict)
            self.tally.add(plans)
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
        tally, position = self.tally, run.checkpoint
        if position:
            tally.reach(run.done, Counter(run.counts))
        else:
            deltas.forget_own_attempts(run)
        tally.observed_as = self.name
        journal.keep(run, lease, total=tally.total)
        self._adopt_signing_keys(run, lease)
        pen = Pen(planner, target, writer, run, lease, tally, self.is_strict)
        if self._has_lanes():
            self._run_in_lanes(pen, position)
            return
        for items in self._batches(position, tally.done):
            pen.write(items)

    def _run_in_lanes(self, pen: Pen, position: str) -> None:
        """The same in several processes: each has the batches of its lane, and reads past the others'."""
        tally, first = self.tally, self.tally.done
        self.source.close()

        def work(lane: int, baton: Baton, tell: Callable[[Any], None]) -> None:
            lines: list[Line] = []
            # The process that hears of all lanes tells and counts.
            tally.listen, tally.tell, tally.observed_as = lines.append, lambda progress: None, ""
            for items in self._batches(position, first, lane=lane):
                try:
                    pen.write_in_turn(items, baton)
                finally:
                    tell((items[0].number - 1, tally.done, tally.counts, lines[:]))
                lines.clear()
                baton.hand_on((tally.done, tally.counts))

        waiting: dict[int, tuple[int, Counter[str], list[Line]]] = {}

        def hear(told: tuple[int, int, Counter[str], list[Line]]) -> None:
            """Lanes are not heard in the order of their batches, and a report has that of the input."""
            before, done, counts, lines = told
            waiting[before] = (done, counts, lines)
            while tally.done in waiting:
                self._hear(*waiting.pop(tally.done))

        in_lanes(self.jobs, (tally.done, tally.counts), work, hear)

    def _hear(self, done: int, counts: Counter[str], lines: list[Line]) -> None:
        """Of a batch that a lane has committed."""
        if done > self.tally.done:
            self.tally.reach(done, counts)
        for line in lines:
            self.tally.listen(line)
        self.tally.show()

    def _adopt_signing_keys(self, run: MigrationRun, lease: Lease) -> None:
        keys = self.source.signing_keys()
        if keys:
            with transaction.atomic():
                adopted = [*run.adopted_keys, *adopted_keys.adopt(keys)]
                journal.keep(run, lease, adopted_keys=adopted)

    def _look_for_duplicates(self, sign_of_life: Callable[[], None] = lambda: None) -> Duplicates:
        self.source.prepare()
        duplicates = Duplicates()
        expected = self.source.total() if self.selection == Selection() else self.selection.limit

        def seen(number: int) -> None:
            self.tally.total = max(self.tally.total, number)
            sign_of_life()
            self.tally.tell(Progress("checking", number, expected, Counter()))

        if self._has_lanes() and self.source.is_shareable:
            self._add_in_lanes(duplicates, seen)
        else:
            for number in self._add(duplicates, self._selected("", 0)):
                seen(number)
                duplicates.flush()
        duplicates.close()
        self.tally.tell(Progress("checking", self.tally.total, self.tally.total, Counter()))
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
