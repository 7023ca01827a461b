"""What the command line asked for, and the terminal that it is answered on."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.management.base import CommandError
from django.db import connections, router

from better_auth.models import Account
from migration_tools.policy import Policy
from migration_tools.runner import Migration, Selection
from migration_tools.sources.source import Source


@dataclass(frozen=True, slots=True)
class Job:
    """``options``: those by which a run that is resumed must be the same."""

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


@dataclass(frozen=True, slots=True)
class Terminal:
    out: Any
    style: Any
    is_sure: bool

    def say(self, text: str = "") -> None:
        self.out.write(text)

    def warn(self, text: str) -> None:
        self.out.write(self.style.WARNING(text))

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


def target_name() -> str:
    """The database that users go into, without its password."""
    settings = connections[router.db_for_write(Account)].settings_dict
    host = settings.get("HOST") or ""
    return f"{settings['NAME']}{f' on {host}' if host else ''}"
