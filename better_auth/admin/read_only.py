"""Pages that only show: rows that the server writes, and that no operator edits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:  # generic in its type stubs only
    ModelAdmin = admin.ModelAdmin


class ReadOnlyAdmin(ModelAdmin):
    """Neither added nor changed nor deleted here, whoever asks."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class OwnedAdmin(ReadOnlyAdmin):
    """Rows that go with their user."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never on pages of their own; elsewhere, where a row is given, with the user it belongs to."""
        return obj is not None and not is_page_of(self.model, request)


def is_page_of(model: type[Model], request: HttpRequest) -> bool:
    """Whether this is one of the model's own pages in the admin."""
    name = request.resolver_match.url_name if request.resolver_match else None
    return (name or "").startswith(f"{model._meta.app_label}_{model._meta.model_name}_")
