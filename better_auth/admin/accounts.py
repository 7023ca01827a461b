"""Accounts in the admin site: which ways to sign in a user has, and how their providers do."""

from __future__ import annotations

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from better_auth.admin import people, wording
from better_auth.admin.read_only import OwnedAdmin
from better_auth.models import Account
from better_auth.providers import registry
from better_auth.providers.health import examine

# Not even read from the database here.
SECRETS = ("access_token", "refresh_token", "id_token", "password")


class AccountAdmin(OwnedAdmin):
    change_list_template = "better_auth/admin/accounts.html"
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

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.providers)
        return [path("providers/", view, name="better_auth_account_providers"), *super().get_urls()]

    def providers(self, request: HttpRequest) -> HttpResponse:
        """The providers of the settings; with POST, whether they answer. No secret is shown."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        is_asked = request.method == "POST"
        counted = Account.objects.values_list("provider_id").annotate(Count("id"))
        counts = dict(counted.order_by())
        rows = [
            {
                "id": one.id,
                "accounts": counts.get(one.id, 0),
                "redirect_uri": one.redirect_uri,
                "findings": examine(one) if is_asked else [],
            }
            for one in registry.providers().values()
        ]
        context = {
            **self.admin_site.each_context(request),
            "title": "Providers",
            "opts": self.opts,
            "rows": rows,
            "mistakes": registry.mistakes(),
            "asked": is_asked,
        }
        return TemplateResponse(request, "better_auth/admin/providers.html", context)

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
