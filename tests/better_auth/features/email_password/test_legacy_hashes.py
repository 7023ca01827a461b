"""From another system's hash to Argon2id: import, row, sign-in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import PBKDF2PasswordHasher

from better_auth import passwords
from better_auth.crypto.legacy_hashes import checks, from_legacy
from better_auth.crypto.legacy_hashes.hashers import FAMILIES
from better_auth.models import Account
from better_auth.storage.records import UserRecord
from tests.better_auth.crypto.legacy_hashes.documented_vectors import (
    ENVIRONMENT,
    PASSWORD,
    VECTORS,
    Vector,
    vector,
)
from tests.conftest import ApiClient
from tests.patience import no_hang
from tests.protocol import answered, refusal

pytestmark = pytest.mark.django_db
Configure = Callable[..., None]
DJANGO_OF_OLD = ("Django bcrypt", "Django md5, salted", "Django sha1, salted", "Django md5, unsalted")
# Argon2id as strong as ours stays what it is: see below.
ONE_OF_EACH = {"legacy_argon2": "argon2i", "legacy_pbkdf2": "PHC pbkdf2", "legacy_nextcloud": "ownCloud"}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def ann(make_user: Callable[..., UserRecord]) -> UserRecord:
    return make_user()


def encoded(one: Vector) -> str:
    return from_legacy(one.scheme, one.stored, one.params)


def stored(user: UserRecord) -> str:
    return str(get_user_model().objects.get(pk=user.key).password)


def in_account(user: UserRecord) -> str | None:
    return Account.objects.get(user_id=user.key).password


def of_each_family() -> list[Vector]:
    chosen: dict[str, Vector] = {}
    for one in VECTORS:
        family = encoded(one).partition("$")[0]
        if family in FAMILIES and one.format.startswith(ONE_OF_EACH.get(family, "")):
            chosen.setdefault(family, one)
    assert set(chosen) == set(FAMILIES)
    return [*chosen.values(), *map(vector, DJANGO_OF_OLD)]


@pytest.mark.parametrize("one", of_each_family(), ids=str)
def test_a_person_signs_in_with_the_old_password_and_gets_a_new_hash(
    browser: ApiClient, ann: UserRecord, one: Vector
) -> None:
    old = encoded(one)
    passwords.set_password(ann, old)
    assert browser.sign_in(password=one.password.swapcase()).status_code == 401
    assert old in (stored(ann), in_account(ann))
    assert browser.sign_in(password=one.password).status_code == 200
    upgraded = stored(ann)
    assert upgraded.startswith("argon2$argon2id$")
    assert in_account(ann) is None
    assert browser.sign_in(password=one.password).status_code == 200
    assert stored(ann) == upgraded


def test_a_hash_longer_than_the_column_waits_in_the_account(
    browser: ApiClient, ann: UserRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Django's own user has 128 characters for a password."""
    monkeypatch.setattr(get_user_model()._meta.get_field("password"), "max_length", 128)
    old = encoded(vector("Supabase `$fbscrypt$`"))
    passwords.set_password(ann, old)
    assert in_account(ann) == old
    assert browser.sign_in(password="wrong password").status_code == 401
    assert browser.sign_in(password=PASSWORD).status_code == 200
    assert (in_account(ann), stored(ann)[:16]) == (None, "argon2$argon2id$")


@pytest.mark.parametrize(
    ("memory", "passes", "is_upgraded"),
    [(7168, 5, True), (7169, 1, True), (64, 6, True), (64, 1, False), (7168, 4, False)],
)
def test_argon2id_that_costs_more_than_ours_stays(
    ann: UserRecord, configure: Configure, memory: int, passes: int, is_upgraded: bool
) -> None:
    """Keycloak's has 7168 KiB and 5 passes."""
    configure(PASSWORD={"ARGON2_MEMORY_COST": memory, "ARGON2_TIME_COST": passes, "ARGON2_PARALLELISM": 1})
    old = encoded(vector("Keycloak argon2id"))
    passwords.set_password(ann, old)
    assert passwords.verify(PASSWORD, ann)
    assert (old not in (stored(ann), in_account(ann))) is is_upgraded


COMPOSED, DECOMPOSED = "caf\u00e9 au lait", "cafe\u0301 au lait"


