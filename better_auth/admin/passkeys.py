"""Passkeys in the admin site: looked at, and removed with a reason."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from better_auth import account_notices, passkeys
from better_auth.admin import people, wording
from better_auth.admin.people import Operator
from better_auth.admin.read_only import OwnedAdmin
from better_auth.admin.user_actions import is_privileged, is_superuser
from better_auth.events import PasskeyRemoved, publish
from better_auth.models import Passkey
from better_auth.storage.records import UserRecord

LONGEST_REASON = 500


class ReasonForm(ActionForm):
    """Beside the choice of an action."""

    reason = forms.CharField(
        required=False,
        max_length=LONGEST_REASON,
        widget=forms.TextInput(attrs={"placeholder": "Reason, for the audit log"}),
    )


class PasskeyAdmin(OwnedAdmin):
    """Nothing here is secret, and nothing can be written."""

    action_form = ReasonForm
    actions = ("remove",)
    list_display = ("person", "shown_name", "device_type", "backed_up", "created", "last_used")
    list_filter = ("device_type", "backed_up")
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-id")
    search_fields = ("=id", "=credential_id", f"{people.user_path()}__email")
    search_help_text = "E-mail of the user, or the id of the passkey or its credential"
    list_select_related = (people.user_path(),)
    list_per_page = 50
    fieldsets = (
        (None, {"fields": ("id", "user_link", "name", "credential_id", "public_key")}),
        ("Device", {"fields": ("device_type", "backed_up", "transports", "aaguid", "counter")}),
        ("Times", {"fields": ("created_at", "last_used_at")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Passkey]:
        return super().get_queryset(request).select_related(people.user_path())

    def has_remove_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("better_auth.delete_passkey")  # type: ignore[union-attr, unused-ignore]

    @admin.display(description="user", ordering=f"{people.user_path()}__email")
    def person(self, row: Passkey) -> str:
        record = people.record_of(row.user)
        return (record and record.email) or str(row.user)

    @admin.display(description="user")
    def user_link(self, row: Passkey) -> str:
        return people.link(self.admin_site, row.user_id, self.person(row))

    @admin.display(description="name", ordering="name")
    def shown_name(self, row: Passkey) -> str:
        return row.name or "-"

    @admin.display(ordering="created_at")
    def created(self, row: Passkey) -> str:
        return wording.moment(row.created_at)

    @admin.display(ordering="last_used_at")
    def last_used(self, row: Passkey) -> str:
        return wording.moment(row.last_used_at)

    @admin.action(description="Remove the selected passkeys", permissions=["remove"])
    def remove(self, request: HttpRequest, queryset: QuerySet[Passkey]) -> None:
        """Also somebody's last way in: a device that was stolen must go. Sessions stay; they have a page."""
        reason = request.POST.get("reason", "").replace("\x00", "").strip()[:LONGEST_REASON]
        if not reason:
            self.message_user(request, "Write the reason beside the action.", messages.ERROR)
            return
        operator, removed, above = people.operator_of(request), 0, 0
        for row in queryset.select_related(people.user_path()):
            carrier = people.carrier_of(row.user)
            if carrier is None or (is_privileged(carrier) and not is_superuser(request)):
                above += 1
            else:
                user = people.record_of(row.user)
                removed += user is not None and _remove(user, row.pk, reason=reason, operator=operator)
        if above:
            text = f"Left out {wording.counted(above, 'passkey')} of people whom only a superuser may change."
            self.message_user(request, text, messages.WARNING)
        text = f"Removed {wording.counted(removed, 'passkey')}."
        self.message_user(request, text, messages.SUCCESS if removed else messages.WARNING)


def _remove(user: UserRecord, passkey_id: Any, *, reason: str, operator: Operator) -> bool:
    with transaction.atomic():
        if passkeys.remove(user, passkey_id, allow_last=True) is None:
            return False
        details = {"passkey": passkey_id, "reason": reason}
        publish(
            PasskeyRemoved(client=operator.client, subject_id=user.id, actor_id=operator.id, details=details)
        )
        account_notices.tell_removed(user, provider_id="one of your passkeys")
    return True
