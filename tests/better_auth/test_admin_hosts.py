"""The admin site in other projects: other ways to have users, a host's own admin classes, one-time passwords.

Each project is a process of its own, since Django is set up once in a process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
OWN_CLASS = """
from django.contrib import admin
from tests.host.accounts.models import Member

@admin.register(Member)
class HostAdmin(admin.ModelAdmin):
    pass
"""
SUBCLASS = """
from django.contrib import admin
from better_auth.admin.users import UserAdmin
from tests.host.accounts.models import Member

@admin.register(Member)
class HostAdmin(UserAdmin):
    list_display = ("email", "plan")
"""
NOTHING = "from tests.host.accounts.models import Member"
SHOW_REGISTERED = """
import django
django.setup()
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.management import call_command
call_command("check")
print(type(admin.site.get_model_admin(get_user_model())).__name__)
"""
SIGN_IN_WITH_TOKEN = """
import django
django.setup()
from django.core.management import call_command
from django.test import Client
from io import StringIO
call_command("migrate", verbosity=0)
call_command("create_operator", stdout=StringIO())
printed = StringIO()
call_command("add_operator_device", "admin@example.com", stdout=printed)
assert "otpauth://totp/admin%40example.com?secret=" in printed.getvalue(), printed.getvalue()
call_command("addstatictoken", "admin@example.com", token="let-me-in", stdout=StringIO())
from django_otp.plugins.otp_totp.models import TOTPDevice
assert TOTPDevice.objects.get().confirmed

browser = Client(headers={"origin": "http://testserver"})
assert "OTP Token" in browser.get("/admin/login/").content.decode()
typed = {"username": "admin@example.com", "password": "operator's own word"}
assert "Please enter your OTP token." in browser.post("/admin/login/", typed).content.decode()
assert browser.get("/admin/").status_code == 302
from django_otp.plugins.otp_static.models import StaticDevice
typed |= {"otp_device": StaticDevice.objects.get().persistent_id, "otp_token": "wrong"}
assert "Invalid token." in browser.post("/admin/login/", typed).content.decode()
StaticDevice.objects.update(throttling_failure_timestamp=None, throttling_failure_count=0)
typed["otp_token"] = "let-me-in"
assert browser.post("/admin/login/?next=/admin/", typed).headers["location"] == "/admin/"
home = browser.get("/admin/")
assert home.status_code == 200 and "Audit log" in home.content.decode()
device = browser.get("/admin/otp_totp/totpdevice/1/change/").content.decode()
assert TOTPDevice.objects.get().key not in device
assert browser.get("/admin/otp_totp/totpdevice/1/config/").status_code == 403

# A session of ours lets nobody in without the token.
other = Client(headers={"origin": "http://testserver"})
body = {"email": "admin@example.com", "password": "operator's own word"}
assert other.post("/api/auth/sign-in/email", body, content_type="application/json").status_code == 200
assert other.get("/api/auth/get-session").json()["user"]["email"] == "admin@example.com"
assert other.get("/admin/").status_code == 302

# With a second factor of ours: at the admin site's own form, and in a session that has shown it.
from tests.better_auth.features.two_factor.conftest import authenticator_of
from better_auth import clock
def code(away=0):
    return app.code(app.step_at(clock.timestamp()) + away)
def api(path, **body):
    return other.post("/api/auth" + path, body, content_type="application/json").json()
shown = api("/two-factor/enable", password="operator's own word")
app = authenticator_of(shown["totpURI"])
api("/two-factor/verify-totp", code=code())
assert other.get("/admin/").status_code == 200  # it was shown just now
from better_auth.otp.models import FactorDevice
third = Client(headers={"origin": "http://testserver"})
typed |= {"otp_device": FactorDevice.objects.get().persistent_id, "otp_token": "000000"}
assert "Invalid token." in third.post("/admin/login/", typed).content.decode()
typed["otp_token"] = code()
assert third.post("/admin/login/?next=/admin/", typed).headers["location"] == "/admin/"
assert third.get("/admin/").status_code == 200
again = Client(headers={"origin": "http://testserver"})
assert "Invalid token." in again.post("/admin/login/", typed).content.decode()  # a code works once
typed["otp_token"] = shown["backupCodes"][0]
assert again.post("/admin/login/?next=/admin/", typed).headers["location"] == "/admin/"
api("/two-factor/disable", password="operator's own word")
assert third.get("/admin/").status_code == 302
assert other.get("/admin/").status_code == 302
print("asked for the token")
"""


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Without the databases of this run, which its own tests are using."""
    inherited = {name: text for name, text in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=CHECKOUT,
        env={**inherited, **environ},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize("users", ["stock_user", "swapped_user"])
def test_the_admin_site_is_the_same_whoever_owns_the_users(users: str) -> None:
    parts = ("", "_factors", "_sign_in")
    tests = [f"tests/better_auth/test_admin{part}.py" for part in parts]
    done = run("-m", "pytest", f"--ds=tests.settings.{users}", "-q", "-p", "no:cacheprovider", *tests)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("place", ["first", "last"])
@pytest.mark.parametrize(
    ("admin_module", "registered"),
    [(OWN_CLASS, "HostAdmin"), (SUBCLASS, "HostAdmin"), (NOTHING, "UserAdmin")],
)
def test_a_hosts_own_admin_of_the_users_wins(
    tmp_path: Path, place: str, admin_module: str, registered: str
) -> None:
    app = tmp_path / "backoffice"
    app.mkdir()
    (app / "__init__.py").touch()
    (app / "admin.py").write_text(admin_module)
    apps = "['backoffice', *INSTALLED_APPS]" if place == "first" else "[*INSTALLED_APPS, 'backoffice']"
    settings = f"from tests.settings.swapped_user import *\nINSTALLED_APPS = {apps}\n"
    (tmp_path / "host_settings.py").write_text(settings)
    path = os.pathsep.join([str(tmp_path), str(CHECKOUT), os.environ.get("PYTHONPATH", "")])
    done = run("-c", SHOW_REGISTERED, PYTHONPATH=path, DJANGO_SETTINGS_MODULE="host_settings")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == registered


def test_operators_are_asked_for_a_one_time_password(tmp_path: Path) -> None:
    done = run(
        "-c",
        SIGN_IN_WITH_TOKEN,
        DJANGO_SETTINGS_MODULE="tests.settings.default",
        DATABASE_URL=f"sqlite:///{tmp_path / 'db.sqlite3'}",
        BETTER_AUTH_ADMIN_OTP="true",
        BETTER_AUTH_ADMIN_PASSWORD="operator's own word",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "asked for the token"


def test_a_word_that_is_neither_true_nor_false_stops_the_start() -> None:
    done = run(
        "manage.py", "check", DJANGO_SETTINGS_MODULE="tests.settings.default", BETTER_AUTH_ADMIN_OTP="maybe"
    )
    assert done.returncode != 0
    assert "BETTER_AUTH_ADMIN_OTP: expected true or false, got 'maybe'" in done.stderr
