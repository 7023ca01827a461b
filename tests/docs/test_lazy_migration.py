"""docs/migration/lazy.md says what the code does: its examples are run, its names are known."""

from __future__ import annotations

import re
import secrets
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from better_auth import users
from better_auth.conf.loading import from_environment, load, walk
from migration_tools import mapping
from migration_tools.lazy import calls
from migration_tools.lazy.sql_database import SqlDatabase
from migration_tools.lazy.verifiers import verifier_for
from migration_tools.statistics import SchemeAgreement
from tests.conftest import ApiClient
from tests.protocol import answered, refusal

pytestmark = pytest.mark.usefixtures("commits")

CHECKOUT = Path(__file__).resolve().parents[2]
PAGE = (CHECKOUT / "docs/migration/lazy.md").read_text()
RUNBOOK = (CHECKOUT / "docs/runbook.md").read_text()
WRONG = (401, refusal("INVALID_EMAIL_OR_PASSWORD"))
OLD = "what they always typed"
IDA = "ida@example.org"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def example(start: str) -> str:
    (found,) = [block for block in blocks("python") if block.startswith(f"# {start}")]
    return found


def variables(name: str) -> dict[str, str]:
    """Of the one block that sets the verifier to this."""
    (block,) = [block for block in blocks("sh") if f"VERIFIER={name}" in block]
    return dict(re.findall(r'^(\w+)="?([^"#\n]+?)"?(?:\s+#.*)?$', block, re.MULTILINE))


def module(name: str, **content: Any) -> ModuleType:
    found = ModuleType(name)
    vars(found).update(content)
    return found


class Customer:
    """What the example's host has."""

    number, email, name = 17, IDA, "Ida"

    @classmethod
    def of(cls, email: str) -> Customer | None:
        return cls() if email == IDA else None

    def has_password(self, password: str) -> bool:
        return password == OLD


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    calls.forget()
    yield
    calls.forget()


def signs_in(browser: ApiClient) -> None:
    assert answered(browser.sign_in(IDA, "wrong")) == WRONG
    assert browser.sign_in(IDA, OLD).status_code == 200
    found = users.find_by_email(IDA)
    assert found is not None
    assert (found.id, found.name) == ("17", "Ida")


def test_the_callables_bring_somebody(
    browser: ApiClient, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = module("shop.legacy")
    for name, one in {"shop": module("shop"), "shop.old_accounts": module("a", Customer=Customer)}.items():
        monkeypatch.setitem(sys.modules, name, one)
    monkeypatch.setitem(sys.modules, "shop.legacy", host)
    exec(example("shop/legacy.py"), vars(host))  # noqa: S102, our own page
    told: dict[str, Any] = {}
    exec(example("settings.py"), told)  # noqa: S102
    load(told["BETTER_AUTH"])
    configure(**told["BETTER_AUTH"])
    assert ApiClient().sign_up(IDA, "a brand new password").status_code == 422
    signs_in(browser)


@contextmanager
def served(application: Any) -> Iterator[str]:
    class Quiet(WSGIRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            pass

    with make_server("127.0.0.1", 0, application, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/migration"
        finally:
            server.shutdown()
            thread.join()


def test_the_endpoint_brings_somebody(
    browser: ApiClient, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = secrets.token_urlsafe(32)
    monkeypatch.setenv("MIGRATION_SECRET", secret)
    account = {"external_id": "17", "email": IDA, "name": "Ida"}
    accounts = module(
        "old_shop.accounts",
        find_account=lambda email: account if email == IDA else None,
        check_password=lambda account, password: password == OLD,
    )
    monkeypatch.setitem(sys.modules, "old_shop", module("old_shop"))
    monkeypatch.setitem(sys.modules, "old_shop.accounts", accounts)
    endpoint: dict[str, Any] = {}
    exec(example("old_shop/migration.py"), endpoint)  # noqa: S102
    with served(endpoint["application"]) as url:
        told = {"MODE": "lazy", "VERIFIER": "http", "URL": url, "SECRET": secret}
        configure(MIGRATION=told)
        assert ApiClient().sign_up(IDA, "a brand new password").status_code == 422
        signs_in(browser)
        configure(MIGRATION={**told, "SECRET": secrets.token_urlsafe(32)})
        assert ApiClient().sign_in("bob@example.org", OLD).status_code == 503


@pytest.mark.parametrize("name", ["http", "sql"])
def test_the_variables_can_be_used(name: str, tmp_path: Path) -> None:
    told = variables(name)
    assert len(told) == 5
    if name == "sql":
        path = tmp_path / "shop.toml"
        path.write_text(blocks("toml")[0])
        told["BETTER_AUTH_MIGRATION_MAPPING"] = str(path)
    else:
        told["BETTER_AUTH_MIGRATION_SECRET"] = secrets.token_urlsafe(32)
    rules = load(from_environment(told)).migration
    assert (rules.mode, rules.source) == ("lazy", "shop")
    verifier_for(rules)


def test_the_mapping_can_be_used() -> None:
    (block,) = blocks("toml")
    verifier = SqlDatabase("sqlite:///old.sqlite3", mapping.parse(tomllib.loads(block)), timeout=1)
    assert not verifier.leaves_hash_to_us


def test_every_name_is_known() -> None:
    known = {one.env for one in walk()}
    assert set(re.findall(r"BETTER_AUTH_[A-Z_]+", PAGE)) - known == set()
    keys = {one.path[-1] for one in walk()}
    named = set(re.findall(r"`([A-Z][A-Z_]+)(?:=\w+)?`", PAGE))
    assert named - known - keys - {"INSTALLED_APPS", "POST", "INVALID_EMAIL_OR_PASSWORD"} == set()
    for metric in re.findall(r"`(better_auth_\w+)\{?", PAGE):
        assert metric in RUNBOOK or metric in (CHECKOUT / "docs/migration/README.md").read_text(), metric


def test_the_columns_of_shadow_mode_are_explained() -> None:
    section = PAGE.split("## Shadow mode\n")[1].split("\n## ")[0]
    for name in ("agree", "accepted", "there only", "here only", "unknown"):
        assert f"**{name}**" in section, name
    assert {"agree", "accepted", "disagree", "legacy_only", "ours_only", "unknown"} <= set(
        dir(SchemeAgreement)
    )