@pytest.mark.parametrize("typed", [COMPOSED, DECOMPOSED])
def test_a_foreign_hash_knows_one_form_of_a_password_and_its_upgrade_knows_all(
    browser: ApiClient, ann: UserRecord, typed: str
) -> None:
    other = DECOMPOSED if typed == COMPOSED else COMPOSED
    foreign = hashlib.sha256(typed.encode()).hexdigest()
    for old in (from_legacy("sha256", foreign, {}), PBKDF2PasswordHasher().encode(typed, "salt", 10)):
        passwords.set_password(ann, old)
        assert browser.sign_in(password=other).status_code == 401
        assert browser.sign_in(password=typed).status_code == 200
        assert browser.sign_in(password=other).status_code == 200


def test_a_slow_family_is_never_replaced_by_a_fast_one(ann: UserRecord, settings: Any) -> None:
    first = "django.contrib.auth.hashers.PBKDF2PasswordHasher"
    settings.PASSWORD_HASHERS = [first, *(one for one in settings.PASSWORD_HASHERS if one != first)]
    for title, is_replaced in (("bcrypt `$2a$`", False), ("MD5, salt before", True)):
        old = encoded(vector(title))
        passwords.set_password(ann, old)
        assert passwords.verify(PASSWORD, ann)
        assert (stored(ann) != old) is is_replaced


@pytest.mark.parametrize(
    "row",
    [
        "legacy_argon2$$$argon2id$v=19$m=4194304,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$" + "A" * 43,
        "legacy_pbkdf2$$$pbkdf2-sha256$i=2147483647,l=32$MDEyMzQ1Njc4OWFiY2RlZg$" + "A" * 43,
        "legacy_scrypt$$$scrypt$ln=40,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$" + "A" * 43,
        "legacy_bcrypt$$$2b$31$" + "a" * 53,
        "legacy_crypt$$$6$rounds=999999999$salt$" + "." * 86,
        "legacy_phpass$$$P$J12345678" + "." * 22,
        "legacy_bcrypt$!!$$2b$04$" + "a" * 53,
        "legacy_unheard_of$$" + "a" * 32,
        "bcrypt$$2b$31$" + "a" * 53,
    ],
)
def test_an_absurd_row_is_refused_at_once(
    browser: ApiClient, ann: UserRecord, row: str, caplog: pytest.LogCaptureFixture
) -> None:
    Account.objects.update(password=row)
    get_user_model().objects.update(password="!")
    with no_hang():
        assert answered(browser.sign_in(password=PASSWORD)) == (401, refusal("INVALID_EMAIL_OR_PASSWORD"))
    assert in_account(ann) == row
    assert f"password hash of user {ann.id} refused" in caplog.text
    assert row.rpartition("$")[2] not in caplog.text


@pytest.mark.parametrize(
    "title", ["MD5, salt before", "bcrypt `$2a$`", "Django md5, unsalted", "WordPress to 6.7"]
)
@pytest.mark.parametrize("password", ["x" * 1_000_000, "x" * 4096, "12345678\x00"])
def test_a_hostile_password_is_refused_before_any_hash(
    browser: ApiClient, ann: UserRecord, title: str, password: str
) -> None:
    passwords.set_password(ann, encoded(vector(title)))
    with no_hang():
        assert browser.sign_in(password=password).status_code == 400


def test_an_empty_password_signs_nobody_in_unless_allowed(browser: ApiClient, ann: UserRecord) -> None:
    empty = "d41d8cd98f00b204e9800998ecf8427e"
    for row in (empty, f"md5$${empty}", f"legacy_digest$eyJkaWdlc3QiOiJtZDUifQ${empty}"):
        passwords.set_password(ann, row)
        assert not passwords.verify("", ann)
    passwords.set_password(ann, passwords.hash_password(""))
    assert not passwords.verify("", ann)
    passwords.set_password(ann, from_legacy("md5", empty, {"allow_empty": True}))
    assert passwords.verify("", ann)


def test_whoever_has_no_bcrypt_costs_one_all_the_same(
    browser: ApiClient, ann: UserRecord, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[str] = []

    def compute(secret: bytes, setting: str) -> str:
        computed.append(setting[:7])
        return setting + "." * 31

    monkeypatch.setattr(checks, "bcrypt_hash", compute)
    configure(PASSWORD={"EQUALIZED_ALGORITHMS": ("legacy_bcrypt", "unsalted_md5")})
    wrong = "x" * 100
    assert browser.sign_in("nobody@example.com", password=wrong).status_code == 401
    assert browser.sign_in(password=wrong).status_code == 401
    passwords.set_password(ann, encoded(vector("bcrypt `$2a$`")))
    assert browser.sign_in(password=wrong).status_code == 401
    assert computed == ["$2b$10$"] * 3
