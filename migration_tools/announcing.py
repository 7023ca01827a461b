"""Tell people that they were moved, by mail: each once, however often the sending is begun again."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TextIO

from django.utils.module_loading import import_string

from better_auth.conf import auth_settings
from better_auth.mail import Message, is_fit_to_greet
from migration_tools.checking import PLACEHOLDER_DOMAIN
from migration_tools.models import MigrationRecord, RecordState
from migration_tools.target import Person, people

TEMPLATE = "migration_tools/email/moved"
BATCH = 500


class Stage(StrEnum):
    """``BEGUN`` without an end: nobody knows whether the mail went out, so it is not sent again."""

    BEGUN = "begun"
    SENT = "sent"
    FAILED = "failed"


class LogRefused(Exception):
    """The log of what was sent can't be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """``needs_reset``: no password came along, and no provider vouches for them."""

    id: str
    email: str
    name: str
    needs_reset: bool

    def message(self, url: str, *, to: str | None = None) -> Message:
        name = self.name if is_fit_to_greet(self.name) else ""
        context = {"app_name": auth_settings.app_name, "name": name, "url": url}
        return Message(TEMPLATE, to or self.email, {**context, "needs_reset": self.needs_reset})


def recipients(source: str, *, emails: frozenset[str] | None = None) -> Iterator[Recipient]:
    """Who was brought from a source and can be written to: with a real address, and not shut out."""
    rows = MigrationRecord.objects.filter(source=source, state=RecordState.MIGRATED, user__isnull=False)
    last = 0
    while batch := list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", "user_id")[:BATCH]):
        last = batch[-1][0]
        there = {person.key: person for person in people({key for _, key in batch})}
        for _, key in batch:
            person = there.pop(key, None)
            if person and _is_reachable(person) and (emails is None or person.email.lower() in emails):
                needs_reset = person.password is None and not person.identities
                yield Recipient(person.id, person.email, person.columns["name"] or "", needs_reset)


def _is_reachable(person: Person) -> bool:
    is_real = person.email and not person.email.endswith(f"@{PLACEHOLDER_DOMAIN}")
    return bool(is_real and not person.columns["banned"])


class SentLog:
    """Who was written to, by id. A line is on disk before its mail goes out, so nobody gets two."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.stages: dict[str, Stage] = {}
        end = 0
        for number, line in enumerate(iter(file.readline, ""), start=1):
            if not line.endswith("\n"):  # torn by a power cut: what it was about to tell had not happened
                file.truncate(end)
                break
            end = file.tell()
            try:
                entry = json.loads(line)
                self.stages[entry["user"]] = Stage(entry["stage"])
            except (ValueError, KeyError, TypeError):
                raise LogRefused(f"line {number} is no line of a log of sent mails") from None

    def is_done(self, recipient: Recipient) -> bool:
        return self.stages.get(recipient.id) in (Stage.SENT, Stage.BEGUN)

    def note(self, recipient: Recipient, stage: Stage) -> None:
        self.stages[recipient.id] = stage
        self._file.write(json.dumps({"user": recipient.id, "stage": stage}) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


@contextmanager
def sent_log(path: str) -> Iterator[SentLog]:
    """The log in this file, for us alone. Raises ``LogRefused``."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as problem:
        raise LogRefused(f"{path}: {problem.strerror}") from None
    with os.fdopen(descriptor, "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LogRefused(f"{path}: another process is sending") from None
        file.seek(0)
        yield SentLog(file)


def send(recipient: Recipient, url: str, log: SentLog) -> Exception | None:
    """Hand one mail over, by the sender of the settings; what it raised, if it did."""
    log.note(recipient, Stage.BEGUN)
    try:
        import_string(auth_settings.mail.sender)(recipient.message(url))
    except Exception as fault:  # a host's sender and every mail backend have failures of their own
        log.note(recipient, Stage.FAILED)
        return fault
    log.note(recipient, Stage.SENT)
    return None
