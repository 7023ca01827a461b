"""Organizations and invitations in Django's admin site; found there by autodiscovery.

Everything is written by the rules, under their locks, and recorded with the operator as actor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminTextInputWidget
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.forms import BaseInlineFormSet, ModelForm
from django.http import HttpRequest
from django.utils.text import Truncator

from better_auth import clock
from better_auth.admin import people, wording
from better_auth.admin.filters import ChoiceFilter
from better_auth.admin.read_only import ModelAdmin, OwnedAdmin
from better_auth.crypto import wire_json
from better_auth.errors import AuthError, TooManyRequests
from organizations import access_control, membership, operations
from organizations.fields import LONGEST_METADATA
from organizations.models import Invitation, InvitationStatus, Member, Organization
from organizations.people import path_from

if TYPE_CHECKING:
    AnyModelForm = ModelForm[Any]
    MemberFormSetBase = BaseInlineFormSet[Member, Organization, ModelForm[Member]]
    TabularInline = admin.TabularInline[Member, Organization]
else:  # generic in their type stubs only
    AnyModelForm = ModelForm
    MemberFormSetBase = BaseInlineFormSet
    TabularInline = admin.TabularInline

# A form of more rows than these would not be taken by Django.
MOST_INLINE = 100
SHORT = 60


class OrganizationForm(AnyModelForm):
    """``metadata`` is written as the protocol writes it."""

    def clean_metadata(self) -> str | None:
        text = (self.cleaned_data.get("metadata") or "").strip()
        if not text:
            return None
        try:
            written = wire_json.dumps(wire_json.loads_object(text))
        except ValueError:
            raise ValidationError("Write a JSON object, or nothing.") from None
        if len(written) > LONGEST_METADATA:
            raise ValidationError("This is too long.")
        return written

    def clean_logo(self) -> str | None:
        return self.cleaned_data.get("logo") or None


class MemberForm(AnyModelForm):
    role = forms.CharField(help_text="Several are separated by commas.")

    def clean_role(self) -> str:
        names = access_control.split_roles(self.cleaned_data["role"])
        unknown = membership.unknown_roles(self.instance.organization_id, names)
        if unknown:
            raise ValidationError(f"There is no role {', '.join(unknown)}.")
        return ",".join(names)


class MemberFormSet(MemberFormSetBase):
    def clean(self) -> None:
        """Somebody must own the organization."""
        super().clean()
        given = [form.cleaned_data for form in self.forms if hasattr(form, "cleaned_data")]
        roles = [one.get("role", "") for one in given if not one.get("DELETE")]
        if self.forms and not any(access_control.is_creator_role(role) for role in roles):
            raise ValidationError("The last owner can neither be removed nor step down.")


class MemberInline(TabularInline):
    model = Member
    form = MemberForm
    formset = MemberFormSet
    fields = ("person", "role", "since")
    readonly_fields = ("person", "since")
    extra = 0
    verbose_name_plural = "members"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Member]:
        rows = super().get_queryset(request).select_related(path_from())
        return rows.order_by("created_at", "id")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Members come by invitation."""
        return False

    @admin.display(description="user")
    def person(self, row: Member) -> str:
        record = people.record_of(row.user)
        return people.link(self.admin_site, row.user_id, (record and record.email) or str(row.user))

    @admin.display
    def since(self, row: Member) -> str:
        return wording.moment(row.created_at)


