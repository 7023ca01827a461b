"""docs/resource-server.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.utils.module_loading import import_string

from better_auth.conf.loading import load, walk

CHECKOUT = Path(__file__).resolve().parents[2]
PAGE = (CHECKOUT / "docs/resource-server.md").read_text()
RUNBOOK = (CHECKOUT / "docs/runbook.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_settings_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for line in "\n".join(blocks("sh")).splitlines():
        name, assigned, value = line.partition(" ")[0].partition("=")
        if assigned:
            monkeypatch.setenv(name, value)
    known: dict[str, Any] = {"INSTALLED_APPS": [], "MIDDLEWARE": []}
    (settings,) = [block for block in blocks("python") if block.startswith("# settings.py")]
    exec(settings, known)  # noqa: S102, our own page
    loaded = load(known["BETTER_AUTH"])
    assert loaded.auth_server.url == "https://auth.example.com"
    assert loaded.auth_server.client_id == "shop"
    for path in known["MIDDLEWARE"]:
        import_string(path)
    for app in known["INSTALLED_APPS"]:
        import_string(f"{app}.apps.ResourceServerConfig")


def test_every_name_that_is_imported_is_there() -> None:
    for module, names in re.findall(r"^from (better_auth\S+) import (.+)$", PAGE, re.MULTILINE):
        for name in names.split(", "):
            import_string(f"{module}.{name}")
    for path in re.findall(r'"(better_auth\.authentication\.\S+)"', PAGE):
        import_string(path)


def test_every_setting_that_is_named_is_one() -> None:
    variables = {one.env for one in walk()}
    assert set(re.findall(r"BETTER_AUTH_[A-Z_]+", PAGE)) - variables == set()
    keys = {one.path[-1] for one in walk()}
    own = {name for name in re.findall(r"`([A-Z][A-Z_]+)`", PAGE) if "_" in name} - variables
    assert own - keys - {"AUTH_SERVER", "RESOURCE_SERVER", "SSL_CERT_FILE"} == set()


def test_the_runbook_knows_every_metric_and_line() -> None:
    source = "".join(file.read_text() for file in (CHECKOUT / "better_auth").glob("*_server/*.py"))
    for metric in re.findall(r'(?:Counter|Histogram)\(\s*"(\w+)"', source):
        assert f"`{metric}" in RUNBOOK, metric
    lines = re.findall(r'(?:log\.say\(\s*[\w.]+,|logger\.(?:error|warning)\()\s*"([^"%:(]+)', source)
    assert len(lines) >= 6
    assert [line for line in lines if line.strip() not in RUNBOOK] == []
