"""API keys of the other system into the table of the app ``apikeys``, which need not be there; and out of it.

A key comes with its user, or with the organization that a run of the same source has made. It is brought
once: whatever became of it here, a later run leaves it alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import orjson
from django.apps import apps

from better_auth import clock
from better_auth.conf import auth_settings
from better_auth.storage import bulk
from migration_tools import organization_rows
from migration_tools.models import BroughtRow, MigrationRun
from migration_tools.records import LegacyApiKey, RowKind

KIND = "api_key"
LABEL = "apikeys.apikey"
CHUNK = 500
# What people change, and a rollback would lose; that a key was used is no change.
COMPARED = (
    "key_hash",
    "config_id",
    "name",
    "enabled",
    "blocked",
    "expires_at",
    "permissions",
    "metadata",
    "refill_amount",
    "refill_interval",
    "rate_limit_enabled",
    "rate_limit_max",
    "rate_limit_time_window",
)
Columns = dict[str, Any]


def is_available() -> bool:
    """Whether there is a place for API keys at all."""
    return apps.is_installed("apikeys")


def owners_of(keys: Iterable[LegacyApiKey]) -> dict[str, str | None]:
    """What the keys of their configurations belong to here; None of those that there are not."""
    return {one.config_id: auth_settings.api_keys.references_of(one.config_id) for one in keys}


def brought(source: str, keys: Iterable[LegacyApiKey]) -> set[str]:
    """The ids of those that a run of the source has made, also where they are gone since."""
    ids = {one.id for one in keys}
    if not ids:
        return set()
    found = BroughtRow.objects.filter(source=source, kind=KIND, row_id__in=ids)
    return set(found.values_list("row_id", flat=True))


def bring(source: str, run_id: int, coming: Sequence[tuple[str, Sequence[LegacyApiKey]]]) -> None:
    """``coming``: ids on the wire of users who are here now, with their keys. Left out are those of
    organizations that are not the source's, or gone, and those that are here already, by id or digest.

    Raises ``IntegrityError`` where somebody was quicker; nothing of the transaction may be kept then.
    """
    told = {one.id: (owner, one) for owner, keys in coming for one in keys}
    if not told or not is_available():
        return
    # Asked again: an earlier batch may have been committed since this one was planned.
    known = brought(source, [one for _, one in told.values()])
    places = {one.organization_id for _, one in told.values() if one.organization_id is not None}
    here = organization_rows.made_here(source, places)
    rows = {
        key_id: {**one.columns, "config_id": one.config_id, "reference_id": one.organization_id or owner}
        for key_id, (owner, one) in told.items()
        if key_id not in known and (one.organization_id is None or one.organization_id in here)
    }
    _insert(source, run_id, rows)


def untouched(ids: Collection[str], sources: Collection[str]) -> set[str]:
    """Of these keys those that runs of the sources have brought, and that are as they were."""
    if not ids or not is_available():
        return set()
    ledger = BroughtRow.objects.filter(source__in=list(sources), kind=KIND, row_id__in=list(ids))
    marks = dict(ledger.values_list("row_id", "mark"))
    return {key_id for key_id, mark in _marks(marks).items() if marks[key_id] == mark}


def used_by(owner_ids: Collection[str], sources: Collection[str]) -> set[str]:
    """Of these owners those who have keys that they made or changed here."""
    if not owner_ids or not is_available():
        return set()
    owners = dict(_rows().filter(reference_id__in=list(owner_ids)).values_list("pk", "reference_id"))
    same = untouched(list(owners), sources)
    return {owner for key_id, owner in owners.items() if key_id not in same}


def rows_of(owner_id: str) -> list[Any]:
    """The keys of an owner, to be exported before they are lost."""
    return list(_rows().filter(reference_id=owner_id)) if is_available() else []


def delete_all_of(owner_ids: Collection[str]) -> None:
    """The keys of owners who go."""
    if owner_ids and is_available():
        _rows().filter(reference_id__in=list(owner_ids)).delete()


def take_away(run: MigrationRun, kept_owners: Collection[str]) -> None:
    """What the run has brought and nobody has changed, but for those of owners who stay as they are: some
    users, and organizations that the run made and that are in use. Within the caller's transaction."""
    if not is_available():
        return
    ledger = BroughtRow.objects.filter(run=run, kind=KIND).order_by("pk")
    made = BroughtRow.objects.filter(run=run, kind=RowKind.ORGANIZATION)
    ids = list(ledger.values_list("row_id", flat=True))
    for at in range(0, len(ids), CHUNK):
        same = untouched(ids[at : at + CHUNK], [run.source])
        rows = _rows().filter(pk__in=same).exclude(reference_id__in=list(kept_owners))
        rows.exclude(reference_id__in=made.values("row_id")).delete()
    ledger.exclude(row_id__in=_rows().values("pk")).delete()


def _insert(source: str, run_id: int, rows: Mapping[str, Columns]) -> None:
    if not rows:
        return
    hashes = [columns["key_hash"] for columns in rows.values()]
    held = set(_rows().filter(key_hash__in=hashes).values_list("key_hash", flat=True))
    taken = set(_rows().filter(pk__in=list(rows)).values_list("pk", flat=True))
    written = []
    for key_id, columns in rows.items():
        if key_id in taken or columns["key_hash"] in held:
            continue
        held.add(columns["key_hash"])
        written.append({**columns, "id": key_id})
    bulk.insert(_model(), written)
    ledger = {"source": source, "kind": KIND, "run_id": run_id}
    # As the database gives them back: it may write JSON in its own way.
    marks = _marks([one["id"] for one in written])
    bulk.insert(BroughtRow, [{**ledger, "row_id": key_id, "mark": mark} for key_id, mark in marks.items()])


def _marks(ids: Iterable[str]) -> dict[str, str]:
    """What to compare these keys with to see whether they were changed."""
    found = {}
    for row in _rows().filter(pk__in=list(ids)).values("pk", *COMPARED):
        expires_at = row["expires_at"]
        values = {**row, "expires_at": None if expires_at is None else clock.epoch_ms(expires_at)}
        told = orjson.dumps(values, option=orjson.OPT_SORT_KEYS)
        found[row["pk"]] = blake2b(told, digest_size=16).hexdigest()
    return found


def _model() -> Any:
    return apps.get_model("apikeys", "ApiKey")


def _rows() -> Any:
    return _model()._base_manager.all()
