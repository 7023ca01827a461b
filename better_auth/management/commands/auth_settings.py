"""``manage.py auth_settings``: every setting, what it is now, and how to set it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from better_auth.conf import auth_settings
from better_auth.conf.loading import Setting, describe_type, walk

HEADINGS = ("Key", "Type", "Default", "Environment variable", "Meaning")
# Shown as set or unset, never as what they are.
SECRETS = ("SECRET", "SECRETS", "TOKEN", "CLIENT_SECRET", "DSN")


class Command(BaseCommand):
    help = "Print every key of settings.BETTER_AUTH with its value, default and environment variable."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--markdown", action="store_true", help="Print the table of docs/configuration.md."
        )

    def handle(self, *args: Any, markdown: bool, **options: Any) -> None:
        lines = markdown_table() if markdown else values_now()
        self.stdout.write("\n".join(lines))


def values_now() -> Iterator[str]:
    """``KEY = value``, and below it where the value comes from if nobody changes it."""
    for one in walk():
        yield f"{one.key} = {_shown(one, value_of(one))}"
        yield f"    default {_shown(one, one.default)}, {one.env or 'no environment variable'}"


def markdown_table() -> Iterator[str]:
    """One table for each section of the settings, in the order of the schema."""
    section = None
    for one in walk():
        if one.path[:-1] != section:
            section = one.path[:-1]
            yield from ("", f"### {'.'.join(section) or 'Top level'}", "")
            yield f"| {' | '.join(HEADINGS)} |"
            yield "|" + " --- |" * len(HEADINGS)
        variable = f"`{one.env}`" if one.env else "-"
        cells = (f"`{one.key}`", describe_type(one.annotation), _default(one), variable, one.doc)
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def value_of(one: Setting) -> Any:
    """The value in force."""
    value: Any = auth_settings
    for part in one.path:
        value = getattr(value, part.lower())
    return value


def _shown(one: Setting, value: Any) -> str:
    if one.path[-1] in SECRETS:
        return "(set, not shown)" if value else "(not set)"
    if one.key == "SOCIAL.PROVIDERS":  # with secrets in them
        return f"{', '.join(value) or 'none'} (not shown)"
    return repr(list(value)) if isinstance(value, tuple) else repr(value)


def _default(one: Setting) -> str:
    if isinstance(one.default, tuple):
        return "<br>".join(f"`{entry}`" for entry in one.default) or "empty"
    return f"`{one.default!r}`"
