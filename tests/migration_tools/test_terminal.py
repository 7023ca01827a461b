"""What an operator sees: one bar that moves, and lines that fit."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.management.base import OutputWrapper
from django.core.management.color import no_style

from migration_tools.console.told import Terminal
from migration_tools.progress import Display

SIGNS = re.compile(r"\x1b\[\??(\d*)[;\d]*([A-Za-z])|(\r)|(\n)|([^\x1b\r\n]+)")


def screen(written: str) -> list[str]:
    """The lines that a terminal shows for this: as much of it as a bar uses."""
    lines, row = [""], 0
    for number, code, start, end, text in SIGNS.findall(written):
        if code == "A":
            row = max(row - int(number or 1), 0)
        elif code == "K" or start:
            lines[row] = "" if code else lines[row]
        elif end:
            row += 1
            lines += [""] * (row == len(lines))
        elif text:
            lines[row] = text
    return [line for line in lines if line.strip()]


@contextmanager
def terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Callable[[], list[str]]]]:
    """A command's stream that leads to a terminal, and what that shows."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    ear, mouth = os.openpty()
    written = b""

    def shown() -> list[str]:
        nonlocal written
        os.set_blocking(ear, False)
        while True:
            try:
                written += os.read(ear, 65536)
            except BlockingIOError:
                break
        return screen(re.sub(r"\x1b\[[\d;]*m", "", written.decode()).replace("\r\n", "\n"))

    with open(mouth, "w", encoding="utf-8") as stream:
        try:
            yield OutputWrapper(stream), shown
        finally:
            os.close(ear)


@pytest.mark.parametrize("columns", [80, 120])
def test_a_bar_stays_in_its_line(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {"created": 191_000, "invalid": 54_600, "conflict": 27_200, "skipped": 27_200, "unknown_hash": 9}
    with terminal(columns, monkeypatch) as (stream, shown), Display(stream) as display:
        display.show("checking", 300_000, 300_000)
        for done in range(0, 300_001, 50_000):
            display.show("writing", done, 300_000, counts)
        checking, writing, below = shown()
    assert checking.startswith("checking ")
    assert "300,000" in writing
    assert "created 191,000 invalid 54,600" in below
    assert max(map(len, (checking, writing, below))) <= columns


def test_elsewhere_there_are_plain_lines() -> None:
    stream = io.StringIO()
    with Display(OutputWrapper(stream)) as display:  # type: ignore[arg-type]
        display.show("checking", 10, 10)
        display.show("writing", 10, 10, {"created": 10})
    assert stream.getvalue() == "checking: 10 of 10 (100%)\nwriting: 10 of 10 (100%), created 10\n"


def test_a_line_that_is_too_long_goes_on_below_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"{28:>16,}  duplicate-email (first: line 6: another record of the source has the same)"
    with terminal(80, monkeypatch) as (stream, shown):
        Terminal(stream, no_style(), is_sure=True).say(text, hang=18)
        stream.flush()
        first, second = shown()
    assert first.endswith("the source")
    assert second == " " * 18 + "has the same)"
    plain = io.StringIO()
    Terminal(OutputWrapper(plain), no_style(), is_sure=True).say(text, hang=18)  # type: ignore[arg-type]
    assert plain.getvalue() == text + "\n"
