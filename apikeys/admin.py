"""API keys in Django's admin site: found by prefix and owner, disabled, rotated, and how much each is used.

Nothing shows a key but the page that a rotation ends with; that one is no message, which would rest in a
cookie or a session's row until it is read.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from apikeys import keys, usage
from apikeys.configuration import configuration
from apikeys.keys import By
from apikeys.models import ApiKey
from apikeys.records import key_record
from better_auth import clock, users
from better_auth.admin import people, wording
from better_auth.admin.filters import ChoiceFilter
from better_auth.admin.read_only import ReadOnlyAdmin
from better_auth.errors import AuthError

CHART_DAYS = 30
# Where a row of a list keeps its owner.
PERSON = "_owner"
UNKNOWN: Any = object()
UNITS = (("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000), ("second", 1000))
BAR, GAP, HEIGHT = 9, 3, 60


class StateFilter(ChoiceFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("enabled", "Enabled"), ("disabled", "Disabled"), ("expired", "Expired")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "expired":
            return queryset.filter(expires_at__lte=clock.now())
        if self.value() in ("enabled", "disabled"):
            is_enabled, is_over = Q(enabled=True, blocked=False), Q(expires_at__lte=clock.now())
            return queryset.exclude(is_over).filter(is_enabled if self.value() == "enabled" else ~is_enabled)
        return queryset


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    list_display = ("shown", "key_name", "owner", "is_good", "limits", "created", "last_used", "expires")
    list_filter = (StateFilter,)
    ordering = ("-created_at", "-id")
    search_fields = ("=id", "start__startswith", "prefix__startswith", "=reference_id", "name__icontains")
    search_help_text = "Beginning or prefix of the key, e-mail or id of the owner, name, or id"
    list_per_page = 50
    actions = ("disable", "enable", "rotate")
    fieldsets = (
        (None, {"fields": ("id", "shown", "name", "owner", "config_id")}),
        ("State", {"fields": ("is_good", "disabled_by", "granted", "chart")}),
        ("Limits", {"fields": ("limits", "remaining", "request_count", "refill", "last_refill_at")}),
        ("Times", {"fields": ("created_at", "last_used", "expires_at", "previous_until")}),
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ApiKey], search_term: str
    ) -> tuple[QuerySet[ApiKey], bool]:
        """An address finds the keys of its user; a whole key that turned up is found by how it begins."""
        owner = users.find_by_email(search_term) if "@" in search_term else None
        if owner is not None:
            return queryset.filter(reference_id=owner.id), False
        return super().get_search_results(request, queryset, search_term)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """With the owners of all rows of the page, found at once."""
        page: Any = super().get_changelist_instance(request)
        owners = people.named(row.reference_id for row in page.result_list)
        for row in page.result_list:
            setattr(row, PERSON, owners.get(row.reference_id))
        return page

    def has_manage_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("apikeys.change_apikey")  # type: ignore[union-attr, unused-ignore]

    @admin.display(description="key", ordering="start")
    def shown(self, row: ApiKey) -> str:
        return f"{row.start}…" if row.start else "-"

    @admin.display(description="name", ordering="name")
    def key_name(self, row: ApiKey) -> str:
        return row.name or "-"

    @admin.display(ordering="reference_id")
    def owner(self, row: ApiKey) -> str:
        """The user by address, with a link; of organizations and of those who are gone the id."""
        if configuration(row.config_id).rules.references != "user":
            return f"organization {row.reference_id}"
        person = getattr(row, PERSON, UNKNOWN)
        if person is UNKNOWN:
            person = people.named([row.reference_id]).get(row.reference_id)
        if person is None:
            return row.reference_id
        return people.link(self.admin_site, person.key, person.email or row.reference_id)

    @admin.display(description="good", boolean=True)
    def is_good(self, row: ApiKey) -> bool:
        return row.enabled and not row.blocked and (row.expires_at is None or row.expires_at > clock.now())

    @admin.display(description="disabled by")
    def disabled_by(self, row: ApiKey) -> str:
        who = [*(["an operator"] if row.blocked else []), *([] if row.enabled else ["its owner"])]
        return " and ".join(who) or "-"

    @admin.display
    def limits(self, row: ApiKey) -> str:
        parts = [] if row.remaining is None else [f"{row.remaining} left"]
        if row.rate_limit_enabled and row.rate_limit_max is not None:
            parts.append(f"{row.rate_limit_max} in {_span(row.rate_limit_time_window or 0)}")
        return format_html('<span class="nowrap">{}</span>', ", ".join(parts) or "none")

    @admin.display
    def refill(self, row: ApiKey) -> str:
        if row.refill_amount is None or row.refill_interval is None:
            return "-"
        return f"{row.refill_amount} every {_span(row.refill_interval)}"

    @admin.display(description="permissions")
    def granted(self, row: ApiKey) -> str:
        granted = (row.permissions or {}).items()
        return ", ".join(f"{resource}: {' '.join(actions)}" for resource, actions in granted) or "none"

    @admin.display(ordering="created_at")
    def created(self, row: ApiKey) -> str:
        return wording.moment(row.created_at)

    @admin.display(description="last used", ordering="last_request")
    def last_used(self, row: ApiKey) -> str:
        return wording.moment(row.last_request)

    @admin.display(ordering="expires_at")
    def expires(self, row: ApiKey) -> str:
        return wording.moment(row.expires_at)

    @admin.display(description=f"uses in {CHART_DAYS} days")
    def chart(self, row: ApiKey) -> str:
        """A bar for each day, its number in its title; the highest is as high as the chart."""
        counts = usage.per_day(row.pk, days=CHART_DAYS, today=usage.today())
        highest = max(counts.values())
        heights = [
            (day, count, round(count / highest * HEIGHT) if highest else 0) for day, count in counts.items()
        ]
        bars = format_html_join(
            "",
            '<rect x="{}" y="{}" width="{}" height="{}"><title>{}: {}</title></rect>',
            (
                (place * (BAR + GAP), HEIGHT - max(high, 1), BAR, max(high, 1), day.isoformat(), count)
                for place, (day, count, high) in enumerate(heights)
            ),
        )
        picture = format_html(
            '<svg width="{}" height="{}" role="img" aria-label="Uses by day" fill="currentColor">{}</svg>',
            CHART_DAYS * (BAR + GAP),
            HEIGHT,
            bars,
        )
        total = wording.counted(sum(counts.values()), "use")
        return format_html("{}<br>{}, at most {} a day; days by UTC", picture, total, highest)

    @admin.action(description="Disable the selected keys", permissions=["manage"])
    def disable(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """Until an operator enables them again: their owners cannot."""
        changed = self._block(request, queryset.filter(blocked=False), blocked=True)
        self._tell(request, "Disabled", changed)

    @admin.action(description="Enable the selected keys", permissions=["manage"])
    def enable(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """What operators have disabled; what its owner has disabled stays so."""
        theirs = queryset.filter(enabled=False).count()
        changed = self._block(request, queryset.filter(blocked=True), blocked=False)
        self._tell(request, "Enabled", changed)
        if theirs:
            text = f"Still disabled by their owners: {wording.counted(theirs, 'key')}."
            self.message_user(request, text, messages.WARNING)

    @admin.action(description="Rotate the selected key", permissions=["manage"])
    def rotate(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            self.message_user(request, "Choose one key to rotate.", messages.ERROR)
            return None
        record = key_record(chosen[0])
        changed, key = keys.rotate(record, configuration(record.config_id), overlap=None, by=_by(request))
        back = reverse("admin:apikeys_apikey_changelist", current_app=self.admin_site.name)
        until = wording.moment(changed.previous_until) if changed.previous_until else None
        context = {
            **self.admin_site.each_context(request),
            "title": "Key rotated",
            "row": str(chosen[0]),
            "key": key,
            "until": until,
            "back": back,
        }
        return TemplateResponse(request, "apikeys/admin/rotated.html", context)  # the site's are never kept

    def _block(self, request: HttpRequest, rows: QuerySet[ApiKey], *, blocked: bool) -> int:
        changed = 0
        for row in rows:
            try:
                keys.update(
                    key_record(row), configuration(row.config_id), {"blocked": blocked}, by=_by(request)
                )
            except AuthError:  # deleted meanwhile
                continue
            changed += 1
        return changed

    def _tell(self, request: HttpRequest, done: str, changed: int) -> None:
        text = f"{done} {wording.counted(changed, 'key')}."
        self.message_user(request, text, messages.SUCCESS if changed else messages.WARNING)


def _span(milliseconds: int) -> str:
    """In the largest unit that divides it: ``1 day``, ``90 seconds``."""
    for unit, length in UNITS:
        if milliseconds and milliseconds % length == 0:
            return wording.counted(milliseconds // length, unit)
    return f"{milliseconds} ms"


def _by(request: HttpRequest) -> By:
    operator = people.operator_of(request)
    return By(operator.id, operator.client)
