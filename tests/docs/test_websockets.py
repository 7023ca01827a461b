"""docs/websockets.md says what the code does: its codes, names and examples."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from better_auth.conf.loading import walk
from better_auth.websocket.closing import CloseCode

PAGE = (Path(__file__).resolve().parents[2] / "docs/websockets.md").read_text()


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_every_close_code_is_explained_and_no_other() -> None:
    explained = re.findall(r"^\| (\d{4}) \|", PAGE, re.MULTILINE)
    assert [int(code) for code in explained] == sorted(map(int, CloseCode))


def test_what_the_examples_import_is_there() -> None:
    """They can be read, and name nothing that we do not have."""
    for block in blocks():
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module and not node.module.startswith("chat"):
                module = import_module(node.module)
                missing = [one.name for one in node.names if not hasattr(module, one.name)]
                assert [name for name in missing if not find_spec(f"{node.module}.{name}")] == []


def test_every_setting_is_known() -> None:
    known = {one.key for one in walk()}
    named = set(re.findall(r"`((?:WEBSOCKET|RESOURCE_SERVER)\.[A-Z_]+)`", PAGE))
    assert named
    assert named - known == set()


def test_the_permissions_are_where_the_page_says() -> None:
    rows = re.findall(r"^\| (`(?:Is|Has)[^|]+) \| `([a-z_.]+)` \|$", PAGE, re.MULTILINE)
    assert len(rows) == 3
    for names, module in rows:
        for name in re.findall(r"`(\w+)", names):
            assert hasattr(import_module(module), name), name
