"""JSON as JavaScript writes it; the expected texts are those of ``JSON.stringify`` in Node."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from better_auth.crypto import wire_json

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [True, None, "x"]}, '{"b":1,"a":[true,null,"x"]}'),
        ("Zoë 😀 \u2028\x7f", '"Zoë 😀 \u2028\x7f"'),
        ('"\\/\b\f\n\r\t\x00\x1f', '"\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f"'),
        ("\ud800x\udfff", '"\\ud800x\\udfff"'),
        ("\ud83d\ude00", '"😀"'),
        (
            [1.0, -0.0, 1e15, 1e20, 1e21, 0.5, 1.5e300],
            "[1,0,1000000000000000,100000000000000000000,1e+21,0.5,1.5e+300]",
        ),
        (1.2345678901234567e20, "123456789012345670000"),
        ({"b": 0, "10": 0, "2": 0, "01": 0, "-1": 0}, '{"2":0,"10":0,"b":0,"01":0,"-1":0}'),
        ({"4294967295": 0, "4294967294": 0}, '{"4294967294":0,"4294967295":0}'),
        ((1, 2), "[1,2]"),
    ],
)
def test_writes_like_javascript(value, text):
    assert wire_json.dumps(value) == text


@given(json_values)
def test_what_is_written_reads_back_equal(value):
    # As JavaScript reads: every number a double.
    assert json.loads(wire_json.dumps(value), parse_int=float) == value


@given(json_values)
def test_writing_is_stable(value):
    text = wire_json.dumps({"value": value})
    assert wire_json.dumps(wire_json.loads_object(text)) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_refuses_numbers_that_json_cannot_say(value):
    with pytest.raises(ValueError, match="JSON"):
        wire_json.dumps(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '"x"',
        "null",
        "{",
        '{"a":NaN}',
        '{"a":-Infinity}',
        b"\xff{}",
        "[" * 100_000,
        '{"a":' * 5_000,
        "9" * 5_000,
    ],
)
def test_refuses_what_is_no_json_object(text):
    with pytest.raises(ValueError, match=r".+"):
        wire_json.loads_object(text)


def test_refuses_to_write_what_is_nested_too_deeply():
    value: list = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ValueError, match="deeply"):
        wire_json.dumps(value)
