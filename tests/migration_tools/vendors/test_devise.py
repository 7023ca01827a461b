"""A Rails application with Devise: the table that its generator makes, with every module."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.contrib.auth import get_user_model

from tests.migration_tools.conftest import Migrate
from tests.migration_tools.legacy_databases import Legacy
from tests.migration_tools.vendors.people import brought, factors, fits, identities

pytestmark = pytest.mark.django_db

# sources.md, section 2.19: bcrypt over the password with the pepper "pepper123" behind it.
PEPPERED = "$2a$12$abcdefghijklmnopqrstuuhhmcMvUjmzwLvLd7r7ku.8zheKM6.MO"
PLAIN = "$2a$10$abcdefghijklmnopqrstuuGGgFFcYeueaAql8Z7U7CnCTRw4DR77W"
SCHEMA = (
    "CREATE TABLE users (id BIGINT PRIMARY KEY, email VARCHAR(255) DEFAULT '' NOT NULL, "
    "encrypted_password VARCHAR(255) DEFAULT '' NOT NULL, reset_password_token VARCHAR(255), "
    "reset_password_sent_at TIMESTAMP NULL, remember_created_at TIMESTAMP NULL, "
    "sign_in_count INTEGER DEFAULT 0 NOT NULL, current_sign_in_at TIMESTAMP NULL, "
    "current_sign_in_ip VARCHAR(255), confirmation_token VARCHAR(255), confirmed_at TIMESTAMP NULL, "
    "confirmation_sent_at TIMESTAMP NULL, unconfirmed_email VARCHAR(255), "
    "failed_attempts INTEGER DEFAULT 0 NOT NULL, unlock_token VARCHAR(255), locked_at TIMESTAMP NULL, "
    "first_name VARCHAR(255), last_name VARCHAR(255), role INTEGER DEFAULT 0, plan VARCHAR(50), "
    "provider VARCHAR(255), uid VARCHAR(255), otp_secret VARCHAR(1000), "
    "otp_required_for_login BOOLEAN, otp_backup_codes VARCHAR(4000), "
    "created_at TIMESTAMP NOT NULL, updated_at TIMESTAMP NOT NULL, deleted_at TIMESTAMP NULL)",
    "CREATE TABLE identities "
    "(id BIGINT PRIMARY KEY, user_id BIGINT, provider VARCHAR(255), uid VARCHAR(255))",
)
SINCE = "2019-03-04 10:00:00"


class Rails:
    """The application's database, and the command that brings its users."""

    def __init__(self, database: Legacy, migrate: Migrate, mapping: Callable[[str], str]) -> None:
        self._database, self._migrate, self._mapping = database, migrate, mapping
        database.run(*SCHEMA)

    def user(self, number: int, **more: Any) -> None:
        row = {
            "id": number,
            "email": f"user{number}@example.org",
            "encrypted_password": PLAIN,
            "confirmed_at": SINCE,
            "created_at": SINCE,
            "updated_at": SINCE,
        }
        self._database.insert("users", **{**row, **more})

    def identity(self, **row: Any) -> None:
        self._database.insert("identities", **row)

    def bring(self, mapping: str = "", *more: str) -> Any:
        told = ["--mapping", self._mapping(mapping)] if mapping else []
        return self._migrate(
            "--source", "devise", "--dsn", self._database.dsn, "--trust-verified", *told, *more
        )


@pytest.fixture
def rails(legacy_database: Legacy, migrate: Migrate, mapping: Callable[[str], str]) -> Rails:
    return Rails(legacy_database, migrate, mapping)


def ago(**distance: int) -> str:
    return (datetime.now(UTC) - timedelta(**distance)).strftime("%Y-%m-%d %H:%M:%S")


def test_users_come_with_their_passwords(rails: Rails) -> None:
    rails.user(1, first_name="Mara", last_name="Ek", role=2)
    rails.user(2, confirmed_at=None, unconfirmed_email="new@example.org")
    rails.user(3, encrypted_password="", provider="google_oauth2", uid="1099")
    rails.identity(id=1, user_id=3, provider="github", uid="77")
    rails.user(4, deleted_at=SINCE)
    rails.user(5, email="")
    result = rails.bring()
    assert result.code == 2, result.output
    assert result.reasons == [("users 4", "deleted"), ("users 5", "missing-email")]
    mara, doubtful, social = (brought(f"user{number}@example.org") for number in (1, 2, 3))
    assert (mara.id, mara.name, mara.email_verified, mara.role) == ("1", "Mara Ek", True, "user")
    assert mara.created_at.isoformat() == "2019-03-04T10:00:00+00:00"
    assert fits(mara)
    assert not fits(mara, "correct horse battery stapl")
    assert not doubtful.email_verified
    assert identities(social) == {("google", "1099"), ("github", "77")}
    assert not fits(social, "")
    assert result.report["warnings"] == {"unconfirmed-email-left": 1}