@admin.register(Organization)
class OrganizationAdmin(ModelAdmin):
    form = OrganizationForm
    list_display = ("short_name", "slug", "members", "created")
    search_fields = ("name", "slug", "id__exact")
    search_help_text = "Part of a name or slug, or a whole id"
    ordering = ("-created_at", "-id")
    date_hierarchy = "created_at"
    list_per_page = 50
    show_full_result_count = False
    fields = ("id", "name", "slug", "logo", "metadata", "members", "created_at")
    readonly_fields = ("id", "members", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).annotate(member_count=Count("members"))
        return rows

    def get_inlines(self, request: HttpRequest, obj: Any) -> list[Any]:
        return [MemberInline] if obj is not None and obj.member_count <= MOST_INLINE else []

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Organizations are made by their owners."""
        return False

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name in ("name", "logo"):  # text columns, but one line
            kwargs["widget"] = AdminTextInputWidget
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        columns = {name: form.cleaned_data[name] for name in form.changed_data}
        if columns:
            operations.change_organization(obj, columns, operator=people.operator_of(request))

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """By the rules, which have the last word: another operator may have been faster."""
        operator = people.operator_of(request)
        formset.save(commit=False)
        formset.new_objects = []
        changed = {row.pk: row for row, _ in formset.changed_objects}
        for row in [*changed.values(), *formset.deleted_objects]:
            try:
                if row in formset.deleted_objects:
                    operations.remove_member(row, operator=operator)
                else:
                    operations.change_role(row, row.role, operator=operator)
            except AuthError as refusal:
                self.message_user(request, str(refusal), messages.ERROR)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        operations.delete_organization(obj, operator=people.operator_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            self.delete_model(request, row)

    @admin.display(description="name", ordering="name")
    def short_name(self, row: Any) -> str:
        return Truncator(row.name).chars(SHORT)

    @admin.display(ordering="member_count")
    def members(self, row: Any) -> int:
        return int(row.member_count)

    @admin.display(ordering="created_at")
    def created(self, row: Any) -> str:
        return wording.moment(row.created_at)


class StatusFilter(ChoiceFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(one.value, one.value) for one in InvitationStatus]


@admin.register(Invitation)
class InvitationAdmin(OwnedAdmin):
    list_display = ("email", "organization_name", "role", "state", "inviter_email", "created", "expires")
    list_filter = (StatusFilter,)
    search_fields = ("email", "organization__name", "organization__slug__exact", "id__exact")
    search_help_text = "Part of an address or of the organization's name, a whole slug or id"
    ordering = ("-created_at", "-id")
    list_per_page = 50
    actions = ("resend", "cancel")
    fields = (
        "id",
        "email",
        "organization",
        "role",
        "team_ids",
        "state",
        "inviter_email",
        "created",
        "expires",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("organization", path_from("inviter"))

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("organizations.change_invitation")  # type: ignore[union-attr, unused-ignore]

    @admin.action(description="Mail the selected invitations again", permissions=["operate"])
    def resend(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        operator, sent, refused = people.operator_of(request), 0, 0
        for row in queryset:
            inviter = people.record_of(row.inviter)
            try:
                sent += bool(inviter and operations.resend_invitation(row, inviter, operator=operator))
            except TooManyRequests:
                refused += 1
        text = f"Mailed {wording.counted(sent, 'invitation')}."
        self.message_user(request, text, messages.SUCCESS if sent else messages.WARNING)
        if refused:
            number = wording.counted(refused, "invitation")
            text = f"Not mailed: {number}, to addresses that had too many mails lately."
            self.message_user(request, text, messages.WARNING)

    @admin.action(description="Cancel the selected invitations", permissions=["operate"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        operator = people.operator_of(request)
        count = sum(operations.cancel_invitation(row, operator=operator) for row in queryset)
        text = f"Canceled {wording.counted(count, 'invitation')}."
        self.message_user(request, text, messages.SUCCESS if count else messages.WARNING)

    @admin.display(description="organization", ordering="organization__name")
    def organization_name(self, row: Any) -> str:
        return Truncator(row.organization.name).chars(SHORT)

    @admin.display(description="invited by")
    def inviter_email(self, row: Any) -> str:
        record = people.record_of(row.inviter)
        return (record and record.email) or str(row.inviter)

    @admin.display(ordering="status")
    def state(self, row: Any) -> str:
        is_over = row.status == InvitationStatus.PENDING and row.expires_at <= clock.now()
        return "expired" if is_over else str(row.status)

    @admin.display(ordering="created_at")
    def created(self, row: Any) -> str:
        return wording.moment(row.created_at)

    @admin.display(ordering="expires_at")
    def expires(self, row: Any) -> str:
        return wording.moment(row.expires_at)
