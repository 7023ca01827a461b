"""A Laravel application with Fortify, Socialite and roles."""

from __future__ import annotations

import base64
import hmac
import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.padding import PKCS7
from django.contrib.auth import get_user_model

from tests.migration_tools.conftest import Migrate
from tests.migration_tools.legacy_databases import Legacy
from tests.migration_tools.vendors.people import brought, factors, fits, identities

pytestmark = pytest.mark.django_db

BCRYPT = "$2y$10$abcdefghijklmnopqrstuuGGgFFcYeueaAql8Z7U7CnCTRw4DR77W"
ARGON2 = "$argon2id$v=19$m=65536,t=4,p=1$MDEyMzQ1Njc4OWFiY2RlZg$RTvUpz3bNRPYEBVeVHCk9HcNOK/mDpHZkeBSQpYYb98"
KEY = bytes(range(32))
APP_KEY = f"base64:{base64.b64encode(KEY).decode()}"
SECRET = "JBSWY3DPEHPK3PXP"
SCHEMA = (
    "CREATE TABLE users (id BIGINT PRIMARY KEY, name VARCHAR(255) NOT NULL, email VARCHAR(255) NOT NULL, "
    "email_verified_at TIMESTAMP NULL, password VARCHAR(255), two_factor_secret TEXT, "
    "two_factor_recovery_codes TEXT, two_factor_confirmed_at TIMESTAMP NULL, google_id VARCHAR(255), "
    "remember_token VARCHAR(100), created_at TIMESTAMP NULL, updated_at TIMESTAMP NULL, "
    "deleted_at TIMESTAMP NULL)",
    "CREATE TABLE social_accounts "
    "(id BIGINT PRIMARY KEY, user_id BIGINT, provider VARCHAR(255), provider_id VARCHAR(255))",
    "CREATE TABLE roles (id BIGINT PRIMARY KEY, name VARCHAR(255), guard_name VARCHAR(255))",
    "CREATE TABLE model_has_roles (role_id BIGINT, model_type VARCHAR(255), model_id BIGINT)",
)
SINCE = "2021-05-06 07:08:09"


class Shop:
    """The application's database, and the command that brings its users."""

    def __init__(self, database: Legacy, migrate: Migrate, mapping: Callable[[str], str]) -> None:
        self.database, self._migrate, self._mapping = database, migrate, mapping
        database.run(*SCHEMA)

    def user(self, number: int, **more: Any) -> None:
        row = {
            "id": number,
            "name": f"User {number}",
            "email": f"user{number}@example.org",
            "email_verified_at": SINCE,
            "password": BCRYPT,
            "created_at": SINCE,
            "updated_at": SINCE,
        }
        self.database.insert("users", **{**row, **more})

    def bring(self, content: str = "", *more: str) -> Any:
        told = ["--mapping", self._mapping(content)] if content else []
        dsn = self.database.dsn
        return self._migrate("--source", "laravel", "--dsn", dsn, "--trust-verified", *told, *more)


@pytest.fixture
def shop(legacy_database: Legacy, migrate: Migrate, mapping: Callable[[str], str]) -> Shop:
    return Shop(legacy_database, migrate, mapping)


def serialized(text: str) -> bytes:
    return f's:{len(text.encode())}:"{text}";'.encode()


def encrypted(content: bytes, key: bytes = KEY) -> str:
    """As Laravel's Encrypter does with AES-256-CBC."""
    iv = os.urandom(16)
    padder = PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    value = encryptor.update(padder.update(content) + padder.finalize()) + encryptor.finalize()
    message = {"iv": base64.b64encode(iv).decode(), "value": base64.b64encode(value).decode()}
    mac = hmac.digest(key, (message["iv"] + message["value"]).encode(), "sha256").hex()
    return base64.b64encode(json.dumps({**message, "mac": mac, "tag": ""}).encode()).decode()


def encrypted_with_tag(content: bytes) -> str:
    """The same with AES-256-GCM."""
    iv = os.urandom(12)
    sealed = AESGCM(KEY).encrypt(iv, content, None)
    parts = {"iv": iv, "value": sealed[:-16], "tag": sealed[-16:]}
    message = {name: base64.b64encode(one).decode() for name, one in parts.items()}
    return base64.b64encode(json.dumps({**message, "mac": ""}).encode()).decode()


