"""Members of an organization by the page, filtered and in order. Source: organization.md, section 5."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from django.db.models import Q
from django.utils.dateparse import parse_datetime

from better_auth.errors import BadRequest, ErrorCode
from better_auth.storage.records import UserRecord
from better_auth.storage.user_search import LOOKUPS, NEGATED
from organizations import membership, organization, people
from organizations.errors import Code, Denial
from organizations.models import Member

# In the protocol's order, which messages show.
OPERATORS = ("eq", "ne", "lt", "lte", "gt", "gte", "in", "not_in", "contains", "starts_with", "ends_with")
# Databases take only so many parameters in a statement.
MOST_VALUES = 100
TEXT_ONLY = frozenset({"contains", "starts_with", "ends_with"})


@dataclass(frozen=True, slots=True)
class Page:
    """``filter_value``: text, or a list of texts for ``in`` and ``not_in``."""

    limit: int
    offset: int = 0
    sort_by: str | None = None
    descending: bool = False
    filter_field: str | None = None
    filter_value: Any = None
    filter_operator: str = "eq"


def list_members(
    user: UserRecord, *, organization_id: str | None, slug: str | None, page: Page
) -> tuple[list[Member], int]:
    """A page of members with their users, and how many there are in all that pass the filter."""
    organization_id = resolve(organization_id, slug)
    if membership.find_member(organization_id, user) is None:
        raise Denial(403, Code.YOU_ARE_NOT_A_MEMBER_OF_THIS_ORGANIZATION)
    rows = Member.objects.filter(organization_id=organization_id).filter(_condition(page))
    order = column_of(page.sort_by) if page.sort_by else "created_at"
    order = f"-{order}" if page.descending else order
    listed = rows.select_related(people.path_from()).order_by(order, "id")
    return list(listed[page.offset : page.offset + page.limit]), rows.count()


def role_of(user: UserRecord, *, user_id: str | None, organization_id: str | None, slug: str | None) -> str:
    """The role of the caller, or of another member."""
    organization_id = resolve(organization_id, slug)
    own = membership.find_member(organization_id, user)
    refusal = Denial(403, Code.YOU_ARE_NOT_A_MEMBER_OF_THIS_ORGANIZATION)
    if own is None:
        raise refusal
    if not user_id or user_id == user.id:
        return own.role
    key = people.find_key(user_id)
    other = Member.objects.filter(organization_id=organization_id, user_id=key).first() if key else None
    if other is None:
        raise refusal
    return other.role


def resolve(organization_id: str | None, slug: str | None) -> str:
    """The id of the organization that is meant; a slug outdoes an id."""
    if slug:
        row = organization.find(slug=slug)
        if row is None:
            raise BadRequest(Code.ORGANIZATION_NOT_FOUND)
        return row.id
    if not organization_id:
        raise BadRequest(Code.NO_ACTIVE_ORGANIZATION)
    return organization_id


def column_of(name: str) -> str:
    columns = {
        "id": "id",
        "organizationId": "organization_id",
        "userId": people.wire_id_path(),
        "role": "role",
        "createdAt": "created_at",
    }
    if name not in columns:
        raise BadRequest(ErrorCode.VALIDATION_ERROR, f"[query] Unknown field: {name[:60]}")
    return columns[name]


def _condition(page: Page) -> Q:
    if not page.filter_field:
        return Q()
    column, operator = column_of(page.filter_field), page.filter_operator
    value = page.filter_value if page.filter_value is not None else ""
    read: Callable[[str], Any] = _moment if column == "created_at" else str
    if column == "created_at" and operator in TEXT_ONLY:
        raise _bad_value()
    wanted: Any
    if operator in ("in", "not_in"):
        texts = value if isinstance(value, list) else value.split(",")
        if len(texts) > MOST_VALUES:
            raise _bad_value()
        wanted = [read(text) for text in texts]
    elif isinstance(value, list):
        raise _bad_value()
    else:
        wanted = read(value)
    found = Q(**{f"{column}__{LOOKUPS[NEGATED.get(operator, operator)]}": wanted})
    return ~found if operator in NEGATED else found


def _moment(text: str) -> Any:
    try:
        moment = parse_datetime(text)
        if moment and moment.tzinfo:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):  # in UTC it may lie before the first or after the last year
        pass
    raise _bad_value()


def _bad_value() -> BadRequest:
    return BadRequest(ErrorCode.VALIDATION_ERROR, "[query.filterValue] Invalid input")
