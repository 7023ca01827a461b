"""docs/configuration.md says what the code does, no more and no less."""

from __future__ import annotations

import ast
import io
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from better_auth.checks import PROJECT_VARIABLES
from better_auth.conf.loading import load, walk
from config.environment import PROVIDERS, SUCCEEDED
from tests.architecture.test_catalogues import ids_of_checks

CHECKOUT = Path(__file__).resolve().parents[2]
PAGE = (CHECKOUT / "docs/configuration.md").read_text()
# Of the server that runs the project, not ours.
FOREIGN = {"WEB_CONCURRENCY", "GRANIAN_WORKERS"}
# The environment of a WSGI request has the same name in Python.
OF_A_REQUEST = {"PATH_INFO", "REQUEST_METHOD", "SCRIPT_NAME", "wsgi.url_scheme"}


def section(title: str) -> str:
    """From this heading to the next one."""
    return re.split(r"^#{2,3} ", PAGE.split(f"# {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def first_column(text: str) -> list[str]:
    return re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)


def output_of(*arguments: str) -> str:
    out = io.StringIO()
    call_command("auth_settings", *arguments, stdout=out)
    return out.getvalue()


def variables_read() -> set[str]:
    """Every name that the project or the core looks up in an environment."""
    found = set()
    for package in ("config", "better_auth"):
        for file in (CHECKOUT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                arguments: list[ast.expr] = []
                if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("environ.get", "_count")):
                    arguments = node.args[:1]
                elif isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("environ"):
                    arguments = [node.slice]
                found |= {str(one.value) for one in arguments if isinstance(one, ast.Constant)}
    return found


def test_the_tables_of_settings_are_the_generated_ones() -> None:
    between = PAGE.split("<!-- settings: begin -->\n")[1].split("<!-- settings: end -->")[0]
    assert between == output_of("--markdown").lstrip("\n") + "\n"


def test_every_variable_that_the_project_reads_is_explained() -> None:
    explained = set(first_column(section("Variables of the ready-to-run project")))
    assert explained == variables_read() - FOREIGN - OF_A_REQUEST


def test_variables_of_providers_and_refused_ones_are_explained() -> None:
    names = [f"{name.upper()}_CLIENT_ID" for name in PROVIDERS]
    assert first_column(section("Providers")) == names
    assert first_column(section("Refused")) == list(SUCCEEDED)


def test_the_check_of_variables_knows_what_the_project_reads() -> None:
    of_settings = {one.env for one in walk()}
    read = {name for name in variables_read() if name.startswith("BETTER_AUTH_")}
    assert read - of_settings == PROJECT_VARIABLES


def test_every_system_check_is_explained() -> None:
    assert first_column(section("System checks")) == sorted(ids_of_checks())


def test_the_example_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BETTER_AUTH_SECRET", "abcdefghijklmnopqrstuvwxyz0123456789")
    code = section("Example").split("```python\n")[1].split("```")[0]
    known: dict[str, Any] = {}
    exec("import os\n" + code, known)  # noqa: S102, our own page
    loaded = load(known["BETTER_AUTH"])
    assert loaded.session.cookie_cache.max_age == 60
    assert loaded.secret == "abcdefghijklmnopqrstuvwxyz0123456789"


class TestCommand:
    def test_it_shows_what_is_in_force_and_where_it_comes_from(self, configure: Any) -> None:
        configure(APP_NAME="Shop", SESSION={"EXPIRES_IN": 4711})
        told = output_of()
        assert "APP_NAME = 'Shop'\n    default 'Better Auth', BETTER_AUTH_APP_NAME\n" in told
        assert "SESSION.EXPIRES_IN = 4711\n    default 604800, BETTER_AUTH_SESSION_EXPIRES_IN\n" in told
        assert "HOOKS.JWT_CLAIMS = None\n    default None, no environment variable\n" in told
        assert len(told.splitlines()) == 2 * len(list(walk()))

    def test_it_never_shows_the_secret(self, configure: Any) -> None:
        secret = "abcdefghijklmnopqrstuvwxyz0123456789"
        configure(SECRET=secret, AUTH_SERVER={"CLIENT_SECRET": secret})
        assert "SECRET = (set, not shown)\n    default (not set), BETTER_AUTH_SECRET\n" in output_of()
        assert "abcdefghijklmnopqrstuvwxyz" not in output_of() + output_of("--markdown")
