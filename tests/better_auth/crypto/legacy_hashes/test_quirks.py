"""Where the old systems differ from what one would write today."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from collections.abc import Callable
from typing import Any

import bcrypt
import pytest
from django.contrib.auth.hashers import check_password, identify_hasher

from better_auth.crypto.legacy_hashes import LegacyHasher, from_legacy
from tests.better_auth.crypto.legacy_hashes.documented_vectors import (
    ENVIRONMENT,
    PASSWORD,
    VECTORS,
    Vector,
    vector,
)
from tests.patience import no_hang

DIGEST = "abcdefghijklmnopqrstuuGGgFFcYeueaAql8Z7U7CnCTRw4DR77W"
COMPOSED, DECOMPOSED = "caf\u00e9 au lait", "cafe\u0301 au lait"


def fits(password: str, scheme: str, stored: str, params: dict[str, Any] | None = None) -> bool:
    return check_password(password, from_legacy(scheme, stored, params or {}))


def encoded(one: Vector) -> str:
    return from_legacy(one.scheme, one.stored, one.params)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


# bcrypt


@pytest.mark.parametrize("prefix", ["$2a$", "$2b$", "$2y$", "$2x$"])
def test_one_digest_under_all_prefixes(prefix: str) -> None:
    assert fits(PASSWORD, "bcrypt", f"{prefix}10${DIGEST}")
    assert fits(PASSWORD, "auto", f"{prefix}10${DIGEST}")


def test_passwords_beyond_ascii_never_fit_the_hash_of_an_old_error() -> None:
    stored = bcrypt.hashpw(COMPOSED.encode(), b"$2b$04$abcdefghijklmnopqrstuu").decode()
    assert fits(COMPOSED, "bcrypt", stored)
    assert not fits(COMPOSED, "bcrypt", stored.replace("$2b$", "$2x$"))


@pytest.mark.parametrize(
    "scheme", ["bcrypt", "laravel", "supabase", "auto", "wordpress", "crypt", "nextcloud", "django"]
)
@pytest.mark.parametrize("length", [73, 200, 4000])
def test_what_lies_beyond_72_bytes_counts_for_nothing(scheme: str, length: int) -> None:
    stored = {"nextcloud": "1|", "django": "bcrypt$"}.get(scheme, "") + vector("bcrypt of 72 bytes").stored
    assert fits("A" * length, scheme, stored)
    assert not fits("A" * 71, scheme, stored)


def test_a_salt_of_its_own_counts_toward_the_72_bytes() -> None:
    setting = b"$2b$04$abcdefghijklmnopqrstuu"
    stored = bcrypt.hashpw(b"x" * 60 + PASSWORD.encode()[:12], setting).decode()
    assert fits(PASSWORD, "bcrypt", stored, {"salt": "x" * 60})
    assert fits("correct hors and whatever", "bcrypt", stored, {"salt": "x" * 60})
    behind = bcrypt.hashpw(PASSWORD.encode() + b"xyz", setting).decode()
    assert fits(PASSWORD, "bcrypt", behind, {"salt": "eHl6", "salt_encoding": "base64", "position": "suffix"})


def test_a_salt_with_idle_bits_set_is_the_same_salt() -> None:
    odd = f"$2b$10${DIGEST[:21]}v{DIGEST[22:]}"
    assert fits(PASSWORD, "bcrypt", odd)


def test_passlib_puts_a_digest_before_bcrypt() -> None:
    salt = "abcdefghijklmnopqrstuu"
    keyed = base64.b64encode(hmac.digest(salt.encode(), PASSWORD.encode(), "sha256"))
    plain = base64.b64encode(hashlib.sha256(PASSWORD.encode()).digest())
    version_2, version_1 = (
        bcrypt.hashpw(one, f"$2b$04${salt}".encode()).decode()[29:] for one in (keyed, plain)
    )
    assert fits(PASSWORD, "passlib", f"$bcrypt-sha256$v=2,t=2b,r=4${salt}${version_2}")
    assert fits(PASSWORD, "passlib", f"$bcrypt-sha256$2a,4${salt}${version_1}")
    assert not fits(PASSWORD, "passlib", f"$bcrypt-sha256$v=2,t=2b,r=4${salt}${version_1}")


# How the password enters


@pytest.mark.parametrize(
    "hash_bytes",
    [
        lambda secret: ("md5", hashlib.md5(secret).hexdigest()),
        lambda secret: ("ldap", "{SHA}" + base64.b64encode(hashlib.sha1(secret).digest()).decode()),
        lambda secret: ("bcrypt", bcrypt.hashpw(secret, b"$2b$04$abcdefghijklmnopqrstuu").decode()),
        lambda secret: (
            "werkzeug",
            f"pbkdf2:sha256:1$s${hashlib.pbkdf2_hmac('sha256', secret, b's', 1).hex()}",
        ),
    ],
)
def test_the_bytes_as_typed_are_hashed(hash_bytes: Callable[[bytes], tuple[str, str]]) -> None:
    for typed, other in (
        (COMPOSED, DECOMPOSED),
        (DECOMPOSED, COMPOSED),
        ("ﬁancé①", "fiancé1"),
        ("fiancé1", "ﬁancé①"),
    ):
        scheme, stored = hash_bytes(typed.encode())
        assert fits(typed, scheme, stored)
        assert not fits(other, scheme, stored)


def test_better_auth_hashes_the_normal_form() -> None:
    one = vector("Better Auth scrypt, NFKC")
    assert check_password("fiancé1", encoded(one))
    assert check_password("fiance\u03011", encoded(one))


@pytest.mark.parametrize(
    ("codec", "python_name"),
    [
        ("utf8", "utf-8"),
        ("utf16le", "utf-16-le"),
        ("ucs2", "utf-16-le"),
        ("latin1", "latin-1"),
        ("binary", "latin-1"),
    ],
)
def test_other_encodings_of_the_password(codec: str, python_name: str) -> None:
    stored = hashlib.sha256(COMPOSED.encode(python_name)).hexdigest()
    assert fits(COMPOSED, "sha256", stored, {"password_encoding": codec})
    assert not fits("日本語", "sha256", stored, {"password_encoding": codec})
    assert not fits("half \ud800", "sha256", stored, {"password_encoding": codec})


def test_wordpress_trims_and_once_did_not() -> None:
    trimmed, untrimmed = hashlib.md5(b"secret words").hexdigest(), hashlib.md5(b" secret words ").hexdigest()
    assert fits(" secret words\t", "wordpress", trimmed)
    assert fits("secret words", "wordpress", trimmed)
    assert fits(" secret words ", "wordpress", untrimmed)
    assert not fits("secret words", "wordpress", untrimmed)
    assert not fits(" \t ", "wordpress", from_empty := hashlib.md5(b"x").hexdigest())
    assert from_empty


@pytest.mark.parametrize("position", ["suffix", "prefix"])
def test_a_pepper_is_looked_up_and_never_stored(
    position: str, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setenv("OLD_PEPPER", "s3cr3t")
    message = PASSWORD + "s3cr3t" if position == "suffix" else "s3cr3t" + PASSWORD
    stored = from_legacy(
        "sha256",
        hashlib.sha256(message.encode()).hexdigest(),
        {"pepper_env": "OLD_PEPPER", "pepper_position": position},
    )
    packed = stored.split("$")[1]
    assert "s3cr3t" not in base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)).decode()
    assert check_password(PASSWORD, stored)
    monkeypatch.delenv("OLD_PEPPER")
    with caplog.at_level(logging.ERROR):
        assert not check_password(PASSWORD, stored)
    assert "OLD_PEPPER" in caplog.text
    assert "s3cr3t" not in caplog.text


# Tables of one's own


def sha(text: str, name: str = "sha1") -> str:
    return hashlib.new(name, text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("stored", "params"),
    [
        (sha(f"--abc--{PASSWORD}--"), {"salt": "abc", "position": "--{SALT}--{PASSWORD}--"}),
        (sha(f"{PASSWORD}abc{PASSWORD}"), {"salt": "abc", "position": "{PASSWORD}{SALT}{PASSWORD}"}),
        (sha(f"{{SALT}}{PASSWORD}"), {"salt": "{SALT}"}),
        (sha(f"{{PASSWORD}}{PASSWORD}"), {"salt": "{PASSWORD}"}),
        (sha(f"{PASSWORD}abc"), {"salt": "abc", "salt_position": "suffix"}),
        (sha(f"abc--{PASSWORD}"), {"salt": "abc", "format": "{SALT}--{PASSWORD}", "position": None}),
        (sha(f"4711{PASSWORD}"), {"salt": 4711, "digest": "SHA1", "inner": None}),
        (sha(sha(PASSWORD)), {"iterations": "2", "loop": "hex"}),
        (sha("\x01\x02" + PASSWORD), {"salt": "0102", "salt_encoding": "hex"}),
        (sha(f"abc{PASSWORD}").upper(), {"salt": "abc"}),
        (sha("abc" + sha(PASSWORD)), {"salt": "abc", "inner": "sha1"}),
        (sha(sha(PASSWORD, "md5")), {"inner": "md5"}),
        (sha(sha(sha(PASSWORD))), {"rounds": 3, "loop": "hex"}),
        (base64.b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode(), {"encoding": "base64"}),
        (
            base64.urlsafe_b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode().rstrip("="),
            {"encoding": "base64url"},
        ),
    ],
)
def test_a_digest_in_all_its_ways(stored: str, params: dict[str, Any]) -> None:
    assert fits(PASSWORD, "sha1", stored, params)
    assert not fits(PASSWORD.title(), "sha1", stored, params)


def test_a_digest_of_twenty_thousand_rounds() -> None:
    digest = PASSWORD.encode()
    for _ in range(20_000):
        digest = hashlib.sha256(digest).digest()
    assert fits(PASSWORD, "sha256", digest.hex(), {"rounds": "20000"})


def test_an_hmac_whose_key_the_environment_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLD_KEY", "k3y")
    one = vector("HMAC-SHA256")
    assert fits(PASSWORD, "hmac", one.stored, {"digest": "SHA256", "key_env": "OLD_KEY"})
    monkeypatch.setenv("OLD_KEY", "another")
    assert not fits(PASSWORD, "hmac", one.stored, {"digest": "SHA256", "key_env": "OLD_KEY"})


@pytest.mark.parametrize(
    ("scheme", "stored", "params"),
    [
        ("sha1", sha("a:b" + PASSWORD) + ":a:b", {"layout": "{HASH}:{SALT}"}),
        (
            "sha1",
            f"$x$6162${sha(PASSWORD + 'ab')}",
            {"layout": "$x${SALT}${HASH}", "salt_encoding": "hex", "position": "suffix"},
        ),
        (
            "scrypt",
            "scrypt:2b1e4c5a-0000-4000-8000-0123456789ab:" + vector("a bare scrypt key").stored,
            {"layout": "scrypt:{SALT}:{HASH}"},
        ),
        (
            "pbkdf2",
            "000102030405060708090a0b0c0d0e0f:" + vector("a bare PBKDF2 key").stored,
            {"layout": "{SALT}:{HASH}", "salt_encoding": "hex", "digest": "sha256", "iterations": 100_000},
        ),
    ],
)
def test_a_salt_in_the_same_column(scheme: str, stored: str, params: dict[str, Any]) -> None:
    assert fits(PASSWORD, scheme, stored, params)
    assert not fits(PASSWORD.title(), scheme, stored, params)


def test_redmine_and_werkzeug_of_old() -> None:
    assert fits(PASSWORD, "redmine", sha("0a1b" + sha(PASSWORD)), {"salt": "0a1b"})
    assert fits(PASSWORD, "werkzeug", f"sha1$salt${hmac.digest(b'salt', PASSWORD.encode(), 'sha1').hex()}")


# Firebase, Kratos, Auth0


@pytest.mark.parametrize(
    "change", [{"signer_key": "AwoRGB8mLTQ="}, {"salt": "c2FsdA=="}, {"mem_cost": 13}, {"rounds": 4}]
)
def test_a_firebase_hash_with_wrong_parameters_fits_nobody(change: dict[str, Any]) -> None:
    vendor = vector("Firebase, the vendor's own")
    assert not fits(vendor.password, "firebase-scrypt", vendor.stored, {**vendor.params, **change})


def test_kratos_means_sha3_where_others_mean_sha2() -> None:
    for name, digest in (("sha224", "sha3_224"), ("sha384", "sha3_384")):
        key = hashlib.pbkdf2_hmac(digest, PASSWORD.encode(), b"saltsalt", 10, 32)
        stored = f"$pbkdf2-{name}$i=10,l=32$c2FsdHNhbHQ${base64.b64encode(key).decode().rstrip('=')}"
        assert fits(PASSWORD, "kratos", stored)
        assert not fits(PASSWORD, "phc", stored)


def test_costs_that_a_string_leaves_out_are_the_vendors() -> None:
    key = base64.b64encode(
        hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), b"saltsalt", 100_000, 64)
    ).decode()
    assert fits(PASSWORD, "phc", f"$pbkdf2-sha256$c2FsdHNhbHQ${key.rstrip('=')}")


def test_argon2d_is_verified_where_the_source_is_known_for_it() -> None:
    from argon2.low_level import Type, hash_secret

    stored = hash_secret(PASSWORD.encode(), b"saltsalt", 1, 64, 1, 32, Type.D).decode()
    assert fits(PASSWORD, "supertokens", stored, {"allow_argon2d": True})


def test_argon2_before_its_last_version() -> None:
    from argon2.low_level import Type, hash_secret_raw

    key = hash_secret_raw(PASSWORD.encode(), b"saltsalt", 1, 64, 1, 32, Type.I, 16)
    text = base64.b64encode(key).decode().rstrip("=")
    assert fits(PASSWORD, "argon2", f"$argon2i$m=64,t=1,p=1$c2FsdHNhbHQ${text}")
    bare = {"salt": "saltsalt", "memory": 64, "passes": 1, "parallelism": 1, "type": "i", "version": 16}
    assert fits(PASSWORD, "argon2", key.hex(), bare)


# Hostile passwords


def one_of_each_algorithm() -> list[Vector]:
    chosen: dict[str, Vector] = {}
    for one in VECTORS:
        chosen.setdefault(from_legacy(one.scheme, one.stored, one.params).partition("$")[0], one)
    return list(chosen.values())


@pytest.mark.parametrize("one", one_of_each_algorithm(), ids=str)
def test_long_passwords_and_nul_bytes_are_plainly_false(one: Vector) -> None:
    row = encoded(one)
    hasher = identify_hasher(row)
    with no_hang():
        for password in ("x" * 4096, "x" * 1_000_000, "\0", "half a pair \ud800"):
            try:
                assert hasher.verify(password, row) is False
            except ValueError:
                # Django's own hashers raise; passwords.verify answers False for them.
                assert hasher.__module__.startswith("django.")
        if isinstance(hasher, LegacyHasher):
            # HMAC pads with zeroes: to PBKDF2 and scrypt these two would be one password.
            assert hasher.verify(f"{one.password}\0", row) is False
