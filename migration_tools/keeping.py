"""Factors of the other system into the database, and out of it again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from migration_tools import sealing
from migration_tools.factors import Factors
from migration_tools.models import KeptFactors

COLUMNS = ("sealed", "totp", "recovery_codes", "passkeys")


def row_of(source: str, user_key: Any, factors: Factors) -> dict[str, Any]:
    """For an insert of many at once."""
    return {
        "source": source,
        "user_id": user_key,
        "sealed": sealing.seal(factors.content()),
        "totp": len(factors.totp),
        "recovery_codes": len(factors.recovery_codes),
        "passkeys": len(factors.passkeys),
    }


def replace(source: str, user_key: Any, factors: Factors | None) -> dict[str, Any] | None:
    """From now on these; the columns of those that were kept before, for a rollback, or None."""
    rows = KeptFactors.objects.filter(source=source, user_id=user_key)
    former: dict[str, Any] | None = rows.values(*COLUMNS).first()
    if former is not None:
        rows.delete()
    if factors is not None:
        KeptFactors.objects.create(**row_of(source, user_key, factors))
    return former


def put_back(source: str, user_key: Any, former: dict[str, Any] | None) -> None:
    """What ``replace`` gave."""
    KeptFactors.objects.filter(source=source, user_id=user_key).delete()
    if former is not None:
        KeptFactors.objects.create(source=source, user_id=user_key, **former)


def kept_factors(source: str, user_keys: Iterable[Any]) -> dict[Any, dict[str, Any]]:
    """The content of what is kept of these users, by key. Raises ``sealing.Unreadable``."""
    rows = KeptFactors.objects.filter(source=source, user_id__in=list(user_keys))
    return {key: sealing.unseal(sealed) for key, sealed in rows.values_list("user_id", "sealed")}
