"""One person comes over: by the rules of a run, in one transaction with the journal."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db import IntegrityError, transaction

from better_auth import accounts, clock, passwords, users
from better_auth.conf import auth_settings
from better_auth.conf.migration_schema import MigrationSettings
from better_auth.events import Client, observe, publish
from better_auth.storage.records import UserRecord
from migration_tools import journal, neutral
from migration_tools.checking import Checked, check
from migration_tools.duplicates import REASONS, Duplicates
from migration_tools.events import UserMigrated
from migration_tools.fingerprints import made_here, password_digest
from migration_tools.lazy.answers import Answer
from migration_tools.lazy.verifiers import mapping_for, policy_for
from migration_tools.mapping import MappingFile
from migration_tools.models import MigrationRecord, RecordState
from migration_tools.planning import Item, Outcome, Plan, Planner
from migration_tools.policy import Policy
from migration_tools.records import Refused
from migration_tools.target import Target
from migration_tools.writing import Writer

logger = logging.getLogger("migration_tools.lazy")

ATTEMPTS = 3


class Overtaken(Exception):
    """Another request was quicker: who the person is has to be asked anew."""


class NotBrought(Exception):
    """The record can't become a user here; ``reason`` is one of a run's."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class How:
    """By what somebody comes: ``sign_in`` or ``reset``."""

    word: str
    client: Client


def record_in(answer: Answer, *, email: str, is_whole: bool) -> Checked:
    """The record that was told of the person with this address, checked.

    Raises ``NotBrought``, also where it names another address: then it is another person's.
    """
    rules = auth_settings.migration
    try:
        user = _user_from(answer.row, _mapping(rules))
        if not user.email:
            user.email = email
        checked = check(user, _policy(rules))
    except Refused as refusal:
        raise NotBrought(refusal.reason) from None
    if checked.email != email:
        raise NotBrought("another-address")
    checked.is_summary = not is_whole
    return checked


def bring(
    checked: Checked, how: How, *, encoded: str | None = None, is_address_proven: bool = False
) -> UserRecord:
    """The new user. ``encoded``: our own hash of the password that was typed.

    Raises ``NotBrought``; ``Overtaken`` where another request has brought them.
    """
    if encoded is not None:
        checked.password, checked.is_password_ours = encoded, True
        checked.columns["migration_status"] = "migrated"
    if is_address_proven:
        checked.columns["email_verified"] = True
    rules = auth_settings.migration
    run, now = journal.lazy_run(rules.source), clock.now()
    writer = Writer(rules.source, run.pk, now, _policy(rules))
    for _ in range(ATTEMPTS):
        plan = _plan(checked, rules)
        try:
            with transaction.atomic():
                writer.write([plan])
                user = users.find_by_email(checked.email)
                if user is None:
                    raise AssertionError("was written just now")
                _announce(user, how, rules)
        except IntegrityError:
            continue
        return user
    raise Overtaken


def complete(user: UserRecord, record: MigrationRecord, encoded: str, how: How) -> None:
    """Give the password to somebody who is here, and came without. Raises ``Overtaken``."""
    with transaction.atomic():
        if not passwords.set_awaited_password(user, encoded):
            raise Overtaken
        accounts.ensure_credential(user)
        MigrationRecord.objects.filter(pk=record.pk).update(
            password_digest=password_digest(encoded), written=made_here(record.written)
        )
        _announce(user, how, auth_settings.migration)


def _plan(checked: Checked, rules: MigrationSettings) -> Plan:
    """How to write them; raises where they are not to be written."""
    known = Target(rules.source, is_for_one=True).know([checked])
    item = Item(0, "sign-in", "", checked.external_id, checked=checked)
    (plan,) = Planner(_policy(rules), _nothing_twice()).plan([item], known)
    if plan.outcome is Outcome.CREATED:
        _ensure_no_twin(plan)
        return plan
    if plan.entry is not None and plan.person is not None and plan.person.email == checked.email:
        raise Overtaken
    # The journal was read first: somebody may have been written between that and the look at addresses.
    if plan.entry is None and journal.is_migrated(rules.source, checked.external_id):
        raise Overtaken
    raise NotBrought(plan.reason or "brought-under-another-address")


def _ensure_no_twin(plan: Plan) -> None:
    """Of two records that a run found in each other's way, neither wins by being the first to sign in."""
    if plan.entry is not None and plan.entry.state == RecordState.FAILED:
        record = MigrationRecord.objects.get(pk=plan.entry.row)
        if record.reason in REASONS:
            raise NotBrought(record.reason)


def _announce(user: UserRecord, how: How, rules: MigrationSettings) -> None:
    details = {"source": rules.source, "by": how.word}
    publish(UserMigrated(client=how.client, subject_id=user.id, details=details))
    transaction.on_commit(lambda: observe("migrated_users", rules.source), robust=True)


def _user_from(row: Mapping[str, Any], file: MappingFile | None) -> Any:
    return file.user_from(row) if file and file.makes_users else neutral.user_from(row)


@lru_cache(maxsize=4)
def _mapping(rules: MigrationSettings) -> MappingFile | None:
    return mapping_for(rules)


@lru_cache(maxsize=4)
def _policy(rules: MigrationSettings) -> Policy:
    return policy_for(rules)


@lru_cache(maxsize=1)
def _nothing_twice() -> Duplicates:
    """Within one record nothing can stand in the way of another."""
    empty = Duplicates()
    empty.close()
    return empty


def forget() -> None:
    """As in a new process."""
    _mapping.cache_clear()
    _policy.cache_clear()
