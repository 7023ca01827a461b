"""Bring what rests encrypted under the key in force, so that an old key can be given up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db import router
from django.db.models import Model

from better_auth.sealing import SealedColumn, Undecryptable


@dataclass(slots=True)
class Tally:
    """Of one column. ``changed_meanwhile``: somebody else wrote the row, and sealed it anew with that;
    ``unreadable``: primary keys of rows that no key opens."""

    table: str
    column: str
    current: int = 0
    resealed: int = 0
    changed_meanwhile: int = 0
    unreadable: list[Any] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.current + self.resealed + self.changed_meanwhile + len(self.unreadable)


def sealed_columns() -> list[tuple[type[Model], SealedColumn]]:
    """Those of every app that is installed."""
    return [
        (model, column)
        for model in apps.get_models()
        if not model._meta.proxy
        for column in getattr(model, "sealed_columns", ())
    ]


def reencrypt(
    model: type[Model], column: SealedColumn, *, batch_size: int, dry_run: bool = False
) -> Iterator[Tally]:
    """Go through one column in the order of the primary key; yields the same tally after each batch.

    Each row is one UPDATE that wants the text as it was read, so that nothing written meanwhile is lost.
    Stopped and begun again, it passes over what is done.
    """
    rows = model._base_manager.using(router.db_for_write(model)).exclude(**{f"{column.name}__isnull": True})
    ordered = rows.exclude(**{column.name: ""}).order_by("pk").values_list("pk", column.name)
    tally, last = Tally(model._meta.db_table, column.name), None
    while True:
        batch = list((ordered if last is None else ordered.filter(pk__gt=last))[:batch_size])
        for key, text in batch:
            _reencrypt_row(rows, column, key, text, tally, dry_run=dry_run)
        yield tally
        if len(batch) < batch_size:
            return
        last = batch[-1][0]


def _reencrypt_row(
    rows: Any, column: SealedColumn, key: Any, text: str, tally: Tally, *, dry_run: bool
) -> None:
    try:
        resealed = column.reseal(text)
    except Undecryptable:
        tally.unreadable.append(key)
        return
    if resealed is None:
        tally.current += 1
    elif dry_run or rows.filter(pk=key, **{column.name: text}).update(**{column.name: resealed}):
        tally.resealed += 1
    else:
        tally.changed_meanwhile += 1
