"""The table that is printed, the JSON that is kept, and the table of docs/performance.md."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.bench.rows import Row

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
COMMAND = "make bench"


def machine() -> dict[str, str]:
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    packages = {name: version(name) for name in ("Django", "granian", "psycopg", "redis", "orjson")}
    node = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip()
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": f"{os.cpu_count()} x {model}",
        "Python": platform.python_version(),
        "Node": node.removeprefix("v"),
        **packages,
    }


def table(rows: Sequence[Row]) -> str:
    """Markdown; also readable as it is."""
    lines = [
        "| work | ours | peer | ratio | wanted | |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        wanted = f"{'≥' if row.at_least else '≤'} {row.wanted:g}"
        verdict = "reached" if row.is_reached else "MISSED"
        lines.append(
            f"| {row.work} | {_figure(row, ours=True)} | {_figure(row, ours=False)} ({row.peer.name}) "
            f"| {row.ratio:.2f} | {wanted} | {verdict} |"
        )
    return "\n".join(lines)


def latencies(rows: Sequence[Row]) -> str:
    lines = [
        "| what | per second | p50 ms | p95 ms | CPU µs each | of its core |",
        "|---|---|---|---|---|---|",
    ]
    seen: dict[str, Any] = {}
    for row in rows:
        for one in (row.ours, row.peer):
            seen.setdefault(f"{row.key}: {one.name}" if one is row.ours else one.name, one)
    for name, one in seen.items():
        rate, p50, p95, cpu, share = (one.median(figure) for figure in ("rate", "p50", "p95", "cpu", "share"))
        lines.append(
            f"| {name} | {rate:,.1f} | {p50 / 1000:.2f} | {p95 / 1000:.2f} | {cpu:,.0f} | {share:.0%} |"
        )
    return "\n".join(lines)


def statements_table(counted: Mapping[str, int]) -> str:
    lines = ["| action | statements |", "|---|---|"]
    return "\n".join([*lines, *(f"| {action} | {number} |" for action, number in counted.items())])


def keep(file: Path, rows: Sequence[Row], counted: Mapping[str, int]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    told = {
        "machine": machine(),
        "rows": [
            {
                "key": row.key,
                "work": row.work,
                "ours": row.ours.as_json(),
                "peer": row.peer.as_json(),
                "ratio": round(row.ratio, 3),
                "wanted": row.wanted,
                "reached": row.is_reached,
            }
            for row in rows
        ],
        "statements": dict(counted),
    }
    file.write_text(json.dumps(told, indent=1) + "\n")


def write_markdown(page: Path, rows: Sequence[Row], counted: Mapping[str, int]) -> None:
    """Between the markers of the page."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    conditions = ", ".join(f"{name} {value}" for name, value in machine().items() if name != "date")
    parts = [
        f"Measured on {machine()['date']} by `{COMMAND}`: {conditions}.",
        table(rows),
        latencies(rows),
        statements_table(counted),
    ]
    page.write_text(f"{before}{BEGIN}\n\n" + "\n\n".join(parts) + f"\n\n{END}{after}")


def _figure(row: Row, *, ours: bool) -> str:
    figure = (row.ours if ours else row.peer).median(row.of)
    units = {"rate": "/s", "p50": " ms", "cpu": " µs"}
    return f"{figure / 1000 if row.of == 'p50' else figure:,.{2 if row.of == 'p50' else 0}f}{units[row.of]}"


def _lines(file: str) -> list[str]:
    return Path(file).read_text().splitlines() if Path(file).exists() else []
