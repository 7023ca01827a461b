"""``make bench``: measure every row, print the table, keep it as JSON. Exit status 1 where one is missed.

DATABASE_URL names a PostgreSQL in which databases may be made, REDIS_URL a Redis; both are by default those
of this machine. The server under test has one core; wrk, PostgreSQL and Redis have the other, as far as they
can be moved there.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import report
from tests.bench.loads import ensure_wrk
from tests.bench.rows import QUICK, ROWS, Bench, Pace
from tests.bench.servers import LOAD_CORE
from tests.server import CHECKOUT

PAGE = CHECKOUT / "docs/performance.md"


def main() -> int:
    arguments = _arguments()
    ensure_wrk()
    os.environ.setdefault("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")
    os.environ.setdefault("REDIS_URL", "redis://127.0.0.1:6379/12")
    _move_stores()
    begun, rows = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="bench-") as workspace:
        bench = Bench(
            QUICK if arguments.quick else Pace(), Path(workspace), lambda line: print(line, flush=True)
        )
        for key in arguments.only or ROWS:
            print(f"{key} ({time.monotonic() - begun:.0f} s)", flush=True)
            rows.append(ROWS[key](bench))
        counted = bench.statements()
    print("\n" + "\n\n".join([report.table(rows), report.latencies(rows), report.statements_table(counted)]))
    file = arguments.json or CHECKOUT / f"var/bench/{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    report.keep(file, rows, counted)
    print(f"\nKept in {file}, after {time.monotonic() - begun:.0f} s")
    if arguments.markdown:
        report.write_markdown(PAGE, rows, counted)
    missed = [row.work for row in rows if not row.is_reached]
    if missed:
        print(f"MISSED: {'; '.join(missed)}")
    return 1 if missed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=[*ROWS], metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--quick", action="store_true", help="short and untrue, to try the bench itself")
    parser.add_argument("--json", type=Path, help="where to keep the figures")
    parser.add_argument("--markdown", action="store_true", help="write the tables into docs/performance.md")
    return parser.parse_args()


def _move_stores() -> None:
    """PostgreSQL and Redis to the core of the load, where we may."""
    for name in ("postgres", "redis-server"):
        found = subprocess.run(["pgrep", "-x", name], capture_output=True, text=True).stdout.split()
        for pid in found:
            with contextlib.suppress(OSError, ValueError):
                os.sched_setaffinity(int(pid), {int(LOAD_CORE)})


if __name__ == "__main__":
    sys.exit(main())
