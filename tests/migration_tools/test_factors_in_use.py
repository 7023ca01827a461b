"""Whoever was asked for a second factor there is asked for it here, with the app that they have (attacks.md,
H13); and whatever a run brought of it, its rollback takes back."""

from __future__ import annotations

import base64
from collections.abc import Callable
from io import StringIO
from typing import Any

import orjson
import pytest
from django.core.management import call_command

from better_auth import clock, factors, passwords, users
from better_auth.crypto import envelopes
from better_auth.crypto.one_time_codes import Authenticator
from better_auth.models import BackupCode, TwoFactor
from better_auth.sealing import seal
from migration_tools.models import KeptFactors
from tests.conftest import PASSWORD, ApiClient
from tests.migration_tools.conftest import Migrate, person
from tests.migration_tools.test_better_auth_database import Original, original

__all__ = ["original"]

pytestmark = pytest.mark.django_db
EMAIL = "person1@example.org"
KEY = b"12345678901234567890"
TOTP = {"secret_base32": base64.b32encode(KEY).decode(), "digits": 8, "period": 60, "algorithm": "SHA256"}
APP = Authenticator(KEY, 8, 60, "SHA256")
OTHER = {"secret_base32": base64.b32encode(KEY[::-1]).decode()}
# That of the tests' settings.
SECRET = "0123456789abcdefghijklmnopqrstuvwxyzABCD"


def code_of(app: Authenticator) -> str:
    return app.code(app.step_at(clock.timestamp()))


def sign_in(email: str = EMAIL) -> tuple[ApiClient, Any]:
    user = users.find_by_email(email)
    assert user is not None
    passwords.set_password(user, passwords.hash_password(PASSWORD))
    browser = ApiClient()
    return browser, browser.sign_in(email).json()


def verify(browser: ApiClient, app: Authenticator) -> int:
    answer = browser.api("POST", "/two-factor/verify-totp", {"code": code_of(app)})
    return int(answer.status_code)


def test_the_app_and_the_codes_of_there_sign_in_here(migrate: Migrate, jsonl: Callable[..., str]) -> None:
    codes = ["abcd-1234", "efgh 5678", "$2a$10$abcdefghijklmnopqrstuv", {"hash": "x"}]
    file = jsonl(person(1, totp=[TOTP, OTHER], recovery_codes=codes), person(2))
    assert migrate("--source", "jsonl", "--input", file).code == 0
    browser, answer = sign_in()
    assert answer == {"twoFactorRedirect": True, "twoFactorMethods": ["totp", "otp"]}
    assert verify(browser, APP) == 200
    assert browser.session()["user"]["twoFactorEnabled"] is True
    assert BackupCode.objects.count() == 2
    browser, _ = sign_in()
    for status in (200, 401):
        answer = browser.api("POST", "/two-factor/verify-backup-code", {"code": codes[0]})
        assert answer.status_code == status
        browser, _ = sign_in()
    assert "token" in sign_in("person2@example.org")[1]


def test_a_rollback_takes_it_back_and_enrolling_here_is_a_change(
    migrate: Migrate, jsonl: Callable[..., str]
) -> None:
    file = jsonl(person(1, totp=TOTP), person(2, totp=TOTP), person(3))
    assert migrate("--source", "jsonl", "--input", file).code == 0
    for email in ("person2@example.org", "person3@example.org"):
        user = users.find_by_email(email)
        assert user is not None
        factors.remove(user)
        assert factors.put(user, secret="another", verified=True)
    result = migrate("--rollback")
    assert "better_auth.twofactor" in result.output
    assert users.find_by_email(EMAIL) is None
    assert users.find_by_email("person2@example.org") is not None
    assert users.find_by_email("person3@example.org") is not None
    assert TwoFactor.objects.count() == 2


def test_it_goes_to_whoever_a_record_is_linked_with_and_back(
    migrate: Migrate, jsonl: Callable[..., str]
) -> None:
    users.create(email=EMAIL, name="Was here", email_verified=True)
    told = ("--on-conflict", "link", "--trust-verified")
    file = jsonl(person(1, email_verified=True, totp=TOTP))
    assert migrate("--source", "jsonl", "--input", file, *told).code == 0
    user = users.find_by_email(EMAIL)
    assert user is not None
    assert user.two_factor_enabled
    assert migrate("--rollback").code == 0
    user = users.find_by_email(EMAIL)
    assert user is not None
    assert not user.two_factor_enabled
    assert not TwoFactor.objects.exists()


