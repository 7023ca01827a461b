"""Users as the admin's pages need them, whichever of the two ways to have users is in force."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from better_auth.events import Actor
from better_auth.http.credentials import from_request
from better_auth.models import UserProfile
from better_auth.storage.records import UserRecord, carrier_model, has_user_row, user_record


class Operator(Actor):
    """Who acts in the admin site."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Person:
    """A user by name: ``key`` is the primary key of the row that the admin shows."""

    key: Any
    email: str


def operator_of(request: HttpRequest) -> Operator:
    client, principal = from_request(request).client, getattr(request, "principal", None)
    if principal and principal.impersonated_by:
        client = replace(client, impersonator_id=principal.impersonated_by)
    return Operator(wire_id_of(request.user), client)


def wire_id_of(user: Any) -> str:
    """A host's user who was never adopted has the id that adoption will give."""
    if has_user_row():
        return str(user.pk)
    known = UserProfile.objects.filter(user_id=user.pk).values_list("public_id", flat=True).first()
    return known or str(user.pk)


def user_path() -> str:
    """From a session or account to the row that carries the user's columns, as a path of field names."""
    return "user" if has_user_row() else "user__better_auth_profile"


def carrier_of(user: Any) -> Any:
    """The row that carries the user's columns; None beside a host's user who was never adopted."""
    return user if has_user_row() else getattr(user, "better_auth_profile", None)


def record_of(user: Any) -> UserRecord | None:
    carrier = carrier_of(user)
    return user_record(carrier) if carrier else None


def named(ids: Iterable[str]) -> Mapping[str, Person]:
    """The users behind these ids on the wire, in one query; those who are gone are left out."""
    column = "pk" if has_user_row() else "public_id"
    wanted = {one for one in ids if one}
    if not wanted:
        return {}
    rows = (
        carrier_model()
        ._default_manager.filter(**{f"{column}__in": wanted})
        .values_list(column, "pk", "email")
    )
    return {wire_id: Person(key, email or "") for wire_id, key, email in rows}


def link(site: AdminSite, key: Any, text: str) -> str:
    """To the user's page, where the site has one."""
    model = carrier_model()
    if not site.is_registered(model):
        return text
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
    return format_html('<a href="{}">{}</a>', reverse(name, args=[key], current_app=site.name), text)
