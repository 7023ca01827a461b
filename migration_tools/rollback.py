"""Undo a run: users it made go, users it joined get their former values back, and nobody who did something
here since is touched, unless that is asked for and was exported before."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from django.contrib.admin.utils import NestedObjects
from django.contrib.auth import get_user_model
from django.core.serializers.json import DjangoJSONEncoder
from django.core.serializers.python import Serializer
from django.db import IntegrityError, router, transaction
from django.db.models import ProtectedError, RestrictedError

from better_auth import adopted_keys, clock, passwords, users
from better_auth.events import publish
from better_auth.models import Account, Session, Verification
from better_auth.storage import verified_sessions
from migration_tools import api_key_rows, factor_rows, journal, keeping, passkey_rows, sealing
from migration_tools.changes import changes_since
from migration_tools.events import MigrationRolledBack
from migration_tools.leases import Lease
from migration_tools.models import MigrationRecord, MigrationRun, RecordState, RunState
from migration_tools.organization_rollback import take_away
from migration_tools.planning import Outcome

BATCH = 500


class RollbackRefused(Exception):
    """The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A user who stays as they are, because of changes since the run or, ``even_by_force``, because something
    stands in the way."""

    record: MigrationRecord
    reasons: list[str]
    even_by_force: bool = False


@dataclass(slots=True)
class Rollback:
    """``export``: the file that takes what is lost by force; ``tell`` hears (done, total) after each
    batch."""

    run: MigrationRun
    lease: Lease
    force_changed: bool = False
    export: str | None = None
    tell: Callable[[int, int], None] = lambda done, total: None
    counts: Counter[str] = field(default_factory=Counter)
    kept: list[Kept] = field(default_factory=list)
    kept_organizations: list[tuple[str, list[str]]] = field(default_factory=list)

    def undo(self) -> None:
        """Newest first, a transaction for each batch; can be interrupted and begun again.

        Raises ``LeaseLost``; ``RollbackRefused`` where former values can't be read any more.
        """
        rows = MigrationRecord.objects.filter(run=self.run, state=RecordState.MIGRATED)
        total, done, before = rows.count(), 0, None
        while True:
            batch = list((rows.filter(pk__lt=before) if before else rows).order_by("-pk")[:BATCH])
            if not batch:
                break
            before = batch[-1].pk
            self._undo_batch(batch)
            done += len(batch)
            self.tell(done, total)
        self._end()

    def _undo_batch(self, batch: Sequence[MigrationRecord]) -> None:
        with transaction.atomic():
            journal.keep(self.run, self.lease)
            keys = [one.user_id for one in batch if one.user_id is not None]
            # What a user does from here on comes after the rollback, and what they did before is seen.
            list(get_user_model()._default_manager.select_for_update().filter(pk__in=keys).values_list("pk"))
            changes = changes_since(batch)
            doomed = [one for one in batch if self.force_changed or one.pk not in changes]
            kept = [
                Kept(one, changes[one.pk]) for one in batch if one.pk in changes and not self.force_changed
            ]
            if self.force_changed:
                self._export([one for one in doomed if one.pk in changes], changes)
            made = [one for one in doomed if one.outcome == Outcome.CREATED]
            joined = [one for one in doomed if one.outcome != Outcome.CREATED]
            kept += [*self._delete_all(made), *_each(self._restore, joined)]
        self.kept += kept
        stay = {one.record.pk for one in kept}
        self.counts += Counter(
            deleted=sum(one.user_id is not None and one.pk not in stay for one in made),
            restored=sum(one.pk not in stay for one in joined),
            kept=len(kept),
        )

    def _delete_all(self, records: Sequence[MigrationRecord]) -> list[Kept]:
        """At once; where somebody can't be deleted, one by one."""
        if not records or not _obstacles(lambda: self._delete(*records)):
            return []
        return _each(self._delete, records)

    def _delete(self, *records: MigrationRecord) -> None:
        keys = [one.user_id for one in records if one.user_id is not None]
        Verification.objects.filter(subject__in=[one.user_public_id for one in records]).delete()
        Session.objects.filter(user_id__in=keys).delete()
        api_key_rows.delete_all_of([one.user_public_id for one in records if one.user_id is not None])
        Account.objects.filter(user_id__in=keys).delete()
        get_user_model()._default_manager.filter(pk__in=keys).delete()
        MigrationRecord.objects.filter(pk__in=[one.pk for one in records]).update(
            state=RecordState.ROLLED_BACK, user=None, former=None, updated_at=clock.now()
        )

    def _restore(self, record: MigrationRecord) -> None:
        former = _former(record)
        user = users.find_by_key(record.user_id)
        if user is not None:
            verified_sessions.forget_user(user.key)  # for whoever remembers that a legacy id is theirs
            Account.objects.filter(pk__in=former["accounts"], user_id=user.key).delete()
            Session.objects.filter(pk__in=former["sessions"], user_id=user.key).delete()
            if former["columns"]:
                users.restore(user, **{name: _value(name, one) for name, one in former["columns"].items()})
            if former["password"]:
                passwords.restore(user, *former["password"])
            if "factors" in former:
                before = factor_rows.kept_content(record.source, user.key)
                after = factor_rows.content_of(former["factors"])
                factor_rows.follow(user, before=before, after=after)
                keep = former.get("own_passkeys", ())
                passkey_rows.follow(user.key, before=before, after=after, keep=keep)
                keeping.put_back(record.source, user.key, former["factors"])
        undone = {"state": RecordState.ROLLED_BACK, "user": None, "former": None}
        values = former["entry"] or undone
        MigrationRecord.objects.filter(pk=record.pk).update(**{"updated_at": clock.now(), **values})

    def _export(self, records: Sequence[MigrationRecord], changes: dict[int, list[str]]) -> None:
        """On disk, before anything of it is deleted."""
        if not records or self.export is None:
            return
        descriptor = os.open(self.export, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with suppress(OSError):
            os.fchmod(descriptor, 0o600)
        with os.fdopen(descriptor, "a", encoding="utf-8") as file:
            for one in records:
                row = get_user_model()._default_manager.filter(pk=one.user_id).first()
                if row is None:
                    continue
                told = {"source": one.source, "legacy_id": one.legacy_id, "changed": changes[one.pk]}
                json.dump({**told, "rows": _all_of(row, one.user_public_id)}, file, cls=DjangoJSONEncoder)
                file.write("\n")
            file.flush()
            os.fsync(file.fileno())

    def _end(self) -> None:
        with transaction.atomic():
            MigrationRecord.objects.filter(run=self.run).exclude(state=RecordState.MIGRATED).update(
                state=RecordState.ROLLED_BACK
            )
            self.kept_organizations = take_away(self.run, {one.record.user_id for one in self.kept})
            # Behind the organizations: those that stay keep their keys.
            api_key_rows.take_away(self.run, {one.record.user_public_id for one in self.kept})
            adopted_keys.disown(self.run.adopted_keys)
            journal.finish(self.run, self.lease, state=RunState.ROLLED_BACK)
            details = {"run": self.run.pk, "source": self.run.source, **self.counts}
            publish(MigrationRolledBack(details=details))


def _each(undo: Callable[[MigrationRecord], None], records: Sequence[MigrationRecord]) -> list[Kept]:
    """The users with whom it can't be done."""
    tried = ((one, _obstacles(partial(undo, one))) for one in records)
    return [Kept(one, obstacles, even_by_force=True) for one, obstacles in tried if obstacles]


def _obstacles(undo: Callable[[], None]) -> list[str]:
    """What stands in the way; nothing has happened then."""
    try:
        with transaction.atomic():
            undo()
    except (ProtectedError, RestrictedError) as fault:
        rows = fault.protected_objects if isinstance(fault, ProtectedError) else fault.restricted_objects
        return sorted({f"protected by {row._meta.label_lower}" for row in rows})
    except users.EmailTaken:
        return ["what they had is somebody else's now"]
    except IntegrityError:
        return ["rows that the database keeps"]
    return []


def _former(record: MigrationRecord) -> dict[str, Any]:
    if record.former is None:
        raise RollbackRefused("what the run overwrote is not kept any more: its rollback was closed")
    try:
        return dict(sealing.unseal(record.former))
    except sealing.Unreadable:
        raise RollbackRefused(
            "what the run overwrote was kept under another BETTER_AUTH_SECRET: set that one for the rollback"
        ) from None


def ensure_readable(run: MigrationRun) -> None:
    """Before anything is undone. Raises ``RollbackRefused`` where former values can't be read any more."""
    kept = MigrationRecord.objects.filter(run=run, state=RecordState.MIGRATED).exclude(former=None)
    for record in kept[:1]:
        _former(record)


def find_run(source: str | None, run_id: int | None) -> MigrationRun:
    """The run to be undone: the one named, or the last one of the source. Raises ``RollbackRefused``.

    Only the last run of a source can be undone; then the one before it.
    """
    runs = MigrationRun.objects.all() if source is None else MigrationRun.objects.filter(source=source)
    if run_id is not None:
        run = runs.filter(pk=run_id).first()
        if run is None:
            raise RollbackRefused(f"there is no run {run_id}{f' of {source}' if source else ''}")
    else:
        run = runs.exclude(state=RunState.ROLLED_BACK).order_by("-pk").first()
        if run is None:
            raise RollbackRefused("there is no run to undo")
    later = MigrationRun.objects.filter(source=run.source, pk__gt=run.pk).exclude(state=RunState.ROLLED_BACK)
    newest = later.order_by("-pk").first()
    if newest is not None:
        raise RollbackRefused(
            f"run {newest.pk} of {run.source} came after run {run.pk}: "
            f"undo it first (--rollback --run {newest.pk})"
        )
    if run.rollback_closed_at is not None:
        raise RollbackRefused(f"the rollback of run {run.pk} was closed on {run.rollback_closed_at:%Y-%m-%d}")
    return run


def _value(name: str, stored: Any) -> Any:
    """As it was before it was written as JSON."""
    is_moment = stored is not None and (name.endswith("_at") or name == "ban_expires")
    return datetime.fromisoformat(stored) if is_moment else stored


def _all_of(row: Any, public_id: str) -> list[dict[str, Any]]:
    """The user and everything that would go with them, as Django serialises it."""
    collector = NestedObjects(using=router.db_for_write(type(row)))
    collector.collect([row])
    instances = [one for found in collector.model_objs.values() for one in found]
    instances = [one for one in instances if not isinstance(one, Session | MigrationRecord)]
    instances += api_key_rows.rows_of(public_id)
    in_order = sorted(instances, key=lambda one: (one._meta.label, str(one.pk)))
    rows: list[dict[str, Any]] = Serializer().serialize(in_order)
    return rows
