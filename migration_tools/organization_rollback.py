"""What a run has brought of organizations goes again, but for what was changed here or is used here since."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from django.db.models import ManyToOneRel, ProtectedError, RestrictedError

from migration_tools import api_key_rows
from migration_tools.models import BroughtRow, MigrationRun
from migration_tools.organization_rows import COMPARED, MODELS, OWNERS, is_available, mark, model_of
from migration_tools.records import RowKind

CHUNK = 500
OWN = {name.lower(): kind for kind, name in MODELS.items()}


def untouched(model: Any, ids: Collection[Any], sources: Collection[str]) -> set[Any]:
    """Of these rows of any model those that runs of the sources have brought, and that are as they were; what
    the host's own rows point to is in use."""
    kind = OWN.get(model._meta.model_name) if model._meta.app_label == "organizations" else None
    if kind is None or not ids:
        return set()
    ledger = BroughtRow.objects.filter(source__in=list(sources), kind=kind, row_id__in=list(ids))
    marks = dict(ledger.values_list("row_id", "mark"))
    rows = model._base_manager.filter(pk__in=list(marks)).values("pk", *COMPARED[kind])
    same = {row["pk"] for row in rows if marks[row["pk"]] == mark(kind, row)}
    for other, name in _pointing_at(model):
        if other._meta.app_label != "organizations" and same:
            used = other._base_manager.filter(**{f"{name}__in": same}).values_list(name, flat=True)
            same -= set(used)
    return same


def take_away(run: MigrationRun, kept_users: Collection[Any]) -> list[tuple[str, list[str]]]:
    """Users' own rows first, then the organizations that nobody is left in. The ids of those that stay, with
    what stands in the way. Within the caller's transaction; may be begun again.

    ``kept_users``: keys of those who stay as they are, with all that they have.
    """
    if not is_available():
        return []
    for kind, owner in OWNERS.items():
        for ids in _chunks(run, kind):
            rows = model_of(kind)._base_manager.filter(pk__in=untouched(model_of(kind), ids, [run.source]))
            going = [pk for pk, key in rows.values_list("pk", owner) if key not in kept_users]
            model_of(kind)._base_manager.filter(pk__in=going).delete()
    stay = []
    for ids in _chunks(run, RowKind.ORGANIZATION):
        for row_id in ids:
            reasons = _in_the_way(row_id, run.source) or _delete(row_id)
            if reasons:
                stay.append((row_id, reasons))
    for kind in RowKind:
        here = model_of(kind)._base_manager.values("pk")
        BroughtRow.objects.filter(run=run, kind=kind).exclude(row_id__in=here).delete()
    return stay


def _pointing_at(model: Any) -> Iterator[tuple[Any, str]]:
    """Models of any app with their foreign keys to this one, also those without a way back."""
    for relation in model._meta.get_fields(include_hidden=True):
        if isinstance(relation, ManyToOneRel):
            yield relation.related_model, relation.field.name


def _chunks(run: MigrationRun, kind: RowKind) -> Sequence[list[str]]:
    ids = list(BroughtRow.objects.filter(run=run, kind=kind).order_by("pk").values_list("row_id", flat=True))
    return [ids[at : at + CHUNK] for at in range(0, len(ids), CHUNK)]


def _in_the_way(row_id: str, source: str) -> list[str]:
    """Why an organization stays: it was changed, people are in it, or something hangs on it that no run
    brought."""
    organizations = model_of(RowKind.ORGANIZATION)
    # Nobody joins it from here on until it is gone.
    row = organizations._base_manager.select_for_update().filter(pk=row_id).first()
    if row is None:
        return []
    reasons = [] if untouched(organizations, [row_id], [source]) else ["changed"]
    for model, name in _pointing_at(organizations):
        ids = set(model._base_manager.filter(**{name: row_id}).values_list("pk", flat=True))
        is_own = model in (model_of(RowKind.TEAM), model_of(RowKind.ROLE), model_of(RowKind.INVITATION))
        if is_own:
            ids -= untouched(model, ids, [source])
        if ids:
            reasons.append(model._meta.label_lower)
    return [*reasons, api_key_rows.LABEL] if api_key_rows.used_by([row_id], [source]) else reasons


def _delete(row_id: str) -> list[str]:
    try:
        model_of(RowKind.ORGANIZATION)._base_manager.filter(pk=row_id).delete()
        api_key_rows.delete_all_of([row_id])
    except (ProtectedError, RestrictedError):
        return ["protected"]
    return []
