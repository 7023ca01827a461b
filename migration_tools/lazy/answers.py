"""What a verifier says of somebody, and how it can fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Answer:
    """There is such a person. ``row``: the record, as the mapping file or the neutral record reads it."""

    row: Mapping[str, Any] = field(repr=False)


class LegacyFault(Exception):
    """No answer, or none that can be believed: the person can't be told yes or no.

    ``kind`` is a stable word for logs and metrics; nothing of what came or was sent stands in it.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Verifier(Protocol):
    """Asks one legacy system. Both return None for no, and raise ``LegacyFault``.

    ``email`` is normalised; ``password`` is as typed and never empty.
    """

    @property
    def gives_whole_records(self) -> bool:
        """What it gives is what ``migrate_users`` would read there."""

    @property
    def leaves_hash_to_us(self) -> bool:
        """``verify`` gives the record whatever the password: its own hash is to be compared here."""

    def verify(self, email: str, password: str) -> Answer | None: ...

    def find(self, email: str) -> Answer | None: ...
