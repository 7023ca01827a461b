"""The guides of the migration hold: every command can be given, and the whole way can be gone."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import load_command_class

from migration_tools.planning import Outcome
from migration_tools.rehearsal import advice, verdict
from tests.migration_tools.conftest import people
from tests.migration_tools.sites import empty_site
from tests.server import CHECKOUT, Site, pytest_runtest_makereport

__all__ = ["pytest_runtest_makereport"]

FOLDER = CHECKOUT / "docs/migration"
PAGES = [CHECKOUT / "README.md", *sorted(FOLDER.glob("*.md"))]
ROLLOUT = (FOLDER / "rollout.md").read_text()
REHEARSAL = (FOLDER / "rehearsal.md").read_text()
# A page that comes with the sources that it is about.
TO_COME = {"sources.md"}
APPS = ("migration_tools", "better_auth")


def blocks(text: str) -> Iterator[str]:
    yield from re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(text: str) -> Iterator[list[str]]:
    """The words behind ``manage.py`` of each command line."""
    for block in blocks(text):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if "manage.py" in words:
                yield words[words.index("manage.py") + 1 :]


def ours(text: str) -> list[tuple[str, list[str]]]:
    found = []
    for name, *arguments in commands(text):
        app = next(
            (app for app in APPS if (CHECKOUT / app / f"management/commands/{name}.py").exists()), None
        )
        if app:
            found.append((app, [name, *arguments]))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_is_one_that_can_be_given(page: Path) -> None:
    for app, (name, *arguments) in ours(page.read_text()):
        until = next((at for at, word in enumerate(arguments) if word in ("||", "&&", "|")), None)
        parser = load_command_class(app, name).create_parser("manage.py", name)
        try:
            parser.parse_args(arguments[:until])
        except SystemExit:
            pytest.fail(f"{page.name}: manage.py {name} {shlex.join(arguments)}")


def test_the_commands_are_found_at_all() -> None:
    assert len(ours(ROLLOUT)) > 15
    assert {name for _, (name, *_) in ours(ROLLOUT)} == {
        *("rehearse_migration", "migrate_users", "announce_migration", "migration_leftovers")
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)?(?:#[^)]*)?\)", page.read_text()):
        if target and "://" not in target and Path(target).name not in TO_COME:
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_sections_lead_to_headings(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([\w./-]*\.md)?#([^)]+)\)", page.read_text()):
        file = page.parent / target if target else page
        if file.exists() or file.name not in TO_COME:
            assert anchor in anchors_in(file.read_text()), f"{page.name}: {target}#{anchor}"


def anchors_in(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with empty_site() as site:
        lines = (json.dumps(one) + "\n" for one in people(12, email_verified=True))
        (tmp_path / "users.jsonl").write_text("".join(lines))
        (tmp_path / "beta.txt").write_text("person1@example.org\nperson2@example.org\n")
        yield site


def test_the_whole_way_can_be_gone(site: Site, tmp_path: Path) -> None:
    """Line by line, as it stands there, from the folder that holds the files."""
    section = ROLLOUT.split("## The whole way in commands\n")[1].split("\n## ")[0]
    (block,) = blocks(section)
    lines = [line for line in block.splitlines() if line and not line.startswith("#")]
    assert len(lines) > 8
    program = f"{shlex.quote(sys.executable)} {shlex.quote(str(CHECKOUT / 'manage.py'))}"
    for line in lines:
        assert line.startswith("manage.py ")
        done = subprocess.run(
            ["sh", "-c", program + line.removeprefix("manage.py")],
            cwd=tmp_path,
            env=site.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    assert site.database.value("SELECT count(*) FROM better_auth_users") == 12
    assert [len(site.mails(f"person{number}@example.org")) for number in range(12)] == [1] * 12
    assert "passwords are hashed as legacy_bcrypt" in done.stdout
    assert "rolled back" not in done.stdout


def first_column(text: str) -> set[str]:
    return set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))


def codes_in(module: Path, call: str) -> set[str]:
    return set(re.findall(rf'{call}\(\s*"([a-z-]+)"', module.read_text()))


def test_every_obstacle_of_a_rehearsal_is_explained() -> None:
    codes = codes_in(Path(verdict.__file__), "Obstacle")
    section = REHEARSAL.split("What stands in the way:\n")[1].split("\n## ")[0]
    assert first_column(section) == codes


def test_every_leftover_is_explained() -> None:
    codes = codes_in(CHECKOUT / "migration_tools/leftovers.py", "Leftover")
    section = ROLLOUT.split("## 5. Clean-up\n")[1].split("\n## ")[0]
    assert first_column(section) == codes


def test_there_is_advice_for_every_reason_that_a_plan_has() -> None:
    source = (CHECKOUT / "migration_tools/planning.py").read_text()
    reasons = set(re.findall(r'Outcome\.(?:CONFLICT|SKIPPED),\s*"([a-z-]+)"', source))
    assert len(reasons) > 5
    assert reasons - advice.BY_REASON.keys() == set()
    assert {outcome.value for outcome in Outcome}.isdisjoint(advice.BY_REASON)


def test_variables_of_the_guide_are_known() -> None:
    known = (CHECKOUT / "docs/configuration.md").read_text()
    section = ROLLOUT.split("## Variables\n")[1].split("\n## ")[0]
    named = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", section))
    assert named
    assert [name for name in named if f"`{name}`" not in known] == []
