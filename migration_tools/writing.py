"""A batch becomes rows: users, accounts, sessions, groups and the journal. The caller's transaction holds it
all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from better_auth import arrivals, clock, factors, passwords, users
from better_auth.arrivals import Arrival, ArrivingAccount, ArrivingSession
from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import token_digest
from better_auth.models import CREDENTIAL
from better_auth.storage import bulk
from better_auth.storage.records import UserRecord, carrier_model, has_user_row
from migration_tools import (
    api_key_rows,
    factor_rows,
    identifiers,
    keeping,
    organization_rows,
    passkey_rows,
    sealing,
)
from migration_tools.factors import Factors
from migration_tools.fingerprints import MADE_HERE, fingerprint
from migration_tools.fingerprints import password_digest as digest_of
from migration_tools.models import KeptFactors, MigrationRecord, RecordState
from migration_tools.planning import NOT_BROUGHT, STATES, Item, Outcome, Plan
from migration_tools.policy import Policy
from migration_tools.records import LegacyUser
from migration_tools.target import Person, people


@dataclass(slots=True)
class Written:
    """What the journal keeps of one plan."""

    key: Any = None
    public_id: str = ""
    written: str = ""
    password_digest: str = ""
    former: str | None = None


@dataclass(frozen=True, slots=True)
class Writer:
    """``at``: the beginning of the run, put down where the source tells no time."""

    source: str
    run_id: int
    at: datetime
    policy: Policy
    groups: dict[str, Any] = field(default_factory=dict)

    def write(self, plans: Sequence[Plan]) -> dict[int, Written]:
        """Of the users who were written, by the identity of their plan.

        Raises ``IntegrityError`` where somebody was quicker; nothing of the batch may be kept then.
        """
        newcomers = [plan for plan in plans if plan.outcome is Outcome.CREATED]
        done = dict(zip(map(id, newcomers), self._create(newcomers), strict=True))
        for plan in plans:
            if plan.outcome in (Outcome.LINKED, Outcome.UPDATED):
                done[id(plan)] = self._join(plan)
            elif plan.outcome is Outcome.UNCHANGED and plan.sessions:
                self._bring_sessions(plan)
        self._note(plans, done)
        return done

    def bring_rows(self, plans: Sequence[Plan], done: dict[int, Written]) -> None:
        """Organizations and API keys of users who are written. Behind every earlier batch, as lanes that made
        the same organization would wait for each other. Raises as ``write``."""
        coming = [
            (_key(plan, done), plan)
            for plan in plans
            if plan.organization_rows or any(one.active_organization_id for one in plan.sessions)
        ]
        rows = [(key, plan.organization_rows) for key, plan in coming]
        organization_rows.bring(self.source, self.run_id, rows)
        organization_rows.ensure_members([(key, one.id) for key, plan in coming for one in _sessions(plan)])
        with_keys = [plan for plan in plans if plan.api_keys]
        keys = [(_public_id(plan, done), plan.api_keys) for plan in with_keys]
        api_key_rows.bring(self.source, self.run_id, keys)

    def _create(self, plans: Sequence[Plan]) -> list[Written]:
        coming = [self._arrival(plan) for plan in plans]
        arrivals.insert(coming, at=self.at)
        self._put_into_groups(plans, coming)
        self._keep_factors(plans, coming)
        role = auth_settings.user.default_role
        return [self._written(plan, one, role) for plan, one in zip(plans, coming, strict=True)]

    def _arrival(self, plan: Plan) -> Arrival:
        checked = _checked(plan)
        keeps = plan.keeps_id
        public_id = checked.external_id if keeps else identifiers.user_id(self.source, checked.external_id)
        columns = checked.columns
        if "phone-taken" in plan.warnings:
            columns = {name: one for name, one in columns.items() if not name.startswith("phone_number")}
        if columns["email_verified"]:
            columns = {**columns, "email_verified_at": columns.get("created_at", self.at)}
        if checked.factors and factor_rows.usable(None, checked.factors.content()):
            columns = {**columns, "two_factor_enabled": True}
        return Arrival(
            id=public_id,
            email=checked.email,
            password=checked.password,
            columns=columns,
            accounts=self._accounts(plan, public_id, has_credential=checked.password is not None),
            sessions=_sessions(plan),
            host=self._host_columns(checked.user),
        )

    def _accounts(self, plan: Plan, public_id: str, *, has_credential: bool) -> list[ArrivingAccount]:
        checked = _checked(plan)
        created_at = checked.columns.get("created_at", self.at)

        def account(provider: str, subject: str, **more: Any) -> ArrivingAccount:
            row_id = identifiers.account_id(
                self.source, checked.external_id, provider, subject, number=plan.item.number
            )
            return ArrivingAccount(row_id, provider, subject, more.pop("at", None) or created_at, **more)

        found = [account(CREDENTIAL, public_id)] if has_credential else []
        found += [
            account(one.provider, one.subject, at=one.created_at, issuer=one.issuer, scope=one.scope)
            for one in checked.accounts
        ]
        return found

    def _host_columns(self, user: LegacyUser) -> dict[str, Any]:
        columns = {
            name: value for name, value in user.extra.items() if name in ("first_name", "last_name") and value
        }
        # In our own user's table that column is the protocol's, and stands among the others.
        if not has_user_row() and (user.extra.get("username") or user.username):
            columns["username"] = user.extra.get("username") or user.username
        if user.created_at:
            columns["date_joined"] = user.created_at
        if self.policy.staff:
            columns["is_staff"] = user.is_staff
        if self.policy.superuser:
            columns["is_superuser"] = user.is_superuser
        return columns

    def _written(self, plan: Plan, arrival: Arrival, default_role: str) -> Written:
        checked = _checked(plan)
        values = {"role": default_role, **arrival.columns, "email": arrival.email}
        identities = [(one.provider, one.subject) for one in checked.accounts]
        source_password = MADE_HERE if checked.is_password_ours else checked.password
        written = fingerprint(values, identities, source_password)
        return Written(arrival.key, arrival.id, written, digest_of(checked.password))

    def _put_into_groups(self, plans: Sequence[Plan], coming: Sequence[Arrival]) -> None:
        if not self.policy.group_names:
            return
        for plan, one in zip(plans, coming, strict=True):
            names = {
                self.policy.group_names[name]
                for name in _checked(plan).user.groups
                if name in self.policy.group_names
            }
            if names:
                row = get_user_model()._default_manager.get(pk=one.key)
                row.groups.add(*(self._group(name) for name in sorted(names)))

    def _keep_factors(self, plans: Sequence[Plan], coming: Sequence[Arrival]) -> None:
        found = [
            keeping.row_of(self.source, one.key, checked.factors)
            for plan, one in zip(plans, coming, strict=True)
            if (checked := _checked(plan)).factors
        ]
        if found:
            bulk.insert(KeptFactors, found)
        told = [
            factor_rows.usable(one.key, checked.factors.content())
            for plan, one in zip(plans, coming, strict=True)
            if (checked := _checked(plan)).factors
        ]
        factors.arrive([one for one in told if one is not None])
        passkey_rows.bring([(one.key, _content(plan)) for plan, one in zip(plans, coming, strict=True)])

    def _group(self, name: str) -> Any:
        if name not in self.groups:
            self.groups[name] = Group.objects.get(name=name)
        return self.groups[name]

    def _join(self, plan: Plan) -> Written:
        """With a user who is here: what they lack is added, and what the plan changes is kept for a
        rollback."""
        checked, person = _checked(plan), plan.person
        if person is None:
            raise AssertionError("only planned with a user")
        lacking = [
            one
            for one in self._accounts(
                plan, person.id, has_credential=plan.sets_password and not person.has_credential
            )
            if (one.provider_id, one.account_id) not in person.identities
        ]
        record = _locked(person)
        changes = _changes(plan)
        own_passkeys = passkey_rows.credentials_of(person.key)
        former = {
            "columns": _columns_of(person, [*changes, "updated_at"]) if changes else {},
            "accounts": [one.id for one in lacking],
            "sessions": arrivals.add_sessions(person.key, _sessions(plan)),
            "password": passwords.stored_forms(record) if plan.sets_password else [],
            "entry": _entry_of(plan),
            "factors": self._bring_factors(record, checked.factors),
            "own_passkeys": own_passkeys,
        }
        arrivals.add_accounts(person.key, lacking)
        if changes:
            users.update(record, **changes)
        if plan.sets_password and checked.password is not None:
            passwords.set_password(record, checked.password)
        (now,) = people([person.key])
        return Written(
            person.key,
            person.id,
            fingerprint(now.columns, now.identities, checked.password),
            digest_of(now.password),
            sealing.seal(former),
        )

    def _bring_factors(self, user: UserRecord, found: Factors | None) -> dict[str, Any] | None:
        """What was kept of them before."""
        former = keeping.replace(self.source, user.key, found)
        before, after = factor_rows.content_of(former), found.content() if found else None
        factor_rows.follow(user, before=before, after=after)
        passkey_rows.follow(user.key, before=before, after=after)
        return former

    def _bring_sessions(self, plan: Plan) -> None:
        """That began since the record was brought."""
        if plan.person is None or plan.entry is None:
            raise AssertionError("only planned with a user who was brought")
        arrivals.add_sessions(plan.person.key, _sessions(plan))
        rows = MigrationRecord.objects.filter(pk=plan.entry.row)
        rows.update(updated_at=max(one.created_at for one in plan.sessions))

    def _note(self, plans: Sequence[Plan], done: dict[int, Written]) -> None:
        fresh: list[dict[str, Any]] = []
        superseded: list[int] = []
        for plan in plans:
            if plan.outcome is Outcome.UNCHANGED:
                continue
            row = self._row(plan, done.get(id(plan)) or Written())
            if plan.entry is not None and plan.entry.state == RecordState.MIGRATED:
                if plan.outcome in NOT_BROUGHT:
                    # The record stays what an earlier run made of it; what became of it now stands beside.
                    row |= {"legacy_id": None, "user_public_id": plan.person.id if plan.person else "?"}
                else:
                    superseded.append(plan.entry.row)
            elif plan.entry is not None:
                superseded.append(plan.entry.row)
            fresh.append(row)
        if superseded:
            MigrationRecord.objects.filter(pk__in=superseded).delete()
        bulk.insert(MigrationRecord, fresh)

    def _row(self, plan: Plan, written: Written) -> dict[str, Any]:
        item, checked = plan.item, plan.item.checked
        warnings = [*(checked.warnings if checked else ()), *plan.warnings]
        return {
            "source": self.source,
            "legacy_id": _legacy_id(plan, item),
            "run_id": self.run_id,
            "user_id": written.key,
            "user_public_id": written.public_id,
            "state": STATES[plan.outcome],
            "outcome": plan.outcome,
            "reason": plan.reason,
            "detail": plan.detail,
            "warnings": ",".join(dict.fromkeys(warnings))[:255],
            "position": item.number,
            "place": item.place[:255],
            "content_hash": checked.content_hash if checked else "",
            "written": written.written,
            "password_digest": written.password_digest,
            "former": written.former,
            "created_at": self.at,
            "updated_at": max([self.at, *(one.created_at for one in plan.sessions)]),
        }


def _key(plan: Plan, done: dict[int, Written]) -> Any:
    written = done.get(id(plan))
    return written.key if written else plan.person and plan.person.key


def _public_id(plan: Plan, done: dict[int, Written]) -> str:
    written = done.get(id(plan))
    return written.public_id if written else plan.person.id if plan.person else ""


def _legacy_id(plan: Plan, item: Item) -> str | None:
    """A repetition has no claim on the id: it is the first record's."""
    if plan.reason == "duplicate-id" or item.checked is None:
        return None
    return item.external_id or None


