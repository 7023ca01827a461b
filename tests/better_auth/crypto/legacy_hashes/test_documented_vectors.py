"""Every vector of docs/migration/hashes.md verifies through Django, and its near misses do not."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.hashers import check_password, identify_hasher

from better_auth.crypto.legacy_hashes import SCHEMES, LegacyHasher, from_legacy
from better_auth.crypto.legacy_hashes.hashers import FAMILIES
from tests.better_auth.crypto.legacy_hashes.documented_vectors import (
    ENVIRONMENT,
    NEAR_MISSES,
    PAGE,
    PASSWORD,
    VECTORS,
    Vector,
)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("vector", VECTORS, ids=str)
def test_a_vector_verifies_and_its_near_misses_do_not(vector: Vector) -> None:
    encoded = from_legacy(vector.scheme, vector.stored, vector.params)
    assert encoded.endswith(vector.stored)
    assert check_password(vector.password, encoded)
    near_misses = (
        NEAR_MISSES if vector.password == PASSWORD else (vector.password[:-1], f"x{vector.password}")
    )
    for wrong in near_misses:
        assert not check_password(wrong, encoded)
    assert not identify_hasher(encoded).verify("", encoded)


@pytest.mark.parametrize("vector", VECTORS, ids=str)
def test_what_is_shown_of_a_hash_gives_nothing_away(vector: Vector) -> None:
    encoded = from_legacy(vector.scheme, vector.stored, vector.params)
    hasher = identify_hasher(encoded)
    shown = str(hasher.safe_summary(encoded))
    assert vector.stored[-16:] not in shown
    assert hasher.decode(encoded)["algorithm"] == hasher.algorithm
    if isinstance(hasher, LegacyHasher):
        assert hasher.must_update(encoded) is False
        assert hasher.harden_runtime("any", encoded) is None
        if hasher.algorithm != "legacy_bcrypt":  # it is, to spend its time
            with pytest.raises(ValueError, match="read, not written"):
                hasher.encode("password", "salt")


def test_every_scheme_is_documented() -> None:
    section = PAGE.split("\n## Schemes\n")[1].split("\n## ")[0]
    first_cells = re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE)
    assert set(SCHEMES) <= set(re.findall(r"`([^`]+)`", " ".join(first_cells)))


def test_every_family_has_a_vector() -> None:
    seen = {from_legacy(one.scheme, one.stored, one.params).partition("$")[0] for one in VECTORS}
    assert set(FAMILIES) <= seen


def test_every_scheme_has_a_vector() -> None:
    without = {"auto", "sha1", "sha224", "sha384", "sha512", "sha3-256", "sha3-512"}
    assert set(SCHEMES) - without <= {one.scheme for one in VECTORS}
