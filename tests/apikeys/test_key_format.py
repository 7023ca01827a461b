"""What keys look like, and which mistakes in them are noticed without a look-up."""

from __future__ import annotations

import random
import re
import string

import pytest

from apikeys.key_format import generate, is_mistyped
from better_auth.crypto.identifiers import api_key_digest


def test_a_key_is_its_prefix_and_letters() -> None:
    assert re.fullmatch(r"live_[a-zA-Z]{64}", generate("live_", 64))
    assert generate("", 64) != generate("", 64)


def test_the_digest_is_the_protocols() -> None:
    """SHA-256 in base64url without padding: of "abc", FIPS 180-2, appendix B.1."""
    assert api_key_digest("abc") == "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"
    assert len(api_key_digest("pk_" + "x" * 64)) == 43


@pytest.mark.parametrize("prefix", ["", "live_", "ä-"])
def test_a_key_of_ours_is_not_taken_for_mistyped(prefix: str) -> None:
    assert not any(is_mistyped(generate(prefix, length)) for length in (32, 64, 200) for _ in range(20))


def test_every_single_wrong_letter_is_noticed() -> None:
    key = generate("live_", 64)
    for at, letter in enumerate(key):
        for other in random.sample(string.ascii_letters.replace(letter, ""), 5):
            assert is_mistyped(key[:at] + other + key[at + 1 :]), at


def test_two_letters_in_the_wrong_order_are_noticed() -> None:
    key = generate("", 64)
    swapped = [key[:at] + key[at + 1] + key[at] + key[at + 2 :] for at in range(20) if key[at] != key[at + 1]]
    assert swapped
    assert all(map(is_mistyped, swapped))


def test_a_key_made_elsewhere_is_not_taken_for_a_mistake() -> None:
    draw = random.Random(7)
    others = ["".join(draw.choices(string.ascii_letters, k=64)) for _ in range(2000)]
    assert not any(map(is_mistyped, others))


@pytest.mark.parametrize("text", ["", "x", "x" * 10, "\ud800" * 20, "é" * 64])
def test_whatever_is_shown_can_be_judged(text: str) -> None:
    assert is_mistyped(text) in (True, False)
    assert len(api_key_digest(text)) == 43
