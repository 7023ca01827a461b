"""Names and sizes: what makes a file easy to find and quick to read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.imports import PACKAGES

CHECKOUT = Path(__file__).resolve().parents[2]
VAGUE_NAMES = {"base", "common", "helper", "helpers", "manager", "managers", "misc", "service", "services"}
VAGUE_NAMES |= {"util", "utils"}
LONGEST_FILE = 400
LONGEST_FUNCTION = 40


def sources(root: Path) -> Iterator[Path]:
    for package in PACKAGES:
        for file in sorted((root / package).rglob("*.py")):
            if "migrations" not in file.relative_to(root).parts:
                yield file


def vague_names(root: Path) -> list[str]:
    return [
        str(file.relative_to(root))
        for file in sources(root)
        if VAGUE_NAMES & set(file.relative_to(root).with_suffix("").parts)
    ]


def long_files(root: Path) -> list[str]:
    return [
        str(one.relative_to(root))
        for one in sources(root)
        if len(one.read_text().splitlines()) >= LONGEST_FILE
    ]


def long_functions(root: Path) -> list[str]:
    found = []
    for file in sources(root):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length >= LONGEST_FUNCTION:
                    found.append(f"{file.relative_to(root)}: {node.name} has {length} lines")
    return found


def modules_without_docstring(root: Path) -> list[str]:
    """A file that has code says in its first line what it is for."""
    return [
        str(file.relative_to(root))
        for file in sources(root)
        if (tree := ast.parse(file.read_text())).body and ast.get_docstring(tree) is None
    ]


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert vague_names(CHECKOUT) == []


def test_files_stay_under_400_lines() -> None:
    assert long_files(CHECKOUT) == []


def test_functions_stay_under_40_lines() -> None:
    assert long_functions(CHECKOUT) == []


def test_every_module_says_what_it_is_for() -> None:
    assert modules_without_docstring(CHECKOUT) == []


@pytest.mark.parametrize(
    "name", ["utils.py", "helpers/__init__.py", "http/common.py", "manager.py", "service.py"]
)
def test_a_vague_name_is_caught(tmp_path: Path, name: str) -> None:
    file = tmp_path / "better_auth" / name
    file.parent.mkdir(parents=True)
    file.write_text("")
    assert vague_names(tmp_path) == [f"better_auth/{name}"]


@pytest.mark.parametrize(("lines", "is_long"), [(399, False), (400, True)])
def test_a_long_file_is_caught(tmp_path: Path, lines: int, is_long: bool) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/long.py").write_text("x = 1\n" * lines)
    assert long_files(tmp_path) == (["config/long.py"] if is_long else [])


@pytest.mark.parametrize(("lines", "is_long"), [(39, False), (40, True)])
@pytest.mark.parametrize("keyword", ["def", "async def"])
def test_a_long_function_is_caught(tmp_path: Path, lines: int, is_long: bool, keyword: str) -> None:
    (tmp_path / "config").mkdir()
    body = f"class Here:\n    {keyword} run(self):\n" + "        x = 1\n" * (lines - 1)
    (tmp_path / "config/long.py").write_text(body)
    assert long_functions(tmp_path) == ([f"config/long.py: run has {lines} lines"] if is_long else [])


def test_a_module_without_a_docstring_is_caught(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/__init__.py").write_text("")
    (tmp_path / "config/bare.py").write_text("x = 1\n")
    assert modules_without_docstring(tmp_path) == ["config/bare.py"]
