"""The lifecycle of users, and the only writer of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, models, transaction

from better_auth import clock
from better_auth.addresses import normalize_email as normalize_email
from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import new_id
from better_auth.models import CREDENTIAL, Account, Session, UserProfile
from better_auth.storage import compiled, host_users, verified_sessions
from better_auth.storage.compiled import CompiledSelect
from better_auth.storage.local_sessions import name_of_user
from better_auth.storage.records import (
    UserRecord,
    carrier_model,
    has_user_row,
    user_columns,
    user_from,
    user_record,
)
from better_auth.storage.remembered import Remembered

_remembered: Remembered[UserRecord] = Remembered()


class EmailTaken(Exception):
    """Another user has this address."""


class ColumnTaken(Exception):
    """Another user has this value of ``column``, of those that no two users share."""

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


# Beside the address.
UNIQUE_COLUMNS = ("username", "phone_number")


def create(*, email: str, name: str, encoded_password: str | None = None, **columns: Any) -> UserRecord:
    """Make a user. ``columns`` are those of ``AuthColumns``; without a password none will ever match.

    Raises ``EmailTaken`` or ``ColumnTaken``, also when two sign-ups race: the unique index decides. An
    address that a user of the host's has is taken before that user has a profile, too.
    """
    if not has_user_row():
        host_users.ensure_room_for(normalize_email(email))
        if host_users.holders(normalize_email(email)).exists():
            raise EmailTaken(email)
    now = clock.now()
    values = {
        "email": normalize_email(email),
        "name": name,
        "role": auth_settings.user.default_role,
        "created_at": now,
        "updated_at": now,
        **columns,
    }
    password = encoded_password or make_password(None)
    try:
        with transaction.atomic():
            return _insert_row(password, values) if has_user_row() else _insert_profile(password, values)
    except IntegrityError as clash:
        if _is_taken(values["email"]):
            raise EmailTaken(email) from None
        raise _conflict(values) or clash from None


def imagine(*, email: str, **columns: Any) -> UserRecord:
    """A user that does not exist, for an answer that must not tell whether one does."""
    now = clock.now()
    carrier = carrier_model()(
        email=normalize_email(email),
        **columns,
        role=auth_settings.user.default_role,
        created_at=now,
        updated_at=now,
    )
    if not has_user_row():
        carrier.user, carrier.public_id = get_user_model()(), new_id()  # type: ignore[attr-defined]
    return user_record(carrier)


def find_by_email(email: str) -> UserRecord | None:
    return _find("email", normalize_email(email))


def find_by_key(key: Any) -> UserRecord | None:
    """By the host's primary key."""
    return _find(carrier_model()._meta.pk.name, key)


def find_by_login(name: str) -> UserRecord | None:
    """By what somebody types into Django's own sign-in: the address, or the host's user name."""
    user = find_by_email(name)
    if user or has_user_row():
        return user
    model = get_user_model()
    row = model._default_manager.filter(**{model.USERNAME_FIELD: name}).first()
    return find_by_key(row.pk) if row else None


def find_by_id(user_id: str) -> UserRecord | None:
    """By the id on the wire."""
    return _find("id" if has_user_row() else "public_id", user_id)


def find_by_unique(column: str, value: str) -> UserRecord | None:
    """By a column that no two users share: ``username`` or ``phone_number``."""
    return _find(column, value)


def find_remembered(user_id: str) -> UserRecord | None:
    """By the id on the wire, as of at most some seconds ago, as sessions are for reads."""

    def read() -> tuple[UserRecord, tuple[str]] | None:
        user = find_by_id(user_id)
        return (user, (name_of_user(user.key),)) if user else None

    return _remembered.find(user_id, read)


def update(user: UserRecord, **columns: Any) -> UserRecord:
    """Change columns and return the user as they are then. Raises ``EmailTaken`` or ``ColumnTaken``."""
    if "email" in columns:
        columns["email"] = normalize_email(columns["email"])
        if not has_user_row():
            host_users.ensure_room_for(columns["email"])
            if host_users.holders(columns["email"]).exclude(pk=user.key).exists():
                raise EmailTaken(columns["email"])
    try:
        with transaction.atomic():
            if "additional_fields" in columns:  # merged under a lock: two changes at once both stay
                row: Any = carrier_model()._default_manager.select_for_update().get(pk=user.key)
                columns["additional_fields"] = {**row.additional_fields, **columns["additional_fields"]}
            _carriers().filter(pk=user.key).update(**columns, updated_at=clock.now())
            if "email" in columns and not has_user_row():
                _copy_email_to_host(user, columns["email"])
            verified_sessions.forget_user(user.key)
    except IntegrityError:
        raise _conflict(columns, but=user) or EmailTaken(columns.get("email", "")) from None
    return get(user)


