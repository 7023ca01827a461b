"""Who may import whom, and the proof that the guard notices when somebody does not care."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture.imports import offences

CHECKOUT = Path(__file__).resolve().parents[2]


def test_every_import_follows_the_table() -> None:
    assert offences(CHECKOUT) == []


SKELETON = (
    "better_auth/__init__.py",
    "better_auth/clock.py",
    "better_auth/sessions.py",
    "better_auth/users.py",
    "better_auth/mail.py",
    "better_auth/sign_in.py",
    "better_auth/drf.py",
    "better_auth/events.py",
    "better_auth/client/__init__.py",
    "better_auth/client/tokens.py",
    "better_auth/authentication/__init__.py",
    "better_auth/authentication/pipeline.py",
    "better_auth/conf/__init__.py",
    "better_auth/crypto/__init__.py",
    "better_auth/crypto/signing.py",
    "better_auth/features/__init__.py",
    "better_auth/features/email_password/__init__.py",
    "better_auth/features/email_password/sign_up.py",
    "better_auth/features/email_password/endpoints.py",
    "better_auth/features/email_verification/__init__.py",
    "better_auth/features/email_verification/links.py",
    "better_auth/features/email_verification/endpoints.py",
    "better_auth/features/social/__init__.py",
    "better_auth/features/social/providers.py",
    "better_auth/http/__init__.py",
    "better_auth/http/endpoint.py",
    "better_auth/models/__init__.py",
    "better_auth/observability/__init__.py",
    "better_auth/observability/audit.py",
    "better_auth/storage/__init__.py",
    "organizations/__init__.py",
    "organizations/teams.py",
    "apikeys/__init__.py",
    "apikeys/ownership.py",
    "config/__init__.py",
    "config/settings.py",
)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A small tree of the same layout, with nothing in its files."""
    for name in SKELETON:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("better_auth/sessions.py", "from better_auth import users"),
        ("better_auth/users.py", "from better_auth.mail import send"),
        ("better_auth/users.py", "from better_auth.authentication import pipeline"),
        ("better_auth/storage/__init__.py", "import better_auth.sessions"),
        ("better_auth/models/__init__.py", "from better_auth.storage import records"),
        ("better_auth/crypto/signing.py", "from better_auth.conf import auth_settings"),
        ("better_auth/authentication/pipeline.py", "from better_auth.sign_in import complete_sign_in"),
        ("better_auth/authentication/pipeline.py", "from better_auth.http import endpoint"),
        ("better_auth/sign_in.py", "from better_auth.features.social import providers"),
        ("better_auth/http/endpoint.py", "from better_auth.features.email_verification import links"),
        ("better_auth/http/endpoint.py", "from better_auth import drf"),
        ("better_auth/features/email_password/sign_up.py", "from better_auth.http import endpoint"),
        (
            "better_auth/features/email_password/sign_up.py",
            "from better_auth.features.social import providers",
        ),
        (
            "better_auth/features/email_password/sign_up.py",
            "from better_auth.features.email_password import endpoints",
        ),
        (
            "better_auth/features/email_password/endpoints.py",
            "from better_auth.features.email_verification import endpoints",
        ),
        ("better_auth/sign_in.py", "from better_auth.observability import audit"),
        ("better_auth/observability/audit.py", "from better_auth import sessions"),
        ("better_auth/sign_in.py", "from organizations import teams"),
        ("better_auth/sign_in.py", "from config import settings"),
        ("better_auth/sign_in.py", "from tests import conftest"),
        ("better_auth/sign_in.py", "from . import users"),
        ("better_auth/sign_in.py", "from .users import create"),
        ("better_auth/client/__init__.py", "from better_auth import clock"),
        ("better_auth/drf.py", "from better_auth.client import tokens"),
        ("apikeys/__init__.py", "from organizations import teams"),
        ("organizations/teams.py", "from apikeys import ownership"),
        ("organizations/teams.py", "import config.settings"),
    ],
)
@pytest.mark.parametrize("frame", ["{}", "def late():\n    {}", "if TYPE_CHECKING:\n    {}"])
def test_an_offence_is_caught_wherever_it_stands(house: Path, file: str, line: str, frame: str) -> None:
    (house / file).write_text(frame.format(line) + "\n")
    module = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    found = offences(house)
    assert len(found) == 1
    assert found[0].startswith(f"{module}:")


def test_a_module_without_a_place_in_the_table_is_caught(house: Path) -> None:
    (house / "better_auth/shortcuts.py").write_text("from better_auth import clock\n")
    assert offences(house) == [
        "better_auth.shortcuts:1 imports better_auth.clock: shortcuts has no place in the table"
    ]


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("better_auth/drf.py", "from better_auth.http import endpoint"),
        ("better_auth/drf.py", "from better_auth import users, __version__"),
        ("better_auth/sign_in.py", "from better_auth import clock, sessions, users"),
        ("better_auth/http/endpoint.py", "from better_auth.authentication.pipeline import authenticate"),
        ("better_auth/features/email_password/endpoints.py", "from better_auth.http.endpoint import Call"),
        (
            "better_auth/features/email_password/endpoints.py",
            "from better_auth.features.email_password import sign_up",
        ),
        (
            "better_auth/features/email_password/sign_up.py",
            "from better_auth.features.email_verification import links",
        ),
        ("better_auth/observability/audit.py", "from better_auth.events import recorded"),
        (
            "better_auth/client/__init__.py",
            "from better_auth import __version__\nfrom better_auth.client import tokens",
        ),
        ("organizations/teams.py", "from better_auth.http import endpoint"),
        ("apikeys/ownership.py", "from organizations import teams"),
        ("config/settings.py", "from better_auth.conf import merge"),
        ("better_auth/sign_in.py", "import json\nfrom django.db import models"),
    ],
)
def test_an_import_downwards_is_allowed(house: Path, file: str, line: str) -> None:
    (house / file).write_text(line + "\n")
    assert offences(house) == []
