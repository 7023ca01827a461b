"""How far a run is, what became of its records, and who is told of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from better_auth.events import observe
from migration_tools.planning import Line, Outcome, Plan

UNKNOWN_HASH = "unknown_hash"
KEPT_FACTORS = "kept_factors"
MEMBERSHIPS = "memberships"
API_KEYS = "api_keys"


@dataclass(slots=True)
class Progress:
    """Told after each batch. ``phase``: ``checking`` or ``writing``; ``total`` is None while nobody knows."""

    phase: str
    done: int
    total: int | None
    counts: Counter[str]


@dataclass(slots=True)
class Tally:
    """``tell`` hears of progress, ``listen`` of every record of which there is something to say. ``counts``:
    records by outcome; ``done``: those behind the run, of ``total``; ``observed_as``: the source under which
    new users go into the metrics."""

    tell: Callable[[Progress], None] = lambda progress: None
    listen: Callable[[Line], None] = lambda line: None
    counts: Counter[str] = field(default_factory=Counter)
    total: int = 0
    done: int = 0
    observed_as: str = ""

    def reach(self, done: int, counts: Counter[str]) -> None:
        """So far is the run."""
        created = counts[Outcome.CREATED] - self.counts[Outcome.CREATED]
        if created > 0 and self.observed_as:
            observe("migrated_users", self.observed_as, value=created)
        self.done, self.counts = done, counts

    def add(self, plans: list[Plan]) -> None:
        """These are done."""
        self.reach(self.done + len(plans), self.counts + counted(plans))
        for plan in plans:
            line = plan.line()
            if line:
                self.listen(line)
        self.show()

    def show(self) -> None:
        self.tell(Progress("writing", self.done, self.total, self.counts))


def counted(plans: list[Plan]) -> Counter[str]:
    counts: Counter[str] = Counter(str(plan.outcome) for plan in plans)
    unknown = sum(plan.has_unknown_hash for plan in plans)
    if unknown:
        counts[UNKNOWN_HASH] = unknown
    with_factors = sum(plan.has_factors for plan in plans)
    if with_factors:
        counts[KEPT_FACTORS] = with_factors
    memberships = sum(plan.memberships for plan in plans)
    if memberships:
        counts[MEMBERSHIPS] = memberships
    keys = sum(plan.own_api_keys for plan in plans)
    if keys:
        counts[API_KEYS] = keys
    return counts
