"""``manage.py dual_report``: where the former system and ours say different things of who calls."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db.models import Count, Max, Sum

from better_auth import clock
from better_auth.models import DualDifference
from better_auth.models.dual_difference import AGREE

MEANINGS = {
    "former_alone": "only its credential was shown, and it is good",
    "only_former_accepts": "both were shown, and ours is not good",
    "only_ours_accepts": "both were shown, and its is not good",
    "user": "they name different users",
    "claims": "the same user, with other claims",
}
DAYS = 7
COLUMNS = ("route", "method", "reason", "detail", "our_status", "former_status")


class Command(BaseCommand):
    help = (
        "Show where the two systems disagree, by route and reason, as far as DualComparisonMiddleware has "
        "looked (docs/migration/dual-auth.md)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add(
            "--days", type=_positive, default=DAYS, metavar="N", help=f"today and the days before it ({DAYS})"
        )
        add("--json", action="store_true", help="for scripts")

    def handle(self, *args: Any, days: int, **options: Any) -> None:
        since = clock.now().date() - timedelta(days=days - 1)
        rows = DualDifference.objects.filter(day__gte=since)
        agreed = rows.filter(reason=AGREE).aggregate(Sum("count"))["count__sum"] or 0
        differences = list(
            rows.exclude(reason=AGREE)
            .values(*COLUMNS)
            .annotate(number=Sum("count"), last_at=Max("last_at"), last=Max("pk"), days=Count("day"))
            .order_by("-number", *COLUMNS)
        )
        _name_users(differences)
        if options["json"]:
            self.stdout.write(
                json.dumps({"agree": agreed, "differences": differences}, default=str, indent=2)
            )
            return
        self._show(agreed, differences, days)

    def _show(self, agreed: int, differences: Sequence[dict[str, Any]], days: int) -> None:
        differing = sum(one["number"] for one in differences)
        self.stdout.write(
            f"{agreed + differing:,} compared in {days} days: {agreed:,} agree, {differing:,} do not"
        )
        route = None
        for one in sorted(differences, key=lambda one: (one["route"], one["method"], -one["number"])):
            if (one["route"], one["method"]) != route:
                route = (one["route"], one["method"])
                self.stdout.write(f"\n{one['method']} {one['route']}")
            detail = f" ({one['detail']})" if one["detail"] else ""
            statuses = f"ours {one['our_status']}, its {one['former_status']}"
            self.stdout.write(f"{one['number']:>10,}  {one['reason']}{detail}: {statuses}{_users(one)}")
        for reason in sorted({one["reason"] for one in differences}):
            self.stdout.write(f"\n{reason}: {MEANINGS[reason]}", ending="")
        if differences:
            self.stdout.write("")


def _name_users(differences: Sequence[dict[str, Any]]) -> None:
    """Of the last request of each kind, so that somebody can go and look."""
    named = {
        row.pk: row for row in DualDifference.objects.filter(pk__in=[one["last"] for one in differences])
    }
    for one in differences:
        row = named.get(one.pop("last"))
        one["our_user"], one["former_user"] = (row.our_user, row.former_user) if row else ("", "")


def _users(one: dict[str, Any]) -> str:
    told = [f"{name} {one[key]}" for name, key in (("ours", "our_user"), ("its", "former_user")) if one[key]]
    return f"; last: {', '.join(told)}" if told else ""


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is no number of days")
    return int(text)
