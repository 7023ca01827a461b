"""The rows of a user model that isn't ours: what profiles read of them, and how a sign-up makes one.

A host's addresses may be double, missing or no addresses at all, in any spelling. Two are the same here if
they are equal without the spaces around them and in lower case; the database compares, so that the question
"who else has this address" reads no row.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import is_password_usable
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import IntegrityError, transaction
from django.db.models import NOT_PROVIDED, CharField, Count, Model, QuerySet, TextField
from django.db.models.functions import Lower, Trim

from better_auth.addresses import is_email
from better_auth.errors import BadRequest, ErrorCode

# On an instance that is being saved: whoever saves it makes the profile as well.
PROFILE_FOLLOWS = "_better_auth_profile_follows"

# Of several sign-ups that want one user name at the same moment, each gets its own.
ATTEMPTS = 5
USERNAME_LENGTH = 150
# What Django's own validator of user names lets pass; hosts' validators seldom allow more.
NOT_IN_USERNAMES = re.compile(r"[^A-Za-z0-9_.@+-]")

# Names in queries that no column of the host's has.
NORMAL, COUNT = "better_auth_address", "better_auth_count"


def has_column(name: str) -> bool:
    return any(field.name == name for field in get_user_model()._meta.concrete_fields)


def could_be_key(text: str) -> bool:
    """Whether some row of the host's may have this primary key, today or later: adoption and sign-ups make
    ids of keys. Keys that are texts can be anything; of these only the present ones are known."""
    key = get_user_model()._meta.pk
    try:
        key.to_python(text)
    except ValidationError:
        return False
    is_text = isinstance(key, CharField | TextField)
    return not is_text or get_user_model()._default_manager.filter(pk=text).exists()


def email_column() -> str | None:
    """The host's column for the address; None where it has none."""
    name = getattr(get_user_model(), "EMAIL_FIELD", None) or "email"
    return name if has_column(name) else None


def raw_email(user: Model) -> str:
    """The address as the host has it."""
    column = email_column()
    return (getattr(user, column) or "") if column else ""


def address_in(raw: str) -> str | None:
    """The normalised address; None if the text is none that anybody could sign in with.

    Judged before it is lower-cased: some letters of other scripts become Latin ones by that.
    """
    text = raw.strip(" ")
    return text.lower() if is_email(text) else None


@dataclass(frozen=True, slots=True)
class Flags:
    """What Django's own admin site goes by."""

    is_staff: bool
    is_superuser: bool


def flags_of(key: Any) -> Flags:
    """Of the user with this primary key; nobody has a flag that the model lacks."""
    names = [name for name in ("is_staff", "is_superuser") if has_column(name)]
    rows = get_user_model()._default_manager.filter(pk=key)
    found = (rows.values(*names).first() if names else None) or {}
    return Flags(bool(found.get("is_staff")), bool(found.get("is_superuser")))


def holders(address: str) -> QuerySet[Any]:
    """The host's users with this normalised address, whether they have profiles or not."""
    column = email_column()
    rows: QuerySet[Any] = get_user_model()._default_manager.all()
    return rows.alias(**{NORMAL: Lower(Trim(column))}).filter(**{NORMAL: address}) if column else rows.none()


def held_addresses(addresses: Collection[str]) -> set[str]:
    """Those of these normalised addresses that some user of the host's has."""
    column = email_column()
    if column is None:
        return set()
    rows = get_user_model()._default_manager.annotate(**{NORMAL: Lower(Trim(column))})
    return set(rows.filter(**{f"{NORMAL}__in": list(addresses)}).values_list(NORMAL, flat=True))


def shared_addresses() -> Mapping[str, Sequence[Any]]:
    """Every address that several of the host's users have, with their primary keys, the oldest user first."""
    column = email_column()
    if column is None:
        return {}
    rows: QuerySet[Any] = get_user_model()._default_manager.annotate(**{NORMAL: Lower(Trim(column))})
    rows = rows.exclude(**{NORMAL: ""}).order_by()
    counted = rows.values(NORMAL).annotate(**{COUNT: Count("pk")})
    shared = rows.filter(**{f"{NORMAL}__in": counted.filter(**{f"{COUNT}__gt": 1}).values(NORMAL)})
    by_age = ("date_joined", "pk") if has_column("date_joined") else ("pk",)
    found: dict[str, list[Any]] = defaultdict(list)
    for raw, key in shared.order_by(*by_age).values_list(column, "pk").iterator():
        address = address_in(raw)
        if address:
            found[address].append(key)
    return {address: keys for address, keys in found.items() if len(keys) > 1}


def has_password(user: Any) -> bool:
    return bool(user.password) and is_password_usable(user.password)


def ensure_room_for(address: str) -> None:
    """Raises ``INVALID_EMAIL`` for an address that is longer than the host's column."""
    column = email_column()
    field: Any = get_user_model()._meta.get_field(column) if column else None
    if field and field.max_length is not None and len(address) > field.max_length:
        raise BadRequest(ErrorCode.INVALID_EMAIL)


def insert(*, email: str, encoded_password: str) -> Any:
    """A new row with this address and a user name that the host's model accepts; its profile is the caller's.

    Raises ``IntegrityError`` where somebody has the address, ``ImproperlyConfigured`` where the host's model
    wants more than a person who signs up can tell.
    """
    model = get_user_model()
    values = {"password": encoded_password}
    if column := email_column():
        values[column] = email
    username: Any = model._meta.get_field(model.USERNAME_FIELD)
    is_named = username.name in values or username.has_default()
    for _ in range(ATTEMPTS):
        row = model(**values, **({} if is_named else {username.name: _free_username(username, email)}))
        setattr(row, PROFILE_FOLLOWS, True)
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError as refusal:
            name = getattr(row, username.name)
            if holders(email).exists():
                raise
            if not model._default_manager.filter(**{f"{username.name}__iexact": name}).exists():
                raise ImproperlyConfigured(_demands(set(values) | {username.name})) from refusal
        else:
            return row
    raise ImproperlyConfigured(f"{model._meta.label}: no free value for {username.name} could be found.")


