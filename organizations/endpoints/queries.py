"""Queries that several operations take."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from better_auth.http.fields import Body, StrictField
from organizations.fields import Id, Slug

# More than any organization has; keeps the number within what every database takes.
MOST_ROWS = 1_000_000


class NumberText(StrictField):
    """A whole number that is not negative, as text of a query."""

    def to_internal_value(self, value: Any) -> int:
        text = str(super().to_internal_value(value)).strip()
        if not (text.isascii() and text.isdigit()):
            raise serializers.ValidationError("Invalid input: expected number, received string")
        return min(int(text[:20]), MOST_ROWS)


class OrganizationQuery(Body):
    organizationId = Id(required=False)
    organizationSlug = Slug(required=False)