def test_an_update_follows_what_changed_there_unless_they_enrolled_here(
    migrate: Migrate, jsonl: Callable[..., str]
) -> None:
    file = jsonl(person(1, totp=TOTP), person(2, totp=TOTP))
    assert migrate("--source", "jsonl", "--input", file).code == 0
    second = users.find_by_email("person2@example.org")
    assert second is not None
    factors.remove(second)
    factors.put(second, secret="enrolled here", verified=True)
    jsonl(person(1, totp=OTHER), person(2, totp=OTHER))
    result = migrate("--source", "jsonl", "--input", file, "--resume", "--on-conflict", "update")
    assert result.code == 0, result.output
    browser, _ = sign_in()
    assert verify(browser, Authenticator(KEY[::-1])) == 200
    browser, _ = sign_in("person2@example.org")
    assert verify(browser, Authenticator(b"enrolled here")) == 200


def test_what_an_earlier_release_only_kept(migrate: Migrate, jsonl: Callable[..., str]) -> None:
    file = jsonl(person(1, totp=TOTP), person(2, totp=TOTP), person(3, recovery_codes=["x"]))
    assert migrate("--source", "jsonl", "--input", file).code == 0
    for number in (1, 2):
        user = users.find_by_email(f"person{number}@example.org")
        assert user is not None
        factors.remove(user)
        users.update(user, two_factor_enabled=False)
    users.update(user, two_factor_enabled=True)  # the second has enrolled for codes by mail
    for told, count in ((["--dry-run"], 1), ([], 1), ([], 0)):
        out = StringIO()
        call_command("use_kept_factors", *told, stdout=out)
        assert out.getvalue().startswith(f"{count} users")
    browser, _ = sign_in()
    assert verify(browser, APP) == 200


class TestBetterAuth:
    @pytest.fixture
    def there(self, original: Original) -> Original:
        original.run('ALTER TABLE "user" ADD COLUMN "twoFactorEnabled" INTEGER')
        original.run(
            'CREATE TABLE "twoFactor" (id TEXT PRIMARY KEY, "userId" TEXT, secret TEXT, "backupCodes" TEXT,'
            " verified INTEGER)"
        )
        original.run('UPDATE "user" SET "twoFactorEnabled" = 1')
        return original

    def add(self, there: Original, user: str, secret: str, codes: str, verified: int | None = 1) -> None:
        row = (user, user, secret, codes, verified)
        there.run('INSERT INTO "twoFactor" VALUES (?, ?, ?, ?, ?)', *row)

    def test_an_authenticator_enrolled_there_signs_in_here(self, there: Original, migrate: Migrate) -> None:
        secret, codes = "aB3_-" * 6 + "zz", ["abcde-fghij", "ABCDE-12345"]
        self.add(there, "ann", envelopes.encrypt(secret, secret=SECRET), seal(orjson.dumps(codes).decode()))
        result = migrate(*there.told)
        assert result.code == 0, result.output
        assert "second-factor-not-brought" not in result.output
        browser, answer = sign_in("ann@example.org")
        assert answer["twoFactorMethods"] == ["totp", "otp"]
        assert verify(browser, Authenticator(secret.encode())) == 200
        browser, _ = sign_in("ann@example.org")
        answer = browser.api("POST", "/two-factor/verify-backup-code", {"code": codes[1]})
        assert answer.status_code == 200
        _, answer = sign_in("bob@example.org")  # asked for a code by mail there
        assert answer == {"twoFactorRedirect": True, "twoFactorMethods": ["otp"]}
        assert secret not in str(list(KeptFactors.objects.values()))

    def test_an_imported_secret_and_one_under_a_version(
        self, there: Original, migrate: Migrate, configure: Callable[..., None]
    ) -> None:
        old = "their-second-secret-0123456789-abcdefgh"
        configure(SECRETS=[f"7:{old}"])
        sealed = envelopes.with_version(envelopes.encrypt("base32:GEZDGNBVGY3TQOJQ", secret=old), 7)
        self.add(there, "ann", sealed, "[]", verified=None)
        assert migrate(*there.told).code == 0
        browser, _ = sign_in("ann@example.org")
        assert verify(browser, Authenticator(b"1234567890")) == 200

    def test_what_the_secret_does_not_open_is_told_and_no_downgrade(
        self, there: Original, migrate: Migrate
    ) -> None:
        self.add(there, "ann", envelopes.encrypt("x", secret="another secret"), "[]")
        result = migrate(*there.told)
        assert "second-factor-not-brought" in result.output
        assert sign_in("ann@example.org")[1] == {"twoFactorRedirect": True, "twoFactorMethods": ["otp"]}

    def test_an_enrolment_that_was_never_finished_is_none(self, there: Original, migrate: Migrate) -> None:
        there.run('UPDATE "user" SET "twoFactorEnabled" = 0')
        self.add(there, "ann", seal("x"), seal("[]"), verified=0)
        assert migrate(*there.told).code == 0
        assert "token" in sign_in("ann@example.org")[1]
        assert not TwoFactor.objects.exists()
