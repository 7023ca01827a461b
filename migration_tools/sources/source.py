"""What every source is: something that can be read from any position on, as often as need be."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar

from better_auth.adopted_keys import AdoptedKey
from better_auth.conf.loading import nearest
from migration_tools.mapping import MappingFile
from migration_tools.records import Read


class SourceFault(Exception):
    """The source can't be read, now or at all; the message says what to do about it."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the command was told of the source. ``where``: SQL that narrows it down; ``also``: further files,
    by what they are; ``watermark``: the column that tells when a row was changed last."""

    input: str | None = None
    dsn: str | None = None
    mapping: MappingFile | None = None
    where: str | None = None
    also: Mapping[str, str] = field(default_factory=dict)
    watermark: str | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a source that changed since an earlier run. ``since``: a bound that ``reached`` gave;
    ``again``: the ids of records to be read whenever they changed, because they were not brought."""

    since: str
    again: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Share:
    """Of ``lanes`` processes that read one source this one wants each ``lane``-th ``size`` of records."""

    lane: int
    lanes: int
    size: int

    def has(self, number: int) -> bool:
        """``number`` counts records from 0."""
        return number // self.size % self.lanes == self.lane


class Source(ABC):
    """A stream of users. ``is_trusted``: its claim that an address is verified counts without being told to.

    Reading may begin again at any ``position`` that was given; the same input gives the same stream.
    """

    is_trusted: ClassVar[bool] = False
    # Whether ``read`` heeds a ``share``: others' records are passed over unread, and come empty.
    is_shareable: ClassVar[bool] = False
    # Whether it can tell by a column what changed, and heeds ``window``.
    has_watermark: ClassVar[bool] = False
    # How records are told to belong to this source, in the journal, unless --name says otherwise.
    default_name: ClassVar[str] = ""
    # Names of further files that it can read beside --input, each told by --also NAME=FILE.
    files_beside: ClassVar[frozenset[str]] = frozenset()
    # Names of what the mapping may tell of the system behind the source, in its table [parameters].
    parameters: ClassVar[frozenset[str]] = frozenset()
    # Whether it knows itself what its fields mean: then a mapping says only how users are treated.
    has_own_fields: ClassVar[bool] = False

    def __init__(self, told: Told) -> None:
        """Raises ``SourceFault`` for files and parameters that the source knows nothing of."""
        self.told = told
        # What is to be read; None: everything.
        self.window: Window | None = None
        self._parameters: Mapping[str, Any] = (
            told.mapping.source.get("parameters", {}) if told.mapping else {}
        )
        if self.has_own_fields and told.mapping and told.mapping.makes_users:
            raise SourceFault(
                "this source knows its fields: the mapping tells it how users are treated, and no columns"
            )
        _ensure_known(told.also, self.files_beside, "--also", "further files")
        _ensure_known(self._parameters, self.parameters, "[parameters]", "parameters")

    def parameter(self, name: str) -> Any:
        """What the mapping tells of the system behind the source, or None."""
        return self._parameters.get(name)

    @abstractmethod
    def read(self, after: str = "", share: Share | None = None) -> Iterator[Read]:
        """The records behind this position, all for the empty one. Raises ``SourceFault``."""

    def prepare(self) -> None:  # noqa: B027, most have nothing to prepare
        """Called before reading begins, in the process that those are forked from which read beside each
        other. Raises ``SourceFault``."""

    def total(self) -> int | None:
        """How many records there are, where that is cheaper than reading them."""
        return None

    def reached(self, overlap: timedelta) -> str | None:
        """From where on a later run is to read: the last change there is, less ``overlap`` for what is being
        written now. Asked before anything is read. None where nothing has a time. Raises ``SourceFault``."""
        return None

    def id_at(self, place: str) -> str | None:
        """The id by which a record is found again that was read at this place."""
        return None

    def identity(self) -> Mapping[str, Any]:
        """What tells this input from another one, so that a position is not used on the wrong one."""
        return {}

    def signing_keys(self) -> Sequence[AdoptedKey]:
        """Keys that the other server has signed tokens with; its secret must be ours."""
        return ()

    def policy(self) -> Mapping[str, Any]:
        """What the mapping file says about how to treat the users."""
        return self.told.mapping.policy if self.told.mapping else {}

    def close(self) -> None:  # noqa: B027, most have nothing to let go of
        """Let go of files and connections."""

    def ensure_file(self) -> str:
        if not self.told.input:
            raise SourceFault("this source wants --input FILE")
        for name in ("dsn", "where"):
            if getattr(self.told, name):
                raise SourceFault(f"this source reads a file: --{name} is for databases")
        return self.told.input

    def ensure_dsn(self) -> str:
        if not self.told.dsn:
            raise SourceFault(
                "this source wants --dsn: postgresql://…, mysql://…, sqlite:///file or an alias of DATABASES"
            )
        if self.told.input:
            raise SourceFault("this source reads a database: --input is for files")
        return self.told.dsn


def _ensure_known(told: Mapping[str, Any], known: frozenset[str], option: str, what: str) -> None:
    for name in told:
        if name not in known:
            names = sorted(known)
            there = f"it has {', '.join(names)}" if names else f"it takes no {what}"
            raise SourceFault(f"{option}: this source knows no {name!r}{nearest(name, names)}; {there}")