def test_users_come_with_their_passwords(shop: Shop) -> None:
    shop.user(1, name="Lena Ø")
    shop.user(2, password=ARGON2, email_verified_at=None)
    shop.user(3, password=None, google_id="1099")
    shop.user(4, deleted_at=SINCE)
    shop.database.insert("social_accounts", id=1, user_id=3, provider="github", provider_id="77")
    shop.database.insert("social_accounts", id=2, user_id=3, provider="google", provider_id="1099")
    result = shop.bring()
    assert (result.code, result.reasons) == (0, [("users 4", "deleted")]), result.output
    lena, other, social = (brought(f"user{number}@example.org") for number in (1, 2, 3))
    assert (lena.id, lena.name, lena.email_verified, other.email_verified) == ("1", "Lena Ø", True, False)
    assert lena.created_at.isoformat() == "2021-05-06T07:08:09+00:00"
    assert (fits(lena), fits(other), fits(lena, "correct horse")) == (True, True, False)
    assert identities(social) == {("google", "1099"), ("github", "77")}


def test_the_deleted_come_as_banned_where_the_mapping_says_so(shop: Shop) -> None:
    shop.user(1, deleted_at=SINCE)
    assert shop.bring('deleted = "ban"\n').code == 0
    assert brought("user1@example.org").banned


def test_roles_come_where_the_mapping_says_so(shop: Shop) -> None:
    shop.user(1)
    shop.user(2)
    shop.database.insert("roles", id=5, name="editor", guard_name="web")
    shop.database.insert("model_has_roles", role_id=5, model_type="App\\Models\\User", model_id=1)
    shop.database.insert("model_has_roles", role_id=5, model_type="App\\Models\\Team", model_id=2)
    assert shop.bring('role_names = ["editor"]\n').code == 0
    assert [brought(f"user{number}@example.org").role for number in (1, 2)] == ["editor", "user"]


PARAMETERS = '[parameters]\napp_key_env = "OLD_APP_KEY"\n'


@pytest.mark.parametrize("seal", [encrypted, encrypted_with_tag])
def test_second_factors_are_opened_with_the_app_key(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, seal: Callable[[bytes], str]
) -> None:
    codes = ["abcde-fghij", "klmno-pqrst"]
    sealed = {
        "two_factor_secret": seal(serialized(SECRET)),
        "two_factor_recovery_codes": seal(serialized(json.dumps(codes))),
    }
    shop.user(1, **sealed, two_factor_confirmed_at=SINCE)
    shop.user(2, **sealed)  # began, and never confirmed it
    monkeypatch.setenv("OLD_APP_KEY", APP_KEY)
    result = shop.bring(PARAMETERS)
    assert (result.code, result.report["warnings"]) == (0, {})
    kept = factors("laravel", brought("user1@example.org"))
    assert kept is not None
    assert (kept["totp"][0]["secret_base32"], kept["recovery_codes"]) == (SECRET, codes)
    assert factors("laravel", brought("user2@example.org")) is None


@pytest.mark.parametrize(
    "stored",
    [
        encrypted(serialized(SECRET), key=bytes(32)),
        "no base64 at all",
        base64.b64encode(b'{"iv": 1}').decode(),
        base64.b64encode(b"[]").decode(),
    ],
)
def test_factors_that_no_key_opens_are_counted(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, stored: str
) -> None:
    shop.user(1, two_factor_secret=stored, two_factor_confirmed_at=SINCE)
    monkeypatch.setenv("OLD_APP_KEY", APP_KEY)
    assert shop.bring(PARAMETERS).report["warnings"] == {"second-factor-not-brought": 1}
    assert fits(brought("user1@example.org"))


@pytest.mark.parametrize(("value", "said"), [("", "OLD_APP_KEY is not set"), ("short", "holds no APP_KEY")])
def test_a_key_that_is_none_is_told_at_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, value: str, said: str
) -> None:
    monkeypatch.setenv("OLD_APP_KEY", value)
    result = shop.bring(PARAMETERS)
    assert (result.code, said in result.output) == (1, True), result.output


def test_hashes_that_nobody_reads_are_counted_and_absurd_ones_refused(shop: Shop) -> None:
    shop.user(1, password="plain text")
    shop.user(2, password="5f4dcc3b5aa765d61d8327deb882cf99")
    shop.user(3, password=ARGON2.replace("m=65536", "m=4194304"))
    result = shop.bring()
    assert result.reasons == [("users 1", "malformed-hash"), ("users 3", "hash-cost-out-of-bounds")]
    assert result.report["unknown_hash"] == 1
    assert get_user_model().objects.count() == 1


def test_two_with_one_identity_come_neither(shop: Shop) -> None:
    shop.user(1, google_id="1099")
    shop.user(2, google_id="1099")
    assert shop.bring().reasons == [("users 1", "duplicate-identity"), ("users 2", "duplicate-identity")]