def _locked(person: Person) -> UserRecord:
    """Whether they may be joined is to be asked again where they have changed: planned anew, as any race."""
    record = users.find_by_key(person.key)
    if record is None:
        raise users.EmailTaken("the user is gone")
    users.lock(record)
    record = users.get(record)
    if (record.email, record.email_verified) != (person.email, person.email_verified):
        raise users.EmailTaken("the user has changed")
    return record


def _checked(plan: Plan) -> Any:
    if plan.item.checked is None:
        raise AssertionError("only planned for a record that was checked")
    return plan.item.checked


def _content(plan: Plan) -> dict[str, Any] | None:
    """What is kept of factors, in the clear."""
    factors = _checked(plan).factors
    content: dict[str, Any] | None = factors.content() if factors else None
    return content


def _sessions(plan: Plan) -> list[ArrivingSession]:
    knows_organizations = organization_rows.is_available()
    return [
        ArrivingSession(
            identifiers.session_id(token_digest(one.token)),
            one.token,
            one.expires_at,
            one.created_at,
            one.updated_at,
            one.ip_address,
            one.user_agent,
            one.active_organization_id if knows_organizations else None,
            one.active_team_id if knows_organizations else None,
        )
        for one in plan.sessions
    ]


def _changes(plan: Plan) -> dict[str, Any]:
    changes = dict(plan.changes)
    if changes.get("email_verified"):
        changes["email_verified_at"] = clock.now()
    return changes


def _columns_of(person: Person, names: Sequence[str]) -> dict[str, Any]:
    """Of the row that carries them, as they are now."""
    rows: Any = carrier_model()._default_manager.filter(pk=person.key)
    return dict(rows.values(*names).get())


def _entry_of(plan: Plan) -> dict[str, Any] | None:
    """The journal's row as it was, with what that one kept: a chain, undone run by run."""
    if plan.entry is None:
        return None
    names = ("run_id", "state", "outcome", "reason", "detail", "warnings", "position", "place")
    more = ("content_hash", "written", "password_digest", "former", "user_id", "user_public_id", "updated_at")
    row: dict[str, Any] = MigrationRecord.objects.filter(pk=plan.entry.row).values(*names, *more).get()
    return row
