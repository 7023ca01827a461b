"""The whole log of a server that lived through everything: no secret, one line for each event, no forgery."""

from __future__ import annotations

import html
import http.cookiejar
import json
import os
import re
import secrets
import socket
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from tests.server import CHECKOUT, PASSWORD, Answer, RunningServer, new_email, wait_for

SECRET = f"canary-{secrets.token_urlsafe(40)}"
OPERATOR, OPERATORS_PASSWORD = "operator@example.com", f"pw-{secrets.token_hex(12)}"
FORGED = "2026-01-01 00:00:00,000 INFO better_auth.events"
HOSTILE = f'\r\n{FORGED}: {{"event":"sign_in","success":true}}\u2028\x1b[31m\x85\x7f'
ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
LINE = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (?P<level>[A-Z]+) (?P<logger>[\w.]+): (?P<message>.*)"
)
OF_GRANIAN = re.compile(r"\[[A-Z]+\] .*")

SETTINGS = """
from better_auth.conf import merge
from config.settings import *

BETTER_AUTH = merge(
    BETTER_AUTH,
    {
        "HOOKS": {
            "BEFORE_SIGN_UP": "log_settings.before_sign_up",
            "AFTER_SIGN_UP": "log_settings.after_sign_up",
        }
    },
)

def before_sign_up(*, email, name, fields, client):
    if name.startswith("Mallory"):
        raise RuntimeError(f"nobody is called {name} <{email}>\\r\\n{client.user_agent.strip()}")

def after_sign_up(*, user, client):
    raise ValueError(f"{user.email} can't be greeted\\r\\nnor {user}")
"""


@dataclass
class Story:
    """What happened at one server; every secret of it, by what it is."""

    server: RunningServer
    values: dict[str, str] = field(default_factory=dict)
    calls: int = 0

    def note(self, **values: str) -> None:
        self.values.update(values)

    def call(self, method: str, path: str, body: Any = None, *, cookie: str = "", **headers: Any) -> Answer:
        """Each from an address of its own, so that no limit is met by chance."""
        self.calls += 1
        headers = {"X_Forwarded_For": f"198.51.{self.calls // 250}.{self.calls % 250}", **headers}
        return self.server.call(method, path, body, cookie=cookie, **headers)

    def link(self, to: str, subject: str) -> str:
        link = re.search(r"http://\S+", self.server.site.wait_for_mail(to, subject=subject))
        assert link is not None
        return link[0]

    def token(self, to: str, subject: str) -> str:
        return parse_qs(urlsplit(self.link(to, subject)).query)["token"][0]

    @property
    def log(self) -> str:
        return self.server.site.log.read_bytes().decode()

    def audited(self) -> list[tuple[str, bool, str, str]]:
        rows = self.server.database.rows(
            "SELECT event_type, success, subject_id, session_id FROM auth_audit_log"
        )
        return [
            (kind, bool(success), subject or "", session or "") for kind, success, subject, session in rows
        ]


def sign_up_and_verify(story: Story, email: str) -> str:
    """The cookie of the session."""
    password, wrong = (f"pw-{secrets.token_hex(12)}" for _ in range(2))
    story.note(password=password, wrong=wrong, email=email)
    body = {"name": "Ann", "email": email, "password": password}
    signed_up = story.call("POST", "/sign-up/email", body)
    cookie = signed_up.session_cookie
    story.note(token=signed_up.json["token"], cookie=signed_up.cookies["better-auth.session_token"])
    assert story.call("POST", "/sign-up/email", body).status == 422
    assert story.call("POST", "/sign-in/email", {"email": email, "password": wrong}).status == 401
    story.call("POST", "/send-verification-email", {"email": email}, cookie=cookie)
    token = story.token(email, "verify")
    story.note(verification=token)
    assert story.call("GET", f"/verify-email?token={token}").status == 200
    assert story.call("GET", f"/verify-email?token={token[:-4]}AAAA").status == 401
    return cookie


