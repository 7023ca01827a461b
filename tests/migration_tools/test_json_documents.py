"""Large JSON documents: each element whole, in bounded memory, and what is broken named by its place."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migration_tools.sources import json_documents
from migration_tools.sources.files import paths_of
from migration_tools.sources.json_documents import Element, elements
from migration_tools.sources.source import SourceFault

USERS = frozenset({"users.*", "*", "*.users.*"})
Read = Callable[..., list[Element]]


@pytest.fixture(params=[7, 262_144])
def read(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """In pieces so small that every boundary is met, and as it is."""
    monkeypatch.setattr(json_documents, "CHUNK", request.param)

    def run(content: Any, *, has_lines: bool = False, wanted: frozenset[str] = USERS) -> list[Element]:
        path = tmp_path / "users.json"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content, indent=1).encode())
        return list(elements(str(path), wanted, has_lines=has_lines))

    return run


def parsed(found: list[Element]) -> list[Any]:
    return [json.loads(one.raw) if one.refusal is None else one.refusal.reason for one in found]


PEOPLE = [
    {"id": 1, "name": 'quoted " and { bracket \\', "roles": ["a", {"b": [[]]}]},
    {"id": 2, "name": "æøå \u2028 \\u0041", "nothing": None},
    {"id": 3},
]


def test_elements_come_whole_from_lists_by_name_and_bare_ones(read: Read) -> None:
    around = {"kind": "export", "big": {"users": [{"id": 9}]}, "ok": True, "n": -1.5e3, "none": None}
    assert parsed(read({**around, "users": PEOPLE, "after": [1, "]"]})) == PEOPLE
    assert parsed(read(PEOPLE)) == PEOPLE
    assert read({"users": []}) == []
    assert read({"other": []}) == []


def test_objects_around_tell_of_themselves(read: Read) -> None:
    realms = [{"realm": "acme", "users": PEOPLE[:1]}, {"realm": 'o"ne', "users": PEOPLE[1:2]}]
    found = read(realms, wanted=frozenset({"users.*", "*.users.*"}))
    assert [one.around["realm"] for one in found] == ["acme", 'o"ne']
    assert parsed(found) == PEOPLE[:2]


def test_places_name_record_and_line(read: Read) -> None:
    assert [one.place for one in read(b'{"users":[\n{"id":1},\n\n{"id":\n2}]}')] == [
        "record 1, line 2",
        "record 2, line 4",
    ]


@pytest.mark.parametrize(
    "keep", [b'{"users":[{"id":1},{"id":2', b'{"users":[{"id":1}', b'{"users":[{"id":1},']
)
def test_a_document_that_is_cut_short_says_so_behind_what_is_there(keep: bytes, read: Read) -> None:
    found = parsed(read(keep))
    assert found == [{"id": 1}, "cut-short"]


@pytest.mark.parametrize(
    "content",
    [
        b'{"users":[{"id":1} {"id":2}]}',
        b'{"users":[{"id":1}}',
        b'{"users":[{"id":1}]}}',
        b'[{"id":1}, nul: 1]',
    ],
)
def test_what_is_no_json_ends_the_reading_and_is_told(content: bytes, read: Read) -> None:
    found = parsed(read(content))
    assert found[0] == {"id": 1}
    assert found[-1] in ("invalid-json", "invalid-record", "cut-short")
    assert len(found) <= 3


def test_a_broken_record_takes_no_other_with_it(read: Read) -> None:
    found = read(b'[{"id": tru}, 17, "x", [1], null, {"id":2}]')
    assert [one.refusal.reason if one.refusal else one.raw for one in found] == [
        b'{"id": tru}',
        *["invalid-record"] * 4,
        b'{"id":2}',
    ]


def test_lines_are_told_from_documents(read: Read) -> None:
    lines = b"\n".join(json.dumps(one).encode() for one in PEOPLE)
    assert parsed(read(lines, has_lines=True)) == PEOPLE
    assert parsed(read(b"{broken\n" + lines, has_lines=True)[1:]) == PEOPLE
    assert parsed(read(json.dumps({"users": PEOPLE}).encode(), has_lines=True)) == PEOPLE
    assert parsed(read({"users": PEOPLE}, has_lines=True)) == PEOPLE
    assert parsed(read(json.dumps(PEOPLE).encode(), has_lines=True)) == PEOPLE


def test_a_giant_is_passed_over_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "users.json"
    with path.open("wb") as file:
        file.write(b'{"users":[{"id":1},{"id":2,"text":"')
        for _ in range(5):
            file.write(b'x\\"{[' * 200_000)
        file.write(b'"},{"id":3,"deep":' + b"[" * 600_000 + b"]" * 600_000 + b'},{"id":4}]}')
    tracemalloc.start()
    found = parsed(list(elements(str(path), USERS)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == [{"id": 1}, "too-long", "too-long", {"id": 4}]
    assert peak < 12_000_000


def test_several_files_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    names = ["acme-users-0.json", "acme-users-2.json", "acme-users-10.json", "acme-realm.json"]
    for name in [*names, "readme.txt"]:
        (tmp_path / name).write_text("{}")
    in_order = [str(tmp_path / name) for name in sorted(names[3:]) + names[:3]]
    assert list(paths_of(str(tmp_path))) == in_order
    assert list(paths_of(f"{tmp_path}/acme-users-*.json")) == in_order[1:]
    with pytest.raises(SourceFault, match="no such file"):
        paths_of(f"{tmp_path}/nobody-*.json")
