"""Commands in processes of their own, on the scratch database: what would really run, and can be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import connections

from migration_tools.models import MigrationRecord, MigrationRun, RecordState
from migration_tools.rehearsal import VARIABLE
from migration_tools.rehearsal.scratch import Scratch, ScratchFault, real_alias

LOOK_SECONDS = 0.02
# How the settings of a process of the rehearsal differ. Its counts must not be added to the servers'.
STAGE_SETTINGS = "migration_tools.rehearsal.stage_settings"
NOT_PASSED_ON = ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir")


@dataclass(frozen=True, slots=True)
class Ended:
    """``seconds``: from the start of the process; ``told``: the last thing it said."""

    code: int
    seconds: float
    told: str


@dataclass(slots=True)
class Stage:
    """``tell`` hears the lines of progress."""

    workspace: Path
    scratch: Scratch
    tell: Callable[[str], None] = lambda line: None
    _number: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        settings = os.environ.get("DJANGO_SETTINGS_MODULE")
        if not settings:
            raise ScratchFault("the project's settings have no module (DJANGO_SETTINGS_MODULE)")
        told = {
            "settings": settings,
            "alias": real_alias(),
            "scratch": self.scratch.difference,
            "names": {alias: str(connections[alias].settings_dict["NAME"]) for alias in connections},
        }
        with open(self._told, "w", opener=_privately) as file:
            json.dump(told, file)

    def manage(self, *arguments: str) -> Ended:
        """Run to the end."""
        with self.started(*arguments) as running:
            while running.process.poll() is None:
                self._pass_on(running)
                time.sleep(LOOK_SECONDS)
            self._pass_on(running)
            return running.ended()

    @contextmanager
    def started(self, *arguments: str) -> Iterator[Running]:
        """A process group of its own: Ctrl-C reaches us alone, and we end it. Nothing of it is left."""
        self._number += 1
        out, problems = (self.workspace / f"{self._number}.{name}" for name in ("out", "problems"))
        with out.open("w") as stdout, problems.open("w") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "django", *arguments, "--no-color", "--skip-checks"],
                env=self._environment(),
                stdin=subprocess.PIPE,  # nothing is written: its end is ours
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        try:
            yield Running(process, out, problems)
        finally:
            # Until it is waited for, its number is nobody else's.
            if process.returncode is None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    def last_run(self, source: str) -> dict[str, Any] | None:
        """How the newest run of a source stands, seen from outside."""
        columns = ("id", "state", "done", "lease_holder", "started_at", "finished_at")
        rows = self.scratch.rows(
            f"SELECT {', '.join(columns)} FROM {MigrationRun._meta.db_table} "  # noqa: S608
            "WHERE source = %s ORDER BY id DESC LIMIT 1",
            (source,),
        )
        return dict(zip(columns, rows[0], strict=True)) if rows else None

    def count_migrated(self, run: str) -> int:
        """Users of a run who are brought, and not undone."""
        ((count,),) = self.scratch.rows(
            f"SELECT count(*) FROM {MigrationRecord._meta.db_table} WHERE run_id = %s AND state = %s",  # noqa: S608
            (run, RecordState.MIGRATED),
        )
        return int(count)

    @property
    def _told(self) -> Path:
        return self.workspace / "stage.json"

    def _environment(self) -> dict[str, str]:
        passed = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
        path = os.pathsep.join(part or os.getcwd() for part in sys.path)
        return passed | {
            "DJANGO_SETTINGS_MODULE": STAGE_SETTINGS,
            VARIABLE: str(self._told),
            "PYTHONPATH": path,
            "PYTHONUNBUFFERED": "1",
        }

    def _pass_on(self, running: Running) -> None:
        for line in running.new_lines():
            if line.startswith(("checking: ", "planning: ", "writing: ", "comparing: ", "undoing: ")):
                self.tell(line)


@dataclass(slots=True)
class Running:
    process: subprocess.Popen[bytes]
    out: Path
    problems: Path
    _began: float = field(default_factory=time.monotonic, init=False)
    _read: int = field(default=0, init=False)

    def new_lines(self) -> list[str]:
        """Whole lines that came since it was last asked."""
        with self.out.open("rb") as file:
            file.seek(self._read)
            whole, end, _ = file.read().rpartition(b"\n")
        self._read += len(whole) + len(end)
        return whole.decode(errors="replace").splitlines()

    def is_over(self) -> bool:
        return self.process.poll() is not None

    def kill(self) -> None:
        """SIGKILL; nothing where it has ended by itself."""
        self.process.kill()

    def ended(self) -> Ended:
        lines = [line for line in self.problems.read_text(errors="replace").splitlines() if line.strip()]
        if not lines:
            lines = [line for line in self.out.read_text(errors="replace").splitlines() if line.strip()]
        told = lines[-1].removeprefix("CommandError: ")[:500] if lines else "it said nothing"
        return Ended(self.process.wait(), time.monotonic() - self._began, told)


def report_in(path: Path) -> dict[str, Any]:
    """What a command wrote; empty where it ended before it could."""
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found


def _privately(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
