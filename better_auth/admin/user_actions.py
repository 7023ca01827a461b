"""Actions on selected users that shut them out, let them in, or act in their names."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from better_auth import sessions
from better_auth.admin import people
from better_auth.admin.read_only import ModelAdmin
from better_auth.admin.wording import counted
from better_auth.authentication.authenticators.session_cookie import signed_token
from better_auth.conf import auth_settings
from better_auth.errors import AuthError
from better_auth.features.admin import impersonation
from better_auth.features.admin.ban_user import ban_user, unban_user
from better_auth.http import admin_session
from better_auth.http.credentials import from_request
from better_auth.http.endpoint import deliver_session
from better_auth.http.reply import redirect, to_response
from better_auth.storage.records import UserRecord, user_record

FRONT_END = "/"
ADMIN_ROLE = "admin"


class UserActions(ModelAdmin):
    """Rows of users, or their profiles."""

    def _touchable(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[UserRecord]:
        """The records of the selected users; those above the operator are left out, with a message."""
        rows = list(queryset)
        chosen = [user_record(row) for row in rows if self._may_touch(request, row)]
        if len(chosen) < len(rows):
            whom = counted(len(rows) - len(chosen), "user")
            text = f"Left out {whom} whom only a superuser may change."
            self.message_user(request, text, messages.WARNING)
        return chosen

    def _may_touch(self, request: HttpRequest, row: Any) -> bool:
        return row is None or is_superuser(request) or not is_privileged(row)

    @admin.action(description="Ban the selected users", permissions=["operate"])
    def ban_users(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """With the reason of the settings; on a user's page another one can be written."""
        operator = people.operator_of(request)
        touchable = self._touchable(request, queryset)
        chosen = [user for user in touchable if user.id != operator.id]
        if len(chosen) < len(touchable):
            self.message_user(request, "You cannot ban yourself.", messages.WARNING)
        for user in chosen:
            ban_user(user, reason=None, expires_in=None, actor=operator)
        text = f"Banned {counted(len(chosen), 'user')}."
        self.message_user(request, text, messages.SUCCESS if chosen else messages.WARNING)

    @admin.action(description="Lift the ban of the selected users", permissions=["operate"])
    def unban_users(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        operator = people.operator_of(request)
        banned = [user for user in self._touchable(request, queryset) if user.banned]
        for user in banned:
            unban_user(user, actor=operator)
        text = f"Lifted the ban of {counted(len(banned), 'user')}."
        self.message_user(request, text, messages.SUCCESS if banned else messages.WARNING)

    @admin.action(description="Act in the name of the selected user", permissions=["impersonate"])
    def impersonate(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Leads to the front end, in which this browser is the user from now on."""
        operator, chosen = people.operator_of(request), self._touchable(request, queryset)
        if len(chosen) != 1:
            self.message_user(request, "Select one user to act for.", messages.ERROR)
            return None
        try:
            issued = impersonation.begin(chosen[0], by=operator.id, actor=operator)
        except AuthError as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return None
        reply, shown = redirect(auth_settings.base_url + FRONT_END), from_request(request)
        reply.request_cookies = shown.cookies
        own = signed_token(shown)
        resumed = sessions.resume(own, read_only=True, from_store=True) if own else None
        is_own = resumed and resumed.user.id == operator.id and not resumed.session.impersonated_by
        if own and is_own:
            admin_session.keep(reply, own, shown)
        deliver_session(issued, reply)
        return to_response(reply)

    def has_impersonate_permission(self, request: HttpRequest) -> bool:
        """Superusers alone: whoever may change users here may not act for them as well."""
        return bool(getattr(request.user, "is_superuser", False)) and "admin" in auth_settings.features


def is_superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


def is_privileged(carrier: Any) -> bool:
    user = getattr(carrier, "user", carrier)
    roles = {role.strip() for role in (carrier.role or "").split(",")}
    flags = ("is_superuser", "is_staff")
    return ADMIN_ROLE in roles or any(getattr(user, flag, False) for flag in flags)