def test_roles_and_other_columns_come_where_the_mapping_says_so(rails: Rails) -> None:
    rails.user(1, role=2, plan="pro")
    assert rails.bring('metadata = ["plan"]\n[role_names]\n2 = "editor"\n').code == 0
    found = brought("user1@example.org")
    assert (found.role, found.additional_fields["plan"]) == ("editor", "pro")


def test_the_pepper_is_named_and_stays_outside(rails: Rails, monkeypatch: pytest.MonkeyPatch) -> None:
    rails.user(1, encrypted_password=PEPPERED)
    assert rails.bring('[parameters]\npepper_env = "DEVISE_PEPPER"\n').code == 0
    found = brought("user1@example.org")
    assert not fits(found)
    monkeypatch.setenv("DEVISE_PEPPER", "pepper123")
    assert fits(found)


def test_a_lock_ends_when_it_would_have_ended_there(rails: Rails) -> None:
    rails.user(1, locked_at=ago(minutes=10))
    rails.user(2, locked_at=ago(hours=2))
    assert rails.bring().code == 0
    locked, free = brought("user1@example.org"), brought("user2@example.org")
    assert (locked.banned, locked.ban_reason, free.banned) == (True, "migrated:locked", False)
    assert locked.ban_expires is not None
    assert timedelta(minutes=48) < locked.ban_expires - datetime.now(UTC) < timedelta(minutes=52)


def test_a_lock_that_only_a_mail_ends_stays(rails: Rails) -> None:
    rails.user(1, locked_at=ago(days=400))
    assert rails.bring("[parameters]\nunlock_in = 0\n").code == 0
    found = brought("user1@example.org")
    assert (found.banned, found.ban_expires) == (True, None)


def test_hashes_that_nobody_reads_are_counted_and_absurd_ones_refused(rails: Rails) -> None:
    rails.user(1, encrypted_password="ab" * 64)  # devise-encryptable
    rails.user(2, encrypted_password=PLAIN.replace("$10$", "$31$"))
    rails.user(3, encrypted_password=PLAIN[:-4])
    result = rails.bring()
    assert result.reasons == [("users 2", "hash-cost-out-of-bounds"), ("users 3", "malformed-hash")]
    assert result.report["unknown_hash"] == 1
    assert not fits(brought("user1@example.org"))


def test_digests_of_authlogic_verify(rails: Rails, legacy_database: Legacy) -> None:
    legacy_database.run("ALTER TABLE users ADD password_salt VARCHAR(255)")
    digest = "correct horse battery staple" + "s4lt"
    for _ in range(20):
        digest = hashlib.sha512(digest.encode()).hexdigest()
    rails.user(1, encrypted_password=digest, password_salt="s4lt")
    assert rails.bring('[parameters]\nencryptor = "authlogic_sha512"\n').code == 0
    assert fits(brought("user1@example.org"))


def sealed_by_rails(text: str, primary_key: str, salt: str) -> str:
    """As Active Record Encryption writes an attribute."""
    key = hashlib.pbkdf2_hmac("sha256", primary_key.encode(), salt.encode(), 2**16, 32)
    iv = os.urandom(12)
    sealed = AESGCM(key).encrypt(iv, text.encode(), None)
    payload, tag, nonce = (base64.b64encode(one).decode() for one in (sealed[:-16], sealed[-16:], iv))
    return json.dumps({"p": payload, "h": {"iv": nonce, "at": tag}})


OTP = '[parameters]\notp_primary_key_env = "OTP_KEY"\notp_salt_env = "OTP_SALT"\n'


