"""Passwords: the policy, the cost of what is refused, and the upgrade of old hashes."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import (
    BCryptSHA256PasswordHasher,
    PBKDF2PasswordHasher,
    ScryptPasswordHasher,
    check_password,
)
from django.core.exceptions import ValidationError

from better_auth import passwords
from better_auth.crypto.password_hashers import from_better_auth
from better_auth.hashing import Argon2id, slots
from better_auth.models import Account
from better_auth.storage.records import UserRecord
from tests.conftest import PASSWORD, ApiClient
from tests.patience import no_hang
from tests.protocol import answered, refusal

pytestmark = pytest.mark.django_db
Configure = Callable[..., None]
SALT = "000102030405060708090a0b0c0d0e0f"
REFERENCE_HASH = from_better_auth(
    f"{SALT}:d19e1ab00945c2d478363ca443b72fb3e2c9af5d0ca0f2315bbf973d89852985"
    "b41cd84cc306730215feaa36e1e406aeb1e39775cf8cd1a3027cc30a931ed0ac"
)
REFERENCE_PASSWORD = "password1234"


@pytest.fixture
def ann(make_user: Callable[..., UserRecord]) -> UserRecord:
    return make_user()


@pytest.fixture
def hashed() -> Iterator[mock.Mock]:
    """Counts the turns that were taken to hash."""
    with mock.patch.object(slots, "slot", wraps=slots.slot) as slot:
        yield slot


def stored(user: UserRecord) -> str:
    return str(get_user_model().objects.get(pk=user.key).password)


def in_account(user: UserRecord) -> str | None:
    return Account.objects.get(user_id=user.key).password


# Refused without hashing.

HUGE = "x" * 1_000_000


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/sign-up/email", {"name": "B", "email": "b@example.com", "password": "{}"}),
        ("/sign-in/email", {"email": "ann@example.com", "password": "{}"}),
        ("/sign-in/email", {"email": "nobody@example.com", "password": "{}"}),
        ("/change-password", {"newPassword": "{}", "currentPassword": PASSWORD}),
        ("/change-password", {"newPassword": "another password", "currentPassword": "{}"}),
        ("/verify-password", {"password": "{}"}),
        ("/delete-user", {"password": "{}"}),
        ("/reset-password", {"newPassword": "{}", "token": "x"}),
    ],
)
@pytest.mark.parametrize("password", [HUGE, "x" * 129, "12345678\x00", "\x00" * 20])
def test_a_password_that_is_refused_is_never_hashed(
    browser: ApiClient, ann: UserRecord, hashed: mock.Mock, path: str, body: dict[str, str], password: str
) -> None:
    browser.sign_in()
    hashed.reset_mock()
    body = {name: value.replace("{}", password) for name, value in body.items()}
    response = browser.api("POST", path, body)
    assert response.status_code == 400
    code = "VALIDATION_ERROR" if "\x00" in password else "PASSWORD_TOO_LONG"
    assert response.json()["code"] == code
    assert (hashed.call_count, passwords.verify(PASSWORD, ann)) == (0, True)


def test_a_common_password_is_never_hashed(
    browser: ApiClient, configure: Configure, hashed: mock.Mock
) -> None:
    configure(PASSWORD={"REFUSE_COMMON": True})
    assert answered(browser.sign_up(password="password123")) == (400, refusal("PASSWORD_COMPROMISED"))
    assert hashed.call_count == 0


# The policy.


class NoColours:
    """A validator of a host's own."""

    def validate(self, password: str, user: Any = None) -> None:
        if "green" in password:
            raise ValidationError(["No colours.", "Green least of all."])


NOT_ME = "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"


def test_validators_of_the_host_are_asked(browser: ApiClient, configure: Configure) -> None:
    configure(PASSWORD={"VALIDATORS": (f"{__name__}.NoColours", NOT_ME)})
    expected = {"message": "No colours. Green least of all.", "code": "PASSWORD_TOO_WEAK"}
    assert answered(browser.sign_up(password="evergreen trees")) == (400, expected)
    like_email = browser.sign_up("longaddress@example.com", password="longaddress")
    assert (like_email.status_code, like_email.json()["code"]) == (400, "PASSWORD_TOO_WEAK")
    assert browser.sign_up().status_code == 200
    change = {"currentPassword": PASSWORD, "newPassword": "evergreen trees"}
    assert answered(browser.api("POST", "/change-password", change)) == (400, expected)


