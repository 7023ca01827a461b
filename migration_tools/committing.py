"""A batch becomes rows: planned, written and committed with its checkpoint, whatever gets in the way.

Where somebody was quicker, where the tables refuse a row, where the database is away for a moment, it is
planned anew. Nothing is written twice, and nothing is left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from django.db import DataError, IntegrityError, InterfaceError, OperationalError, connection, transaction

from better_auth.users import EmailTaken
from migration_tools import journal
from migration_tools.lanes import Baton
from migration_tools.leases import Lease
from migration_tools.models import MigrationRun
from migration_tools.planning import Item, Outcome, Plan, Planner
from migration_tools.policy import OnConflict
from migration_tools.tally import Tally, counted
from migration_tools.target import Target, analyze_tables
from migration_tools.writing import Writer

ATTEMPTS = 3
# A table that grew from nothing is planned for as if it were empty, and searched row by row. A large one that
# grows is planned for rightly: its size is always known.
ANALYZED_AT = (2_000, 10_000, 50_000, 250_000)
# Seconds to wait before each further try to reach the target that has gone away.
PAUSES = (0.5, 1, 2, 4, 8)

REFUSED_ROW = (IntegrityError, DataError, EmailTaken)
GONE = (OperationalError, InterfaceError)


class Stopped(Exception):
    """The run ends before its time because it was told to: ``--strict``, or ``--on-conflict fail``."""


Prepared = tuple[list[Plan], Stopped | None]


def prepare(planner: Planner, target: Target, items: list[Item], *, is_strict: bool) -> Prepared:
    """The plans up to where the run must stop, if it must."""
    known = target.know([item.checked for item in items if item.checked is not None])
    plans = planner.plan(items, known)
    stops = set()
    if is_strict:
        stops = {Outcome.CONFLICT, Outcome.INVALID}
    elif planner.policy.on_conflict is OnConflict.FAIL:
        stops = {Outcome.CONFLICT}
    for at, plan in enumerate(plans):
        if plan.outcome in stops:
            return plans[:at], Stopped(f"{plan.item.place}: {plan.reason}")
    return plans, None


@dataclass(frozen=True, slots=True)
class Pen:
    """What a run writes with."""

    planner: Planner
    target: Target
    writer: Writer
    run: MigrationRun
    lease: Lease
    tally: Tally
    is_strict: bool

    def write(self, items: list[Item]) -> None:
        """The batch, in one transaction; record by record where the tables refuse it again and again.

        Raises ``Stopped`` when all before the record to stop at is written; ``LeaseLost``; the database's
        errors if it stays away.
        """
        self._write(items, ([], None))

    def write_in_turn(self, items: list[Item], baton: Baton) -> None:
        """The same beside other lanes, committed behind them. The baton is held at the end.

        Raises ``Abandoned``, too.
        """
        plans: list[Plan] = []
        stop = None
        try:
            plans, stop = self._prepare(items)
            if plans:
                self._commit(plans, baton)
        except GONE:
            self._take_turn(baton)
            connection.close()
            self._write(items, (plans, stop))
            return
        except REFUSED_ROW:
            self._take_turn(baton)
            self._write(items, ([], None))
            return
        self._take_turn(baton)
        if stop:
            raise stop

    def _write(self, items: list[Item], doubtful: Prepared) -> None:
        """``doubtful``: plans of which nobody knows whether they were committed."""
        for _ in range(ATTEMPTS):
            try:
                stop = self._write_patiently(lambda: self._prepare(items), doubtful)
            except REFUSED_ROW:
                self.target.has_entries = self.target.asks_for_ids = True
                doubtful = ([], None)
                continue
            if stop:
                raise stop
            return
        if len(items) > 1:
            half = len(items) // 2
            self._write(items[:half], ([], None))
            self._write(items[half:], ([], None))
            return
        stop = self._write_patiently(lambda: self._refuse(items[0]), ([], None))
        if stop:
            raise stop

    def _prepare(self, items: list[Item]) -> Prepared:
        return prepare(self.planner, self.target, items, is_strict=self.is_strict)

    def _refuse(self, item: Item) -> Prepared:
        plans, _ = self._prepare([item])
        entry = plans[0].entry if plans else None
        stop = Stopped(f"{item.place}: refused-by-database") if self.is_strict else None
        detail = "a rule of the target's tables"
        return [Plan(item, Outcome.FAILED, "refused-by-database", detail, entry=entry)], stop

    def _write_patiently(self, prepare: Callable[[], Prepared], doubtful: Prepared) -> Stopped | None:
        """A database that is away for a moment is waited for."""
        plans, stop = doubtful
        for pause in (*PAUSES, None):
            try:
                if plans and self._was_committed(plans):
                    return stop
                plans = []
                plans, stop = prepare()
                if plans:
                    self._commit(plans)
                return stop
            except GONE:
                if pause is None:
                    raise
                connection.close()
                time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _was_committed(self, plans: list[Plan]) -> bool:
        """Whether a commit of which no answer came was made: the checkpoint tells."""
        self.run.refresh_from_db(fields=["checkpoint", "done"])
        if self.run.done != self.tally.done + len(plans):
            return False
        self.tally.add(plans)
        return True

    def _take_turn(self, baton: Baton) -> None:
        if not baton.is_held:
            self.tally.reach(*baton.take())

    def _commit(self, plans: list[Plan], baton: Baton | None = None) -> None:
        tally = self.tally
        with transaction.atomic():
            _hasten()
            done = self.writer.write(plans)
            if baton:
                self._take_turn(baton)
            self.writer.bring_rows(plans, done)
            # Last of all: whoever has lost the lease undoes what is written here.
            journal.keep(
                self.run,
                self.lease,
                checkpoint=plans[-1].item.position,
                done=tally.done + len(plans),
                counts=dict(tally.counts + counted(plans)),
            )
        before = tally.done
        tally.add(plans)
        if any(before < size <= tally.done for size in ANALYZED_AT):
            with suppress(*GONE):  # the batch is committed: this is for speed alone
                analyze_tables()


def _hasten() -> None:
    """Do not wait for the disk at each batch: one that is lost in a crash takes its checkpoint with it."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit TO OFF")
