"""The audit log in the admin site: nobody writes it there, whatever their rights."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.utils.html import format_html

from better_auth.admin import people, wording
from better_auth.admin.filters import EventTypeFilter, MethodFilter
from better_auth.admin.read_only import ReadOnlyAdmin
from better_auth.models import AuditEntry


class NamedPeople(ChangeList):
    """The ids of a page's users are resolved in one query."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        attach_people(self.result_list)


class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = (
        "moment",
        "event_type",
        "success",
        "subject",
        "actor",
        "ip_address",
        "method",
    )
    list_filter = (EventTypeFilter, "success", MethodFilter)
    date_hierarchy = "created_at"
    ordering = ("-id",)
    # Whole ids: they find their rows by the index.
    search_fields = ("subject_id__exact", "actor_id__exact", "session_id__exact", "ip_address__exact")
    search_help_text = "Whole id of a user (as subject or actor) or of a session, or an address"
    list_per_page = 50
    fieldsets = (
        (None, {"fields": ("moment", "event_type", "success", "auth_method")}),
        ("People", {"fields": ("subject", "subject_id", "actor", "actor_id", "session_id")}),
        ("Origin", {"fields": ("ip_address", "device", "user_agent")}),
        ("Details", {"fields": ("pretty_details",)}),
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return NamedPeople

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> AuditEntry | None:
        entry = super().get_object(request, object_id, from_field)
        attach_people([entry] if entry else [])
        return entry

    @admin.display(description="time", ordering="id")
    def moment(self, entry: AuditEntry) -> str:
        return wording.moment(entry.created_at, seconds=True)

    @admin.display(ordering="auth_method")
    def method(self, entry: AuditEntry) -> str:
        return entry.auth_method or "-"

    @admin.display
    def subject(self, entry: AuditEntry) -> str:
        return self._name(entry, entry.subject_id)

    @admin.display
    def actor(self, entry: AuditEntry) -> str:
        is_own_doing = entry.actor_id and entry.actor_id == entry.subject_id
        return "the same" if is_own_doing else self._name(entry, entry.actor_id)

    @admin.display
    def device(self, entry: AuditEntry) -> str:
        return wording.device(entry.user_agent)

    @admin.display(description="details")
    def pretty_details(self, entry: AuditEntry) -> str:
        text = json.dumps(entry.details, indent=2, ensure_ascii=False, sort_keys=True)
        return format_html('<pre style="margin: 0; white-space: pre-wrap">{}</pre>', text)

    def _name(self, entry: AuditEntry, wire_id: str) -> str:
        """The user's e-mail as a link; of one who is gone the bare id."""
        person = getattr(entry, "people", {}).get(wire_id)
        return people.link(self.admin_site, person.key, person.email or wire_id) if person else wire_id


def attach_people(entries: Iterable[AuditEntry]) -> None:
    rows = list(entries)
    known = people.named(wire_id for row in rows for wire_id in (row.subject_id, row.actor_id))
    for row in rows:
        row.people = known  # type: ignore[attr-defined]
