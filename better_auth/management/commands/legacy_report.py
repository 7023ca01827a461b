"""``manage.py legacy_report``: how many credentials of the former system still come, and from where."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from better_auth import clock
from better_auth.conf import auth_settings
from better_auth.models import LegacyUse

COLUMNS = ("day", "scheme", "client", "accepted", "refused", "exchanged")


class Command(BaseCommand):
    help = (
        "Show for each day, scheme and client how many credentials of the former system were accepted, "
        "refused and exchanged. Servers write their counts every ten seconds."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--days", type=_days, default=30, help="how far back, today included (default: 30)"
        )
        parser.add_argument("--json", action="store_true", help="as one JSON document")

    def handle(self, *args: Any, days: int, **options: Any) -> None:
        first = clock.now().date() - timedelta(days=days - 1)
        rows = LegacyUse.objects.filter(day__gte=first).order_by("-day", "scheme", "-accepted", "client")
        found = [dict(zip(COLUMNS, row, strict=True)) for row in rows.values_list(*COLUMNS)]
        if options["json"]:
            told = {"cutover": auth_settings.dual_auth.cutover, "first_day": str(first), "uses": found}
            self.stdout.write(json.dumps(told, indent=2, default=str))
            return
        for line in _lines(found, days):
            self.stdout.write(line)


def _lines(found: list[dict[str, Any]], days: int) -> list[str]:
    cutover = auth_settings.dual_auth.cutover
    ending = f"The cutover is at {cutover}." if cutover else "No cutover is set."
    if not found:
        return [f"No credential of the former system came in the last {days} days. {ending}"]
    width = max(len("client"), *(len(one["client"]) for one in found))
    lines = [
        f"{'day':<10}  {'scheme':<9}  {'client':<{width}}  {'accepted':>9} {'refused':>9} {'exchanged':>9}"
    ]
    lines += [
        f"{one['day']!s:<10}  {one['scheme']:<9}  {one['client']:<{width}}  "
        f"{one['accepted']:>9,} {one['refused']:>9,} {one['exchanged']:>9,}"
        for one in found
    ]
    return [*lines, "", ending]


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 3650:
        raise ArgumentTypeError(f"expected a number from 1 to 3650, got {text!r}")
    return int(text)
