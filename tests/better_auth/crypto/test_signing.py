"""Signed cookie values, against the values that the reference server made."""

from __future__ import annotations

from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from better_auth.crypto.signing import sign_raw, sign_value, unsign_value

SECRET = "0123456789abcdefghijklmnopqrstuvwxyzABCD"
TOKEN = "Bwc2ynysSeYILGBRp6guju7mWh6WEHcP"

VECTORS = [
    (SECRET, TOKEN, f"{TOKEN}.wgr1xgiFNPRZKWkpr4PTHBsrm3%2BEdJM47NSWxqyCCbs%3D"),
    (SECRET, "true", "true.xdxkjNl97vBndFOiUFffZWydDIg2D7RnS698vx0mQ5w%3D"),
    (
        "better-auth-secret-123456789012345",
        "abcdefghijklmnopqrstuvwxyz012345",
        "abcdefghijklmnopqrstuvwxyz012345.WXpQB9unOJwkr5VfH6hxy0SaXzvFyrBObX0wedJEPec%3D",
    ),
]
payloads = st.text(min_size=1)


@pytest.mark.parametrize(("secret", "payload", "value"), VECTORS)
def test_reference_vectors(secret, payload, value):
    assert sign_value(payload, secret=secret) == value
    assert sign_raw(payload, secret=secret) == unquote(value)
    assert unsign_value(value, secret=secret) == payload
    assert unsign_value(unquote(value), secret=secret) == payload


@given(payloads)
def test_what_was_signed_comes_back(payload):
    assert unsign_value(sign_value(payload, secret=SECRET), secret=SECRET) == payload


@given(payloads.filter(lambda payload: "%" not in payload))
def test_the_decoded_form_comes_back_too(payload):
    assert unsign_value(sign_raw(payload, secret=SECRET), secret=SECRET) == payload


@given(payloads)
def test_encodes_like_javascript(payload):
    assert sign_value(payload, secret=SECRET) == quote(sign_raw(payload, secret=SECRET), safe="-_.!~*'()")


@pytest.mark.parametrize("escape", [str.upper, str.lower])
def test_escapes_may_be_written_in_either_case(escape):
    signature = sign_raw(TOKEN, secret=SECRET).rpartition(".")[2]
    everything = "".join(escape(f"%{ord(character):02x}") for character in f".{signature}")
    assert unsign_value(TOKEN + everything, secret=SECRET) == TOKEN


@given(st.data())
def test_one_changed_character_never_verifies(data):
    signed = sign_raw(TOKEN, secret=SECRET)
    position = data.draw(st.integers(0, len(signed) - 1))
    character = data.draw(st.characters(codec="utf-8").filter(lambda char: char != signed[position]))
    assert unsign_value(signed[:position] + character + signed[position + 1 :], secret=SECRET) is None


def test_another_spelling_of_the_same_signature_bytes_is_refused():
    # The last character before "=" has two unused bits: three more texts decode to the same 32 bytes.
    signed = sign_raw(TOKEN, secret=SECRET)
    assert signed.endswith("Cbs=")
    for last in "tuv":
        assert unsign_value(f"{signed[:-2]}{last}=", secret=SECRET) is None


@given(st.text(alphabet=st.characters(codec=None, exclude_categories=())))
def test_garbage_is_answered_with_none(value):
    assert unsign_value(value, secret=SECRET) is None
    assert unsign_value(f"{TOKEN}.{value}", secret=SECRET) is None
    assert unsign_value(f"{value}.{'A' * 43}=", secret=SECRET) is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        ".",
        TOKEN,
        f"{TOKEN}.",
        f".{sign_raw('', secret=SECRET)[1:]}",
        f"{sign_raw(TOKEN, secret=SECRET)[:-1]}",
        f"{sign_raw(TOKEN, secret=SECRET)}=",
        f"{sign_raw(TOKEN, secret=SECRET)} ",
        f"%{sign_raw(TOKEN, secret=SECRET)}",
        f"%zz{sign_raw(TOKEN, secret=SECRET)}",
        f"%ff{sign_raw(TOKEN, secret=SECRET)}",
        f"\ud800{sign_raw(TOKEN, secret=SECRET)}",
        f"{TOKEN}.{'é' * 43}=",
        quote(sign_value(TOKEN, secret=SECRET)),
    ],
)
def test_malformed_values_are_answered_with_none(value):
    assert unsign_value(value, secret=SECRET) is None


def test_another_secret_does_not_verify():
    assert unsign_value(sign_value(TOKEN, secret=SECRET), secret=f"{SECRET}x") is None


def test_the_last_dot_separates():
    assert unsign_value(sign_value("a.b.c", secret=SECRET), secret=SECRET) == "a.b.c"
