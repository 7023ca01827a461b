"""Accounts in the admin site: which ways to sign in a user has."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from better_auth.admin import people, wording
from better_auth.admin.read_only import OwnedAdmin
from better_auth.models import Account

# Not even read from the database here.
SECRETS = ("access_token", "refresh_token", "id_token", "password")


class AccountAdmin(OwnedAdmin):
    list_display = ("person", "provider_id", "account_id", "scope", "created")
    list_filter = ("provider_id",)
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-id")
    search_fields = ("=id", "=account_id", f"{people.user_path()}__email")
    search_help_text = "E-mail of the user, or the id of the account here or at its provider"
    list_select_related = (people.user_path(),)
    list_per_page = 50
    fieldsets = (
        (None, {"fields": ("id", "user_link", "provider_id", "account_id", "issuer", "scope")}),
        ("Tokens of the provider", {"fields": ("access_token_expires_at", "refresh_token_expires_at")}),
        ("Times", {"fields": ("created_at", "updated_at")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        return super().get_queryset(request).defer(*SECRETS).select_related(people.user_path())

    @admin.display(description="user", ordering=f"{people.user_path()}__email")
    def person(self, row: Account) -> str:
        record = people.record_of(row.user)
        return (record and record.email) or str(row.user)

    @admin.display(ordering="created_at")
    def created(self, row: Account) -> str:
        return wording.moment(row.created_at)

    @admin.display(description="user")
    def user_link(self, row: Account) -> str:
        return people.link(self.admin_site, row.user_id, self.person(row))
