"""Runs and records in the admin site: how far, what became of whom, and what to try again. Nothing is
edited."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from better_auth.admin import people, wording
from better_auth.admin.filters import ChoiceFilter
from better_auth.admin.read_only import ReadOnlyAdmin
from better_auth.storage.records import has_user_row
from migration_tools import journal
from migration_tools.models import MigrationRecord, MigrationRun, RecordState, RunState
from migration_tools.planning import Outcome

REFRESH_SECONDS = "5"
LONGEST_UNBROKEN = 24


class SourceFilter(ChoiceFilter):
    title = "source"
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = MigrationRun.objects.order_by("source").values_list("source", flat=True).distinct()
        return [(name, name) for name in names]


class OutcomeFilter(ChoiceFilter):
    title = "outcome"
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(outcome.value, outcome.value) for outcome in Outcome if outcome is not Outcome.UNCHANGED]


@admin.register(MigrationRun)
class RunAdmin(ReadOnlyAdmin):
    list_display = ("name", "state", "progress", "outcomes", "started")
    list_filter = ("state", SourceFilter)
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("name", "kind", "state", "standing", "progress", "outcomes", "problem")}),
        ("Times", {"fields": ("started", "took", "rollback")}),
        ("How it was begun", {"fields": ("told",)}),
    )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Shows the progress: while the run is open, the page loads itself again."""
        response = super().change_view(request, object_id, form_url, extra_context)
        if MigrationRun.objects.filter(
            pk=object_id, state__in=[RunState.RUNNING, RunState.ROLLING_BACK]
        ).exists():
            response["Refresh"] = REFRESH_SECONDS
        return response

    @admin.display(description="run", ordering="id")
    def name(self, run: MigrationRun) -> str:
        return str(run)

    @admin.display
    def standing(self, run: MigrationRun) -> str:
        """A run whose process was killed still is ``running`` in the table."""
        return journal.describe(run) if run.state in journal.OPEN else "at its end"

    @admin.display
    def progress(self, run: MigrationRun) -> str:
        total = run.total or 0
        share = run.done / total if total else 0.0
        return format_html(
            '<progress value="{}" max="{}" style="width: 9em"></progress> '
            '<span class="nowrap">{} of {} ({})</span>',
            run.done,
            total or 1,
            f"{run.done:,}",
            f"{total:,}" if total else "?",
            f"{share:.0%}",
        )

    @admin.display
    def outcomes(self, run: MigrationRun) -> str:
        """Each leads to its records; those that were left as they are have none in this run."""
        base = reverse(f"admin:{MigrationRecord._meta.app_label}_migrationrecord_changelist")
        shown = [(name, run.counts[name]) for name in Outcome if run.counts.get(name)]
        parts = (
            format_html('<span class="nowrap">{} {}</span>', f"{count:,}", name)
            if name is Outcome.UNCHANGED
            else format_html(
                '<a href="{}?run__id__exact={}&outcome={}" class="nowrap">{} {}</a>',
                *(base, run.pk, name, f"{count:,}", name),
            )
            for name, count in shown
        )
        return format_html_join(", ", "{}", ((part,) for part in parts)) or "-"

    @admin.display(ordering="started_at")
    def started(self, run: MigrationRun) -> str:
        return wording.moment(run.started_at)

    @admin.display
    def took(self, run: MigrationRun) -> str:
        seconds = int(((run.finished_at or run.updated_at) - run.started_at).total_seconds())
        return f"{seconds // 3600}:{seconds % 3600 // 60:02}:{seconds % 60:02}"

    @admin.display
    def rollback(self, run: MigrationRun) -> str:
        if run.state == RunState.ROLLED_BACK:
            return "was rolled back"
        if run.rollback_closed_at:
            return f"closed on {run.rollback_closed_at:%Y-%m-%d}"
        return f"manage.py migrate_users --rollback --run {run.pk}"

    @admin.display(description="options")
    def told(self, run: MigrationRun) -> str:
        pairs = ((f"--{name.replace('_', '-')}", str(value)) for name, value in sorted(run.options.items()))
        return format_html_join("\n", "<div><code>{} {}</code></div>", pairs) or "-"


@admin.register(MigrationRecord)
class RecordAdmin(ReadOnlyAdmin):
    list_display = ("name", "source", "state", "why", "person")
    list_filter = ("state", SourceFilter, OutcomeFilter, ("run", admin.RelatedOnlyFieldListFilter))
    ordering = ("-id",)
    search_fields = ("legacy_id__exact", "user_public_id__exact", "reason__exact")
    search_help_text = "Whole id there or here, or a reason such as email-case"
    list_per_page = 50
    actions = ("try_again",)
    fieldsets = (
        (None, {"fields": ("name", "source", "run", "place", "state", "outcome", "person")}),
        ("Why", {"fields": ("reason", "detail", "warnings")}),
        ("Times", {"fields": ("brought", "changed")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[MigrationRecord]:
        rows = super().get_queryset(request).defer("former").select_related("run", "user")
        return rows if has_user_row() else rows.select_related("user__better_auth_profile")

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("migration_tools.change_migrationrecord")

    @admin.action(description="Try again with the next --resume", permissions=["retry"])
    def try_again(self, request: HttpRequest, chosen: QuerySet[MigrationRecord]) -> None:
        failed = chosen.filter(state__in=[RecordState.FAILED, RecordState.SKIPPED]).exclude(
            run__state__in=journal.OPEN
        )
        count = MigrationRecord.objects.filter(pk__in=list(failed.values_list("pk", flat=True))).update(
            state=RecordState.PENDING
        )
        self.message_user(
            request,
            f"{wording.counted(count, 'record')} wait for the next migrate_users --resume.",
            messages.SUCCESS if count else messages.WARNING,
        )

    @admin.display(description="id there", ordering="legacy_id")
    def name(self, record: MigrationRecord) -> str:
        name = record.legacy_id or f"({record.place})"
        return _unbroken(name) if len(name) <= LONGEST_UNBROKEN else name

    @admin.display(description="what became of it", ordering="reason")
    def why(self, record: MigrationRecord) -> str:
        return _unbroken(": ".join(filter(None, (record.outcome, record.reason))))

    @admin.display(description="user here")
    def person(self, record: MigrationRecord) -> str:
        if record.user is None:
            return "-"
        known = people.record_of(record.user)
        return people.link(self.admin_site, record.user.pk, (known and known.email) or str(record.user))

    @admin.display(description="begin of the run")
    def brought(self, record: MigrationRecord) -> str:
        return wording.moment(record.created_at)

    @admin.display(ordering="updated_at")
    def changed(self, record: MigrationRecord) -> str:
        return wording.moment(record.updated_at)


def _unbroken(text: str) -> str:
    return format_html('<span class="nowrap">{}</span>', text)