def lose_the_password(story: Story, email: str) -> None:
    reset = f"pw-{secrets.token_hex(12)}"
    story.call("POST", "/request-password-reset", {"email": email, "redirectTo": "/new"})
    token = urlsplit(story.link(email, "password")).path.rpartition("/")[2]
    story.note(reset_token=token, reset_password=reset)
    assert story.call("GET", f"/reset-password/{token}?callbackURL=/new").status == 302
    body = {"token": token, "newPassword": reset}
    assert [story.call("POST", "/reset-password", body).status for _ in range(2)] == [200, 400]


def change_everything(story: Story, email: str, cookie: str) -> str:
    """The cookie of the session that is left."""
    moved, changed = new_email("moved"), f"pw-{secrets.token_hex(12)}"
    story.note(moved=moved, changed_password=changed)
    body: dict[str, Any] = {"currentPassword": story.values["wrong"], "newPassword": changed}
    assert story.call("POST", "/change-password", body, cookie=cookie).status == 400
    body |= {"currentPassword": story.values["reset_password"], "revokeOtherSessions": True}
    answer = story.call("POST", "/change-password", body, cookie=cookie)
    cookie = answer.session_cookie
    story.note(last_token=answer.json["token"], last_cookie=cookie.partition("=")[2])
    assert story.call("POST", "/change-email", {"newEmail": moved}, cookie=cookie).status == 200
    token = story.token(moved, "")
    story.note(change_of_address=token)
    assert story.call("GET", f"/verify-email?token={token}", cookie=cookie).status == 200
    return cookie


def ask_for_what_is_not_there(story: Story) -> None:
    """Paths that hold tokens."""
    for name in ("last_token", "reset_token", "verification", "password"):
        value = story.values[name]
        for path in (f"//no-such-page/{value}?token={value}", f"/no-such/{value}", f"//admin/{value}/"):
            assert story.call("GET", path).status in (302, 404)
        assert story.call("POST", f"/reset-password/{value}").status in (404, 405)
        story.call("GET", f"/reset-password/{value}?callbackURL=https://evil.example/{value}")
        story.call("GET", "/get-session", authorization=f"Bearer {value}")


def attack(story: Story) -> None:
    """Line breaks and terminal sequences, wherever a client can put them."""
    quoted = urllib.parse.quote(HOSTILE)
    latin = HOSTILE.replace("\u2028", "").replace("\r\n", "\x85").replace("\x1b", "\x9b").replace("\x7f", "")
    for path in (f"//{quoted}", f"/{quoted}", f"/reset-password/{quoted}", f"/ok?{quoted}={quoted}"):
        story.call("GET", path, user_agent=latin)
    for name in ("Eve", "Mallory", f"Mallory{HOSTILE}"):
        email = new_email("hostile")
        story.note(**{f"hostile {email}": email})
        body = {"name": name, "email": email, "password": PASSWORD}
        story.call("POST", "/sign-up/email", body, user_agent=latin)
        story.call("POST", "/sign-up/email", {**body, "callbackURL": f"/{HOSTILE}"}, user_agent=latin)
        story.call("POST", "/sign-in/email", {"email": email, "password": PASSWORD}, user_agent=latin)
    story.call("POST", "/sign-in/email", {"email": HOSTILE, "password": HOSTILE}, user_agent=latin)
    story.call("GET", "/get-session", X_Forwarded_For=latin, user_agent=latin)
    address = urlsplit(story.server.origin)
    for raw in (f"GET /api/auth/ok HTTP/1.1\r\nHost: x\r\nUser-Agent: a\r\n {HOSTILE}\r\n\r\n", HOSTILE * 3):
        with socket.create_connection((str(address.hostname), address.port or 80), timeout=10) as connection:
            connection.sendall(raw.encode())
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1000)


def meet_the_limits(story: Story) -> None:
    email = new_email("limited")
    story.note(limited=email)
    body = {"email": email, "password": story.values["wrong"]}
    by_address = [story.call("POST", "/sign-in/email", body, X_Forwarded_For="203.0.113.9") for _ in range(5)]
    assert by_address[-1].status == 429
    by_account = [story.call("POST", "/sign-in/email", body) for _ in range(5)]
    assert by_account[-1].status == 429


