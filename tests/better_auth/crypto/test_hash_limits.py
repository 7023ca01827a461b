"""Costs are read and bounded before anything is computed."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from better_auth.crypto.hash_limits import (
    HashCost,
    HashTooCostly,
    MalformedHash,
    ensure_affordable,
    hash_cost,
    is_weaker,
)

PBKDF2 = "pbkdf2_sha256${}$saltSALT12345678aBcDeF$EAh840Nv2/L6hRC10kGy7xfOvCU5bgEbamDeDWuD5v4="
ARGON2 = (
    "argon2$argon2id$v=19$m={},t={},p={}$c29tZXNhbHQxMjM0NTY3OA$onj+YmZOBNJnvxnEb8I7cucqjLPcIseqYh9pf+io0bs"
)
BCRYPT = "bcrypt$$2b${}$abcdefghijklmnopqrstuu7EJV7kdjBBQxyb0HjTh9KS7.Lah/6CG"
BCRYPT_SHA256 = "bcrypt_sha256$$2b${}$abcdefghijklmnopqrstuuaBT8mpw5tGdD3eO40znWcQP/dT9hEVK"
SCRYPT = (
    "scrypt${}$saltSALT12345678aBcDeF${}${}$"
    "udG09MGduC1PjCALHrTSw76qL5Tauegh87g6sEsvY56iFrQCjxeKSuVdMkn037e9ipcjvwSSyK74gkUKh0jGZw=="
)
BETTER_AUTH = f"better_auth_scrypt${'0' * 32}:{'a' * 128}"
MD5 = "md5$abc123$42af8138df7a1d802f3645dadd91c2f7"
SHA1 = "sha1$abc123$27443aeaf87bc15b39837a4f79a840d713bb4aa4"
# Enough for a loaded machine, and a thousandth of what computing any of these would take.


@pytest.mark.parametrize(
    "encoded",
    [
        PBKDF2.format(1),
        PBKDF2.format(1000),
        PBKDF2.format(600_000),
        PBKDF2.format(10_000_000),
        "pbkdf2_sha1$1000$saltSALT12345678aBcDeF$K47qjPTQbJE9GSeThykqjSHJmPk=",
        ARGON2.format(8192, 2, 1),
        ARGON2.format(102_400, 2, 8),
        ARGON2.format(256 * 1024, 16, 16),
        "argon2$argon2i$m=512,t=2,p=2$c29tZXNhbHQ$bm90IGEgaGFzaA",
        BCRYPT.format("04"),
        BCRYPT.format("15"),
        BCRYPT_SHA256.format("12"),
        SCRYPT.format(16_384, 8, 5),
        SCRYPT.format(2**18, 8, 1),
        SCRYPT.format(2**17, 16, 16),
        BETTER_AUTH,
        MD5,
        SHA1,
        "sha1$$a9993e364706816aba3e25717850c26c9cd0d89d",
    ],
)
def test_affordable(encoded):
    ensure_affordable(encoded)


@pytest.mark.parametrize(
    "encoded",
    [
        PBKDF2.format(10_000_001),
        PBKDF2.format(2**31),
        PBKDF2.format("9" * 500),
        "pbkdf2_sha1$2147483647$salt$K47qjPTQbJE9GSeThykqjSHJmPk=",
        ARGON2.format(256 * 1024 + 1, 2, 1),
        ARGON2.format(4 * 1024 * 1024, 1, 1),
        ARGON2.format(8192, 17, 1),
        ARGON2.format(8192, 4294967295, 1),
        ARGON2.format(8192, 2, 17),
        ARGON2.format(8192, 2, "9" * 200),
        BCRYPT.format("16"),
        BCRYPT.format("31"),
        BCRYPT_SHA256.format("31"),
        BCRYPT.format("100"),
        SCRYPT.format(2**19, 1, 1),
        SCRYPT.format(2**18, 16, 1),
        SCRYPT.format(2**14, 17, 1),
        SCRYPT.format(2**14, 8, 17),
        SCRYPT.format(2**62, 8, 1),
    ],
)
def test_absurd_costs_are_refused(encoded):
    with pytest.raises(HashTooCostly):
        ensure_affordable(encoded)


@pytest.mark.parametrize(
    "encoded",
    [
        "",
        "!",
        "!ZtqDqUDvLWXq5T8xX8dv5ZXQpmPcNm2ovPsq3FpH",
        "$",
        "9cc2ae8a1ba7a93da39b46fc1019c481",
        "unknown$1$salt$hash",
        "plain$$secret",
        "$argon2id$v=19$m=65536,t=4,p=1$MDEyMzQ1Njc4OWFiY2RlZg$RTvUpz3bNRPYEBVeVHCk9HcNOK/mDpHZkeBSQpYYb98",
        PBKDF2.format(0),
        PBKDF2.format(-1),
        PBKDF2.format("+1"),
        PBKDF2.format("1e3"),
        PBKDF2.format("1_000"),
        PBKDF2.format(" 1"),
        PBKDF2.format("\u0661"),
        PBKDF2.format(""),
        PBKDF2.format("many"),
        PBKDF2.format(1000) + "\n",
        "pbkdf2_sha256$1000$salt",
        "pbkdf2_sha256$1000$$hash",
        "pbkdf2_sha256$1000$salt$",
        "pbkdf2_sha256",
        "pbkdf2_",
        ARGON2.format(0, 2, 1),
        ARGON2.format(8192, -2, 1),
        ARGON2.format(8192, 2, ""),
        "argon2$argon2id$v=19$t=2,m=8192,p=1$c29tZXNhbHQ$bm90",
        "argon2$argon2id$v=19$m=8192,t=2$c29tZXNhbHQ$bm90",
        "argon2$argon2id$v=19$m=8,m=8192,t=2,p=1$c29tZXNhbHQ$bm90",
        "argon2$argon2x$v=19$m=8192,t=2,p=1$c29tZXNhbHQ$bm90",
        BCRYPT.format("03"),
        BCRYPT.format("00"),
        BCRYPT.format("-4"),
        BCRYPT.format("12")[:-1],
        "bcrypt$$2b$12",
        SCRYPT.format(16_383, 8, 1),
        SCRYPT.format(1, 8, 1),
        SCRYPT.format(16_384, 0, 1),
        SCRYPT.format(16_384, 8, -1),
        "scrypt$16384$salt$8$1",
        "better_auth_scrypt$",
        BETTER_AUTH[:-1],
        BETTER_AUTH.upper(),
        f"{MD5}g",
        "md5$salt",
        f"md5${'s' * 2000}$42af8138df7a1d802f3645dadd91c2f7",
    ],
)
def test_malformed_and_unknown_are_refused(encoded):
    with pytest.raises(MalformedHash):
        ensure_affordable(encoded)


@given(
    st.text(alphabet=st.characters(codec=None, exclude_categories=()))
    | st.from_regex(r"(pbkdf2_sha256|argon2|bcrypt|scrypt|md5|better_auth_scrypt)\$[$0-9a-z=,-]*")
)
def test_garbage_raises_nothing_else(encoded):
    with contextlib.suppress(MalformedHash, HashTooCostly):
        ensure_affordable(encoded)


def test_both_refusals_are_value_errors():
    assert issubclass(MalformedHash, ValueError)
    assert issubclass(HashTooCostly, ValueError)


def test_a_refusal_does_not_repeat_the_hash():
    for encoded in ("9cc2ae8a1ba7a93da39b46fc1019c481", ARGON2.format("x", 2, 1)):
        with pytest.raises(MalformedHash) as refusal:
            ensure_affordable(encoded)
        assert not any(part in str(refusal.value) for part in encoded.split("$") if len(part) > 8)


def test_cost_of_an_encoding():
    assert hash_cost(ARGON2.format(8192, 2, 1)) == HashCost("argon2", (8192, 2, 1))
    assert hash_cost(BCRYPT_SHA256.format("04")) == HashCost("bcrypt_sha256", (4,))
    assert hash_cost(MD5) == HashCost("md5", ())


@pytest.mark.parametrize(
    ("encoded", "than", "weaker"),
    [
        (PBKDF2.format(1000), PBKDF2.format(600_000), True),
        (PBKDF2.format(600_000), PBKDF2.format(600_000), False),
        (PBKDF2.format(1_000_000), PBKDF2.format(600_000), False),
        (ARGON2.format(8192, 2, 1), ARGON2.format(19_456, 2, 1), True),
        (ARGON2.format(19_456, 1, 1), ARGON2.format(19_456, 2, 1), True),
        (ARGON2.format(8192, 4, 1), ARGON2.format(19_456, 2, 1), False),
        (ARGON2.format(102_400, 2, 8), ARGON2.format(19_456, 2, 1), False),
        (BCRYPT.format("04"), BCRYPT.format("12"), True),
        (BCRYPT.format("14"), BCRYPT.format("12"), False),
        (BCRYPT.format("04"), BCRYPT_SHA256.format("12"), False),
        (SCRYPT.format(16_384, 8, 1), SCRYPT.format(16_384, 8, 5), True),
        (SCRYPT.format(32_768, 8, 1), SCRYPT.format(16_384, 8, 5), False),
        (BETTER_AUTH, BETTER_AUTH, False),
        (MD5, MD5, False),
        (MD5, ARGON2.format(19_456, 2, 1), False),
    ],
)
def test_weaker_in_some_parameter_and_stronger_in_none(encoded, than, weaker):
    assert is_weaker(encoded, than) is weaker


def test_malformed_hashes_do_not_compare():
    with pytest.raises(MalformedHash):
        is_weaker("!", PBKDF2.format(1))
    with pytest.raises(MalformedHash):
        is_weaker(PBKDF2.format(1), "")
