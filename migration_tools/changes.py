"""What has happened to a user since a run wrote them, as far as a rollback would lose it.

Signing in, a better hash of the same password and sessions are no changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import ManyToOneRel, Model

from better_auth.models import Account, Passkey, Session, TwoFactor, UserProfile
from migration_tools import api_key_rows, factor_rows, passkey_rows
from migration_tools.fingerprints import changed_fields, fingerprint, password_digest
from migration_tools.models import KeptFactors, MigrationRecord, RecordState
from migration_tools.organization_rollback import untouched
from migration_tools.planning import Outcome
from migration_tools.target import Person, people

# Looked at by what they hold, or of no matter.
OWN: tuple[type[Model], ...] = (Account, Session, UserProfile, MigrationRecord, KeptFactors)


def changes_since(records: Sequence[MigrationRecord]) -> dict[int, list[str]]:
    """By the journal's row: names of what has changed; a user who has not is left out.

    Rows that point to a user matter only where the user was made by the run, and would go.
    """
    found = {person.key: person for person in people({one.user_id for one in records})}
    made = {one.user_id for one in records if one.outcome == Outcome.CREATED}
    hanging = _hanging_on([key for key in found if key in made], {one.source for one in records})
    ids = {found[key].id: key for key in found if key in made}
    for public_id in api_key_rows.used_by(list(ids), {one.source for one in records}):
        hanging.setdefault(ids[public_id], set()).add(api_key_rows.LABEL)
    for key, source in _others_records(
        [key for key in found if key in made], {one.source for one in records}
    ):
        hanging.setdefault(key, set()).add(f"source {source}")
    changes = {}
    for one in records:
        person = found.get(one.user_id)
        if person is None:
            continue
        names = [*_own_changes(one, person), *sorted(hanging.get(person.key, ()))]
        if names:
            changes[one.pk] = names
    return changes


def _others_records(keys: Sequence[Any], sources: set[str]) -> Iterable[tuple[Any, str]]:
    """Who has become another source's user as well: that one would take them for somebody who left."""
    rows = MigrationRecord.objects.filter(user_id__in=keys, state=RecordState.MIGRATED)
    return rows.exclude(source__in=sources).values_list("user_id", "source")


def _own_changes(record: MigrationRecord, person: Person) -> list[str]:
    names = changed_fields(record.written, fingerprint(person.columns, person.identities))
    if password_digest(person.password) != record.password_digest:
        names.append("password")
    return names


def relations() -> Iterable[tuple[type[Model], str]]:
    """Models of any app whose rows point to users, with the name of the foreign key.

    Those without a way back (``related_name="+"``) and the tables between many and many, too.
    """
    for relation in get_user_model()._meta.get_fields(include_hidden=True):
        is_key = relation.auto_created and not relation.concrete
        if not is_key or not isinstance(relation, ManyToOneRel):
            continue
        model: Any = relation.related_model
        # Groups and permissions are the operator's doing.
        is_group = model._meta.auto_created and issubclass(get_user_model(), model._meta.auto_created)
        if not is_group and not issubclass(model, (*OWN, get_user_model())):
            yield model, relation.field.name


def _hanging_on(keys: Sequence[Any], sources: set[str]) -> dict[Any, set[str]]:
    """What the sources' runs brought with them does not count."""
    hanging: dict[Any, set[str]] = {}
    if not keys:
        return hanging
    for model, name in relations():
        # The default manager may hide rows, and a deletion would not.
        rows = model._base_manager.filter(**{f"{name}__in": keys})
        if model._meta.app_label == "organizations":
            rows = rows.exclude(pk__in=untouched(model, list(rows.values_list("pk", flat=True)), sources))
        if model is Passkey:
            rows = rows.exclude(pk__in=passkey_rows.brought(keys, sources))
        owners = set(rows.values_list(name, flat=True))
        if model is TwoFactor:
            owners -= factor_rows.brought(owners, sources)
        for key in owners:
            hanging.setdefault(key, set()).add(model._meta.label_lower)
    return hanging