def break_the_database(story: Story, email: str) -> None:
    """What the driver says of a failed statement quotes the statement."""
    story.server.database.rows("ALTER TABLE better_auth_users RENAME TO elsewhere")
    try:
        body = {"name": "Ann", "email": email, "password": story.values["wrong"]}
        for path in ("/sign-up/email", "/sign-in/email", "/request-password-reset"):
            assert story.call("POST", path, body).status in (500, 503)
        assert story.call("GET", "//admin/login/").status == 200
        assert visit_admin(story, OPERATORS_PASSWORD) == 500
    finally:
        story.server.database.rows("ALTER TABLE elsewhere RENAME TO better_auth_users")


def visit_admin(story: Story, password: str) -> int:
    """Sign in at the admin site and open the list of users; the last status."""
    jar = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(jar)
    )
    url = f"{story.server.origin}/admin/login/?next=/admin/better_auth/user/"
    try:
        with opener.open(url, timeout=30) as answer:
            token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', answer.read().decode())
        assert token is not None
        form = {"csrfmiddlewaretoken": html.unescape(token[1]), "username": OPERATOR, "password": password}
        with opener.open(url, urllib.parse.urlencode(form).encode(), timeout=30) as answer:
            story.note(**{f"admin cookie {one.name}": one.value or "" for one in jar})
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        return refusal.code


def live(story: Story) -> None:
    email = new_email("story")
    cookie = sign_up_and_verify(story, email)
    lose_the_password(story, email)
    cookie = story.call(
        "POST", "/sign-in/email", {"email": email, "password": story.values["reset_password"]}
    ).session_cookie
    cookie = change_everything(story, email, cookie)
    ask_for_what_is_not_there(story)
    attack(story)
    meet_the_limits(story)
    assert visit_admin(story, story.values["wrong"]) == 200
    assert visit_admin(story, OPERATORS_PASSWORD) == 200
    break_the_database(story, email)
    assert story.call("POST", "/delete-user", {}, cookie=cookie).status == 200
    token = story.token(story.values["moved"], "delet")
    story.note(deletion=token)
    assert story.call("GET", f"/delete-user/callback?token={token}", cookie=cookie).status == 200


