"""``request.organization`` and ``request.membership`` for the host's views, sync and async."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.functional import SimpleLazyObject

from better_auth.either_way import EitherWay
from organizations import current
from organizations.models import Member, Organization

UNKNOWN = object()


class OrganizationMiddleware(EitherWay):
    """Put it below ``BetterAuthMiddleware``, which finds out who calls.

    Nothing is looked up before a view asks, and then once. In async views: ``await request.aorganization()``
    and ``await request.amembership()``.
    """

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        Stay(request).attach()
        response: HttpResponseBase | Awaitable[HttpResponseBase] = self.get_response(request)
        return response


class Stay:
    """Where the sender of this request is, found out once, when somebody first asks."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self.known: Any = UNKNOWN

    def attach(self) -> None:
        request: Any = self.request
        request.membership = SimpleLazyObject(self.membership)
        request.amembership = sync_to_async(self.membership)
        request.organization = SimpleLazyObject(self.organization)
        request.aorganization = sync_to_async(self.organization)

    def membership(self) -> Member | None:
        if self.known is UNKNOWN:
            # Evaluated here, in whatever thread: ``principal`` of the request is lazy.
            self.known = current.membership_of(getattr(self.request, "principal", None) or None)
        found: Member | None = self.known
        return found

    def organization(self) -> Organization | None:
        member = self.membership()
        return member.organization if member else None
