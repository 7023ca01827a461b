"""Users as organizations need them, whichever of the two ways to have users is in force."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from better_auth import users
from better_auth.storage.records import UserRecord, has_user_row


@dataclass(frozen=True, slots=True)
class Person:
    """``id`` is the one on the wire."""

    id: str
    name: str
    email: str
    image: str | None


def path_from(relation: str = "user") -> str:
    """From a row to the columns of its user, for ``select_related``."""
    return relation if has_user_row() else f"{relation}__better_auth_profile"


def wire_id(row: Any, relation: str = "user") -> str:
    """The id on the wire of the user that ``row`` points at. Where the user row is ours nothing is read."""
    if has_user_row():
        return str(getattr(row, f"{relation}_id"))
    profile = getattr(getattr(row, relation), "better_auth_profile", None)
    return profile.public_id if profile else str(getattr(row, f"{relation}_id"))


def wire_id_path() -> str:
    """The same as a path of field names, for filters and orders."""
    return "user_id" if has_user_row() else "user__better_auth_profile__public_id"


def person_of(row: Any, relation: str = "user") -> Person:
    """A host's user who was never adopted has neither name nor address here."""
    user = getattr(row, relation)
    carrier = user if has_user_row() else getattr(user, "better_auth_profile", None)
    if carrier is None:
        return Person(str(user.pk), "", "", None)
    return Person(wire_id(row, relation), carrier.name, carrier.email or "", carrier.image)


def find_key(user_id: str) -> Any:
    """The host's primary key of a user by the id on the wire; None for nobody."""
    user: UserRecord | None = users.find_by_id(user_id)
    return user.key if user else None
