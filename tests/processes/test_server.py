"""What a running server keeps to itself, and what it does when a part beside it is gone."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from tests.processes.smtp import closed_port, silent_server
from tests.server import Answer, RunningServer, new_email

MailServer = Callable[[], AbstractContextManager[int]]
SECRET = f"canary-{secrets.token_urlsafe(40)}"
ASKED = {"status": True, "message": "If this email exists in our system, check your email for the reset link"}


def mailed_link(server: RunningServer, email: str, *, subject: str = "") -> str:
    link = re.search(r"http://\S+", server.site.wait_for_mail(email, subject=subject))
    assert link is not None
    return link[0]


@dataclass
class Canaries:
    """Every secret of one user's story, by what it is; filled on the way."""

    server: RunningServer
    values: dict[str, str] = field(default_factory=lambda: {"server secret": SECRET})

    def note(self, **values: str) -> None:
        self.values.update(values)

    def found_in(self, text: str) -> set[str]:
        return {name for name, value in self.values.items() if value in text or unquote(value) in text}


def live_a_story(server: RunningServer) -> Canaries:
    """Sign up, verify, reset, sign in, change password and address, and fail at each of them too."""
    canaries = Canaries(server)
    email, moved = new_email("story"), new_email("moved")
    first, reset, changed = (f"pw-{secrets.token_hex(12)}" for _ in range(3))
    wrong = f"wrong-{secrets.token_hex(12)}"
    canaries.note(first=first, reset=reset, changed=changed, wrong=wrong)

    signed_up = server.sign_up(email, first)
    cookie = signed_up.session_cookie
    canaries.note(token=signed_up.json["token"], cookie=signed_up.cookies["better-auth.session_token"])
    server.call("GET", "/get-session", cookie=cookie)
    server.call("POST", "/sign-up/email", {"name": "x", "email": email, "password": wrong})
    assert server.sign_in(email, wrong).status == 401

    server.call("POST", "/send-verification-email", {"email": email}, cookie=cookie)
    link = mailed_link(server, email, subject="verify")
    canaries.note(verification=parse_qs(urlsplit(link).query)["token"][0])
    assert server.call("GET", f"/verify-email?token={canaries.values['verification']}").status == 200
    tampered = canaries.values["verification"][:-4] + "AAAA"
    assert server.call("GET", f"/verify-email?token={tampered}").status == 401

    server.call("POST", "/request-password-reset", {"email": email, "redirectTo": "/new"})
    link = mailed_link(server, email, subject="password")
    canaries.note(reset_token=urlsplit(link).path.rpartition("/")[2])
    assert len(canaries.values["reset_token"]) == 24
    waiting = server.database.rows("SELECT digest FROM better_auth_verification_tokens")
    assert (hashlib.sha256(canaries.values["reset_token"].encode()).hexdigest(),) in waiting
    assert (
        server.call("GET", urlsplit(link).path.removeprefix("/api/auth") + "?callbackURL=/new").status == 302
    )
    assert canaries.found_in(server.database.dump()) == set()
    body = {"token": canaries.values["reset_token"], "newPassword": reset}
    assert server.call("POST", "/reset-password", body).status == 200
    assert server.call("POST", "/reset-password", body).status == 400

    signed_in = server.sign_in(email, reset)
    canaries.note(second_token=signed_in.json["token"])
    body = {"currentPassword": wrong, "newPassword": changed}
    assert server.call("POST", "/change-password", body, cookie=cookie).status == 400
    change = {"currentPassword": reset, "newPassword": changed, "revokeOtherSessions": True}
    answer = server.call("POST", "/change-password", change, cookie=cookie)
    canaries.note(third_token=answer.json["token"])
    answer = server.call("POST", "/change-email", {"newEmail": moved}, cookie=answer.session_cookie)
    assert answer.status == 200
    link = mailed_link(server, moved)
    canaries.note(change_of_address=parse_qs(urlsplit(link).query)["token"][0])
    server.call("GET", f"//no-such-page?token={canaries.values['third_token']}")
    server.call("GET", "/get-session", authorization=f"Bearer {canaries.values['third_token']}")
    return canaries


@pytest.fixture(scope="module")
def story() -> Iterator[Canaries]:
    """With the cookie cache on, so that the shared cache has something to hold."""
    with RunningServer(BETTER_AUTH_SECRET=SECRET, BETTER_AUTH_COOKIE_CACHE_ENABLED="true") as server:
        yield live_a_story(server)


def test_no_secret_is_in_the_log(story: Canaries) -> None:
    log = story.server.site.log.read_text()
    assert "Listening at" in log
    assert story.found_in(log) == set()


def test_no_secret_is_in_the_database(story: Canaries) -> None:
    dump = story.server.database.dump()
    assert "better_auth_users: " in dump
    assert "moved-" not in dump  # the new address has not followed its link yet
    assert story.found_in(dump) == set()


def test_a_session_rests_as_the_hash_of_its_token(story: Canaries) -> None:
    digest = hashlib.sha256(story.values["third_token"].encode()).hexdigest()
    assert (digest,) in story.server.database.rows("SELECT token_hash FROM better_auth_sessions")