@pytest.fixture(scope="module", params=["line", "json"])
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Everything that can happen, under both formats of the log."""
    modules = tmp_path_factory.mktemp("modules")
    (modules / "log_settings.py").write_text(SETTINGS)
    granian: dict[str, Any] = (
        {"GRANIAN_LOG_CONFIG": "deploy/granian-log.json"} if request.param == "json" else {}
    )
    with RunningServer(
        DJANGO_SETTINGS_MODULE="log_settings",
        PYTHONPATH=f"{modules}:{CHECKOUT}",
        BETTER_AUTH_SECRET=SECRET,
        BETTER_AUTH_ADMIN_EMAIL=OPERATOR,
        BETTER_AUTH_ADMIN_PASSWORD=OPERATORS_PASSWORD,
        BETTER_AUTH_LOG_FORMAT=request.param,
        BETTER_AUTH_COOKIE_CACHE_ENABLED="true",
        BETTER_AUTH_DELETE_USER_VERIFICATION="true",
        BETTER_AUTH_RATE_LIMIT_ENABLED="true",
        BETTER_AUTH_TRUSTED_PROXIES="127.0.0.1",
        **granian,
    ) as server:
        story = Story(
            server, {"server secret": SECRET, "operator": OPERATOR, "operators": OPERATORS_PASSWORD}
        )
        before = len(story.audited())
        live(story)
        wait_for(lambda: len(events_in(story.log)) >= len(story.audited()) - before, "the last line")
        yield story


def lines_of(log: str) -> list[dict[str, Any]]:
    """Lines as objects, of either format. Raises ``AssertionError`` at one that is neither."""
    found: list[dict[str, Any]] = []
    for line in log.split("\n")[:-1]:
        if line.startswith("{"):
            found.append(json.loads(line))
        elif line.startswith("    "):
            found[-1]["traceback"] = f"{found[-1].get('traceback', '')}{line[4:]}\n"
        elif match := LINE.fullmatch(line):
            found.append(match.groupdict())
        else:
            assert OF_GRANIAN.fullmatch(line), line
            found.append({"level": "", "logger": "_granian", "message": line})
    return found


def events_in(log: str) -> list[dict[str, Any]]:
    of_events = [one for one in lines_of(log) if one["logger"] == "better_auth.events"]
    return [one["event"] if "event" in one else json.loads(one["message"]) for one in of_events]


def test_no_secret_is_in_the_log(story: Story) -> None:
    assert len(story.values) >= 20
    found = {
        name for name, value in story.values.items() if value in story.log or unquote(value) in story.log
    }
    assert found == set()
    assert "argon2$" not in story.log


def test_no_address_is_in_the_log(story: Story) -> None:
    told = "\n".join(str(text) for line in lines_of(story.log) for text in line.values())
    assert ADDRESS.findall(told) == []
    assert "s…@example.com can't be greeted" in told


def test_nothing_that_a_client_sends_starts_a_line_or_colours_a_terminal(story: Story) -> None:
    log = story.log
    assert log.splitlines() == log.split("\n")[:-1]
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]", log)
    assert not any(line.startswith(FORGED) for line in log.splitlines())
    assert any(FORGED in line for line in log.splitlines())  # it did get as far as a traceback


def test_every_event_is_one_line(story: Story) -> None:
    told = [
        (one["event"], one["success"], one.get("subject", ""), one.get("session", ""))
        for one in events_in(story.log)
    ]
    audited = [one for one in story.audited() if one[0] != "user_created"]  # told by create_operator
    assert Counter(told) == Counter(audited)
    assert {"sign_up", "sign_in", "password_reset", "email_changed", "user_deleted"} <= {
        one[0] for one in told
    }


def test_every_event_says_where_it_came_from(story: Story) -> None:
    of_clients = [one for one in events_in(story.log) if one["event"] in ("sign_up", "sign_in")]
    assert all(one["success"] in (True, False) and "method" in one for one in of_clients)
    assert any(one.get("ip", "").startswith("198.51.") for one in of_clients)
    allowed = {"event", "success", "method", "subject", "actor", "session", "ip", "details"}
    assert all(one.keys() <= allowed for one in events_in(story.log))


def test_failures_are_told_with_their_traceback_and_without_the_path(story: Story) -> None:
    failed = [line for line in lines_of(story.log) if "traceback" in line]
    loggers = {line["logger"] for line in failed}
    assert {"better_auth.hooks", "better_auth.http", "django.request"} <= loggers
    assert all("Error" in line["traceback"] for line in failed)
    (of_admin,) = {line["message"] for line in failed if line["logger"] == "django.request"}
    assert of_admin == "POST admin/login/ failed"


def test_every_line_of_json_has_the_same_members(story: Story) -> None:
    if story.server.site.settings["BETTER_AUTH_LOG_FORMAT"] != "json":
        pytest.skip("of the other format")
    lines = [json.loads(line) for line in story.log.splitlines()]
    assert {line["logger"] for line in lines} >= {"_granian", "better_auth.events"}
    for line in lines:
        assert line.keys() >= {"time", "level", "logger", "message"}
        assert datetime.fromisoformat(line["time"]).utcoffset() is not None
        assert line.keys() <= {"time", "level", "logger", "message", "event", "traceback"}
        if line["logger"] == "better_auth.events":
            assert line["message"] == line["event"]["event"]
            assert isinstance(line["event"]["success"], bool)


@pytest.mark.skipif(not os.environ.get("DATABASE_URL", "").startswith("postgres"), reason="psycopg's words")
def test_the_quoted_statement_of_a_failure_is_in_the_traceback(story: Story) -> None:
    """Else the tests above prove nothing of it."""
    assert any(
        'relation "better_auth_users" does not exist' in line.get("traceback", "")
        for line in lines_of(story.log)
    )
