"""The hand-written select gives what the ORM gives, to the type, on every kind of user model."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection

from better_auth import clock, sessions, users
from better_auth.crypto.identifiers import token_digest
from better_auth.events import AuthMethod, Client
from better_auth.models import Session, UserProfile
from better_auth.storage import shared_sessions
from better_auth.storage.records import SessionRecord, UserRecord, carrier_model, has_user_row, user_columns
from better_auth.storage.session_lookup import _find_by_model, find_session

REMEMBERED = str(Path(__file__).with_name("test_verified_sessions.py"))
CHECKOUT = Path(__file__).resolve().parents[3]
IS_DEFAULT = settings.SETTINGS_MODULE == "tests.settings.default"
is_prepared = pytest.mark.skipif(
    connection.vendor != "postgresql" or user_columns(from_session=True) is None,
    reason="PostgreSQL prepares what is written by hand",
)

MOMENT = datetime(2031, 2, 28, 23, 59, 59, 999000, tzinfo=UTC)
NESTED = {"text": "naïve ☃", "number": 1.5, "whole": 3, "none": None, "list": [{"deep": [True, ""]}], "": {}}
FULL_USER: dict[str, Any] = {
    "name": "Ann Äöü",
    "email_verified": True,
    "image": "https://example.com/a.png",
    "created_at": MOMENT,
    "updated_at": MOMENT + timedelta(milliseconds=1),
    "username": "ann",
    "display_username": "Ann",
    "phone_number": "+49 30 1",
    "phone_number_verified": False,
    "anonymous": True,
    "role": "admin,user",
    "banned": True,
    "ban_reason": "",
    "ban_expires": MOMENT,
    "two_factor_enabled": True,
    "additional_fields": NESTED,
    "deleted_at": MOMENT,
}
FULL_SESSION: dict[str, Any] = {
    "last_seen_at": MOMENT,
    "ip_address": "2001:db8::1",
    "user_agent": "x" * 1000,
    "auth_method": "password",
    "impersonated_by": "somebody",
    "active_organization_id": "org",
    "active_team_id": "",
    "additional_fields": NESTED,
}
NULL_OF_USER = "image username display_username phone_number phone_number_verified role ban_reason"
EMPTY_USER = dict.fromkeys([*NULL_OF_USER.split(), "ban_expires", "deleted_at"]) | {
    "name": "",
    "additional_fields": {},
}
NULL_OF_SESSION = ("last_seen_at", "impersonated_by", "active_organization_id", "active_team_id")
EMPTY_SESSION = dict.fromkeys(NULL_OF_SESSION) | {
    "ip_address": "",
    "user_agent": "",
    "auth_method": "",
    "additional_fields": {},
}


def sign_in(of_user: dict[str, Any], of_session: dict[str, Any]) -> str:
    """A session of a new user with these columns; its digest."""
    user = users.create(email=f"{secrets.token_hex(6)}@example.com", name="Ann")
    issued = sessions.issue(user, client=Client("192.0.2.1"), method=AuthMethod.PASSWORD)
    carrier_model()._default_manager.filter(pk=user.key).update(**of_user)
    Session.objects.filter(pk=issued.session.id).update(**of_session)
    return token_digest(issued.token)


def found_by(token_hash: str) -> tuple[SessionRecord, UserRecord]:
    found = find_session(token_hash)
    assert found is not None
    return found


def types(record: Any) -> list[type]:
    return [type(value) for value in astuple(record)]


def assert_as_the_orm_has_it(token_hash: str) -> None:
    expected = _find_by_model(token_hash)
    assert expected is not None
    for record, other in zip(found_by(token_hash), expected, strict=True):
        assert record == other
        assert types(record) == types(other)
        assert repr(record) == repr(other)  # time zones, and what is nested


@pytest.mark.django_db
@pytest.mark.parametrize("of_session", [FULL_SESSION, EMPTY_SESSION], ids=["full", "empty"])
@pytest.mark.parametrize("of_user", [FULL_USER, EMPTY_USER], ids=["full", "empty"])
def test_records_are_those_of_the_orm(of_user: dict[str, Any], of_session: dict[str, Any]) -> None:
    token_hash = sign_in(of_user, of_session)
    assert_as_the_orm_has_it(token_hash)
    session, user = found_by(token_hash)
    shown = {name: getattr(user, name) for name in of_user}
    assert shown == of_user
    assert {name: getattr(session, name) for name in of_session} == of_session


@pytest.mark.django_db
@pytest.mark.parametrize(("of_user", "of_session"), [(FULL_USER, FULL_SESSION), (EMPTY_USER, EMPTY_SESSION)])
def test_the_form_that_redis_keeps_gives_them_back(
    of_user: dict[str, Any], of_session: dict[str, Any]
) -> None:
    found = found_by(sign_in(of_user, of_session))
    kept = shared_sessions.encode(found, "place", 60)
    again = shared_sessions.decode(kept, "place")
    assert again is not None
    for record, other in zip(again, found, strict=True):
        assert record == other
        assert types(record) == types(other)
        assert repr(record) == repr(other)


@pytest.mark.django_db
@pytest.mark.parametrize("is_active", [True, False])
def test_whoever_the_host_switched_off_is_shown_so(is_active: bool) -> None:
    token_hash = sign_in({}, {})
    session, _ = found_by(token_hash)
    model = get_user_model()
    if not any(field.name == "is_active" for field in model._meta.get_fields()):
        pytest.skip("the model has no such column")
    model._default_manager.filter(pk=session.user_key).update(is_active=is_active)
    assert_as_the_orm_has_it(token_hash)
    assert found_by(token_hash)[1].is_active is is_active
    assert found_by(token_hash)[1].is_shut_out(clock.now()) is not is_active


@pytest.mark.django_db
def test_it_is_one_query(django_assert_num_queries: Any) -> None:
    token_hash = sign_in(FULL_USER, FULL_SESSION)
    with django_assert_num_queries(1):
        assert find_session(token_hash)
    with django_assert_num_queries(1):
        assert find_session(token_digest("nobody's")) is None


@pytest.mark.django_db
@pytest.mark.skipif(has_user_row(), reason="the user row carries our columns itself")
def test_a_host_user_without_a_profile_has_no_session(django_assert_num_queries: Any) -> None:
    token_hash = sign_in({}, {})
    UserProfile.objects.all().delete()
    with django_assert_num_queries(1):
        assert find_session(token_hash) is None
    assert _find_by_model(token_hash) is None


@pytest.mark.django_db
@pytest.mark.skipif(has_user_row(), reason="the user row carries our columns itself")
def test_a_profile_without_an_address_shows_an_empty_one() -> None:
    token_hash = sign_in({"email": None}, {})
    assert_as_the_orm_has_it(token_hash)
    assert found_by(token_hash)[1].email == ""


@pytest.fixture
def unprepared(db: None) -> Iterator[Callable[[int | None], None]]:
    """Sets from which use on the connection prepares; with no statements prepared yet."""
    connection.ensure_connection()
    driver: Any = connection.connection
    before = driver.prepare_threshold

    def set_threshold(uses: int | None) -> None:
        driver.prepare_threshold = uses

    driver.execute("DEALLOCATE ALL")
    yield set_threshold
    driver.prepare_threshold = before


def prepared() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        return [text for (text,) in cursor.fetchall() if "token_hash" in text]


@is_prepared
def test_the_statement_is_prepared_where_the_connection_allows_it(
    unprepared: Callable[[int | None], None],
) -> None:
    unprepared(None)
    hashes = [sign_in(FULL_USER | {"username": "a", "phone_number": "1"}, FULL_SESSION), sign_in({}, {})]
    plain = [find_session(one) for one in hashes]
    assert prepared() == []
    unprepared(0)
    for _ in range(3):
        assert repr([find_session(one) for one in hashes]) == repr(plain)
    (statement,) = prepared()
    assert '"token_hash" = $1' in statement
    for one in hashes:
        assert_as_the_orm_has_it(one)
    assert find_session(token_digest("nobody's")) is None
    assert len(prepared()) == 1


@is_prepared
def test_a_change_of_the_row_shows_through_the_prepared_statement(
    unprepared: Callable[[int | None], None],
) -> None:
    unprepared(0)
    token_hash = sign_in({}, {})
    assert find_session(token_hash)
    Session.objects.filter(token_hash=token_hash).update(ip_address="198.51.100.1")
    assert found_by(token_hash)[0].ip_address == "198.51.100.1"
    Session.objects.filter(token_hash=token_hash).delete()
    assert find_session(token_hash) is None


# --- the same on other user models, each in a process and a database of its own ---

MODELS = {
    "keys are UUIDs": """
