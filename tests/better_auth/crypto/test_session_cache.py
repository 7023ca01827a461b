"""The cookie cache and its chunks, against the values that the reference server made."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from better_auth.crypto.jose import base64url_decode, base64url_encode, encrypt_jwe, sign_hs256
from better_auth.crypto.session_cache import (
    MAX_COOKIE_SIZE,
    MAX_VALUE_LENGTH,
    STRATEGIES,
    chunk_index,
    decode_compact,
    encode_compact,
    encode_jwt,
    join_chunks,
    split_chunks,
)

SECRET = "0123456789abcdefghijklmnopqrstuvwxyzABCD"
NOW_MS = 1767323045678
MAX_AGE = 300

PAYLOAD = {
    "session": {
        "expiresAt": "2027-01-02T03:04:05.678Z",
        "token": "Bwc2ynysSeYILGBRp6guju7mWh6WEHcP",
        "createdAt": "2026-01-02T03:04:05.678Z",
        "updatedAt": "2026-01-02T03:04:05.678Z",
        "ipAddress": "",
        "userAgent": "",
        "userId": "u1",
        "id": "s1",
    },
    "user": {
        "name": "Zoë",
        "email": "a@b.co",
        "emailVerified": False,
        "image": None,
        "createdAt": "2026-01-02T03:04:05.678Z",
        "updatedAt": "2026-01-02T03:04:05.678Z",
        "id": "u1",
    },
    "updatedAt": NOW_MS,
    "version": "1",
}
COMPACT_SIGNATURE = "5uW8FdtQyUzLO5zT8eiOeVZZPfn2arl4wyAZXO9puog"
COMPACT_VALUE = (
    "eyJzZXNzaW9uIjp7InNlc3Npb24iOnsiZXhwaXJlc0F0IjoiMjAyNy0wMS0wMlQwMzowNDowNS42NzhaIiwidG9rZW4iOiJCd2MyeW55c1Nl"
    "WUlMR0JScDZndWp1N21XaDZXRUhjUCIsImNyZWF0ZWRBdCI6IjIwMjYtMDEtMDJUMDM6MDQ6MDUuNjc4WiIsInVwZGF0ZWRBdCI6IjIwMjYt"
    "MDEtMDJUMDM6MDQ6MDUuNjc4WiIsImlwQWRkcmVzcyI6IiIsInVzZXJBZ2VudCI6IiIsInVzZXJJZCI6InUxIiwiaWQiOiJzMSJ9LCJ1c2Vy"
    "Ijp7Im5hbWUiOiJab8OrIiwiZW1haWwiOiJhQGIuY28iLCJlbWFpbFZlcmlmaWVkIjpmYWxzZSwiaW1hZ2UiOm51bGwsImNyZWF0ZWRBdCI6"
    "IjIwMjYtMDEtMDJUMDM6MDQ6MDUuNjc4WiIsInVwZGF0ZWRBdCI6IjIwMjYtMDEtMDJUMDM6MDQ6MDUuNjc4WiIsImlkIjoidTEifSwidXBk"
    "YXRlZEF0IjoxNzY3MzIzMDQ1Njc4LCJ2ZXJzaW9uIjoiMSJ9LCJleHBpcmVzQXQiOjE3NjczMjMzNDU2NzgsInNpZ25hdHVyZSI6IjV1VzhG"
    "ZHRReVV6TE81elQ4ZWlPZVZaWlBmbjJhcmw0d3lBWlhPOXB1b2cifQ"
)
JWT_SIGNATURE = "Uy5WFrXuET8dsavyJBeP3qloZZJpKI0auUSQwHt5qI4"

NAME = "better-auth.session_data"
ATTRIBUTES = "; Max-Age=300; Path=/; HttpOnly; SameSite=Lax"

any_text = st.text(alphabet=st.characters(codec=None, exclude_categories=()))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=5,
)
every_strategy = pytest.mark.parametrize("codec", STRATEGIES.values(), ids=STRATEGIES.keys())


def compact_value(envelope: object) -> str:
    return base64url_encode(json.dumps(envelope, separators=(",", ":"), ensure_ascii=False).encode())


def decode(codec, value, *, at=NOW_MS, secret=SECRET):
    return codec.decode(value, secret=secret, now_ms=at)


def encode(codec, payload=None, *, at=NOW_MS, secret=SECRET):
    return codec.encode(PAYLOAD if payload is None else payload, secret=secret, now_ms=at, max_age=MAX_AGE)


class TestReferenceVectors:
    def test_compact(self):
        assert encode(STRATEGIES["compact"]) == COMPACT_VALUE
        assert decode(STRATEGIES["compact"], COMPACT_VALUE) == PAYLOAD

    def test_compact_signature(self):
        envelope = json.loads(base64.urlsafe_b64decode(COMPACT_VALUE + "=="))
        assert envelope["signature"] == COMPACT_SIGNATURE

    def test_jwt(self):
        token = encode(STRATEGIES["jwt"])
        header, payload, signature = token.split(".")
        assert base64url_decode(header) == b'{"alg":"HS256"}'
        assert base64url_decode(payload).endswith(
            b'"updatedAt":1767323045678,"version":"1","iat":1767323045,"exp":1767323345}'
        )
        assert signature == JWT_SIGNATURE
        assert len(token) == 684
        assert decode(STRATEGIES["jwt"], token) == PAYLOAD


class TestEveryStrategy:
    @every_strategy
    @settings(max_examples=50)
    @given(metadata=json_values, name=st.text(), version=st.text())
    def test_round_trip(self, codec, metadata, name, version):
        user = {**PAYLOAD["user"], "name": name}
        payload = {"session": {"metadata": metadata}, "user": user, "updatedAt": NOW_MS, "version": version}
        assert decode(codec, encode(codec, payload)) == payload

    @every_strategy
    def test_members_keep_their_order(self, codec):
        decoded = decode(codec, encode(codec))
        assert json.dumps(decoded) == json.dumps(PAYLOAD)

    @every_strategy
    def test_another_secret_does_not_verify(self, codec):
        assert decode(codec, encode(codec, secret=f"{SECRET}x")) is None

    @every_strategy
    def test_one_changed_character_never_verifies(self, codec):
        value = encode(codec)

        @given(st.data())
        def check(data):
            position = data.draw(st.integers(0, len(value) - 1))
            character = data.draw(st.characters(codec="utf-8").filter(lambda char: char != value[position]))
            assert decode(codec, value[:position] + character + value[position + 1 :]) is None

        check()

    @every_strategy
    @given(text=any_text)
    def test_garbage_is_answered_with_none(self, codec, text):
        assert decode(codec, text) is None
        assert decode(codec, f"{text}.{text}.{text}") is None

    @every_strategy
    def test_values_of_the_other_strategies_are_refused(self, codec):
        others = [encode(other) for other in STRATEGIES.values() if other is not codec]
        assert [decode(codec, value) for value in others] == [None, None]

    @every_strategy
    def test_refuses_to_look_at_a_huge_value(self, codec):
        payload = {**PAYLOAD, "padding": "x" * MAX_VALUE_LENGTH}
        assert decode(codec, encode(codec, payload)) is None

    @pytest.mark.parametrize(
        ("strategy", "last_ms"),
        [
            ("compact", NOW_MS + 300_000),
            ("jwt", 1767323345_000 - 1),
            ("jwe", 1767323345_000 + 15_000 - 1),
        ],
    )
    def test_expiry(self, strategy, last_ms):
        codec = STRATEGIES[strategy]
        value = encode(codec)
        assert decode(codec, value, at=last_ms) == PAYLOAD
        assert decode(codec, value, at=last_ms + 1) is None


class TestPurpose:
    def test_an_email_token_is_no_session(self):
        token = sign_hs256({"email": "a@b.co", "iat": 1767323045, "exp": 1767326645}, secret=SECRET)
        assert decode(STRATEGIES["jwt"], token) is None

    @pytest.mark.parametrize(
        "claims", [{}, {"session": {}}, {"session": {}, "user": []}, {"session": "", "user": {}}]
    )
    def test_claims_of_another_shape_are_no_session(self, claims):
        assert all(decode(codec, encode(codec, claims)) is None for codec in STRATEGIES.values())

    def test_the_account_cookie_is_no_session(self):
        token = encrypt_jwe(
            PAYLOAD, secret=SECRET, salt="better-auth-account", now=NOW_MS // 1000, max_age=MAX_AGE
        )
        assert decode(STRATEGIES["jwe"], token) is None


class TestCompact:
    @pytest.mark.parametrize(
        "envelope",
        [
            [],
            {},
            {"session": PAYLOAD, "expiresAt": NOW_MS + 300_000},
            {"session": PAYLOAD, "expiresAt": NOW_MS + 300_000, "signature": None},
            {"session": PAYLOAD, "expiresAt": NOW_MS + 300_000, "signature": ""},
            {"session": PAYLOAD, "expiresAt": NOW_MS + 300_000, "signature": "é"},
            {"session": PAYLOAD, "expiresAt": NOW_MS + 300_001, "signature": COMPACT_SIGNATURE},
            {"session": PAYLOAD, "expiresAt": str(NOW_MS + 300_000), "signature": COMPACT_SIGNATURE},
            {"session": PAYLOAD, "expiresAt": True, "signature": COMPACT_SIGNATURE},
            {"session": PAYLOAD, "expiresAt": float("inf"), "signature": COMPACT_SIGNATURE},
            {"session": [PAYLOAD], "expiresAt": NOW_MS + 300_000, "signature": COMPACT_SIGNATURE},
            {"session": "x", "expiresAt": NOW_MS + 300_000, "signature": COMPACT_SIGNATURE},
        ],
    )
    def test_refuses_envelopes(self, envelope):
        assert decode_compact(compact_value(envelope), secret=SECRET, now_ms=NOW_MS) is None

    @pytest.mark.parametrize(
        "text",
        [
            b"[" * 90_000,
            b'{"session":' * 20_000,
            b'{"session":{"a":1e999},"expiresAt":1e999,"signature":""}',
            b"\xff",
        ],
    )
    def test_hostile_json_is_answered_with_none(self, text):
        assert decode_compact(base64url_encode(text), secret=SECRET, now_ms=NOW_MS) is None

    def test_verifies_what_was_written_with_other_members_or_whitespace(self):
        # The signature covers the payload written once more, not the text that was received.
        envelope = {
            "signature": COMPACT_SIGNATURE,
            "expiresAt": NOW_MS + 300_000,
            "more": 1,
            "session": PAYLOAD,
        }
        value = base64url_encode(json.dumps(envelope, indent=2).encode())
        assert decode_compact(value, secret=SECRET, now_ms=NOW_MS) == PAYLOAD

    def test_signs_numbers_and_keys_as_javascript_rewrites_them(self):
        payload = {**PAYLOAD, "extra": {"b": 1.0, "2": 1, "1": 1}}
        value = encode_compact(payload, secret=SECRET, now_ms=NOW_MS, max_age=MAX_AGE)
        signed = json.dumps(PAYLOAD, separators=(",", ":"), ensure_ascii=False)[:-1]
        signed += ',"extra":{"1":1,"2":1,"b":1},"expiresAt":1767323345678}'
        signature = hmac.digest(SECRET.encode(), signed.encode(), hashlib.sha256)
        assert json.loads(base64url_decode(value))["signature"] == base64url_encode(signature)

    def test_padding_and_the_standard_alphabet_are_refused(self):
        assert decode_compact(f"{COMPACT_VALUE}==", secret=SECRET, now_ms=NOW_MS) is None


class TestChunks:
    @staticmethod
    def serialized(cookie):
        name, value = cookie
        return f"{name}={value}{ATTRIBUTES}"

    def split(self, value, name=NAME):
        return split_chunks(name, value, attributes_length=len(ATTRIBUTES))

    def test_a_short_value_keeps_the_plain_name(self):
        assert self.split("x") == [(NAME, "x")]
        assert self.split("") == [(NAME, "")]

    def test_full_chunks_are_one_byte_below_the_budget(self):
        cookies = self.split("x" * 10_000)
        assert [name for name, _ in cookies] == [f"{NAME}.0", f"{NAME}.1", f"{NAME}.2"]
        assert [len(self.serialized(cookie)) for cookie in cookies[:2]] == [MAX_COOKIE_SIZE - 1] * 2

    def test_the_border_between_one_cookie_and_two(self):
        size = MAX_COOKIE_SIZE - len(f"{NAME}.99={ATTRIBUTES}")
        assert self.split("x" * size) == [(NAME, "x" * size)]
        assert [len(value) for _, value in self.split("x" * (size + 1))] == [size, 1]

    def test_more_than_a_hundred_chunks_are_not_stored(self):
        size = MAX_COOKIE_SIZE - len(f"{NAME}.99={ATTRIBUTES}")
        assert len(self.split("x" * (100 * size))) == 100
        assert self.split("x" * (100 * size + 1)) == []

    def test_nothing_is_stored_when_the_attributes_fill_the_budget(self):
        assert split_chunks(NAME, "x", attributes_length=MAX_COOKIE_SIZE) == []

    @given(st.text(alphabet="abcXYZ019-_.", max_size=20_000), st.randoms())
    def test_chunks_join_in_any_order(self, value, random):
        cookies = [*self.split(value), ("other", "1"), (f"{NAME}_x", "2"), (f"{NAME}.x", "3")]
        random.shuffle(cookies)
        assert join_chunks(NAME, dict(cookies)) == (value or None)

    def test_chunks_join_in_the_order_of_their_numbers(self):
        cookies = {f"{NAME}.{index}": f"<{index}>" for index in (10, 2, 0, 1)}
        assert join_chunks(NAME, cookies) == "<0><1><2><10>"

    def test_the_plain_name_wins_unless_it_is_empty(self):
        assert join_chunks(NAME, {f"{NAME}.0": "chunk", NAME: "whole"}) == "whole"
        assert join_chunks(NAME, {f"{NAME}.0": "chunk", NAME: ""}) == "chunk"

    def test_nothing_stored(self):
        assert join_chunks(NAME, {}) is None
        assert join_chunks(NAME, {NAME: "", f"{NAME}.0": ""}) is None

    @pytest.mark.parametrize(
        ("suffix", "index"),
        [
            (".0", 0),
            (".99", 99),
            (".9007199254740991", 2**53 - 1),
            (".9007199254740992", None),
            (f".{'9' * 5000}", None),
            ("", None),
            (".", None),
            (".00", None),
            (".01", None),
            (".-1", None),
            (".+1", None),
            (". 1", None),
            (".1 ", None),
            (".1.0", None),
            (".1e1", None),
            (".٣", None),
            ("0", None),
        ],
    )
    def test_only_canonical_numbers_are_chunks(self, suffix, index):
        assert chunk_index(NAME, f"{NAME}{suffix}") == index

    def test_a_chunked_session_reads_back(self):
        payload = {**PAYLOAD, "user": {**PAYLOAD["user"], "image": "data:" + "x" * 9_000}}
        value = encode_jwt(payload, secret=SECRET, now_ms=NOW_MS, max_age=MAX_AGE)
        cookies = self.split(value)
        assert len(cookies) == 4
        assert decode(STRATEGIES["jwt"], join_chunks(NAME, dict(cookies))) == payload
