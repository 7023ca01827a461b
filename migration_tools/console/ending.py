"""How commands end, for scripts to tell: by exit codes of ours, and politely when they are stopped."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandParser

from migration_tools.console.exits import Exit


class Scripted(BaseCommand):
    """A command whose exit codes mean something."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """argparse ends with 2, and that means something else here."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        end = parser.exit

        def refuse(status: int = 0, message: str | None = None) -> NoReturn:
            end(Exit.REFUSED if status else Exit.DONE, message)

        parser.exit = refuse  # type: ignore[method-assign]
        return parser


@contextmanager
def terminable() -> Iterator[None]:
    """Whoever stops the process politely gets what Ctrl-C gets."""

    def stop(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    try:
        former = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not in the main thread: whoever called us has handlers of their own
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)
