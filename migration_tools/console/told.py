"""What the command line asked for, and the terminal that it is answered on."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError
from django.db import Error, connections, router

from better_auth.models import Account
from migration_tools.models import MigrationRun
from migration_tools.policy import Policy
from migration_tools.reports import ensure_writable, printable
from migration_tools.runner import Migration, Selection
from migration_tools.sources.source import Source


@dataclass(frozen=True, slots=True)
class Job:
    """``options``: those by which a run that is resumed must be the same; ``overlap``: how far behind its
    watermark the next run reads again; ``mapping_digest``: what stands in the mapping file."""

    source: Source
    name: str
    kind: str
    policy: Policy
    selection: Selection
    batch_size: int
    jobs: int
    is_strict: bool
    report: str | None
    options: Mapping[str, Any]
    overlap: timedelta
    mapping_digest: str = ""

    def migration(self) -> Migration:
        return Migration(
            self.source,
            self.name,
            self.policy,
            self.selection,
            self.batch_size,
            self.is_strict,
            jobs=self.jobs,
        )

    @property
    def is_whole(self) -> bool:
        """Whether it is about all that the source has."""
        return not {"only_emails", "where", "limit"} & self.options.keys()

    def ensure_reportable(self, table_path: Callable[[str], str]) -> None:
        """Before anything is begun: the report can be written, and what is read is not overwritten.

        ``table_path``: where the report's table lies. Raises ``CommandError``.
        """
        if self.report:
            read = [self.options.get(name) for name in ("input", "mapping", "only_emails")]
            read += self.source.told.also.values()
            ensure_writable(self.report, sparing=read)
            ensure_writable(table_path(self.report), sparing=read)


@dataclass(frozen=True, slots=True)
class Terminal:
    out: Any
    style: Any
    is_sure: bool

    def say(self, text: str = "", *, hang: int = 0) -> None:
        """``hang``: how far the further lines of a text stand in that is too long for the terminal."""
        self.out.write(self._fitted(text, hang))

    def warn(self, text: str, *, hang: int = 0) -> None:
        self.out.write(self.style.WARNING(self._fitted(text, hang)))

    def _fitted(self, text: str, hang: int) -> str:
        text = printable(text)
        if not self.out.isatty():  # whoever reads that wants each line whole
            return text
        columns = shutil.get_terminal_size().columns
        return textwrap.fill(
            text, columns, subsequent_indent=" " * hang, break_long_words=False, break_on_hyphens=False
        )

    def ensure_sure(self, question: str) -> None:
        """Ask, unless ``--yes`` was given. Raises ``CommandError`` for any other answer than yes."""
        if self.is_sure:
            return
        if not sys.stdin or not sys.stdin.isatty():
            raise CommandError(f"{question} There is nobody to ask: say --yes.")
        self.out.write(f"{question} [y/N] ", ending="")
        self.out.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise CommandError("Nothing was done.")


def ensure_ready() -> None:
    """Raises ``CommandError`` where the database can't be reached, or is not migrated."""
    try:
        there = connections[router.db_for_write(MigrationRun)].introspection.table_names()
    except Error as problem:
        reason = str(problem).strip().partition("\n")[0]
        raise CommandError(f"The database {target_name()} can't be read: {reason}") from None
    missing = {model._meta.db_table for model in (MigrationRun, Account, get_user_model())} - set(there)
    if missing:
        raise CommandError(
            f"The database {target_name()} has no table {min(missing)}: run manage.py migrate first."
        )


def target_name() -> str:
    """The database that users go into, without its password."""
    settings = connections[router.db_for_write(Account)].settings_dict
    host = settings.get("HOST") or ""
    return f"{settings['NAME']}{f' on {host}' if host else ''}"
