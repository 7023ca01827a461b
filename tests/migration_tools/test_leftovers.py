"""When the old system may go: ``migration_leftovers`` names whatever still needs it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.core.management import call_command

from better_auth import clock, passwords, users
from better_auth.models import LegacyUse, SigningKey
from tests.conftest import ApiClient
from tests.migration_tools.conftest import LEGACY_PASSWORD, Migrate, people, person

pytestmark = pytest.mark.django_db

MD5 = {"scheme": "md5", "hash": "0" * 32, "params": {"pepper_env": "OLD_PEPPER"}}
CONSTANT = datetime(2024, 1, 1, tzinfo=UTC)


def leftovers(*arguments: str) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("migration_leftovers", *arguments, stdout=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def codes() -> dict[str, list[str]]:
    code, told = leftovers("--json")
    found: dict[str, list[str]] = {}
    for one in json.loads(told)["leftovers"]:
        found.setdefault(one["code"], []).append(one["text"])
    assert code == (2 if found else 0)
    return found


def test_with_nothing_left_it_says_so() -> None:
    code, told = leftovers()
    assert code == 0
    assert "Nothing is left" in told
    assert "Nobody has a hash of legacy_bcrypt, " in told


def test_hashes_go_one_by_one_as_people_sign_in(
    browser: ApiClient, migrate: Migrate, jsonl: Callable[..., str]
) -> None:
    migrate("--source", "jsonl", "--input", jsonl(*people(3)))
    assert codes()["hashes"] == ["3 passwords are hashed as legacy_bcrypt: no sign-in yet"]
    assert browser.sign_in("person1@example.org", LEGACY_PASSWORD).status_code == 200
    assert codes()["hashes"] == ["2 passwords are hashed as legacy_bcrypt: no sign-in yet"]
    get_user_model().objects.filter(email="person2@example.org").update(last_login=CONSTANT)
    assert codes()["hashes"] == [
        "2 passwords are hashed as legacy_bcrypt: the last sign-in 2024-01-01, 1 of them never signed in"
    ]
    get_user_model().objects.update(password=make_password("another one"))
    assert "hashes" not in codes()


def test_secrets_of_hashes_are_named_and_never_shown(
    migrate: Migrate, jsonl: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate("--source", "jsonl", "--input", jsonl(person(1, password=MD5)))
    needed = "1 passwords need the environment variable OLD_PEPPER"
    assert codes()["secrets"] == [f"{needed} (NOT set in this process)"]
    monkeypatch.setenv("OLD_PEPPER", "hush")
    assert codes()["secrets"] == [f"{needed} (set)"]
    assert "hush" not in leftovers()[1]


def test_a_hash_that_nobody_reads_is_told(migrate: Migrate, jsonl: Callable[..., str]) -> None:
    migrate("--source", "jsonl", "--input", jsonl(person(1)))
    get_user_model().objects.update(password="odd$hash")
    assert codes()["hashes"] == ["1 passwords are hashed as unknown: no sign-in yet"]


def test_who_is_not_here_yet_and_what_is_not_ended(migrate: Migrate, jsonl: Callable[..., str]) -> None:
    file = jsonl(*people(10), "{broken", *(person(number) for number in (20, 21, 22)))
    migrate("--source", "jsonl", "--input", file, "--strict", "--batch-size", "2")
    found = codes()
    assert "was interrupted after 10 records" in found["open-run"][0]
    assert found["users-behind"] == ["users of jsonl are not here: 4 pending"]
    migrate("--source", "jsonl", "--input", file, "--resume")
    found = codes()
    assert "open-run" not in found
    assert found["users-behind"] == ["users of jsonl are not here: 1 failed"]


def test_rollbacks_that_are_open_until_they_are_closed(migrate: Migrate, jsonl: Callable[..., str]) -> None:
    migrate("--source", "jsonl", "--input", jsonl(*people(2)))
    assert codes()["open-rollback"] == ["1 runs of jsonl can still be rolled back"]
    migrate("--close-rollback", "--source", "jsonl")
    assert "open-rollback" not in codes()


def test_keys_of_the_old_server_verify_for_a_while() -> None:
    SigningKey.objects.create(
        id="old",
        alg="EdDSA",
        public_key="{}",
        private_key="x",
        replaces="adopted:old",
        signs_from=CONSTANT,
        expires_at=CONSTANT,
    )
    assert codes()["signing-keys"] == ["1 signing keys of the other server verify tokens until 2024-01-31"]


def test_who_has_no_way_in_yet(migrate: Migrate, jsonl: Callable[..., str]) -> None:
    google = [{"provider": "google", "subject": "1"}]
    records = [person(1), person(2, password=None), person(3, password=None, accounts=google)]
    migrate("--source", "jsonl", "--input", jsonl(*records))
    assert codes()["no-password"] == ["1 users have no way in of their own here yet"]
    user = users.find_by_email("person2@example.org")
    assert user is not None
    passwords.set_password(user, passwords.hash_password("chosen by a reset"))
    assert "no-password" not in codes()


def test_a_legacy_system_that_is_still_asked(configure: Any) -> None:
    configure(MIGRATION={"MODE": "lazy", "SOURCE": "shop", "VERIFIER": "tests.migration_tools.nobody.ask"})
    assert codes()["settings"] == ["MIGRATION.MODE is lazy: the legacy system behind shop is asked"]


def test_a_setting_that_is_for_nobody(configure: Any) -> None:
    configure(PASSWORD={"EQUALIZED_ALGORITHMS": ["legacy_bcrypt"]})
    assert codes()["settings"] == [
        "PASSWORD.EQUALIZED_ALGORITHMS has legacy_bcrypt, and nobody has such a hash"
    ]


def test_credentials_of_the_other_system_that_still_come() -> None:
    today = clock.now().date()
    client = {"scheme": "simplejwt", "client": "app 1.2"}
    LegacyUse.objects.create(day=today, **client, accepted=3, refused=5, exchanged=1)
    LegacyUse.objects.create(day=today - timedelta(days=40), scheme="session", client="", accepted=9)
    LegacyUse.objects.create(day=today, scheme="authtoken", client="", refused=2)
    assert codes()["credentials"] == [
        f"4 credentials of scheme simplejwt came in 30 days, the last on {today}"
    ]


def test_dual_authentication_that_is_still_on(configure: Any) -> None:
    configure(DUAL_AUTH={"ENABLED": True})
    assert codes()["settings"] == ["ENABLE_DUAL_AUTH is on: credentials of the legacy system are taken"]
