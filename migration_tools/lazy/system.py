"""Who decides about a password, and what follows: answers to the core's questions (``better_auth.legacy``).

Whoever is asked about, a failed check costs one call and the same hashes: where our own check decides, the
call asks about nobody.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress

from better_auth import legacy, passwords, users
from better_auth.conf import auth_settings
from better_auth.errors import ServiceUnavailable
from better_auth.events import Client
from better_auth.legacy import Waiting
from better_auth.models import MigrationStatus
from better_auth.storage.records import UserRecord, carrier_model
from migration_tools.checking import Checked
from migration_tools.fingerprints import mark, marks_of, password_digest
from migration_tools.lazy import bringing, calls, claims, comparisons, lookups
from migration_tools.lazy.answers import Answer
from migration_tools.lazy.bringing import How, NotBrought, Overtaken
from migration_tools.models import MigrationRecord, RecordState

logger = logging.getLogger("migration_tools.lazy")

# Each further one because another request changed who decides; more than two would be a defect.
ROUNDS = 3
BUSY_SECONDS = 1


class System:
    """``better_auth.legacy.LegacySystem``, by the settings in force at each call."""

    def ensure_reachable(self, user: UserRecord | None) -> None:
        if calls.current().is_down() and (user is None or find_deciding_record(user)):
            calls.current().ensure_reachable()

    def prove(
        self, *, email: str, password: str, user: UserRecord | None, client: Client
    ) -> UserRecord | None:
        for _ in range(ROUNDS):
            try:
                return _prove(email, password, user, How("sign_in", client))
            except Overtaken:
                user = users.find_by_email(email)
        raise ServiceUnavailable(retry_after=BUSY_SECONDS)

    def find_verified_hash(self, password: str, user: UserRecord, *, client: Client) -> str | None:
        record = find_deciding_record(user)
        if record is None:
            return passwords.find_verified_hash(password, user)
        proven = self.prove(email=user.email, password=password, user=user, client=client)
        if proven is None:
            return None
        if not passwords.has_password(user):  # shadow mode left it there
            with suppress(Overtaken):
                _complete(user, record, password, How("sign_in", client))
        return passwords.find_stored_hash(user)

    def waits_for_password(self, user: UserRecord) -> bool:
        return find_deciding_record(user) is not None

    def find_waiting(self, email: str) -> Waiting | None:
        return claims.find_waiting(email)

    def find_later(self, email: str, then: Callable[[Waiting], None]) -> None:
        lookups.later(email, then)

    def find_claim(self, reference: Mapping[str, str]) -> legacy.Claim | None:
        return claims.find_claim(reference)


def find_deciding_record(user: UserRecord) -> MigrationRecord | None:
    """The journal's record of a user about whom the legacy system decides; None where our own check does.

    That is whoever came without a password and has none yet, and in shadow mode whoever has the one still
    that they came with. Whoever has changed password or address here has left the legacy system.
    """
    rules = auth_settings.migration
    is_shadow = rules.mode == "shadow"
    if not is_shadow and not _is_pending(user):
        return None
    rows = MigrationRecord.objects.filter(user_id=user.key, source=rules.source, state=RecordState.MIGRATED)
    record = rows.exclude(legacy_id=None).first()
    if record is None or marks_of(record.written).get("email") != mark(user.email):
        return None
    stored = passwords.find_stored_hash(user)
    if stored is None:
        return record if _is_pending(user) else None
    return record if is_shadow and record.password_digest == password_digest(stored) else None


def _prove(email: str, password: str, user: UserRecord | None, how: How) -> UserRecord | None:
    record = find_deciding_record(user) if user else None
    if user is not None and record is None:
        if passwords.verify(password, user):
            return user
        if auth_settings.migration.decoys:
            _pretend(password)
        return None
    if not password:  # no password at all is one that some systems take for anybody's
        _pretend(password)
        passwords.verify(password, None)
        return None
    found = _checked(calls.current().verify(email, password), email, password)
    if user is None or record is None:
        return _welcome(found, password, how)
    if found is not None and not _is_about(found, user, record):
        found = None
    if auth_settings.migration.mode == "shadow":
        ours = passwords.compare(password, user)
        comparisons.note(auth_settings.migration.source, user, ours, accepted=found is not None)
        return user if found else None
    if found is None:
        passwords.verify(password, None)
        return None
    _complete(user, record, password, how)
    return user


def _pretend(password: str) -> None:
    """What it costs to ask the legacy system about nobody."""
    asked = calls.current()
    asked.pretend()
    if asked.verifier.leaves_hash_to_us:
        passwords.fits(password, None)


def _checked(answer: Answer | None, email: str, password: str) -> Checked | None:
    """The record of the person whose password this is. Where its own hash tells, that is computed here, and
    for nobody, too."""
    verifier, checked = calls.current().verifier, None
    if answer is not None:
        try:
            checked = bringing.record_in(answer, email=email, is_whole=verifier.gives_whole_records)
        except NotBrought as refusal:
            logger.error("a record of the legacy system's can't come over: %s", refusal.reason)
    if checked is not None and checked.is_deleted:
        checked = None
    if not verifier.leaves_hash_to_us:
        return checked
    return checked if passwords.fits(password, checked.password if checked else None) else None


def _welcome(found: Checked | None, password: str, how: How) -> UserRecord | None:
    """Somebody whom nobody here knows. In shadow mode no hash of ours is made before they are cut over."""
    if found is None:
        passwords.verify(password, None)
        return None
    encoded = None
    if auth_settings.migration.mode == "shadow":
        passwords.compare(password, None)
    else:
        encoded = passwords.hash_password(password)
    try:
        return bringing.bring(found, how, encoded=encoded)
    except NotBrought as refusal:
        logger.error("record %s can't come over: %s", found.external_id[:80], refusal.reason)
        return None


def _is_about(found: Checked, user: UserRecord, record: MigrationRecord) -> bool:
    """The same person, whom the legacy system lets in."""
    if found.external_id != record.legacy_id:
        logger.error("user %s: the legacy system answered with another person's id", user.id)
        return False
    return not found.user.disabled


def _complete(user: UserRecord, record: MigrationRecord, password: str, how: How) -> None:
    bringing.complete(user, record, passwords.hash_password(password), how)


def _is_pending(user: UserRecord) -> bool:
    rows = carrier_model()._default_manager.filter(pk=user.key)
    return rows.filter(migration_status=MigrationStatus.PENDING).exists()


def connect() -> None:
    legacy.connect(System())
