"""The rehearsal itself: dry run, run, way back; once more with kills, verification, and back again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from migration_tools.console.exits import Exit
from migration_tools.models import RunState
from migration_tools.rehearsal import dumps
from migration_tools.rehearsal.dumps import Digest, Dump
from migration_tools.rehearsal.findings import Failure, Findings, Kills, Pace, Undone
from migration_tools.rehearsal.stage import LOOK_SECONDS, Ended, Running, Stage, report_in

DONE = (Exit.DONE, Exit.INCOMPLETE)
# So many batches at least, where kills are to fall between them.
LEAST_BATCHES = 50
LONGEST_DELAY = 0.03


class _Failed(Exception):
    def __init__(self, failure: Failure) -> None:
        self.failure = failure


@dataclass(slots=True)
class Rehearsal:
    """``arguments``: those of ``migrate_users`` that say which source and how; ``say`` hears what begins."""

    stage: Stage
    arguments: Sequence[str]
    batch_size: int
    kills: int
    whole: Callable[[], int | None]
    findings: Findings
    say: Callable[[str], None] = lambda title: None

    def perform(self) -> None:
        """Fill the findings, as far as it comes. Everything happens on the scratch database."""
        try:
            self._dry_run()
            before = dumps.dump(self.stage.scratch.connection)
            undisturbed = self._run()
            if not self.kills:
                self._verify()
            self._roll_back(before)
            if self.kills:
                self._run_with_kills(undisturbed)
                self._verify()
                self._roll_back(before, is_killed=True)
        except _Failed as failed:
            self.findings.failure = failed.failure

    def _dry_run(self) -> None:
        with self._telling("Dry run") as title:
            path = self.stage.workspace / "promised.json"
            ended = self._migrate("--dry-run", "--report", str(path))
            self.findings.promised = report_in(path)
            self._ensure(title, ended, DONE)

    def _run(self) -> Outcome:
        with self._telling("Migration") as title:
            path = self.stage.workspace / "run.json"
            ended = self._migrate("--report", str(path))
            self.findings.run = report_in(path)
            self._ensure(title, ended, DONE)
            run = self._last_run()
            seconds = (_moment(run["finished_at"]) - _moment(run["started_at"])).total_seconds()
            self.findings.pace = Pace(int(run["done"]), seconds, self.whole() or int(run["done"]))
        return self._outcome()

    def _run_with_kills(self, undisturbed: Outcome) -> None:
        title = f"Migration again, killed {self.kills} times (seed {self.findings.seed})"
        with self._telling(title):
            reached, late = self._kill(title)
            if not late:
                self._ensure(title, self._migrate("--resume"), DONE)
            differing = undisturbed.differences(self._outcome())
            self.findings.kills = Kills(tuple(reached), late, tuple(differing))

    def _kill(self, title: str) -> tuple[list[int], int]:
        """How far the run was at each kill, and how many kills it forestalled by ending."""
        draw = random.Random(self.findings.seed)  # noqa: S311, drawn again from the seed that is told
        total = int(self.findings.run["read"])
        size = max(1, min(self.batch_size, total // LEAST_BATCHES))
        told = ["migrate_users", *self.arguments, "--resume", "--yes", "--batch-size", str(size)]
        reached: list[int] = []
        for left in range(self.kills, 0, -1):
            done = reached[-1] if reached else 0
            goal = done + draw.randrange(0, max(total * 3 // 4 - done, 0) // left + 1)
            with self.stage.started(*told) as running:
                self._wait(running, RunState.RUNNING, goal)
                time.sleep(draw.uniform(0, LONGEST_DELAY))
                if running.is_over():
                    self._ensure(title, running.ended(), DONE)
                running.kill()
            run = self._last_run()
            if run["state"] == RunState.FINISHED:
                return reached, left
            reached.append(int(run["done"]))
        return reached, 0

    def _wait(self, running: Running, state: RunState, goal: int = 0) -> None:
        """Until this process is at the run and has done so much, or has ended."""
        holder = f"|{running.process.pid}|"
        while not running.is_over():
            run = self.stage.last_run(self.findings.source)
            if run and run["state"] == state and holder in run["lease_holder"] and run["done"] >= goal:
                return
            time.sleep(LOOK_SECONDS)

    def _verify(self) -> None:
        with self._telling("Verification") as title:
            path = self.stage.workspace / "verified.json"
            ended = self._migrate("--verify", "--report", str(path))
            self._ensure(title, ended, (Exit.DONE, Exit.DIFFERENT))
            self.findings.verified = report_in(path).get("findings", {})

    def _roll_back(self, before: Dump, *, is_killed: bool = False) -> None:
        with self._telling("Rollback again, killed once" if is_killed else "Rollback") as title:
            number = str(self._last_run()["id"])
            told = ["migrate_users", "--rollback", "--name", self.findings.source, "--run", number, "--yes"]
            was_killed = is_killed and self._kill_rollback(told)
            if self._last_run()["state"] != RunState.ROLLED_BACK:
                ended = self.stage.manage(*told)
                self._ensure(title, ended, (Exit.DONE, Exit.KEPT))
                if not is_killed:
                    self.findings.rollback_seconds = ended.seconds
            after = dumps.dump(self.stage.scratch.connection)
            differing = tuple(dumps.differences(before, after))
            rows = sum(one.rows for one in before.values())
            kept = self.stage.count_migrated(number)
            self.findings.undone.append(Undone(len(before), rows, differing, kept, was_killed))

    def _kill_rollback(self, told: Sequence[str]) -> bool:
        """Whether it was in its middle."""
        draw = random.Random(self.findings.seed)  # noqa: S311, as above
        with self.stage.started(*told) as running:
            self._wait(running, RunState.ROLLING_BACK)
            time.sleep(draw.uniform(0, (self.findings.rollback_seconds or 0) / 2))
            running.kill()
        return bool(self._last_run()["state"] == RunState.ROLLING_BACK)

    def _migrate(self, *more: str) -> Ended:
        # The last --batch-size counts, and so does the last of any other.
        return self.stage.manage("migrate_users", *self.arguments, "--yes", *more)

    def _last_run(self) -> dict[str, Any]:
        run = self.stage.last_run(self.findings.source)
        if run is None:
            raise _Failed(Failure("Migration", Exit.REFUSED, "the run has left no trace in the journal"))
        return run

    def _outcome(self) -> Outcome:
        connection, number = self.stage.scratch.connection, self._last_run()["id"]
        return Outcome(dumps.dump_of_records(connection, number), dumps.sizes(connection))

    @contextmanager
    def _telling(self, title: str) -> Iterator[str]:
        began = time.monotonic()
        self.say(f"{title} …")
        yield title
        self.say(f"  {time.monotonic() - began:.1f} s")

    def _ensure(self, title: str, ended: Ended, allowed: Sequence[int]) -> None:
        if ended.code not in allowed:
            raise _Failed(Failure(title, ended.code, ended.told))


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a run has ended, as far as two runs must agree: numbers and moments are each one's own."""

    records: Digest
    sizes: dict[str, int]

    def differences(self, other: Outcome) -> list[str]:
        found = [
            f"{table}: {size:,} rows undisturbed, {other.sizes[table]:,} after the kills"
            for table, size in self.sizes.items()
            if size != other.sizes[table]
        ]
        if self.records != other.records:
            found.append(
                f"what became of the records ({self.records.rows:,} in the journal undisturbed, "
                f"{other.records.rows:,} after the kills)"
            )
        return found


def _moment(stored: Any) -> datetime:
    """SQLite gives text."""
    return stored if isinstance(stored, datetime) else datetime.fromisoformat(stored)