def test_second_factors_come_where_they_can_be_opened(rails: Rails, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = sealed_by_rails("JBSWY3DPEHPK3PXP", "primary", "salt")
    codes = json.dumps([PLAIN, "not a hash"])
    rails.user(1, otp_secret=sealed, otp_required_for_login=True, otp_backup_codes=codes)
    rails.user(2, otp_secret=sealed_by_rails("X", "another", "salt"), otp_required_for_login=True)
    rails.user(3, otp_secret=sealed, otp_required_for_login=False)
    monkeypatch.setenv("OTP_KEY", "primary")
    monkeypatch.setenv("OTP_SALT", "salt")
    result = rails.bring(OTP)
    assert (result.code, result.report["warnings"]) == (0, {"second-factor-not-brought": 1})
    kept = factors("devise", brought("user1@example.org"))
    assert kept is not None
    assert kept["totp"][0]["secret_base32"] == "JBSWY3DPEHPK3PXP"
    assert kept["recovery_codes"] == [{"scheme": "bcrypt", "hash": PLAIN}]
    assert factors("devise", brought("user2@example.org")) is None
    assert factors("devise", brought("user3@example.org")) is None


def test_secrets_that_were_not_encrypted_come_without_a_key(rails: Rails) -> None:
    rails.user(1, otp_secret="JBSWY3DPEHPK3PXP", otp_required_for_login=True)
    assert rails.bring().code == 0
    kept = factors("devise", brought("user1@example.org"))
    assert kept is not None
    assert kept["totp"][0]["secret_base32"] == "JBSWY3DPEHPK3PXP"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('tables = { users = "people" }\n', "there is no table 'people'"),
        ('tables = { user = "people" }\n', "'user' is none of this source's; did you mean users"),
        ('columns = { "users.emial" = "x" }\n', "did you mean users.email"),
        ('columns = { "users.email" = "emial" }\n', "did you mean email"),
        ('key = "id"\nemail = "email"\n', "--source sql"),
        ('[parameters]\npeper_env = "X"\n', "did you mean pepper_env"),
        ('[parameters]\nunlock_in = "x"\n', "unlock_in wants seconds"),
        ('[parameters]\nencryptor = "md5"\n', "encryptor wants"),
        (OTP, "OTP_KEY is not set"),
    ],
)
def test_what_is_misspelt_is_told_and_nothing_begun(rails: Rails, content: str, said: str) -> None:
    rails.user(1)
    result = rails.bring(content)
    assert (result.code, said in result.output) == (1, True), result.output
    assert not get_user_model().objects.exists()


def test_renamed_tables_and_columns_are_found(
    legacy_database: Legacy, migrate: Migrate, mapping: Callable[[str], str]
) -> None:
    legacy_database.run("CREATE TABLE members (no INTEGER PRIMARY KEY, mail VARCHAR(90), digest VARCHAR(90))")
    legacy_database.insert("members", no=7, mail="ann@example.org", digest=PLAIN)
    told = mapping(
        'tables = { users = "members" }\n'
        'columns = { "users.id" = "no", "users.email" = "mail", "users.encrypted_password" = "digest" }\n'
    )
    result = migrate("--source", "devise", "--dsn", legacy_database.dsn, "--mapping", told)
    assert result.code == 0, result.output
    assert (brought("ann@example.org").id, fits(brought("ann@example.org"))) == ("7", True)


def test_a_run_goes_on_and_verifies(rails: Rails, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("migration_tools.sources.databases.PAGE", 3)
    for number in range(8):
        rails.user(number)
    assert rails.bring("", "--limit", "5").code == 0
    assert rails.bring("", "--resume").code == 0
    assert get_user_model().objects.count() == 8
    assert rails.bring("", "--verify").report["findings"] == {"equal": 8}
    assert rails.bring('where = "id < 4"\n', "--dry-run").report["outcomes"]["unchanged"] == 4


def test_what_changed_since_comes_by_a_watermark(rails: Rails, legacy_database: Legacy) -> None:
    for number in range(3):
        rails.user(number)
    assert rails.bring("", "--watermark", "updated_at").code == 0
    rails.user(3, updated_at="2019-03-05 10:00:00")
    legacy_database.run(
        "UPDATE users SET first_name = 'Mara', updated_at = '2019-03-06 10:00:00' WHERE id = 1"
    )
    legacy_database.run("UPDATE users SET updated_at = '2019-03-01 10:00:00' WHERE id = 2")
    result = rails.bring("", "--watermark", "updated_at", "--resume", "--on-conflict", "update")
    outcomes = {name: count for name, count in result.report["outcomes"].items() if count}
    assert outcomes == {"created": 1, "updated": 1, "unchanged": 1}, result.output
    assert brought("user1@example.org").name == "Mara"
