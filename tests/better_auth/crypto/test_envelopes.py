"""Secrets at rest, in the protocol's own format (storage-and-crypto.md, section 5)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from better_auth.crypto.envelopes import Undecryptable, decrypt, encrypt, split_version, with_version

SECRET = "0123456789abcdefghijklmnopqrstuvwxyzABCD"
# Made by the original.
SEALED = (
    "6c3dde8d325fc34f6479bdf8ff6b008c1d4b9c4fc0defa991638ccdb8c3d1c4f6e2fdbd8ded3aa306f52ce19a2e77bb6864b72"
)


# The same under version 2.
VERSIONED = (
    "$ba$2$45e892cc937142cf7ebdcd51edb8674aa7ba807ee6b68bbd1be7807ccb"
    "2213498a599f003c43b8911fbff2a3a06507daf25741"
)


def test_the_originals_envelope_opens() -> None:
    assert decrypt(SEALED, secret=SECRET) == "hello world"


@given(st.text(max_size=300))
def test_what_was_sealed_opens_with_the_same_secret_alone(text: str) -> None:
    sealed = encrypt(text, secret=SECRET)
    assert decrypt(sealed, secret=SECRET) == text
    with pytest.raises(Undecryptable):
        decrypt(sealed, secret=SECRET[::-1])


def test_a_version_is_told_by_the_text() -> None:
    version, envelope = split_version(VERSIONED)
    assert (version, decrypt(envelope, secret=SECRET)) == (2, "hello world")
    assert with_version(envelope, 2) == VERSIONED
    assert split_version(SEALED) == (None, SEALED)


@pytest.mark.parametrize(
    "text", ["$ba$", "$ba$x$00", "$ba$-1$00", "$ba$02$00", "$ba$٢$00", "$ba$2$zz", "$ba$9999999999$00"]
)
def test_what_tells_no_version_is_taken_as_it_is(text: str) -> None:
    assert split_version(text) == (None, text)


def test_no_two_envelopes_are_alike() -> None:
    assert encrypt("x", secret=SECRET) != encrypt("x", secret=SECRET)


@pytest.mark.parametrize("place", [0, 30, 50, 60, len(SEALED) - 1])
def test_a_changed_envelope_does_not_open(place: int) -> None:
    changed = SEALED[:place] + ("0" if SEALED[place] != "0" else "1") + SEALED[place + 1 :]
    with pytest.raises(Undecryptable):
        decrypt(changed, secret=SECRET)


@pytest.mark.parametrize(
    "text", ["", "00", "zz", "é", "00" * 23, "00" * 24, "00" * 39, "$ba$2$00", SEALED[:-2]]
)
def test_what_is_no_envelope_does_not_open(text: str) -> None:
    with pytest.raises(Undecryptable):
        decrypt(text, secret=SECRET)
