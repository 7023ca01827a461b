"""Users in the admin site: our row, or the profile beside a host's user.

No page shows a password hash or takes a password: an operator sends a reset. Who is an operator, or holds a
role, is for superusers to decide, and the record of a superuser, operator or administrator is for superusers
to change: otherwise the right to change users would be the right to become any of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminTextInputWidget
from django.contrib.auth.hashers import identify_hasher, is_password_usable
from django.db import models
from django.db.models import QuerySet
from django.forms import Field, ModelForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import mark_safe
from django.utils.text import Truncator

from better_auth import clock, users
from better_auth.admin import operations, people, resets
from better_auth.admin.factors import FactorActions
from better_auth.admin.filters import LastMethodFilter
from better_auth.admin.read_only import is_page_of
from better_auth.admin.user_actions import is_superuser
from better_auth.admin.wording import counted, moment
from better_auth.models import CREDENTIAL, Account
from better_auth.storage.records import user_record

if TYPE_CHECKING:
    AnyModelForm = ModelForm[Any]
else:  # generic in its type stubs only
    AnyModelForm = ModelForm

SHORT = 60


class UserForm(AnyModelForm):
    """Addresses are compared as they are stored."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "email" in self.fields:
            self.fields["email"].required = not self._meta.model._meta.get_field("email").null

    def clean_email(self) -> str | None:
        return users.normalize_email(self.cleaned_data["email"] or "") or None


