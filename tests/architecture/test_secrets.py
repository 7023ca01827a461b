"""What a dataclass shows of itself: it may end up in a log, a traceback or a debugger's page."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from better_auth.authentication.credentials import Credentials
from better_auth.authentication.principal import Principal
from better_auth.conf.schema import BetterAuthSettings, MetricsSettings
from better_auth.events import AuthMethod
from better_auth.legacy_credentials.shown import Shown
from tests.architecture.imports import PACKAGES

CHECKOUT = Path(__file__).resolve().parents[2]
# Names of fields that hold what opens something. Settings are named by their variable (``conf.declaring``).
SECRETS = {
    *("api_key", "bearer", "client_secret", "cookie", "cookies", "encoded_password", "header_token"),
    *("password", "private_key", "refresh_token", "request_cookies", "secret", "secrets"),
    *("sealed", "token"),
}
# What they hold shows nothing of itself, or is nothing of the kind.
HARMLESS = {
    ("MetricsSettings", "token"),
    ("BetterAuthSettings", "cookies"),
    ("BetterAuthSettings", "password"),
    ("LegacyUser", "password"),
}


def dataclasses_in(tree: ast.Module) -> Iterator[ast.ClassDef]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef):
            continue
        told = [ast.unparse(one) for one in node.decorator_list]
        is_own = any(isinstance(one, ast.FunctionDef) and one.name == "__repr__" for one in node.body)
        if any(one.startswith("dataclass") and "repr=False" not in one for one in told) and not is_own:
            yield node


def shown_secrets(tree: ast.Module) -> Iterator[str]:
    for node in dataclasses_in(tree):
        for field in node.body:
            if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
                continue
            told = ast.unparse(field.value) if field.value else ""
            is_hidden = "repr=False" in told or told.startswith("setting(")
            name = field.target.id
            if name in SECRETS and not is_hidden and (node.name, name) not in HARMLESS:
                yield f"{node.name}.{name}"


@pytest.mark.parametrize("package", PACKAGES)
def test_no_dataclass_shows_a_secret(package: str) -> None:
    files = (CHECKOUT / package).rglob("*.py")
    assert [one for file in files for one in shown_secrets(ast.parse(file.read_text()))] == []


def test_the_guard_sees_what_it_is_meant_to_see() -> None:
    shown = "@dataclass(frozen=True)\nclass Shown:\n    token: str\n    kind: str\n"
    assert list(shown_secrets(ast.parse(shown))) == ["Shown.token"]
    hidden = shown.replace("token: str", "token: str = field(repr=False)")
    assert list(shown_secrets(ast.parse(hidden))) == []


def test_what_callers_show_is_in_no_repr() -> None:
    secret = "it opens a door"
    shown = Credentials(cookies={"a": secret}, bearer=secret, api_key=secret, header_token=secret)
    principal = Principal(user=None, session=None, method=AuthMethod.SESSION, token=secret)  # type: ignore[arg-type]
    settings = BetterAuthSettings(secret=secret, secrets=(secret,), metrics=MetricsSettings(token=secret))
    for one in (shown, principal, Shown("jwt", secret, "bearer"), settings):
        assert secret not in repr(one)
