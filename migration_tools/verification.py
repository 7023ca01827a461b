"""Compare a source with what was brought of it: who is missing, who changed there since, who changed here."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice

from migration_tools.checking import Checked
from migration_tools.fingerprints import (
    FIELDS,
    SOURCE_PASSWORD,
    changed_fields,
    fingerprint,
    mark,
    marks_of,
)
from migration_tools.models import MigrationRecord, RecordState
from migration_tools.planning import Item
from migration_tools.records import PassedOver
from migration_tools.target import Entry, Known, Person, Target


class Finding(StrEnum):
    EQUAL = "equal"
    CHANGED_HERE = "changed-here"
    CHANGED_THERE = "changed-there"
    NOT_MIGRATED = "not-migrated"
    DELETED_HERE = "deleted-here"
    INVALID = "invalid"
    GONE_THERE = "gone-there"


# Differences that somebody should look at; what users changed here is as it should be.
DRIFT = frozenset({Finding.CHANGED_THERE, Finding.NOT_MIGRATED, Finding.GONE_THERE})


@dataclass(frozen=True, slots=True)
class Difference:
    """``fields``: which of the user's differ, as far as that can be told."""

    place: str
    external_id: str
    finding: Finding
    fields: tuple[str, ...] = ()


@dataclass(slots=True)
class Verification:
    """``listen`` hears of every difference, ``tell`` of progress."""

    name: str
    listen: Callable[[Difference], None]
    tell: Callable[[int], None] = lambda done: None
    counts: Counter[str] = field(default_factory=Counter)

    def compare(self, items: Iterator[Item], *, sample: int | None, batch_size: int, is_whole: bool) -> None:
        """All records, or ``sample`` of them, drawn evenly. ``is_whole``: whether these are all that there
        are; who is gone there only a full comparison sees."""
        seen: set[str] = set()
        if sample is not None:
            items = iter(_drawn(items, sample))
        target, done = Target(self.name), 0
        while batch := list(islice(items, batch_size)):
            known = target.know([one.checked for one in batch if one.checked])
            for item in batch:
                if item.checked is not None and item.external_id in seen:
                    self._note(Difference(item.place, item.external_id, Finding.INVALID, ("duplicate-id",)))
                    continue
                self._note(_compare(item, known))
                seen.update([item.external_id] if item.external_id else [])
            done += len(batch)
            self.tell(done)
        if is_whole and sample is None:
            self._look_for_the_gone(seen)

    def _look_for_the_gone(self, seen: set[str]) -> None:
        rows = MigrationRecord.objects.filter(
            source=self.name, state=RecordState.MIGRATED, legacy_id__isnull=False
        )
        for legacy_id, place in rows.order_by("pk").values_list("legacy_id", "place").iterator():
            if legacy_id not in seen:
                self._note(Difference(place, str(legacy_id), Finding.GONE_THERE))

    def _note(self, difference: Difference) -> None:
        self.counts[str(difference.finding)] += 1
        if difference.finding is not Finding.EQUAL:
            self.listen(difference)


def _compare(item: Item, known: Known) -> Difference:
    def difference(finding: Finding, *fields: str) -> Difference:
        return Difference(item.place, item.external_id, finding, fields)

    if isinstance(item.refusal, PassedOver):
        return difference(Finding.EQUAL)
    if item.checked is None:
        return difference(Finding.INVALID, item.refusal.reason if item.refusal else "")
    entry = known.entries.get(item.external_id)
    if entry is None or entry.state != RecordState.MIGRATED:
        return difference(Finding.NOT_MIGRATED)
    person = known.people.get(entry.user_key)
    if person is None:
        return difference(Finding.DELETED_HERE)
    if entry.content_hash and entry.content_hash != item.checked.content_hash:
        return difference(Finding.CHANGED_THERE, *_changed_there(item.checked, entry, person))
    changed = changed_fields(entry.written, fingerprint(person.columns, person.identities))
    return difference(Finding.CHANGED_HERE, *changed) if changed else difference(Finding.EQUAL)


def _changed_there(checked: Checked, entry: Entry, person: Person) -> Iterator[str]:
    """As far as the journal can tell, or what the user here still lacks."""
    written = marks_of(entry.written)
    told = {"banned": False, **checked.columns, "email": checked.email}
    yield from (name for name in FIELDS if name in told and mark(told[name]) != written.get(name))
    if checked.email_verified and not person.email_verified:
        yield "email_verified"
    if mark(checked.password) != written.get(SOURCE_PASSWORD):
        yield "password"
    if {(one.provider, one.subject) for one in checked.accounts} - person.identities:
        yield "accounts"


def _drawn(items: Iterator[Item], size: int) -> list[Item]:
    """Evenly, in one pass and in the order of the input."""
    chosen: list[Item] = []
    draw = random.Random()  # noqa: S311, a sample is no secret
    for number, item in enumerate(items):
        if number < size:
            chosen.append(item)
        elif (at := draw.randrange(number + 1)) < size:
            chosen[at] = item
    return sorted(chosen, key=lambda one: one.number)