class CarrierAdmin(FactorActions):
    """What both ways to have users share."""

    form = UserForm
    list_display = (
        "email",
        "short_name",
        "is_verified",
        "role",
        "ban",
        "last_method",
        "created",
    )
    list_filter: ClassVar[Any] = ("email_verified", "banned", "two_factor_enabled", "role", LastMethodFilter)
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-pk")
    search_fields: ClassVar[tuple[str, ...]] = ("email", "name", "username", "phone_number")
    list_per_page = 50
    show_full_result_count = False
    actions = (
        "ban_users",
        "unban_users",
        "impersonate",
        "revoke_sessions",
        "send_password_reset",
        "reset_factors",
    )
    shown_always = (
        "wire_id",
        "activity",
        "email_verified_at",
        "username",
        "phone_number",
        "picture",
        "password_state",
        "two_factor_enabled",
        "factors",
        "last_auth_method",
        "migration_status",
        "created_at",
        "updated_at",
        "deleted_at",
    )
    identity = ("email", "email_verified", "email_verified_at", "name", "username", "phone_number", "picture")
    ways_in = ("password_state", "two_factor_enabled", "factors", "last_auth_method")
    superuser_fields: tuple[str, ...] = ("role",)
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("wire_id", "activity")}),
        ("Identity", {"fields": identity}),
        (
            "Ways to sign in",
            {"fields": ("password_state", "two_factor_enabled", "factors", "last_auth_method")},
        ),
        ("Ban", {"fields": ("banned", "ban_reason", "ban_expires")}),
        ("Access", {"fields": ("role",)}),
        ("History", {"fields": ("created_at", "updated_at", "deleted_at", "migration_status")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return self.shown_always if is_superuser(request) else (*self.shown_always, *self.superuser_fields)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._may_touch(request, obj)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return super().has_change_permission(request)

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Field | None:
        if db_field.name in ("name", "ban_reason"):  # text columns, but one line
            kwargs["widget"] = AdminTextInputWidget
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Written by the lifecycle, never by ``obj.save()``: only what was changed, with all that follows."""
        operator = people.operator_of(request)
        changed = {name: form.cleaned_data[name] for name in form.changed_data}
        columns = {name: value for name, value in changed.items() if not _is_many_to_many(self.model, name)}
        if "ban_reason" in columns:
            columns["ban_reason"] = columns["ban_reason"] or None
        if change:
            also = set(changed) - set(columns)
            operations.change_user(users.get(user_record(obj)), columns, also=also, operator=operator)
        else:
            operations.create_user({"name": "", **columns, "id": obj.pk}, operator=operator)
            obj._state.adding = False

    @admin.action(description="Revoke all sessions of the selected users", permissions=["operate"])
    def revoke_sessions(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        operator, chosen = people.operator_of(request), self._touchable(request, queryset)
        ended = sum(operations.revoke_sessions(user, operator=operator) for user in chosen)
        text = f"Ended {counted(ended, 'session')} of {counted(len(chosen), 'user')}."
        self.message_user(request, text, messages.SUCCESS if chosen else messages.WARNING)

    @admin.action(description="Send a password reset to the selected users", permissions=["operate"])
    def send_password_reset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        problem = resets.find_problem()
        if problem:
            self.message_user(request, problem, messages.ERROR)
            return
        operator, chosen = people.operator_of(request), self._touchable(request, queryset)
        refused = [user for user in chosen if not resets.send(user, operator=operator)]
        sent = len(chosen) - len(refused)
        text = f"Sent {counted(sent, 'password reset')}."
        self.message_user(request, text, messages.SUCCESS if sent else messages.WARNING)
        if refused:
            names = ", ".join(user.email or user.id for user in refused[:10])
            whom = counted(len(refused), "user")
            text = f"Not sent to {whom}: no address, or too many mails lately ({names})."
            self.message_user(request, text, messages.WARNING)

    @admin.display(description="name", ordering="name")
    def short_name(self, row: Any) -> str:
        return Truncator(row.name).chars(SHORT)

    @admin.display(description="verified", boolean=True, ordering="email_verified")
    def is_verified(self, row: Any) -> bool:
        return bool(row.email_verified)

    @admin.display(description="ban", ordering="banned")
    def ban(self, row: Any) -> str:
        """A word, since a green tick would look like praise."""
        if not row.banned:
            return "-"
        if row.ban_expires is None:
            return "banned"
        is_over = not user_record(row).is_banned(clock.now())
        return format_html(
            "{} {}", "banned, over since" if is_over else "banned until", moment(row.ban_expires)
        )

    @admin.display(description="last method", ordering="last_auth_method")
    def last_method(self, row: Any) -> str:
        return row.last_auth_method or "-"

    @admin.display(description="created", ordering="created_at")
    def created(self, row: Any) -> str:
        return moment(row.created_at)

    @admin.display(description="id")
    def wire_id(self, row: Any) -> str:
        return user_record(row).id

    @admin.display
    def picture(self, row: Any) -> str:
        return Truncator(row.image or "-").chars(SHORT)

    @admin.display(description="password")
    def password_state(self, row: Any) -> str:
        """Whether there is one, and its algorithm; nothing of the hash."""
        user = user_record(row)
        encoded = (row if row.pk == user.id else row.user).password
        if not encoded or not is_password_usable(encoded):
            kept = Account.objects.filter(user_id=user.key, provider_id=CREDENTIAL, password__isnull=False)
            encoded = kept.values_list("password", flat=True).first()
        if not encoded:
            return "Not set"
        try:
            return f"Set ({identify_hasher(encoded).algorithm})"
        except ValueError:
            return "Set, in an unknown format"

    @admin.display(description="see also")
    def activity(self, row: Any) -> str:
        """Links to the user's sessions, accounts, passkeys and audit entries."""
        user = user_record(row)
        pages = (
            ("session", "Sessions", {"user__exact": user.key}),
            ("account", "Accounts", {"user__exact": user.key}),
            ("passkey", "Passkeys", {"user__exact": user.key}),
            ("auditentry", "What happened to them", {"subject_id__exact": user.id}),
            ("auditentry", "What they did", {"actor_id__exact": user.id}),
        )
        links = [
            format_html('<a href="{}?{}">{}</a>', self._changelist(model), urlencode(query), text)
            for model, text, query in pages
        ]
        return mark_safe(" &nbsp;·&nbsp; ".join(links))  # noqa: S308, each part is escaped

    def _changelist(self, model: str) -> str:
        return reverse(f"admin:better_auth_{model}_changelist", current_app=self.admin_site.name)


class UserAdmin(CarrierAdmin):
    """Our user row, or a host's that inherits ours."""

    list_filter = (*CarrierAdmin.list_filter, "is_staff", "is_active")
    access: ClassVar[Any] = ("Access", {"fields": ("role", "is_active")})
    power: ClassVar[Any] = (
        ("Operator", {"fields": ("is_staff", "is_superuser", "groups")}),
        ("Single permissions", {"classes": ("collapse",), "fields": ("user_permissions",)}),
    )
    filter_horizontal = ("groups", "user_permissions")
    add_fieldsets: Any = ((None, {"fields": ("email", "name", "email_verified")}),)
    search_fields = (*CarrierAdmin.search_fields, "id__exact")
    search_help_text = "Part of an e-mail, name, user name or phone number, or a whole id"

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return self.add_fieldsets
        *shared, _, history = self.fieldsets
        return [*shared, self.access, *(self.power if is_superuser(request) else ()), history]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self._may_touch(request, obj)

    def formfield_for_manytomany(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name == "user_permissions":  # each one's name is that of its content type too
            rows = db_field.remote_field.model._default_manager.select_related("content_type")
            kwargs["queryset"] = rows
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        operations.delete_user(user_record(obj), operator=people.operator_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            self.delete_model(request, row)


class UserProfileAdmin(CarrierAdmin):
    """Our columns beside a host's user; users are added and deleted where the host does it."""

    list_select_related = ("user",)
    search_fields = (*CarrierAdmin.search_fields, "public_id__exact")
    search_help_text = UserAdmin.search_help_text

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("user")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """With the host's user, by whoever may delete that; never alone."""
        return obj is not None and not is_page_of(self.model, request)


def _is_many_to_many(model: type[models.Model], name: str) -> bool:
    return any(field.name == name for field in model._meta.many_to_many)
