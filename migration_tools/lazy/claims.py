"""Accounts that wait in the legacy system, for people who prove that the address is theirs."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from better_auth import accounts, passwords, users
from better_auth.conf import auth_settings
from better_auth.events import Client
from better_auth.legacy import Waiting
from better_auth.storage.records import UserRecord
from migration_tools import journal
from migration_tools.checking import Checked
from migration_tools.lazy import bringing, calls
from migration_tools.lazy.bringing import How, NotBrought, Overtaken

logger = logging.getLogger("migration_tools.lazy")


def find_waiting(email: str) -> Waiting | None:
    """Who has this address there, and did not come here. Raises ``ServiceUnavailable``."""
    found = _record_of(email)
    if found is None or journal.is_migrated(auth_settings.migration.source, found.external_id):
        return None
    digest = hashlib.sha256(f"{auth_settings.migration.source}\0{found.external_id}".encode()).hexdigest()
    reference = {"email": email, "id": found.external_id}
    return Waiting(str(found.columns["name"]), f"legacy:{digest[:32]}", reference)


@dataclass(frozen=True, slots=True)
class WaitingAccount:
    """``better_auth.legacy.Claim``."""

    record: Checked

    @property
    def email(self) -> str:
        return self.record.email

    @property
    def name(self) -> str:
        return str(self.record.columns["name"])

    def take(self, encoded_password: str, *, client: Client) -> UserRecord | None:
        how = How("reset", client)
        try:
            return bringing.bring(self.record, how, encoded=encoded_password, is_address_proven=True)
        except Overtaken:
            user = _find_brought(self.record)
            if user is None:
                return None
            accounts.ensure_credential(user)
            passwords.set_password(user, encoded_password)
            return user
        except NotBrought as refusal:
            logger.error("record %s can't be claimed: %s", self.record.external_id[:80], refusal.reason)
            return None


def find_claim(reference: Mapping[str, str]) -> WaitingAccount | None:
    """As the account is there now: it is asked for again. Raises ``ServiceUnavailable``."""
    found = _record_of(reference["email"])
    return WaitingAccount(found) if found and found.external_id == reference["id"] else None


def _record_of(email: str) -> Checked | None:
    asked = calls.current()
    answer = asked.find(email)
    if answer is None:
        return None
    try:
        found = bringing.record_in(answer, email=email, is_whole=asked.verifier.gives_whole_records)
    except NotBrought as refusal:
        logger.error("a record of the legacy system's can't come over: %s", refusal.reason)
        return None
    return None if found.is_deleted else found


def _find_brought(record: Checked) -> UserRecord | None:
    """The user who came by another way meanwhile, as long as the address is still theirs."""
    user = users.find_by_email(record.email)
    key = journal.find_user_key(auth_settings.migration.source, record.external_id)
    return user if user and user.key == key else None
