"""What is to become of each record. Pure: the same for a dry run and for a real one."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from migration_tools.checking import Checked
from migration_tools.duplicates import Duplicates
from migration_tools.fingerprints import MADE_HERE, SOURCE_PASSWORD, mark, marks_of, password_digest
from migration_tools.models import RecordState
from migration_tools.policy import OnConflict, Policy
from migration_tools.records import LegacyApiKey, LegacyRow, LegacySession, PassedOver, Refused, RowKind
from migration_tools.target import Entry, Known, Person


class Outcome(StrEnum):
    """``UNCHANGED``: an earlier run brought the record as it is, so there is nothing to do."""

    CREATED = "created"
    LINKED = "linked"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    CONFLICT = "conflict"
    INVALID = "invalid"
    FAILED = "failed"


STATES = {
    Outcome.CREATED: RecordState.MIGRATED,
    Outcome.LINKED: RecordState.MIGRATED,
    Outcome.UPDATED: RecordState.MIGRATED,
    Outcome.UNCHANGED: RecordState.MIGRATED,
    Outcome.SKIPPED: RecordState.SKIPPED,
    Outcome.CONFLICT: RecordState.FAILED,
    Outcome.INVALID: RecordState.FAILED,
    Outcome.FAILED: RecordState.FAILED,
}
BROUGHT = frozenset({Outcome.CREATED, Outcome.LINKED, Outcome.UPDATED})
NOT_BROUGHT = frozenset({Outcome.SKIPPED, Outcome.CONFLICT, Outcome.INVALID, Outcome.FAILED})
# A remark: the settings of this project do not name the configuration of a key.
WITHOUT_PLACE = "api-key-without-configuration"
# What an update may bring; the address has rules of its own.
UPDATABLE = ("name", "image", "username", "phone_number", "role", "banned", "additional_fields")
FOLLOWERS = {
    "username": ("display_username",),
    "phone_number": ("phone_number_verified",),
    "banned": ("ban_reason", "ban_expires"),
}


@dataclass(slots=True)
class Item:
    """A record on its way: ``number`` counts from 1 in the input."""

    number: int
    place: str
    position: str
    external_id: str
    checked: Checked | None = None
    refusal: Refused | None = None


class Line(NamedTuple):
    """What a report says of a record."""

    number: int
    place: str
    external_id: str
    email: str
    outcome: str
    reason: str
    detail: str
    warnings: tuple[str, ...]


@dataclass(slots=True)
class Plan:
    """``person``: whom it is joined with; ``changes``: columns to write to them; ``sets_password``: whether
    the record's hash becomes theirs; ``keeps_id``: whether the user gets the legacy id; ``sessions``,
    ``organization_rows`` and ``api_keys``: those that come along."""

    item: Item
    outcome: Outcome
    reason: str = ""
    detail: str = ""
    warnings: list[str] = field(default_factory=list)
    person: Person | None = None
    entry: Entry | None = None
    changes: dict[str, Any] = field(default_factory=dict)
    sets_password: bool = False
    keeps_id: bool = True
    sessions: tuple[LegacySession, ...] = ()
    organization_rows: tuple[LegacyRow, ...] = ()
    api_keys: tuple[LegacyApiKey, ...] = ()

    def line(self) -> Line | None:
        """None for a record that comes without a word to be said about it."""
        item, checked = self.item, self.item.checked
        warnings = tuple(dict.fromkeys([*(checked.warnings if checked else ()), *self.warnings]))
        if not (warnings or self.reason):
            return None
        email = checked.email if checked else ""
        return Line(
            item.number,
            item.place,
            item.external_id,
            email,
            str(self.outcome),
            self.reason,
            self.detail,
            warnings,
        )

    @property
    def is_here(self) -> bool:
        """Whether the record's user is here afterwards."""
        return self.outcome in (*BROUGHT, Outcome.UNCHANGED)

    @property
    def has_factors(self) -> bool:
        checked = self.item.checked
        return checked is not None and checked.factors is not None and self.outcome in BROUGHT

    @property
    def memberships(self) -> int:
        return sum(one.kind is RowKind.MEMBER for one in self.organization_rows)

    @property
    def own_api_keys(self) -> int:
        return sum(one.organization_id is None for one in self.api_keys)

    @property
    def has_unknown_hash(self) -> bool:
        checked = self.item.checked
        return checked is not None and checked.has_unknown_hash and self.outcome in BROUGHT