import uuid
from django.contrib.auth.models import AbstractUser
from django.db import models

class Person(AbstractUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
""",
    "no column tells who is active": """
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models

class Person(AbstractBaseUser):
    mail = models.EmailField(unique=True)
    USERNAME_FIELD = EMAIL_FIELD = "mail"
    objects = BaseUserManager()

    @property
    def is_active(self):
        return not self.mail.startswith("former")
""",
    "the key is another one's": """
from django.contrib.auth.models import AbstractUser
from django.db import models

class Badge(models.Model):
    number = models.BigAutoField(primary_key=True)

class Person(Badge, AbstractUser):
    pass
""",
}
PEOPLE_SETTINGS = """
from tests.settings.default import *
INSTALLED_APPS = [app for app in INSTALLED_APPS if app != "django.contrib.admin"] + ["people"]
AUTH_USER_MODEL = "people.Person"
ROOT_URLCONF = "better_auth.urls"
SILENCED_SYSTEM_CHECKS = ["auth.W004"]
"""


def run_again(module: str, *files: str, path: str = "") -> None:
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "BETTER_AUTH_"))
    }
    if url := environ.get("DATABASE_URL"):
        environ["DATABASE_URL"] = urlunsplit(urlsplit(url)._replace(path=f"/run_{secrets.token_hex(6)}"))
    environ |= {"DJANGO_SETTINGS_MODULE": module, "PYTHONPATH": f"{path}:{CHECKOUT}"}
    commands = [[sys.executable, "-m", "django", "makemigrations", "people"]] if path else []
    options = [f"--ds={module}", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    commands.append([sys.executable, "-m", "pytest", *options, *files])
    for command in commands:
        done = subprocess.run(command, cwd=CHECKOUT, env=environ, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def not_here(*, on_sqlite_alone: bool) -> Any:
    """A run on each database takes its time; where the kind of database changes nothing, one of them does."""
    told = on_sqlite_alone and connection.vendor != "sqlite"
    return pytest.mark.skipif(
        told or not IS_DEFAULT, reason="told by the run on SQLite, or this is such a run"
    )


@pytest.mark.parametrize(
    "users",
    [
        pytest.param("stock_user", marks=not_here(on_sqlite_alone=False)),
        pytest.param("swapped_user", marks=not_here(on_sqlite_alone=True)),
    ],
)
def test_all_of_it_on_other_settings(users: str) -> None:
    run_again(f"tests.settings.{users}", __file__, REMEMBERED)


@pytest.mark.parametrize(
    "model",
    [pytest.param(one, marks=not_here(on_sqlite_alone=one != "keys are UUIDs")) for one in MODELS],
)
def test_all_of_it_on_user_models_of_hosts(model: str, tmp_path: Path) -> None:
    app = tmp_path / "people"
    (app / "migrations").mkdir(parents=True)
    (app / "__init__.py").touch()
    (app / "migrations/__init__.py").touch()
    (app / "models.py").write_text(MODELS[model])
    (tmp_path / "people_settings.py").write_text(PEOPLE_SETTINGS)
    run_again("people_settings", __file__, REMEMBERED, path=str(tmp_path))
