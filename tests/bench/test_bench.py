"""The bench's own reckoning; what it measures is measured by ``make bench``."""

from __future__ import annotations

from pathlib import Path

from tests.bench.loads import Measured, Window, read_window
from tests.bench.report import BEGIN, END, table, write_markdown
from tests.bench.rows import Row

OUTPUT = """Running 4s test
  1 threads and 16 connections

{"requests":8000,"microseconds":4000000,"p50":500,"p95":900,"p99":1200,"refused":%d,"broken":0}
"""


def measured(name: str, *rates: float, failed: int = 0) -> Measured:
    windows = (Window(rate, 500, 900, 1200, 1e6 / rate, 1.0, failed) for rate in rates)
    return Measured(name, tuple(windows))


def row(ours: Measured, peer: Measured, wanted: float = 2, *, at_least: bool = True) -> Row:
    return Row("key", "some work", ours, peer, wanted, at_least)


def test_a_window_is_read_from_the_last_line() -> None:
    window = read_window(OUTPUT % 0, cpu_seconds=2)
    assert (window.rate, window.p50, window.cpu, window.share, window.failed) == (2000, 500, 250, 0.5, 0)
    assert read_window(OUTPUT % 3, cpu_seconds=2).failed == 3


def test_medians_decide() -> None:
    assert row(measured("ours", 10, 200, 220), measured("peer", 100, 90, 1000)).ratio == 2
    assert row(measured("ours", 200), measured("peer", 100)).is_reached
    assert not row(measured("ours", 199), measured("peer", 100)).is_reached
    assert row(measured("ours", 110), measured("peer", 100), 1.2, at_least=False).is_reached
    assert not row(measured("ours", 130), measured("peer", 100), 1.2, at_least=False).is_reached


def test_a_failed_request_misses_the_row() -> None:
    assert not row(measured("ours", 900, failed=1), measured("peer", 100)).is_reached
    assert not row(measured("ours", 900), measured("peer", 100, failed=1)).is_reached


def test_the_table_names_what_was_missed() -> None:
    told = table([row(measured("ours", 300), measured("peer", 100)), row(measured("o", 1), measured("p", 1))])
    assert "| some work | 300/s | 100/s (peer) | 3.00 | ≥ 2 | reached |" in told
    assert told.endswith("| 1.00 | ≥ 2 | MISSED |")


def test_only_what_is_between_the_markers_is_written(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_markdown(page, [row(measured("ours", 300), measured("peer", 100))], {"sign-in": 8})
    text = page.read_text()
    assert text.startswith(f"before\n{BEGIN}\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text
    assert "| sign-in | 8 |" in text