@pytest.mark.skipif(not os.environ.get("REDIS_URL"), reason="REDIS_URL is not set")
def test_no_secret_is_in_redis(story: Canaries) -> None:
    import redis

    prefix = story.server.site.settings["BETTER_AUTH_CACHE_PREFIX"]
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as store:
        keys = list(store.scan_iter(match=f"*{prefix}*", count=1000))
        assert keys  # the marks of what was revoked
        text = "\n".join(f"{key!r}: {store.get(key)!r}" for key in keys)
    assert story.found_in(text) == set()


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"X_Forwarded_Host": "evil.example"},
        {"Forwarded": "host=evil.example"},
        {"X_Forwarded_Host": "evil.example", "X_Forwarded_Proto": "https", "X_Forwarded_Port": "444"},
    ],
    ids=lambda headers: "+".join(headers),
)
def test_a_forged_host_never_gets_into_a_mailed_link(headers: dict[str, Any], server: RunningServer) -> None:
    email = new_email("host")
    server.sign_up(email)
    answer = server.call("POST", "/request-password-reset", {"email": email, "redirectTo": "/"}, **headers)
    server.call("POST", "/send-verification-email", {"email": email}, **headers)
    if "Host" in headers:
        assert answer.status == 400
        # The mails asked for under the right name come after any that came from the forged requests.
        server.call("POST", "/request-password-reset", {"email": email, "redirectTo": "/"})
    assert mailed_link(server, email, subject="password").startswith(
        f"{server.origin}/api/auth/reset-password/"
    )
    for mail in server.site.mails(email):
        assert "evil.example" not in mail.as_string()


def test_without_redis_the_server_says_so_and_goes_on() -> None:
    with (
        closed_port() as port,
        RunningServer(
            ready="/health", REDIS_URL=f"redis://127.0.0.1:{port}/0", BETTER_AUTH_COOKIE_CACHE_ENABLED="true"
        ) as server,
    ):
        ready = server.call("GET", "//health/ready")
        assert ready.status == 503
        assert ready.json.pop("timestamp")
        assert {name: ready.json[name] for name in ("status", "checks")} == {
            "status": "unavailable",
            "checks": {"database": "ok", "cache": "failed", "migrations": "ok"},
        }
        email = new_email("redis")
        signed_up = server.sign_up(email)
        # With the copy of the session as well, whose marks of revocation can't be read now.
        cookie = "; ".join(f"{name}={value}" for name, value in signed_up.cookies.items())
        assert "session_data" in cookie
        for shown in (signed_up.session_cookie, cookie):
            seen = server.call("GET", "/get-session", cookie=shown)
            assert (seen.status, seen.json["user"]["email"]) == (200, email)
        assert server.call("POST", "/sign-out", cookie=cookie).json == {"success": True}
        assert server.call("GET", "/get-session", cookie=cookie).json is None


def test_health_of_a_working_server(server: RunningServer) -> None:
    health, ready = server.call("GET", "//health"), server.call("GET", "//health/ready")
    assert (health.status, health.json.keys(), health.json["status"]) == (200, {"status", "timestamp"}, "ok")
    assert (ready.status, ready.json["status"]) == (200, "ok")
    assert ready.json["checks"] == {"database": "ok", "cache": "ok", "migrations": "ok"}


MAIL_TIMEOUT_SECONDS = 20  # `EMAIL_TIMEOUT` of config/environment.py


def timed_request(server: RunningServer, email: str) -> tuple[float, Answer]:
    started = time.monotonic()
    answer = server.call("POST", "/request-password-reset", {"email": email, "redirectTo": "/"})
    return time.monotonic() - started, answer


def shape(answer: Answer) -> tuple[int, bytes, list[str]]:
    return answer.status, answer.content, sorted(name.lower() for name in answer.headers)


@pytest.mark.parametrize("failing", [silent_server, closed_port])
def test_a_mail_server_that_fails_neither_delays_nor_tells(
    failing: Callable[[], AbstractContextManager[int]],
) -> None:
    with (
        failing() as port,
        RunningServer(MAIL_DIR="", SMTP_HOST="127.0.0.1", SMTP_PORT=str(port)) as server,
    ):
        known, unknown = new_email("known"), new_email("unknown")
        server.sign_up(known)
        timed_request(server, known)
        taken: dict[str, list[float]] = {known: [], unknown: []}
        shapes = set()
        for _ in range(10):
            for email, seconds in taken.items():
                spent, answer = timed_request(server, email)
                seconds.append(spent)
                shapes.add((shape(answer)[0], shape(answer)[1], *shape(answer)[2]))
                assert answer.json == ASKED
        assert len(shapes) == 1
        # Nobody waited for the mail server's time-out.
        assert max(map(max, taken.values())) < MAIL_TIMEOUT_SECONDS
        assert known not in server.site.log.read_text()
        server.processes[0].kill()  # nobody waits for the hanging mail
