"""The two formats of the log: neither can be forged, and neither tells an address."""

from __future__ import annotations

import json
import logging
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import environment
from config.logs import FailuresByRoute, JsonFormatter, LineFormatter
from tests.patience import no_hang

FORMATTERS = [LineFormatter(), JsonFormatter()]


def record(message: str, *arguments: Any, failure: bool = False, **members: Any) -> logging.LogRecord:
    found = logging.LogRecord(
        "better_auth.test", logging.INFO, __file__, 1, message, arguments, sys.exc_info() if failure else None
    )
    vars(found).update(members)
    return found


def failed(text: str, **members: Any) -> logging.LogRecord:
    try:
        raise ValueError(text)
    except ValueError:
        return record("it failed", failure=True, **members)


@pytest.mark.parametrize("formatter", FORMATTERS)
@pytest.mark.parametrize("char", ["\n", "\r", "\x1b", "\x00", "\x7f", "\x85", "\x9b", "\u2028", "\u2029"])
def test_a_message_is_one_line_without_control_characters(formatter: logging.Formatter, char: str) -> None:
    line = formatter.format(record("a%sb", char))
    assert line.splitlines() == [line]
    assert char not in line
    assert f"a\\u{ord(char):04x}b" in line or json.loads(line)["message"] == f"a{char}b"


@pytest.mark.parametrize("formatter", FORMATTERS)
@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("to ann@example.com failed", "to a…@example.com failed"),
        ("Key (email)=(ann+x@mail.example.com) exists", "Key (email)=(a…@mail.example.com) exists"),
        ("'a@example.com', 'bob@example.org'", "'a…@example.com', 'b…@example.org'"),
        ("a…@example.com", "a…@example.com"),
        ("nobody @ all", "nobody @ all"),
    ],
)
def test_addresses_are_masked(formatter: logging.Formatter, told: str, expected: str) -> None:
    for one in (record("%s", told), failed(told)):
        text = formatter.format(one)
        if isinstance(formatter, JsonFormatter):
            text = "".join(map(str, json.loads(text).values()))
        assert expected in text
        assert expected == told or told not in text


def test_a_long_line_without_an_address_is_read_once() -> None:
    with no_hang():
        LineFormatter().format(record("a" * 2_000_000 + " " + "a." * 1_000_000))


def test_no_line_of_a_traceback_passes_for_an_event() -> None:
    forged = "2026-01-01 00:00:00,000 INFO better_auth.events: {}"
    first, *others = LineFormatter().format(failed(f"x\r\n{forged}\x1b[31m")).split("\n")
    assert first.endswith("it failed")
    assert len(others) > 2
    assert all(line.startswith("    ") and line.isprintable() for line in others)


def test_an_object_has_time_level_logger_and_message() -> None:
    line = json.loads(JsonFormatter().format(record("hello %s", "world", created=1769860800.123)))
    assert line == {
        "time": "2026-01-31T12:00:00.123+00:00",
        "level": "INFO",
        "logger": "better_auth.test",
        "message": "hello world",
    }


def test_an_event_has_its_members_as_an_object() -> None:
    members = {"event": "sign_in", "success": False, "details": {"reason": "wrong_password"}}
    line = json.loads(JsonFormatter().format(record("%s", json.dumps(members), event=members)))
    assert (line["message"], line["event"]) == ("sign_in", members)


def test_nothing_is_too_strange_for_json() -> None:
    line = json.loads(JsonFormatter().format(record("%s", "\udce9", event={"event": "x", "at": object})))
    assert line["event"]["at"] == "<class 'object'>"
    assert json.loads(JsonFormatter().format(record("\udce9")))["message"] == "\udce9"


def test_a_failure_has_its_traceback() -> None:
    line = json.loads(JsonFormatter().format(failed("why")))
    assert line["traceback"].endswith("ValueError: why")


def test_a_failure_of_a_view_is_told_by_its_route() -> None:
    request = SimpleNamespace(
        method="GET", path="/reset/abc", resolver_match=SimpleNamespace(route="reset/<str:token>")
    )
    one = failed("why", request=request)
    assert FailuresByRoute().filter(one)
    assert one.getMessage() == "GET reset/<str:token> failed"


def test_a_refusal_is_not_told() -> None:
    assert not FailuresByRoute().filter(record("Service Unavailable: %s", "/reset/abc"))


def test_the_format_is_chosen_by_a_variable() -> None:
    assert environment.log_format({}) == "line"
    assert environment.log_format({"BETTER_AUTH_LOG_FORMAT": ""}) == "line"
    assert environment.log_format({"BETTER_AUTH_LOG_FORMAT": "json"}) == "json"
    with pytest.raises(
        ImproperlyConfigured, match="BETTER_AUTH_LOG_FORMAT: expected line or json, got 'xml'"
    ):
        environment.log_format({"BETTER_AUTH_LOG_FORMAT": "xml"})
