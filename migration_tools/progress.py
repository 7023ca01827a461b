"""What long commands show while they work: a bar in a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import IO, Any, cast

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

LINE_SECONDS = 5.0
TERMINAL_SECONDS = 0.1


class Display:
    """``with Display(stream) as display: display.show("writing", done, total, counts)``."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._is_terminal = bool(getattr(stream, "isatty", lambda: False)())
        self._bar: Bar | None = None
        self._task: Any = None
        self._phase = ""
        self._began = self._shown = 0.0
        self._first = 0

    def __enter__(self) -> Display:
        if self._is_terminal:
            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(bar_width=30),
                TaskProgressColumn(),
                TextColumn("{task.completed:,}"),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
                console=Console(file=cast(IO[str], Unended(self._stream))),
                transient=True,
            )
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, phase: str, done: int, total: int | None, counts: Mapping[str, int] | None = None) -> None:
        """As often as one likes; it is drawn at a bearable pace, and always at the end of a phase."""
        now = time.monotonic()
        if phase != self._phase:
            self._begin(phase, done, total, now)
        is_due = now - self._shown >= (TERMINAL_SECONDS if self._is_terminal else LINE_SECONDS)
        if not is_due and done != total:
            return
        self._shown = now
        # The first sign of a phase comes when nobody knows yet how long it took.
        rate = (done - self._first) / (now - self._began) if now > self._began else 0.0
        told = _told(counts or {})
        if self._bar is not None:
            self._bar.below = told
            self._bar.update(
                self._task, completed=done, total=total, rate=f"{rate:,.0f}/s" if rate else "", refresh=True
            )
            return
        share = f" of {total:,} ({done / total:.0%})" if total else ""
        pace = f", {rate:,.0f} a second" if rate else ""
        left = f", {duration((total - done) / rate)} left" if total and rate and done < total else ""
        self._stream.write(f"{phase}: {done:,}{share}{pace}{left}{', ' if told else ''}{told}\n")
        self._stream.flush()

    def _begin(self, phase: str, done: int, total: int | None, now: float) -> None:
        self._phase, self._began, self._shown, self._first = phase, now, now, done
        if self._bar is not None:
            self._task = self._bar.add_task(phase, total=total, completed=done, rate="")


class Bar(Progress):
    """With a line of text below, which would not fit beside it."""

    below = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        yield Text(self.below, no_wrap=True, overflow="ellipsis")


class Unended:
    """A command's stream as any other: Django's ends each write with a new line, codes that move the cursor,
    too."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        self._stream.write(text, ending="")
        return len(text)


def _told(counts: Mapping[str, int]) -> str:
    return " ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items() if count)


def duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"