@dataclass(frozen=True, slots=True)
class Planner:
    """The rules of one run."""

    policy: Policy
    duplicates: Duplicates

    def plan(self, items: list[Item], known: Known) -> list[Plan]:
        plans = [self._plan(item, known) for item in items]
        for plan in plans:
            plan.organization_rows = _new_rows(plan, known)
            plan.api_keys = _new_keys(plan, known)
        return plans

    def _plan(self, item: Item, known: Known) -> Plan:
        checked = item.checked
        if checked is None:
            refusal = item.refusal or Refused("invalid-record")
            outcome = Outcome.SKIPPED if isinstance(refusal, PassedOver) else Outcome.INVALID
            return Plan(item, outcome, refusal.reason, refusal.detail)
        if self.duplicates.is_repetition(item.number, checked.external_id):
            return Plan(item, Outcome.CONFLICT, "duplicate-id", "an earlier record of the source has this id")
        entry = known.entries.get(checked.external_id)
        if entry is not None and entry.state == RecordState.MIGRATED:
            return self._plan_known(item, checked, entry, known)
        if checked.is_deleted and not self.policy.bring_deleted:
            return Plan(item, Outcome.SKIPPED, "deleted", "deleted there", entry=entry)
        refused = self._standing_in_the_way(item, checked, known, None)
        if refused:
            refused.entry = entry
            return refused
        plan = self._plan_newcomer(item, checked, known)
        plan.entry = entry
        return plan

    def _plan_newcomer(self, item: Item, checked: Checked, known: Known) -> Plan:
        warnings = self._phone_warnings(checked, known, None)
        if checked.email not in known.by_email:
            if _has_another_form(checked, known):
                return Plan(
                    item, Outcome.CONFLICT, "email-unicode", "somebody here has this address in another form"
                )
            keeps_id = self.policy.keep_ids and checked.external_id not in known.ids
            if self.policy.keep_ids and not keeps_id:
                warnings.append("id-in-use")
            sessions = checked.user.sessions
            return Plan(item, Outcome.CREATED, warnings=warnings, keeps_id=keeps_id, sessions=sessions)
        person = known.people.get(known.by_email[checked.email])
        return self._join(item, checked, known, person)

    def _join(self, item: Item, checked: Checked, known: Known, person: Person | None) -> Plan:
        """With a user who has the same address, where both have proven that it is theirs."""
        if self.policy.on_conflict in (OnConflict.SKIP, OnConflict.FAIL):
            outcome = Outcome.SKIPPED if self.policy.on_conflict is OnConflict.SKIP else Outcome.CONFLICT
            return Plan(item, outcome, "email-taken", "somebody here has this address", person=person)
        if person is None:
            return Plan(
                item, Outcome.CONFLICT, "not-adopted", "a user of the host's has it: run adopt_users first"
            )
        if person.key in known.claimed:
            return Plan(
                item, Outcome.CONFLICT, "already-linked", "another record of the source became that user"
            )
        if not (person.email_verified and checked.email_verified):
            return Plan(
                item, Outcome.CONFLICT, "email-unverified", "linking wants the address verified on both sides"
            )
        plan = Plan(item, Outcome.LINKED, person=person, sessions=checked.user.sessions)
        plan.sets_password = checked.password is not None and person.password is None
        if self.policy.on_conflict is OnConflict.UPDATE:
            plan.outcome = Outcome.UPDATED
            plan.changes = _told(checked, person, UPDATABLE)
            self._leave_out_what_is_taken(plan, checked, known, person)
        return plan

    def _plan_known(self, item: Item, checked: Checked, entry: Entry, known: Known) -> Plan:
        """A record that an earlier run has brought."""
        person = known.people.get(entry.user_key)
        if person is None:
            return Plan(
                item, Outcome.SKIPPED, "deleted-here", "brought before, and deleted here since", entry=entry
            )
        is_same = entry.content_hash == checked.content_hash
        if is_same or not (entry.content_hash or self._brings_changes):
            sessions = _new_sessions(checked, entry, person)
            return Plan(item, Outcome.UNCHANGED, person=person, entry=entry, sessions=sessions)
        if not self._brings_changes:
            detail = "changed there since: --on-conflict update brings it"
            return Plan(item, Outcome.SKIPPED, "changed-in-source", detail, person=person, entry=entry)
        refused = self._standing_in_the_way(item, checked, known, person)
        if refused:
            refused.entry = entry
            return refused
        return self._update(item, checked, entry, known, person)

    @property
    def _brings_changes(self) -> bool:
        return self.policy.on_conflict is OnConflict.UPDATE

    def _update(self, item: Item, checked: Checked, entry: Entry, known: Known, person: Person) -> Plan:
        """What changed there and was not changed here; what people did here stays."""
        sessions = _new_sessions(checked, entry, person)
        plan = Plan(item, Outcome.UPDATED, person=person, entry=entry, sessions=sessions)
        written = marks_of(entry.written)
        wanted = _told(checked, person, UPDATABLE)
        if checked.email != person.email:
            if _has_another_form(checked, known):
                return Plan(
                    item, Outcome.CONFLICT, "email-unicode", "somebody here has the new address", entry=entry
                )
            holder = known.by_email.get(checked.email, person.key)
            if holder != person.key:
                return Plan(
                    item, Outcome.CONFLICT, "email-taken", "somebody here has the new address", entry=entry
                )
            wanted |= {"email": checked.email, "email_verified": checked.email_verified}
        elif checked.email_verified and not person.email_verified:
            wanted["email_verified"] = True
        for name in ("email", *UPDATABLE):
            if name in wanted and written.get(name) != mark(person.columns[name]):
                for one in (name, *FOLLOWERS.get(name, ()), *(["email_verified"] if name == "email" else [])):
                    wanted.pop(one, None)
                if mark(_value(checked, name)) != written.get(name):
                    plan.warnings.append(f"kept-{name.replace('_', '-')}")
        plan.changes = wanted
        is_untouched = _has_password_of(entry, person)
        is_new_there = written.get(SOURCE_PASSWORD) not in (mark(checked.password), mark(MADE_HERE))
        plan.sets_password = checked.password is not None and is_new_there and is_untouched
        if is_new_there and not is_untouched:
            plan.warnings.append("kept-password")
        self._leave_out_what_is_taken(plan, checked, known, person)
        return plan

    def _standing_in_the_way(
        self, item: Item, checked: Checked, known: Known, person: Person | None
    ) -> Plan | None:
        key = person.key if person else None
        reason = self.duplicates.reason(checked)
        if reason:
            return Plan(item, Outcome.CONFLICT, reason, "another record of the source has the same")
        for account in checked.accounts:
            holder = known.identities.get((account.provider, account.subject))
            if holder is not None and holder not in (key, known.by_email.get(checked.email)):
                detail = f"somebody here has this identity of {account.provider}"
                return Plan(item, Outcome.CONFLICT, "identity-taken", detail, person=person)
        holder = known.usernames.get(checked.columns.get("username", ""))
        if holder is not None and holder not in (key, known.by_email.get(checked.email)):
            return Plan(
                item, Outcome.CONFLICT, "username-taken", "somebody here has this user name", person=person
            )
        return None

    def _phone_warnings(self, checked: Checked, known: Known, key: Any) -> list[str]:
        phone = checked.columns.get("phone_number")
        if phone is None:
            return []
        is_taken = phone in known.phones and known.phones[phone] != key
        return ["phone-taken"] if is_taken or self.duplicates.has_phone_twice(checked) else []

    def _leave_out_what_is_taken(self, plan: Plan, checked: Checked, known: Known, person: Person) -> None:
        plan.warnings += self._phone_warnings(checked, known, person.key)
        if "phone-taken" in plan.warnings:
            for name in ("phone_number", "phone_number_verified"):
                plan.changes.pop(name, None)


