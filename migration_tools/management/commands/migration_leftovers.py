"""``manage.py migration_leftovers``: does anything still use what people came from?"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from migration_tools import leftovers
from migration_tools.console.ending import Scripted
from migration_tools.console.exits import Exit
from migration_tools.console.told import ensure_ready


class Command(Scripted):
    help = (
        "Say what still hangs on the systems that users came from: users who are not here yet, hashes of "
        "other formats, the secrets that they need, runs that can be rolled back. Only reads."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.epilog = "exit codes: 0 nothing is left · 2 something is"
        parser.add_argument("--json", action="store_true", help="for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        ensure_ready()
        survey = leftovers.survey()
        if options["json"]:
            self.stdout.write(json.dumps(asdict(survey), indent=2))
        else:
            self._tell(survey)
        if survey.leftovers:
            raise SystemExit(Exit.INCOMPLETE)

    def _tell(self, survey: leftovers.Survey) -> None:
        for one in survey.leftovers:
            self.stdout.write(self.style.WARNING(f"- {one.text}"))
            self.stdout.write(f"  → {one.advice}")
        if not survey.leftovers:
            self.stdout.write(
                "Nothing is left: the code, the tables and the secrets of the old system may go."
            )
        if survey.unused:
            self.stdout.write(f"Nobody has a hash of {', '.join(survey.unused)}.")
