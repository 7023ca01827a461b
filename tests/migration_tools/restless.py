"""A source that never tells the same twice, as a table that people write to while it is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from migration_tools.records import LegacyUser, Read
from migration_tools.sources.source import Share, Source


class Restless(Source):
    """``--input`` is a file that remembers how often it was read."""

    default_name = "restless"

    def read(self, after: str = "", share: Share | None = None) -> Iterator[Read]:
        readings = Path(self.ensure_file())
        count = int(readings.read_text() or "0") + 1
        readings.write_text(str(count))
        for number in range(int(after or 0) + 1, 40 + count):
            user = LegacyUser(f"u-{number}", email=f"person{number}@example.org", name=f"Number {count}")
            yield Read(f"row {number}", str(number), user=user)
