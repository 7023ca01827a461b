"""Cookies in and out (sessions-and-cookies.md, sections 1 to 3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from better_auth.crypto.identifiers import token_digest
from better_auth.http import cookies
from better_auth.http.reply import Reply
from better_auth.models import Session
from better_auth.storage.records import UserRecord
from tests import protocol
from tests.conftest import ApiClient, FrozenTime
from tests.protocol import CLEARED, DONT_REMEMBER, SESSION_TOKEN, set_cookies

Configure = Callable[..., None]
TOKEN = "Bwc2ynysSeYILGBRp6guju7mWh6WEHcP"
SIGNATURE = "wgr1xgiFNPRZKWkpr4PTHBsrm3+EdJM47NSWxqyCCbs="
ENCODED = "Bwc2ynysSeYILGBRp6guju7mWh6WEHcP.wgr1xgiFNPRZKWkpr4PTHBsrm3%2BEdJM47NSWxqyCCbs%3D"
MARK = "true.xdxkjNl97vBndFOiUFffZWydDIg2D7RnS698vx0mQ5w%3D"


@pytest.mark.parametrize(
    ("header", "parsed"),
    [
        ("", {}),
        ("a=1", {"a": "1"}),
        ("a=1; b=2;c=3", {"a": "1", "b": "2", "c": "3"}),
        ("  a = 1 ;  b=  ", {"a": "1", "b": ""}),
        ("a=1; a=2", {"a": "1"}),
        ('a="1"; b=""', {"a": "1", "b": ""}),
        ('a=""1""', {"a": '"1"'}),
        ('a="1', {"a": '"1'}),
        ('a="', {"a": '"'}),
        ("a=%2B%3D", {"a": "+="}),
        ("a=b+c", {"a": "b+c"}),
        ("a=x=y=z", {"a": "x=y=z"}),
        ("a=%FF", {"a": "%FF"}),
        ("a=%zz", {"a": "%zz"}),
        ("a; =x; ;;=; b=1", {"b": "1"}),
        ("a%3Db=1", {"a%3Db": "1"}),
        ("A=1; a=2", {"A": "1", "a": "2"}),
    ],
)
def test_parsing(header: str, parsed: dict[str, str]) -> None:
    assert cookies.parse(header) == parsed


def test_a_huge_header_is_read_in_part() -> None:
    parsed = cookies.parse("first=1; " + "; ".join(f"c{number}=x" for number in range(100_000)))
    assert parsed["first"] == "1"
    assert len(parsed) < 20_000


@pytest.fixture
def documents_session(db: None, make_user: Callable[..., UserRecord], frozen_time: FrozenTime) -> Session:
    """The session whose cookie the documents print."""
    user = make_user()
    ends = frozen_time.now.replace(year=frozen_time.now.year + 1)
    return Session.objects.create(user_id=user.key, token_hash=token_digest(TOKEN), expires_at=ends)


@pytest.mark.parametrize(
    ("header", "is_accepted"),
    [
        (f"{SESSION_TOKEN}={ENCODED}", True),
        (f"{SESSION_TOKEN}={TOKEN}.{SIGNATURE}", True),
        (f'{SESSION_TOKEN}="{ENCODED}"', True),
        (f"x=1; {SESSION_TOKEN}={ENCODED}; {SESSION_TOKEN}=other", True),
        (f"{SESSION_TOKEN}=other; {SESSION_TOKEN}={ENCODED}", False),
        (f"{SESSION_TOKEN}={TOKEN}", False),
        (f"{SESSION_TOKEN}={TOKEN}.{SIGNATURE[:-1]}", False),
        (f"{SESSION_TOKEN}={TOKEN[::-1]}.{SIGNATURE}", False),
        (f"__Secure-{SESSION_TOKEN}={ENCODED}", False),
        (f"Better-Auth.session_token={ENCODED}", False),
    ],
)
def test_documents_cookie_is_accepted(documents_session: Session, header: str, is_accepted: bool) -> None:
    response = ApiClient().api("GET", "/get-session", HTTP_COOKIE=header)
    if is_accepted:
        assert response.json()["session"]["id"] == documents_session.pk
        assert response.json()["session"]["token"] == TOKEN
    else:
        assert (response.json(), set_cookies(response)) == (None, {})


def test_documents_cookies_are_written(
    monkeypatch: pytest.MonkeyPatch, browser: ApiClient, make_user: Any
) -> None:
    make_user()
    monkeypatch.setattr("better_auth.sessions.new_session_token", lambda: TOKEN)
    assert set_cookies(browser.sign_in()) == {
        SESSION_TOKEN: f"{SESSION_TOKEN}={ENCODED}; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax"
    }
    Session.objects.all().delete()
    assert set_cookies(browser.sign_in(rememberMe=False)) == {
        SESSION_TOKEN: f"{SESSION_TOKEN}={ENCODED}; Path=/; HttpOnly; SameSite=Lax",
        DONT_REMEMBER: f"{DONT_REMEMBER}={MARK}; Path=/; HttpOnly; SameSite=Lax",
    }


@pytest.mark.parametrize(
    ("switches", "name", "attributes"),
    [
        ({}, "better-auth.x", "Max-Age=5; Path=/; HttpOnly; SameSite=Lax"),
        ({"COOKIES": {"PREFIX": "mine"}}, "mine.x", "Max-Age=5; Path=/; HttpOnly; SameSite=Lax"),
        (
            {"BASE_URL": "https://auth.example"},
            "__Secure-better-auth.x",
            "Max-Age=5; Path=/; HttpOnly; Secure; SameSite=Lax",
        ),
        (
            {"BASE_URL": "https://auth.example", "COOKIES": {"SECURE": False}},
            "better-auth.x",
            "Max-Age=5; Path=/; HttpOnly; SameSite=Lax",
        ),
        (
            {"COOKIES": {"SECURE": True}},
            "__Secure-better-auth.x",
            "Max-Age=5; Path=/; HttpOnly; Secure; SameSite=Lax",
        ),
        (
            {
                "BASE_URL": "https://auth.example",
                "COOKIES": {
                    "PREFIX": "sid",
                    "DOMAIN": "example.com",
                    "SAME_SITE": "None",
                    "PARTITIONED": True,
                },
            },
            "__Secure-sid.x",
            "Max-Age=5; Domain=example.com; Path=/; HttpOnly; Secure; SameSite=None; Partitioned",
        ),
        (
            {"COOKIES": {"SAME_SITE": "Strict"}},
            "better-auth.x",
            "Max-Age=5; Path=/; HttpOnly; SameSite=Strict",
        ),
        (
            {"COOKIES": {"SAME_SITE": "None"}},
            "better-auth.x",
            "Max-Age=5; Path=/; HttpOnly; Secure; SameSite=None",
        ),
    ],
)
def test_names_and_attributes(
    configure: Configure, switches: dict[str, Any], name: str, attributes: str
) -> None:
    configure(**switches)
    reply = Reply()
    full_name = cookies.cookie_name("x")
    cookies.set_cookie(reply, full_name, "v", max_age=5)
    assert [one.header for one in reply.cookies.values()] == [f"{name}=v; {attributes}"]
    cookies.set_cookie(reply, full_name, "v", max_age=None)
    assert [one.header for one in reply.cookies.values()] == [
        f"{name}=v; {attributes.removeprefix('Max-Age=5; ')}"
    ]
    cookies.expire_cookie(reply, full_name)
    expected = f"{name}=; {attributes.replace('Max-Age=5', 'Max-Age=0')}"
    assert [one.header for one in reply.cookies.values()] == [expected]


@pytest.mark.django_db
def test_secure_cookies_work_end_to_end(
    browser: ApiClient, make_user: Callable[..., UserRecord], configure: Configure
) -> None:
    make_user()
    configure(BASE_URL="https://auth.example", TRUSTED_ORIGINS=("http://testserver",))
    headers = set_cookies(browser.sign_in(rememberMe=False))
    assert list(headers) == ["__Secure-better-auth.session_token", "__Secure-better-auth.dont_remember"]
    assert all(header.endswith("; Path=/; HttpOnly; Secure; SameSite=Lax") for header in headers.values())
    assert browser.session()["user"]["email"] == "ann@example.com"


@pytest.mark.django_db
def test_attributes_reach_the_client_in_the_protocols_order(
    browser: ApiClient, make_user: Callable[..., UserRecord]
) -> None:
    make_user()
    header = browser.sign_in().cookies.output(header="Set-Cookie:")
    assert header.startswith("Set-Cookie: better-auth.session_token=")
    assert header.endswith("; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax")


@pytest.mark.django_db
def test_remembered_sign_in_drops_an_older_mark(
    browser: ApiClient, make_user: Callable[..., UserRecord]
) -> None:
    make_user()
    browser.sign_in(rememberMe=False)
    headers = set_cookies(browser.sign_in())
    assert list(headers) == [SESSION_TOKEN, DONT_REMEMBER]
    assert "; Max-Age=604800;" in headers[SESSION_TOKEN]
    assert headers[DONT_REMEMBER] == CLEARED[DONT_REMEMBER]
    browser.cookies[DONT_REMEMBER] = "true.forged"
    assert list(set_cookies(browser.sign_in())) == [SESSION_TOKEN]


@pytest.mark.django_db
def test_signing_out_clears_in_the_protocols_order(browser: ApiClient) -> None:
    base = protocol.SESSION_DATA
    held = "; ".join(
        f"{name}=x" for name in (f"{base}.1", f"{base}.0", f"{base}.01", f"{base}.x", base, "other")
    )
    headers = set_cookies(browser.api("POST", "/sign-out", {}, HTTP_COOKIE=held))
    assert list(headers) == [SESSION_TOKEN, base, f"{base}.1", f"{base}.0", DONT_REMEMBER]
    assert all(header == f"{name}=; Max-Age=0; {protocol.ATTRIBUTES}" for name, header in headers.items())


def test_clearing_drops_what_the_reply_had_set_before() -> None:
    reply = Reply()
    cookies.set_cookie(reply, SESSION_TOKEN, "v", max_age=5)
    cookies.clear_session(reply)
    assert {name: cookie.header for name, cookie in reply.cookies.items()} == CLEARED