def restore(user: UserRecord, **columns: Any) -> None:
    """Put former values back exactly as they were, ``updated_at`` too. Raises ``EmailTaken``."""
    try:
        with transaction.atomic():
            carrier_model()._default_manager.filter(pk=user.key).update(**columns)
            if "email" in columns and not has_user_row():
                _copy_email_to_host(user, columns["email"] or "")
            verified_sessions.forget_user(user.key)
    except IntegrityError:
        raise EmailTaken(columns.get("email") or "") from None


def note_sign_in(user: UserRecord, *, method: str) -> None:
    """Remember when and how the user signed in last; no change of the user that anybody else would see."""
    if has_user_row():
        model = get_user_model()
        owners = {model._meta.get_field(name).model for name in ("last_auth_method", "last_login")}
        if owners == {model}:
            compiled.update(model, user.key, last_auth_method=method, last_login=clock.now())
        else:  # a host's user that inherits another's table
            rows = model._default_manager.filter(pk=user.key)
            rows.update(last_auth_method=method, last_login=clock.now())
        return
    UserProfile.objects.filter(pk=user.key).exclude(last_auth_method=method).update(last_auth_method=method)
    if any(field.name == "last_login" for field in get_user_model()._meta.get_fields()):
        get_user_model()._default_manager.filter(pk=user.key).update(last_login=clock.now())


def note_method(key: Any, method: str) -> None:
    """Remember how they came last, where that is another way than before; it is no sign-in."""
    rows = carrier_model()._default_manager.filter(pk=key)
    rows.exclude(last_auth_method=method).update(last_auth_method=method)


def get(user: UserRecord) -> UserRecord:
    """The user as they are now."""
    return user_record(_carriers().get(pk=user.key))


def delete(user: UserRecord) -> bool:
    """Delete the user with their sessions and accounts; what the host hung on them goes by its own rules.

    False where somebody else has deleted them meanwhile.
    """
    with transaction.atomic():
        lock(user)  # a sign-in that is under way must wait, and then find nobody to give a session to
        Session.objects.filter(user_id=user.key).delete()
        Account.objects.filter(user_id=user.key).delete()
        model = get_user_model()
        _, counts = model._default_manager.filter(pk=user.key).delete()
        return counts.get(model._meta.label, 0) > 0


def lock(user: UserRecord) -> None:
    """Until the end of the transaction nobody else changes or deletes the user."""
    get_user_model()._default_manager.select_for_update().filter(pk=user.key).first()


def row_of(user: UserRecord) -> Any:
    """The host's model instance, for host code."""
    return get_user_model()._default_manager.get(pk=user.key)


def find_row(user: UserRecord) -> Any:
    """The same, or None: a session may be remembered a moment longer than its user lives."""
    return get_user_model()._default_manager.filter(pk=user.key).first()


def _carriers() -> models.QuerySet[Any]:
    rows = carrier_model()._default_manager.all()
    return rows if has_user_row() else rows.select_related("user")


def _find(by: str, value: Any) -> UserRecord | None:
    columns = user_columns()
    if columns is not None:
        row = CompiledSelect(carrier_model(), by, columns).first(value)
        return user_from(row) if row else None
    carrier = _carriers().filter(**{by: value}).first()
    return user_record(carrier) if carrier else None


def _is_taken(email: str) -> bool:
    return find_by_email(email) is not None or (not has_user_row() and host_users.holders(email).exists())


def _conflict(values: Mapping[str, Any], *, but: UserRecord | None = None) -> ColumnTaken | None:
    """Which of the columns, if any, another user has the same value of."""
    for column in UNIQUE_COLUMNS:
        holder = find_by_unique(column, values[column]) if values.get(column) else None
        if holder and (but is None or holder.key != but.key):
            return ColumnTaken(column)
    return None


def _insert_row(password: str, values: dict[str, Any]) -> UserRecord:
    user = get_user_model()(password=password, **values)
    user.save(force_insert=True)
    return user_record(user)


def _insert_profile(password: str, values: dict[str, Any]) -> UserRecord:
    """The host's row and the profile beside it. A hash too long for the host's column goes to the account."""
    limit = get_user_model()._meta.get_field("password").max_length
    fits = limit is None or len(password) <= limit
    column = password if fits else make_password(None)
    user = host_users.insert(email=values["email"], encoded_password=column)
    public_id = values.pop("id", None) or str(user.pk)
    profile = UserProfile(user=user, public_id=public_id, **values)
    profile.save()  # a receiver of the host's that saved the row again has made one already
    if not fits:
        Account.objects.create(user=user, provider_id=CREDENTIAL, account_id=public_id, password=password)
    return user_record(profile)


def _copy_email_to_host(user: UserRecord, email: str) -> None:
    """The host's own code mails to its own column, so that follows a change made here."""
    column = host_users.email_column()
    if column:
        get_user_model()._default_manager.filter(pk=user.key).update(**{column: email})
