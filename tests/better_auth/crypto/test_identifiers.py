"""Identifiers, tokens and their digests."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from better_auth.crypto import identifiers
from better_auth.crypto.identifiers import (
    ALPHANUMERIC,
    LOWER_ALPHANUMERIC,
    URL_SAFE,
    code_digest,
    derive_key,
    new_id,
    random_string,
    token_digest,
)

LAST_MOMENT = 36**9 - 1


def test_id_has_32_lower_case_base36_characters():
    assert re.fullmatch(r"[0-9a-z]{32}", new_id())


def test_id_starts_with_its_moment():
    assert new_id(0).startswith("000000000")
    assert new_id(1_767_323_045_678).startswith(_base36(1_767_323_045_678).rjust(9, "0"))
    assert new_id(LAST_MOMENT).startswith("zzzzzzzzz")


@given(st.integers(0, LAST_MOMENT), st.integers(0, LAST_MOMENT))
def test_ids_sort_by_time(earlier, later):
    earlier, later = sorted((earlier, later))
    if earlier < later:
        assert new_id(earlier) < new_id(later)


def test_ids_of_one_millisecond_are_unique():
    assert len({new_id(1_767_323_045_678) for _ in range(10_000)}) == 10_000


@pytest.mark.parametrize("moment", [-1, LAST_MOMENT + 1])
def test_id_refuses_a_moment_it_cannot_order(moment):
    with pytest.raises(ValueError, match="moment"):
        new_id(moment)


@pytest.mark.parametrize(
    ("make", "pattern"),
    [
        (identifiers.new_session_token, r"[a-zA-Z0-9]{32}"),
        (identifiers.new_reset_token, r"[a-zA-Z0-9]{24}"),
        (identifiers.new_deletion_token, r"[a-z0-9]{32}"),
        (identifiers.new_oauth_state, r"[a-z0-9A-Z_-]{32}"),
    ],
)
def test_tokens_have_the_protocols_form(make, pattern):
    made = {make() for _ in range(200)}
    assert len(made) == 200
    assert all(re.fullmatch(pattern, token) for token in made)


@pytest.mark.parametrize(("alphabet", "size"), [(ALPHANUMERIC, 62), (LOWER_ALPHANUMERIC, 36), (URL_SAFE, 64)])
def test_alphabets_repeat_no_character(alphabet, size):
    assert len(alphabet) == len(set(alphabet)) == size


def test_every_character_is_drawn_as_often(monkeypatch):
    # All 256 bytes once: a bare modulo would give the first eight letters of 62 five times, not four.
    pool = iter([bytes(range(256)), bytes(range(256))])
    monkeypatch.setattr(secrets, "token_bytes", lambda size: next(pool))
    assert set(Counter(random_string(248, ALPHANUMERIC)).values()) == {4}


@given(st.integers(0, 100), st.text(min_size=1, max_size=256))
def test_random_string_keeps_to_length_and_alphabet(length, alphabet):
    drawn = random_string(length, alphabet)
    assert len(drawn) == length
    assert set(drawn) <= set(alphabet)


@pytest.mark.parametrize("alphabet", ["", "x" * 257])
def test_random_string_refuses_alphabets_a_byte_cannot_index(alphabet):
    with pytest.raises(ValueError, match="alphabet"):
        random_string(1, alphabet)


def test_token_digest_is_sha256_in_hex():
    assert token_digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert token_digest("Zoë") == hashlib.sha256("Zoë".encode()).hexdigest()


def test_code_digest_is_bound_to_key_purpose_subject_and_code():
    digest = code_digest("123456", key=b"k", purpose="sign-in", subject="a@b.co")
    assert re.fullmatch(r"[0-9a-f]{64}", digest)
    others = {
        code_digest("123457", key=b"k", purpose="sign-in", subject="a@b.co"),
        code_digest("123456", key=b"K", purpose="sign-in", subject="a@b.co"),
        code_digest("123456", key=b"k", purpose="reset", subject="a@b.co"),
        code_digest("123456", key=b"k", purpose="sign-in", subject="c@d.co"),
    }
    assert len(others) == 4
    assert digest not in others


@given(st.tuples(st.text(), st.text(), st.text()), st.tuples(st.text(), st.text(), st.text()))
def test_code_digest_never_confuses_two_triples(one, other):
    digests = [code_digest(code, key=b"k", purpose=p, subject=s) for p, s, code in (one, other)]
    assert (digests[0] == digests[1]) == (one == other)


def test_code_digest_marks_where_parts_end():
    one = code_digest("c", key=b"k", purpose="a", subject="bc")
    assert one != code_digest("c", key=b"k", purpose="ab", subject="c")
    assert one != code_digest("cc", key=b"k", purpose="a", subject="b")


def test_derived_keys_are_stable_and_separate():
    # Pinned: a change of the derivation would make everything stored under these keys unreadable.
    expected = "a48b3cce7612c1faaeba7ae39085d90b325f062e42b8bf672845da451563fe54"
    assert derive_key("0123456789abcdefghijklmnopqrstuvwxyzABCD", "codes").hex() == expected
    assert derive_key("s", "a") != derive_key("s", "b") != derive_key("t", "b")
    assert len(derive_key("s", "a", 64)) == 64


def _base36(number):
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = LOWER_ALPHANUMERIC[digit] + digits
    return digits
