"""Sessions in the admin site: looked at, and revoked."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from better_auth import clock
from better_auth.admin import operations, people, wording
from better_auth.admin.filters import ExpiredFilter, MethodFilter
from better_auth.admin.read_only import OwnedAdmin
from better_auth.models import Session
from better_auth.storage.records import session_record


class SessionAdmin(OwnedAdmin):
    list_display = (
        "person",
        "is_living",
        "device",
        "ip_address",
        "method",
        "created",
        "expires",
        "last_seen",
    )
    list_filter = (ExpiredFilter, MethodFilter)
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-id")
    search_fields = ("=id", f"{people.user_path()}__email", "ip_address__startswith")
    search_help_text = "E-mail of the user, session id, or the beginning of an address"
    list_select_related = (people.user_path(),)
    list_per_page = 50
    actions = ("revoke",)
    fieldsets = (
        (None, {"fields": ("id", "user_link", "is_living", "auth_method", "impersonated_by")}),
        ("Device", {"fields": ("device", "ip_address", "user_agent")}),
        ("Times", {"fields": ("created_at", "updated_at", "last_seen_at", "expires_at")}),
        ("Organization", {"classes": ("collapse",), "fields": ("active_organization_id", "active_team_id")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Session]:
        return super().get_queryset(request).select_related(people.user_path())

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("better_auth.delete_session")  # type: ignore[union-attr, unused-ignore]

    @admin.display(description="user", ordering=f"{people.user_path()}__email")
    def person(self, row: Session) -> str:
        record = people.record_of(row.user)
        return (record and record.email) or str(row.user)

    @admin.display(description="user")
    def user_link(self, row: Session) -> str:
        return people.link(self.admin_site, row.user_id, self.person(row))

    @admin.display
    def device(self, row: Session) -> str:
        return wording.device(row.user_agent) or "Unknown"

    @admin.display(ordering="auth_method")
    def method(self, row: Session) -> str:
        return row.auth_method or "-"

    @admin.display(ordering="created_at")
    def created(self, row: Session) -> str:
        return wording.moment(row.created_at)

    @admin.display(ordering="last_seen_at")
    def last_seen(self, row: Session) -> str:
        return wording.moment(row.last_seen_at)

    @admin.display(ordering="expires_at")
    def expires(self, row: Session) -> str:
        return wording.moment(row.expires_at)

    @admin.display(description="living", boolean=True, ordering="expires_at")
    def is_living(self, row: Session) -> bool:
        return row.expires_at > clock.now()

    @admin.action(description="Revoke the selected sessions", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Session]) -> None:
        operator, ended = people.operator_of(request), 0
        for row in queryset.select_related(people.user_path()):
            user = people.record_of(row.user)
            if user is None:  # never adopted, so never signed in here
                continue
            ended += operations.revoke_session(session_record(row, user_id=user.id), user, operator=operator)
        text = f"Revoked {wording.counted(ended, 'session')}."
        self.message_user(request, text, messages.SUCCESS if ended else messages.WARNING)