@pytest.mark.parametrize(
    ("body", "accepted", "codes"),
    [
        ({"password": "short"}, False, ["PASSWORD_TOO_SHORT"]),
        ({"password": "x" * 129}, False, ["PASSWORD_TOO_LONG"]),
        ({"password": ""}, False, ["PASSWORD_TOO_SHORT"]),
        ({"password": "password123"}, False, ["PASSWORD_COMPROMISED"]),
        ({"password": "evergreen trees"}, False, ["PASSWORD_TOO_WEAK"]),
        ({"password": "longaddress", "email": "longaddress@example.com"}, False, ["PASSWORD_TOO_WEAK"]),
        ({"password": "Barnaby Rudge", "name": "Barnaby Rudge"}, True, []),
        ({"password": "quick Otters 71 dance"}, True, []),
    ],
)
def test_strength_tells_what_the_policy_says(
    browser: ApiClient, configure: Configure, body: dict[str, str], accepted: bool, codes: list[str]
) -> None:
    configure(PASSWORD={"REFUSE_COMMON": True, "VALIDATORS": (f"{__name__}.NoColours", NOT_ME)})
    response = browser.api("POST", "/password-strength", body)
    answer = response.json()
    assert (response.status_code, set(answer)) == (200, {"score", "accepted", "problems", "suggestions"})
    assert (answer["accepted"], [problem["code"] for problem in answer["problems"]]) == (accepted, codes)
    assert all(set(problem) == {"code", "message"} for problem in answer["problems"])
    assert all(isinstance(hint, str) and hint for hint in answer["suggestions"])


def test_strength_grows_with_the_password(browser: ApiClient) -> None:
    def score(password: str, **more: str) -> int:
        answer = browser.api("POST", "/password-strength", {"password": password, **more}).json()
        return int(answer["score"])

    assert score("aaaaaaaa") == 0
    assert score("quick Otters 71 dance") == 4
    assert score("kxvbqzpl", name="kxvbqzpl") == score("kxvbqzpl", email="kxvbqzpl") == 0
    assert score("kxvbqzpl") > 0


def test_strength_of_a_huge_password_is_answered_at_once(browser: ApiClient) -> None:
    with no_hang():
        response = browser.api("POST", "/password-strength", {"password": HUGE})
    assert [problem["code"] for problem in response.json()["problems"]] == ["PASSWORD_TOO_LONG"]


# Verifying and upgrading.


def test_normal_forms_of_one_password_are_one_password(browser: ApiClient) -> None:
    browser.sign_up(password="ﬁancé ① and more")
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        typed = unicodedata.normalize(form, "ﬁancé ① and more")  # type: ignore[arg-type]
        assert browser.sign_in(password=typed).status_code == 200, form


@pytest.mark.parametrize(
    ("encode", "password"),
    [
        (lambda: PBKDF2PasswordHasher().encode(PASSWORD, "salt", 1000), PASSWORD),
        (lambda: BCryptSHA256PasswordHasher().encode(PASSWORD, b"$2b$04$abcdefghijklmnopqrstuu"), PASSWORD),
        (lambda: ScryptPasswordHasher().encode(PASSWORD, "salt", n=1024), PASSWORD),
        (lambda: REFERENCE_HASH, REFERENCE_PASSWORD),
    ],
    ids=["pbkdf2", "bcrypt", "scrypt", "reference"],
)
def test_an_old_hash_verifies_and_is_upgraded_at_sign_in(
    browser: ApiClient, ann: UserRecord, encode: Callable[[], str], password: str
) -> None:
    old = encode()
    passwords.set_password(ann, old)
    assert browser.sign_in(password="wrong password").status_code == 401
    assert stored(ann) == old
    assert browser.sign_in(password=password).status_code == 200
    upgraded = stored(ann)
    assert upgraded.startswith("argon2$argon2id$")
    assert browser.sign_in(password=password).status_code == 200
    assert (stored(ann), browser.sign_in(password="wrong password").status_code) == (upgraded, 401)


def argon2(*, memory: int, passes: int, lanes: int = 1) -> str:
    class Costed(Argon2id):
        memory_cost, time_cost, parallelism = memory, passes, lanes  # type: ignore[assignment]

    return Costed().encode(PASSWORD, "a salt of its own")


@pytest.mark.parametrize(
    ("memory", "passes", "lanes", "is_upgraded"),
    [
        (64, 1, 1, True),
        (128, 1, 1, True),
        (64, 2, 1, True),
        (128, 2, 1, False),
        (256, 2, 1, False),
        (128, 3, 1, False),
        (256, 1, 1, False),
        (64, 3, 1, False),
        (64, 1, 2, False),
    ],
)
def test_a_hash_is_never_upgraded_to_weaker_parameters(
    ann: UserRecord, configure: Configure, memory: int, passes: int, lanes: int, is_upgraded: bool
) -> None:
    configure(PASSWORD={"ARGON2_MEMORY_COST": 128, "ARGON2_TIME_COST": 2, "ARGON2_PARALLELISM": 1})
    old = argon2(memory=memory, passes=passes, lanes=lanes)
    passwords.set_password(ann, old)
    assert passwords.verify(PASSWORD, ann)
    assert (stored(ann) != old) is is_upgraded
    if is_upgraded:
        assert "$m=128,t=2,p=1$" in stored(ann)


