"""docs/add-to-your-project.md, done as it says, with the built wheel, in three new projects.

Each ends with the core cases of the conformance suite: the official client against a server of that project.
"""

from __future__ import annotations

import csv
import re
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

from tests.conformance.run_conformance import Tally
from tests.projects.project import GUIDE, Project, from_the_guide

pytestmark = [pytest.mark.projects, pytest.mark.usefixtures("needs_node")]

CASES = Path(__file__).resolve().parent / "cases"
PASSWORD = "what they always typed"
# Django's default costs a third of a second for each of the suite's many sign-ups.
FASTER = (
    'PASSWORD_HASHERS = ["better_auth.hashing.Argon2id", "django.contrib.auth.hashers.PBKDF2PasswordHasher"]'
)
# As the host's own code made them, years ago: 1,000 users, three addresses double.
USERS_OF_THE_HOST = f"""
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User

password = make_password({PASSWORD!r})
emails = [f"person{{number}}@example.com" for number in range(991)]
emails += ["Spelled@Example.com ", "", "nobody at home"]
for number in range(3):
    emails += [f"double{{number}}@example.com", f"Double{{number}}@EXAMPLE.com"]
User.objects.bulk_create(
    User(username=f"person-{{number}}", email=email, password=password) for number, email in enumerate(emails)
)
User.objects.filter(username="person-1").update(is_staff=True, is_superuser=True)
assert User.objects.count() == 1000
"""


def test_stock_users_stay_where_they_are(project: Project) -> None:
    project.manage("migrate")
    project.manage("shell", "-c", USERS_OF_THE_HOST)
    before = project.database.dump()
    settings, urls = (project.folder / "mysite/settings.py", project.folder / "mysite/urls.py")
    originals = {file: file.read_text() for file in (settings, urls)}

    project.add_better_auth()
    project.manage("migrate")
    report = project.folder / "report.csv"
    told = project.manage("adopt_users", "--report", str(report))
    assert "1,000 profiles made, 1,000 of them with a password; 992 addresses taken over" in told
    assert sorted(row["reason"].partition(":")[0] for row in csv.DictReader(report.open())) == [
        *["duplicate"] * 6,
        "invalid",
        "missing",
    ]
    assert "0 profiles made" in project.manage("adopt_users")
    assert project.database.dump("auth_user") == {"auth_user": before["auth_user"]}

    assert project.judge(only="adopted/*", cases=CASES) == Tally(passed=4)
    sign_in_to_the_admin_site(project)
    assert credentials_of(project.database.dump("auth_user")) == credentials_of(before)
    project.add("settings.py", FASTER)  # from here on nobody signs in who was there before
    assert_core_cases_pass(project)
    assert credentials_of(project.database.dump("auth_user")) >= credentials_of(before)

    project.manage("migrate", "better_auth", "zero")
    for file, text in originals.items():
        file.write_text(text)
    project.manage("check")
    project.manage("migrate", "--check")
    project.manage("remove_stale_contenttypes", "--include-stale-apps", "--noinput")
    after = project.database.dump()
    assert after.keys() == before.keys()
    assert credentials_of(after) >= credentials_of(before)
    changed = {table for table in before if after[table] != before[table]}
    assert changed <= {"auth_user", "django_session"}  # who signed up, signed in, and into the admin site


def test_taking_it_out_leaves_the_host_as_it_was(project: Project) -> None:
    project.manage("migrate")
    project.manage("shell", "-c", USERS_OF_THE_HOST)
    before = project.database.dump()
    settings, urls = (project.folder / "mysite/settings.py", project.folder / "mysite/urls.py")
    originals = {file: file.read_text() for file in (settings, urls)}
    project.add_better_auth()
    project.manage("migrate")
    project.manage("adopt_users", "--on-duplicate", "oldest")
    project.manage("migrate", "better_auth", "zero")
    for file, text in originals.items():
        file.write_text(text)
    project.manage("remove_stale_contenttypes", "--include-stale-apps", "--noinput")
    assert project.database.dump() == before


def test_a_model_of_the_hosts_own(project: Project) -> None:
    project.manage("startapp", "accounts")
    (project.folder / "accounts/models.py").write_text(from_the_guide("accounts/models.py, in a new project"))
    project.add_better_auth()
    project.add("settings.py", from_the_guide("settings.py, with your own model") + FASTER)
    project.manage("makemigrations", "accounts")
    project.manage("migrate")
    assert "Nothing to adopt" in project.manage("adopt_users")
    assert "accounts_member" in project.database.dump()
    assert_core_cases_pass(project)


def test_our_user_model(project: Project) -> None:
    project.add_better_auth()
    project.add("settings.py", from_the_guide("settings.py, in a new project") + FASTER)
    project.manage("migrate")
    assert "auth_user" not in project.database.dump()
    assert_core_cases_pass(project)


def test_the_guide_says_what_is_done_here() -> None:
    guide = GUIDE.read_text()
    for command in ("migrate", "adopt_users", "migrate better_auth zero"):
        assert f"python manage.py {command}\n" in guide
    assert "python manage.py remove_stale_contenttypes --include-stale-apps" in guide


def assert_core_cases_pass(project: Project) -> None:
    tally = project.judge(only="core/*")
    assert tally.failed == 0
    assert tally.passed > 90


def credentials_of(dump: dict[str, str]) -> set[str]:
    """User name and password hash of each row of ``auth_user``."""
    return set(re.findall(r"pbkdf2_sha256\$[^']+'|'person-\d+'", dump["auth_user"]))


def sign_in_to_the_admin_site(project: Project) -> None:
    """Django's own login view, for somebody who was there before."""
    browser = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar())
    )
    with project.serve() as server:
        url = f"{server.url}/admin/login/?next=/admin/"
        page = browser.open(url).read().decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token
        form = {"csrfmiddlewaretoken": token[1], "username": "person-1", "password": PASSWORD}
        answer = browser.open(url, urllib.parse.urlencode(form).encode())
        assert answer.url == f"{server.url}/admin/"
        assert "person-1" in answer.read().decode()
