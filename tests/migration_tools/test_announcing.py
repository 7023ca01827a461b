"""The mail about the move: looked at first, then sent to each, once."""

from __future__ import annotations

import fcntl
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command
from django.core.management.base import CommandError

from tests.migration_tools.conftest import Migrate, people, person

# Mails of earlier tests may still be on their way.
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mails")]

URL = "https://app.example.com/sign-in"
MAPPING = 'missing_email = "placeholder"\n'
BROKEN = {"person1@example.org"}


def break_for_some(message: Any) -> None:
    """A sender of a host's."""
    if message.to in BROKEN:
        raise OSError("the mail server is away")
    mail.outbox.append(message)


@pytest.fixture
def announce() -> Callable[..., tuple[int, str]]:
    def run(*arguments: str, source: str = "jsonl") -> tuple[int, str]:
        out = io.StringIO()
        told = ["--source", source, "--url", URL, "--pause", "0", "--yes", *arguments]
        try:
            call_command("announce_migration", *told, stdout=out)
        except CommandError as refusal:
            return refusal.returncode, f"{out.getvalue()}{refusal}"
        except SystemExit as end:
            return int(end.code or 0), out.getvalue()
        return 0, out.getvalue()

    return run


@pytest.fixture
def brought(migrate: Migrate, jsonl: Callable[..., str], tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(MAPPING)
    records = [
        *people(5),
        person("reset", password={"scheme": "odd", "hash": "x"}),
        person("google", password=None, accounts=[{"provider": "google", "subject": "1"}]),
        person("banned", disabled=True),
        person("nowhere", email=None),
    ]
    result = migrate("--source", "jsonl", "--input", jsonl(*records), "--mapping", str(mapping))
    assert result.report["outcomes"]["created"] == len(records), result.output


Announce = Callable[..., tuple[int, str]]


def test_first_it_is_only_shown(announce: Announce, brought: None) -> None:
    code, told = announce()
    assert code == 0
    assert told.startswith("Subject: Your account at Better Auth has moved\n")
    assert "Hello Person 0," in told
    assert f"\n{URL}\n" in told
    assert "6 people would get it." in told
    assert mail.outbox == []


def test_one_can_be_had_for_oneself(announce: Announce, brought: None) -> None:
    code, told = announce("--to", "me@example.com")
    assert code == 0, told
    (sent,) = mail.outbox
    assert sent.to == ["me@example.com"]
    assert "so did your password" in sent.body
    html, kind = sent.alternatives[0]
    assert kind == "text/html"
    assert f'href="{URL}"' in html


def test_everybody_gets_it_once(announce: Announce, brought: None, tmp_path: Path) -> None:
    log = tmp_path / "sent.log"
    assert announce("--send", "--sent", str(log), "--limit", "2")[0] == 0
    assert len(mail.outbox) == 2
    code, told = announce("--send", "--sent", str(log), "--batch-size", "2")
    assert (code, len(mail.outbox)) == (0, 6), told
    assert announce("--send", "--sent", str(log))[0] == 0
    assert sorted(one.to[0] for one in mail.outbox) == [
        *(f"person{number}@example.org" for number in range(5)),
        "persongoogle@example.org",
    ]
    assert "@" not in log.read_text()
    assert log.stat().st_mode & 0o077 == 0


def test_who_has_to_choose_a_password_is_told_so(announce: Announce, brought: None, tmp_path: Path) -> None:
    code, told = announce("--needs-reset", "--send", "--sent", str(tmp_path / "sent.log"))
    assert code == 0, told
    (sent,) = mail.outbox
    assert (sent.to, sent.subject) == (["personreset@example.org"], "Choose a new password for Better Auth")
    assert "your old password could not" in sent.body


def test_what_failed_is_tried_again_and_nothing_else(
    announce: Announce, brought: None, configure: Any, tmp_path: Path
) -> None:
    log = tmp_path / "sent.log"
    configure(MAIL={"SENDER": "tests.migration_tools.test_announcing.break_for_some"})
    code, told = announce("--send", "--sent", str(log))
    assert code == 2
    assert "p…@example.org: OSError" in told
    assert "5 sent, 1 failed" in told
    BROKEN.clear()
    try:
        code, told = announce("--send", "--sent", str(log))
    finally:
        BROKEN.add("person1@example.org")
    assert code == 0, told
    assert sorted({one.to for one in mail.outbox}) == sorted(one.to for one in mail.outbox)
    assert len(mail.outbox) == 6


def test_one_of_which_nobody_knows_is_not_sent_twice(
    announce: Announce, brought: None, tmp_path: Path
) -> None:
    """As after a power cut between the mail server's yes and our line."""
    log = tmp_path / "sent.log"
    log.write_text(json.dumps({"user": "u-0", "stage": "begun"}) + "\n")
    assert announce("--send", "--sent", str(log))[0] == 0
    assert len(mail.outbox) == 5


def test_a_line_that_a_power_cut_tore_is_forgotten(announce: Announce, brought: None, tmp_path: Path) -> None:
    log = tmp_path / "sent.log"
    log.write_text(json.dumps({"user": "u-0", "stage": "sent"}) + '\n{"user": "u-1", "sta')
    for _ in range(2):
        assert announce("--send", "--sent", str(log))[0] == 0
    assert len(mail.outbox) == 5
    assert all(json.loads(line) for line in log.read_text().splitlines())


def test_a_mail_server_that_is_away(announce: Announce, brought: None, configure: Any) -> None:
    configure(MAIL={"SENDER": "tests.migration_tools.test_announcing.break_for_some"})
    code, told = announce("--to", "person1@example.org")
    assert code == 1
    assert "it could not be sent: OSError" in told


def test_a_cohort(announce: Announce, brought: None, tmp_path: Path) -> None:
    cohort = tmp_path / "beta.txt"
    cohort.write_text("Person2@example.org\nnobody@example.org\n")
    assert "1 people would get it." in announce("--only-emails", str(cohort))[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--send"], "--sent FILE"),
        (["--name", "elsewhere"], "nobody to write to"),
        (["--url", "javascript:alert(1)"], "--url"),
    ],
)
def test_what_is_refused(arguments: list[str], words: str, announce: Announce, brought: None) -> None:
    code, told = announce(*arguments)
    assert code == 1
    assert words in told
    assert mail.outbox == []


def test_another_file_or_another_process(announce: Announce, brought: None, tmp_path: Path) -> None:
    log = tmp_path / "sent.log"
    log.write_text("something else\n")
    assert "line 1 is no line" in announce("--send", "--sent", str(log))[1]
    log.write_text("")
    with log.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        code, told = announce("--send", "--sent", str(log))
    assert (code, mail.outbox) == (1, [])
    assert "another process is sending" in told
