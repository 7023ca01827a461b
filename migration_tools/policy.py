"""How users are to be treated: what the command and the mapping file say, checked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class OnConflict(StrEnum):
    """What becomes of a record whose address belongs to a user who is there already."""

    SKIP = "skip"
    LINK = "link"
    UPDATE = "update"
    FAIL = "fail"


class UnusablePolicy(Exception):
    """The message names the key."""


@dataclass(frozen=True, slots=True)
class Policy:
    """``trusts``: the source's word that an address is verified counts. ``role_names`` and ``group_names``:
    those of the source that are brought, by ours. ``providers``: the same for identities."""

    on_conflict: OnConflict = OnConflict.SKIP
    trusts: bool = False
    placeholder_emails: bool = False
    bring_deleted: bool = False
    keep_ids: bool = True
    staff: bool = False
    superuser: bool = False
    role_names: Mapping[str, str] = field(default_factory=dict)
    group_names: Mapping[str, str] = field(default_factory=dict)
    providers: Mapping[str, str] = field(default_factory=dict)


def policy_from(told: Mapping[str, Any], *, on_conflict: OnConflict, trusts: bool) -> Policy:
    """The policy of a mapping file. Raises ``UnusablePolicy``."""
    return Policy(
        on_conflict=on_conflict,
        trusts=_truth(told, "trust_email_verified", default=trusts),
        placeholder_emails=_choice(told, "missing_email", "refuse", "placeholder"),
        bring_deleted=_choice(told, "deleted", "skip", "ban"),
        keep_ids=_truth(told, "keep_ids", default=True),
        staff=_truth(told, "staff", default=False),
        superuser=_truth(told, "superuser", default=False),
        role_names=_names(told, "role_names"),
        group_names=_names(told, "group_names"),
        providers=_names(told, "providers"),
    )


def _truth(told: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = told.get(name, default)
    if not isinstance(value, bool):
        raise UnusablePolicy(f"{name} wants true or false")
    return value


def _choice(told: Mapping[str, Any], name: str, otherwise: str, chosen: str) -> bool:
    value = told.get(name, otherwise)
    if value not in (otherwise, chosen):
        raise UnusablePolicy(f"{name} wants {otherwise!r} or {chosen!r}")
    return bool(value == chosen)


def _names(told: Mapping[str, Any], name: str) -> Mapping[str, str]:
    value = told.get(name, {})
    if isinstance(value, list):
        value = {one: one for one in value}
    if not isinstance(value, Mapping) or not all(
        isinstance(one, str) for pair in value.items() for one in pair
    ):
        raise UnusablePolicy(f"{name} wants a table of names, the source's = ours")
    return dict(value)
