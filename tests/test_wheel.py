"""The wheel: what a host project gets when it installs the apps."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from better_auth import __version__

CHECKOUT = Path(__file__).resolve().parents[1]
SETTINGS = """
SECRET_KEY = "only-for-this-test"
INSTALLED_APPS = ["better_auth", "django.contrib.auth", "django.contrib.contenttypes", "rest_framework"]
AUTH_USER_MODEL = "better_auth.User"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
PASSWORD_HASHERS = ["better_auth.hashing.Argon2id"]
BETTER_AUTH = {"SECRET": "qV3nT8xKc1WzR5mYb7JdG2hLs9PfA4uE"}
USE_TZ = True
"""
USE = """
import django
django.setup()
import better_auth
from django.core.management import call_command
from django.template.loader import render_to_string
print(better_auth.__file__)
call_command("check", fail_level="WARNING")
call_command("migrate", verbosity=0)
print(render_to_string("better_auth/email/reset_password.txt", {"url": "https://a.example/r", "minutes": 60}))
"""


def run(command: list[str], *, folder: Path, **variables: str) -> str:
    environ = {
        name: text for name, text in os.environ.items() if not name.startswith(("BETTER_AUTH_", "PYTHONPATH"))
    }
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    run(["-m", "build", "--wheel", "--no-isolation", "--outdir", str(target)], folder=CHECKOUT)
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_it_has_the_version_of_the_package(wheel: Path) -> None:
    assert wheel.name == f"django_better_auth-{__version__}-py3-none-any.whl"


def test_every_module_is_in_it(names: set[str]) -> None:
    modules = {str(one.relative_to(CHECKOUT)) for one in (CHECKOUT / "better_auth").rglob("*.py")}
    assert modules - names == set()
    assert "better_auth/migrations/0001_initial.py" in names


def test_every_template_is_in_it(names: set[str]) -> None:
    folder = CHECKOUT / "templates"
    files = [one.relative_to(folder) for one in folder.rglob("*") if one.is_file()]
    templates = {f"{file.parts[0]}/templates/{file}" for file in files}
    assert templates
    assert templates - names == set()


def test_type_checkers_learn_of_its_types(names: set[str]) -> None:
    assert "better_auth/py.typed" in names


def test_the_licence_is_in_it(names: set[str]) -> None:
    assert f"django_better_auth-{__version__}.dist-info/licenses/LICENSE" in names


def test_neither_tests_nor_the_project_are_in_it(names: set[str]) -> None:
    packages = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]
    expected = {*packages["wheel"]["packages"], f"django_better_auth-{__version__}.dist-info"}
    assert {name.split("/")[0] for name in names} <= expected
    assert [name for name in names if "__pycache__" in name or "test" in name.lower()] == []


def test_a_host_that_installs_it_has_models_and_mails(wheel: Path, tmp_path: Path) -> None:
    site, host = tmp_path / "site", tmp_path / "host"
    host.mkdir()
    (host / "host_settings.py").write_text(SETTINGS)
    run(
        ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(site), str(wheel)],
        folder=host,
    )
    variables = {"PYTHONPATH": f"{site}{os.pathsep}{host}", "DJANGO_SETTINGS_MODULE": "host_settings"}
    told = run(["-c", USE], folder=host, **variables).splitlines()
    assert told[0] == str(site / "better_auth/__init__.py")
    assert "https://a.example/r" in "\n".join(told)