def _has_another_form(checked: Checked, known: Known) -> bool:
    """Whether somebody here has the same address to a person's eye, written otherwise."""
    is_plain_here = checked.folded != checked.email and checked.folded in known.by_email
    return is_plain_here or (checked.email not in known.by_email and checked.folded in known.unicode_forms)


def _has_password_of(entry: Entry, person: Person) -> bool:
    """Whether their password still is what was brought: the journal follows a sign-in that makes a better
    hash of it."""
    return password_digest(person.password) == entry.password_digest


def _new_sessions(checked: Checked, entry: Entry, person: Person) -> tuple[LegacySession, ...]:
    """Those that began there since: an earlier one that is not here any more was ended here, and stays so.
    Whoever has a new password here has left the one behind that opens sessions there."""
    if not checked.user.sessions or not _has_password_of(entry, person):
        return ()
    return tuple(one for one in checked.user.sessions if one.created_at > entry.updated_at)


def _new_rows(plan: Plan, known: Known) -> tuple[LegacyRow, ...]:
    """Of organizations, those that no run has brought yet: what was removed here since stays so."""
    rows = plan.item.checked.user.organization_rows if plan.item.checked and plan.is_here else ()
    return tuple(one for one in rows if (one.kind, one.id) not in known.brought_rows)


def _new_keys(plan: Plan, known: Known) -> tuple[LegacyApiKey, ...]:
    """Those that no run has brought yet, and whose configuration here has keys of such owners: under another
    one's rules a key might open what it did not."""
    keys = plan.item.checked.user.api_keys if plan.item.checked and plan.is_here else ()
    fresh = [one for one in keys if one.id not in known.brought_keys]
    coming = tuple(one for one in fresh if known.key_owners.get(one.config_id) == one.belongs_to)
    if len(coming) < len(fresh):
        plan.warnings.append(WITHOUT_PLACE)
    return coming


def _told(checked: Checked, person: Person, names: tuple[str, ...]) -> dict[str, Any]:
    """Columns that the record tells otherwise than the user has them. What it does not tell stays."""
    told: dict[str, Any] = {}
    for name in names:
        value = _value(checked, name)
        is_told = name == "banned" or value not in (None, "", {})
        if is_told and mark(value) != mark(person.columns[name]):
            told[name] = value
            told |= {one: checked.columns.get(one) for one in FOLLOWERS.get(name, ())}
    return told


def _value(checked: Checked, name: str) -> Any:
    return (
        checked.email if name == "email" else checked.columns.get(name, False if name == "banned" else None)
    )
