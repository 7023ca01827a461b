"""User models of hosts that are neither Django's nor ours: adopted, signed up to, and refused clearly."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.projects.project import Project

pytestmark = pytest.mark.projects

MODELS = {
    "the address is the user name": """
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models

class Person(AbstractBaseUser):
    mail = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)
    USERNAME_FIELD = EMAIL_FIELD = "mail"
    objects = BaseUserManager()
""",
    "no column for the address": """
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.validators import RegexValidator
from django.db import models

class Person(AbstractBaseUser):
    nick = models.CharField(max_length=20, unique=True, validators=[RegexValidator(r"^[a-z0-9]+$")])
    is_active = models.BooleanField(default=True)
    USERNAME_FIELD = "nick"
    objects = BaseUserManager()
""",
    "keys are UUIDs": """
import uuid
from django.contrib.auth.models import AbstractUser
from django.db import models

class Person(AbstractUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
""",
    "a column that nobody can fill": """
from django.contrib.auth.models import AbstractUser
from django.db import models

class Person(AbstractUser):
    department = models.IntegerField()
    badge = models.CharField(max_length=20, unique=True)
""",
}
SETTINGS = """
INSTALLED_APPS = [app for app in INSTALLED_APPS if app != "django.contrib.admin"] + ["people"]
AUTH_USER_MODEL = "people.Person"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEBUG_PROPAGATE_EXCEPTIONS = False
ALLOWED_HOSTS = ["*"]
"""
SCRIPT = """
import json, logging
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.core.management import call_command
from django.test import Client
from better_auth.models import UserProfile

Person = get_user_model()
def columns(name):
    found = {"password": make_password("what they always typed"), Person.USERNAME_FIELD: name}
    email = Person.get_email_field_name()
    return found | ({email: "old@example.com"} if hasattr(Person, email) else {})
def person(name, **more):
    return Person.objects.bulk_create([Person(**columns(name), **more)])[0]
def post(path, **body):
    client = Client(raise_request_exception=False)
    answer = client.post("/api/auth" + path, body, content_type="application/json")
    return [answer.status_code, answer.json().get("code") if answer.content else None]
"""


@pytest.fixture
def people(request: pytest.FixtureRequest, project: Project) -> Project:
    project.manage("startapp", "people")
    (project.folder / "people/models.py").write_text(MODELS[request.param])
    project.add_better_auth()
    project.add("settings.py", SETTINGS)
    (project.folder / "mysite/urls.py").write_text(
        "from django.urls import include, path\n"
        'urlpatterns = [path("api/auth/", include("better_auth.urls"))]\n'
    )
    project.manage("makemigrations", "people")
    project.manage("migrate")
    return project


def found(project: Project, script: str) -> Any:
    """What the script, run in the project, prints last."""
    return json.loads(project.manage("shell", "-c", SCRIPT + script).strip().splitlines()[-1])


@pytest.mark.parametrize("people", ["the address is the user name"], indirect=True)
def test_an_address_that_is_the_user_name(people: Project) -> None:
    answers = found(
        people,
        """
person("old@example.com")
call_command("adopt_users")
result = [
    post("/sign-in/email", email="OLD@example.com", password="what they always typed"),
    post("/sign-up/email", email="Old@example.com", password="a new password", name="Not me"),
    post("/sign-up/email", email="new@example.com", password="a new password", name="New"),
    post("/sign-in/email", email="new@example.com", password="a new password"),
    sorted(Person.objects.values_list("mail", flat=True)),
]
print(json.dumps(result))
""",
    )
    taken = [422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"]
    assert answers == [[200, None], taken, [200, None], [200, None], ["new@example.com", "old@example.com"]]


@pytest.mark.parametrize("people", ["no column for the address"], indirect=True)
def test_a_model_without_an_address(people: Project) -> None:
    answers = found(
        people,
        """
person("old")
call_command("adopt_users")
before = UserProfile.objects.get()
answers = [
    post("/sign-up/email", email=f"some.body@{name}.example.com", password="a new password", name="New")
    for name in ("one", "two")
]
nicks = [one.nick for one in Person.objects.exclude(nick="old")]
for one in Person.objects.all():
    one.clean_fields(exclude=["last_login"])
    one.save()
kept = UserProfile.objects.filter(email__isnull=False).count()
print(json.dumps([before.email, before.name, answers, len(set(nicks)), max(map(len, nicks)) <= 20, kept]))
""",
    )
    assert answers == [None, "old", [[200, None]] * 2, 2, True, 2]


@pytest.mark.parametrize("people", ["keys are UUIDs"], indirect=True)
def test_keys_that_are_no_numbers(people: Project) -> None:
    answers = found(
        people,
        """
made = [person(str(number)) for number in range(5)]
Person.objects.exclude(pk=made[0].pk).update(email="")
call_command("adopt_users", "--batch-size", "2")
ids = set(UserProfile.objects.values_list("public_id", flat=True))
print(json.dumps([ids == {str(one.pk) for one in made},
    post("/sign-in/email", email="old@example.com", password="what they always typed")]))
""",
    )
    assert answers == [True, [200, None]]


@pytest.mark.parametrize("people", ["a column that nobody can fill"], indirect=True)
def test_a_column_that_nobody_can_fill_is_named(people: Project) -> None:
    answers = found(
        people,
        """
person("old", department=1)
call_command("adopt_users")
from better_auth import users
try:
    users.create(email="new@example.com", name="New")
except Exception as problem:
    told = f"{type(problem).__name__}: {problem}"
print(json.dumps([
    post("/sign-in/email", email="old@example.com", password="what they always typed"),
    post("/sign-up/email", email="new@example.com", password="a new password", name="New"),
    told,
]))
""",
    )
    assert answers[0] == [200, None]
    assert answers[1][0] == 500
    assert answers[2].startswith("ImproperlyConfigured: Signing up can't make a row of people.Person")
    assert "department, badge" in answers[2]