@pytest.mark.parametrize(
    "first",
    [
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
        "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
    ],
)
def test_a_hash_is_never_upgraded_to_a_weaker_family(ann: UserRecord, settings: Any, first: str) -> None:
    old = stored(ann)
    settings.PASSWORD_HASHERS = [first, *(one for one in settings.PASSWORD_HASHERS if one != first)]
    assert passwords.verify(PASSWORD, ann)
    assert stored(ann) == old


def long_hash() -> str:
    """Longer than any column of a host."""
    return PBKDF2PasswordHasher().encode(PASSWORD, "salt" * 150, 1000)


def test_a_hash_that_is_too_long_stands_in_the_account_until_it_is_upgraded(
    browser: ApiClient, ann: UserRecord
) -> None:
    old = long_hash()
    passwords.set_password(ann, old)
    assert in_account(ann) == old
    assert stored(ann).startswith("!")
    assert passwords.has_password(ann)
    assert browser.sign_in(password="wrong password").status_code == 401
    assert browser.sign_in().status_code == 200
    assert in_account(ann) is None
    assert check_password(PASSWORD, stored(ann))
    assert browser.sign_in().status_code == 200


def test_a_new_password_replaces_one_in_the_account(browser: ApiClient, ann: UserRecord) -> None:
    passwords.set_password(ann, long_hash())
    passwords.set_password(ann, passwords.hash_password("another password"))
    assert in_account(ann) is None
    assert browser.sign_in().status_code == 401
    assert browser.sign_in(password="another password").status_code == 200


def test_an_upgrade_never_undoes_a_change_that_came_between(
    ann: UserRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords.set_password(ann, PBKDF2PasswordHasher().encode(PASSWORD, "salt", 1000))
    newer = passwords.hash_password("another password")
    make_password = passwords.make_password

    def hash_slowly(password: str) -> str:
        monkeypatch.setattr(passwords, "make_password", make_password)
        passwords.set_password(ann, newer)
        return make_password(password)

    monkeypatch.setattr(passwords, "make_password", hash_slowly)
    assert passwords.verify(PASSWORD, ann)
    assert stored(ann) == newer


@pytest.mark.parametrize(
    "encoded",
    [
        "pbkdf2_sha256$2000000000$salt$" + "A" * 43 + "=",
        "pbkdf2_sha256$" + "9" * 500 + "$salt$" + "A" * 43 + "=",
        "argon2$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHQ$" + "A" * 43,
        "argon2$argon2id$v=19$m=64,t=1000000,p=1$c2FsdHNhbHQ$" + "A" * 43,
        "bcrypt$$2b$31$" + "a" * 53,
        "scrypt$1073741824$salt$8$1$" + "A" * 86 + "==",
        "unheard_of$1$salt$hash",
        "no hash at all",
        "argon2$",
        "$",
    ],
)
def test_absurd_hashes_are_refused_at_once(browser: ApiClient, ann: UserRecord, encoded: str) -> None:
    Account.objects.update(password=encoded)
    get_user_model().objects.update(password="!")
    with no_hang():
        assert answered(browser.sign_in()) == (401, refusal("INVALID_EMAIL_OR_PASSWORD"))
    assert in_account(ann) == encoded


def test_whatever_is_missing_costs_as_much_as_a_wrong_password(
    ann: UserRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One Argon2 hash is computed each time, with the parameters in force."""
    computed: list[str] = []

    def encode(self: Argon2id, password: str, salt: str) -> str:
        computed.append(password)
        return original(self, password, salt)

    original = Argon2id.encode
    monkeypatch.setattr(Argon2id, "encode", encode)
    assert not passwords.verify("wrong password", None)
    passwords.set_password(ann, "!")
    assert not passwords.verify("wrong password", ann)
    passwords.set_password(ann, "pbkdf2_sha256$2000000000$salt$" + "A" * 43 + "=")
    assert not passwords.verify("wrong password", ann)
    passwords.set_password(ann, PBKDF2PasswordHasher().encode(PASSWORD, "salt", 1000))
    assert not passwords.verify("wrong password", ann)
    assert computed == ["wrong password"] * 4
