"""What a rehearsal found out, stage by stage. Plain values: the verdict and the page are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Failure:
    """A stage that did not reach its end, and the last thing that was heard of it."""

    stage: str
    code: int
    told: str


@dataclass(frozen=True, slots=True)
class Pace:
    """``whole``: how many records the source has, where fewer were tried."""

    records: int
    seconds: float
    whole: int

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / max(self.seconds, 0.001)

    @property
    def estimate(self) -> float:
        """Seconds for the whole source."""
        return self.whole / max(self.rate, 0.001)


@dataclass(frozen=True, slots=True)
class Kills:
    """``reached``: how many records were done at each kill; ``late``: kills that the run forestalled by
    ending; ``differences``: in what the end differs from that of the undisturbed run."""

    reached: tuple[int, ...]
    late: int
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Undone:
    """``differences``: what a rollback did not give back, of so many tables and rows; ``kept``: users whom
    it took for changed; ``was_killed``: in its middle, and begun again."""

    tables: int
    rows: int
    differences: tuple[str, ...]
    kept: int
    was_killed: bool


@dataclass(slots=True)
class Findings:
    """``promised`` and ``run`` are reports of the dry run and of the run, ``verified`` counts findings. What
    is None was not reached."""

    source: str
    target: str
    scratch: str
    seed: int
    copied: int | None
    here: int
    is_narrowed: bool
    promised: Mapping[str, Any] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)
    pace: Pace | None = None
    kills: Kills | None = None
    verified: Mapping[str, int] | None = None
    rollback_seconds: float | None = None
    undone: list[Undone] = field(default_factory=list)
    failure: Failure | None = None