@dataclass(frozen=True, slots=True)
class Newcomer:
    """``seed`` makes a user name where neither the one wanted nor the address is free; ``values``: others."""

    email: str | None
    encoded_password: str = field(repr=False)
    seed: str
    values: Mapping[str, Any]


def insert_many(newcomers: Sequence[Newcomer]) -> list[Any]:
    """New rows without signals; their primary keys in the same order.

    ``values`` of columns that the host's model lacks, or that are too long for it, are left out.
    """
    model = get_user_model()
    names: list[str | None] = _free_usernames(newcomers)
    rows = []
    for one, name in zip(newcomers, names, strict=True):
        values = {key: value for key, value in one.values.items() if _has_room(key, value)}
        values["password"] = one.encoded_password
        if column := email_column():
            values[column] = one.email or ""
        if name is not None:
            values[model.USERNAME_FIELD] = name
        rows.append(model(**values))
    if any(model._meta.parents.values()):
        for row in rows:  # a model that extends another's table can't be written at once
            setattr(row, PROFILE_FOLLOWS, True)
            row.save(force_insert=True)
    else:
        model._default_manager.bulk_create(rows)
    return [row.pk for row in rows]


def password_length() -> int | None:
    """The longest hash that the host's column holds."""
    limit: int | None = get_user_model()._meta.get_field("password").max_length
    return limit


def _has_room(name: str, value: Any) -> bool:
    if not has_column(name) or name == get_user_model().USERNAME_FIELD:
        return False
    field: Any = get_user_model()._meta.get_field(name)
    limit = field.max_length
    return not (isinstance(value, str) and limit is not None and len(value) > limit)


def _free_usernames(newcomers: Sequence[Newcomer]) -> list[str | None]:
    """The name each had, else the address, else one made of the seed; None where the model needs none."""
    model = get_user_model()
    field: Any = model._meta.get_field(model.USERNAME_FIELD)
    if field.name == email_column() or field.has_default():
        return [None] * len(newcomers)
    limit = field.max_length or USERNAME_LENGTH
    wanted = [_wanted_usernames(one, limit) for one in newcomers]
    asked = {name for names in wanted for name in names}
    taken = set(
        model._default_manager.filter(**{f"{field.name}__in": asked}).values_list(field.name, flat=True)
    )
    chosen: list[str | None] = []
    for names in wanted:
        name = next((one for one in names if one not in taken and _is_valid(field, one)), None)
        if name is None:
            raise ImproperlyConfigured(f"{model._meta.label}: no value for {field.name} could be made.")
        taken.add(name)
        chosen.append(name)
    return chosen


def _wanted_usernames(newcomer: Newcomer, limit: int) -> list[str]:
    digest = hashlib.sha256(newcomer.seed.encode()).hexdigest()[:16]
    told = str(newcomer.values.get(get_user_model().USERNAME_FIELD) or "")
    plain = NOT_IN_USERNAMES.sub("-", newcomer.email or told or "user")
    tails = [
        f"{start[: max(limit - 17, 0)]}{joint}{digest}"[:limit] for start in (plain, "user") for joint in "-_"
    ]
    return [name for name in (told, newcomer.email or "", *tails) if name and len(name) <= limit]


def _is_valid(field: Any, name: str) -> bool:
    try:
        field.run_validators(name)
    except ValidationError:
        return False
    return True


def _free_username(field: Any, email: str) -> str:
    for candidate in _username_candidates(email, field.max_length or USERNAME_LENGTH):
        try:
            field.run_validators(candidate)
        except ValidationError:
            continue
        if not field.model._default_manager.filter(**{field.name: candidate}).exists():
            return candidate
    label = f"{field.model._meta.label}.{field.name}"
    raise ImproperlyConfigured(
        f"Signing up can't make a value that {label} accepts: give it a default or relax its validators."
    )


def _username_candidates(email: str, limit: int) -> Iterator[str]:
    """The address if it may be; else as much of it as may be, then with a tail that nobody has."""
    plain = NOT_IN_USERNAMES.sub("-", email)
    yield email[:limit]
    yield plain[:limit]
    for start in (plain, plain.partition("@")[0], re.sub(r"[^a-z0-9]", "", plain), "user"):
        tail = secrets.token_hex(6)
        for joint in ("-", "_", ""):
            yield f"{start[: max(limit - len(joint + tail), 0)]}{joint}{tail}"[:limit]


def _demands(given: set[str]) -> str:
    """What may be missing in a row that the database refused."""
    wanting = [
        field.name
        for field in get_user_model()._meta.concrete_fields
        if not (field.primary_key or field.null or field.name in given)
        and not field.has_default()
        and field.db_default is NOT_PROVIDED
        and (field.unique or not field.empty_strings_allowed)
    ]
    label = get_user_model()._meta.label
    columns = ", ".join(wanting) or "a constraint of the table"
    return (
        f"Signing up can't make a row of {label}: {columns} wants a value that nobody gives at sign-up. Give "
        "the field a default or let it be null, fill it in a pre_save receiver, or set "
        "EMAIL_PASSWORD.DISABLE_SIGN_UP."
    )
