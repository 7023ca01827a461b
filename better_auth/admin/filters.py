"""Filters with few choices, known beforehand: none of them reads the whole table for its list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from better_auth import clock
from better_auth.events import AuthMethod, Event


class ChoiceFilter(admin.SimpleListFilter):
    """Equality with one of the choices; ``parameter_name`` is the column."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{str(self.parameter_name): self.value()}) if self.value() else queryset


class MethodFilter(ChoiceFilter):
    title = "method"
    parameter_name = "auth_method"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(method.value, method.value) for method in AuthMethod]


class LastMethodFilter(MethodFilter):
    title = "last method"
    parameter_name = "last_auth_method"


class EventTypeFilter(ChoiceFilter):
    title = "event"
    parameter_name = "event_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in sorted(set(_types(Event)))]


class ExpiredFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("living", "Living"), ("expired", "Expired")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "living":
            return queryset.filter(expires_at__gt=clock.now())
        return queryset.filter(expires_at__lte=clock.now()) if self.value() == "expired" else queryset


def _types(event: type[Event]) -> Iterator[str]:
    """All events there are, those of other apps too: whoever publishes one has defined it by then."""
    if event.type:
        yield event.type
    for kind in event.__subclasses__():
        yield from _types(kind)
