"""How fast users come over: ``python -m tests.bench.migration [--quick]``.

Runs ``migrate_users`` as an operator would, on a file of neutral records with ready hashes, into an empty
database, and looks on from outside: at the journal for the rate, at the processes for their memory.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.server import CHECKOUT, Site, new_site

BCRYPT = "$2b$10$abcdefghijklmnopqrstuuGGgFFcYeueaAql8Z7U7CnCTRw4DR77W"
POSTGRESQL = "postgres://postgres@127.0.0.1:5432/postgres"
PART = 100_000


@dataclass
class Taken:
    """``seconds``: from the start of the process to its end; ``work``: without starting Python and Django;
    ``memory``: the most that all its processes had together (PSS), in MB; ``at``: when so many were done."""

    seconds: float
    work: float = 0
    memory: float = 0
    at: dict[int, float] = field(default_factory=dict)


def write_users(path: Path, count: int) -> None:
    with path.open("w") as file:
        for number in range(count):
            record = {
                "external_id": f"u-{number:08}",
                "email": f"person{number}@example.org",
                "email_verified": number % 2 == 0,
                "name": f"Person {number}",
                "created_at": "2022-05-06T07:08:09Z",
                "password": {"scheme": "bcrypt", "hash": BCRYPT},
                "accounts": [{"provider": "google", "subject": f"g{number}"}] if number % 4 == 0 else [],
                "metadata": {"plan": "pro"},
            }
            file.write(json.dumps(record) + "\n")


@contextmanager
def empty_site() -> Iterator[Site]:
    with new_site(BETTER_AUTH_SECRET="bench-secret-bench-secret-bench-secret-0123") as site:
        done = site.manage("migrate", "--noinput")
        assert done.returncode == 0, done.stdout
        yield site


def bring(file: Path, count: int, *options: str) -> Taken:
    with empty_site() as site:
        command = [
            sys.executable,
            "manage.py",
            "migrate_users",
            "--source",
            "jsonl",
            "--input",
            str(file),
            "--yes",
        ]
        began = time.monotonic()
        with site.log.open("w") as log:
            process = subprocess.Popen(
                [*command, *options],
                cwd=CHECKOUT,
                env=site.environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            taken = _watch(site, process, began, count)
        assert process.returncode == 0, site.log_tail()
        started, finished = site.database.rows("SELECT started_at, finished_at FROM migration_runs")[0]
        taken.work = (_moment(finished) - _moment(started)).total_seconds()
        assert site.database.value("SELECT count(*) FROM better_auth_users") == count
        return taken


def _watch(site: Site, process: subprocess.Popen[bytes], began: float, count: int) -> Taken:
    taken = Taken(0)
    goals = [PART, count - PART, count] if count > PART else []
    while process.poll() is None:
        taken.memory = max(taken.memory, sum(map(_pss, _family(process.pid))))
        if goals:
            with suppress(Exception):  # a busy SQLite may refuse a look
                done = site.database.value("SELECT coalesce(max(done), 0) FROM migration_runs")
                while goals and done >= goals[0]:
                    taken.at[goals.pop(0)] = time.monotonic() - began
        time.sleep(0.05)
    taken.seconds = time.monotonic() - began
    for goal in goals:
        taken.at[goal] = taken.seconds
    return taken


def _moment(value: object) -> object:
    from datetime import datetime

    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(one for child in children for one in _family(int(child)))]


def _pss(pid: int) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0


def measure(label: str, file: Path, count: int, rounds: int, *options: str) -> None:
    runs = [bring(file, count, *options) for _ in range(rounds)]
    work, seconds = median(run.work for run in runs), median(run.seconds for run in runs)
    memory = max(run.memory for run in runs)
    line = f"| {label} | {count:,} | {work:.1f} s | {count / work:,.0f} | {seconds:.1f} s | {memory:.0f} MB |"
    if runs[0].at:
        # A run begins with a look for what comes twice; the first part is counted from its first commit on.
        at = runs[0].at
        first_rate = (count - 2 * PART) / (at[count - PART] - at[PART])
        last_rate = PART / (at[count] - at[count - PART])
        line += f" {last_rate / first_rate:.2f} |"
    else:
        line += " |"
    print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small numbers, to try the bench itself")
    parser.add_argument("--rounds", type=int, default=3)
    told = parser.parse_args()
    small, large = (5_000, 300_000) if told.quick else (PART, 1_000_000)
    fast = ("--jobs", "3", "--batch-size", "2000")
    os.environ.pop("REDIS_URL", None)
    print(
        "| run | users | work | users a second | with start-up | memory | last 100,000 against those before |"
    )
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        file, many = Path(folder, "small.jsonl"), Path(folder, "large.jsonl")
        write_users(file, small)
        os.environ["DATABASE_URL"] = os.environ.get("TEST_DATABASE_URL", POSTGRESQL)
        measure("PostgreSQL", file, small, told.rounds)
        measure("PostgreSQL, `--jobs 3 --batch-size 2000`", file, small, told.rounds, *fast)
        write_users(many, large)
        measure("PostgreSQL, `--jobs 3 --batch-size 2000`", many, large, 1, *fast)
        del os.environ["DATABASE_URL"]
        measure("SQLite", file, small, told.rounds)


if __name__ == "__main__":
    main()
