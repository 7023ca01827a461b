"""What somebody has beside their password, on their page; and taking it away when they have lost it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html_join

from better_auth import clock, factors, mail, passkeys, sessions, users
from better_auth.admin import people
from better_auth.admin.people import Operator
from better_auth.admin.user_actions import UserActions
from better_auth.admin.wording import counted, moment
from better_auth.events import TwoFactorRemoved, publish
from better_auth.features.two_factor import enrolment
from better_auth.storage.records import UserRecord, user_record

LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Resettable:
    """A kind of factor. ``told``: one line for each that the user has, without a secret; ``remove``: all of
    them; False where there was none."""

    name: str
    told: Callable[[UserRecord], Sequence[str]]
    remove: Callable[[UserRecord], bool]


def _second_factor(user: UserRecord) -> list[str]:
    found, lines = factors.find(user), []
    if found and found.has_authenticator:
        state = "" if found.verified else ", never verified"
        used = f", last used {moment(found.last_used_at)}" if found.last_used_at else ""
        lines.append(f"Authenticator app since {moment(found.created_at)}{used}{state}")
        lines.append(f"{counted(factors.count_backup_codes(found), 'backup code')} left")
    elif user.two_factor_enabled:
        lines.append("Codes by mail")
    if found and found.is_locked(clock.now()) and found.locked_until:
        lines.append(f"Locked until {moment(found.locked_until)}: too many wrong codes")
    return lines


def _remove_second_factor(user: UserRecord) -> bool:
    had = factors.find(user) is not None or user.two_factor_enabled
    enrolment.forget(user)
    if user.two_factor_enabled:
        sessions.refresh_copies(users.update(user, two_factor_enabled=False))
    return had


def _passkeys(user: UserRecord) -> list[str]:
    return [f"Passkey {one.name or 'without a name'}" for one in passkeys.list_for(user)]


RESETTABLE: list[Resettable] = [
    Resettable("second factor", _second_factor, _remove_second_factor),
    Resettable("passkeys", _passkeys, lambda user: passkeys.remove_all(user) > 0),
]


def reset(user: UserRecord, *, reason: str, operator: Operator) -> bool:
    """Take everything away that the user has beside their password, end their sessions and tell them by mail;
    False where there was nothing.

    Whoever has lost a factor may have lost more with it. The password stays.
    """
    with transaction.atomic():
        users.lock(user)
        user = users.get(user)
        removed = [one.name for one in RESETTABLE if one.remove(user)]
        if not removed:
            return False
        ended = sessions.revoke_all(user)
        publish(
            TwoFactorRemoved(
                client=operator.client,
                subject_id=user.id,
                actor_id=operator.id,
                details={"reason": reason, "removed": removed, "sessions": ended},
            )
        )
        if user.email:
            mail.send("better_auth/email/factors_removed", to=user.email, name=user.name)
    return True


class FactorActions(UserActions):
    """Rows of users, or their profiles."""

    @admin.display(description="factors")
    def factors(self, row: Any) -> str:
        user = user_record(row)
        lines = [line for one in RESETTABLE for line in one.told(user)]
        return format_html_join("", "{}<br>", ((line,) for line in lines)) or "-"

    @admin.action(description="Reset the factors of the selected users", permissions=["operate"])
    def reset_factors(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Asks for the reason first, which stands in the audit log."""
        operator = people.operator_of(request)
        touchable = self._touchable(request, queryset)
        chosen = [user for user in touchable if user.id != operator.id]
        if len(chosen) < len(touchable):
            self.message_user(request, "Your own factors another operator resets.", messages.WARNING)
        if not chosen:
            return None
        reason = request.POST.get("reason", "").replace("\x00", "").strip()[:LONGEST_REASON]
        if not reason:
            return self._ask_reason(request, queryset, chosen)
        count = sum(reset(user, reason=reason, operator=operator) for user in chosen)
        text = f"Reset the factors of {counted(count, 'user')}, and ended their sessions."
        self.message_user(request, text, messages.SUCCESS if count else messages.WARNING)
        return None

    def _ask_reason(
        self, request: HttpRequest, queryset: QuerySet[Any], chosen: Sequence[UserRecord]
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "Reset factors",
            "opts": self.model._meta,
            "people": chosen,
            "keys": list(queryset.values_list("pk", flat=True)),
            "checkbox": ACTION_CHECKBOX_NAME,
            "is_unanswered": "reason" in request.POST,
            "longest": LONGEST_REASON,
        }
        return TemplateResponse(request, "better_auth/admin/reset_factors.html", context)
