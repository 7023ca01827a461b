"""What the reference server makes is good here, and what we make is good there, with the same secret."""

from __future__ import annotations

from typing import Any

import pytest

from better_auth.crypto.password_hashers import BetterAuthScryptHasher, from_better_auth
from better_auth.crypto.signing import sign_value, unsign_value
from better_auth.features.email_verification import links
from tests.interop.reference import Reference
from tests.server import PASSWORD, SESSION_COOKIE, RunningServer, new_email

STRATEGIES = ["compact", "jwt", "jwe"]
# What an address or a name may hold; each is written differently by careless JSON.
NAMES = ["Ann", "Zoë 漢字 🙂", 'Quo"te <b>&\\ \u2028']


def as_header(cookies: dict[str, str] | list[str]) -> str:
    """A ``Cookie`` header of what was set."""
    if isinstance(cookies, list):
        return "; ".join(line.partition(";")[0] for line in cookies)
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def sign_up_there(reference: Reference, email: str, **more: Any) -> Any:
    body = {"name": more.pop("name", "Ann"), "email": email, "password": PASSWORD}
    answer = reference.request("POST", "/sign-up/email", body, **more)
    assert answer["status"] == 200, answer
    return answer


def test_session_cookie_of_ours_verifies_there(
    reference: Reference, server: RunningServer, secret: str
) -> None:
    signed_up = server.sign_up(new_email())
    token, cookie = signed_up.json["token"], signed_up.session_cookie
    assert reference.ask("verifyCookie", name=SESSION_COOKIE, cookie=cookie, secret=secret) == token
    flipped = cookie.replace("=", "=X", 1)
    assert reference.ask("verifyCookie", name=SESSION_COOKIE, cookie=flipped, secret=secret) is False
    assert reference.ask("verifyCookie", name=SESSION_COOKIE, cookie=cookie, secret="x" * 40) is False


def test_session_cookie_of_theirs_verifies_here(reference: Reference, secret: str) -> None:
    signed_up = sign_up_there(reference, new_email())
    cookies = dict(line.partition(";")[0].split("=", 1) for line in signed_up["cookies"])
    value, token = cookies[SESSION_COOKIE], signed_up["body"]["token"]
    assert unsign_value(value, secret=secret) == token
    assert unsign_value(value, secret="x" * 40) is None
    assert sign_value(token, secret=secret) == value


@pytest.mark.parametrize("value", ["true", "a.b", "päß.=;, %", "x" * 500])
def test_both_sign_a_value_alike(value: str, reference: Reference, secret: str) -> None:
    theirs = reference.ask("signCookie", name="n", value=value, secret=secret)
    assert theirs == f"n={sign_value(value, secret=secret)}"


def test_cookie_signed_here_signs_in_there(reference: Reference, secret: str) -> None:
    email = new_email()
    token = sign_up_there(reference, email)["body"]["token"]
    own = f"{SESSION_COOKIE}={sign_value(token, secret=secret)}"
    assert reference.request("GET", "/get-session", cookie=own)["body"]["user"]["email"] == email


def test_mark_of_an_unremembered_session_is_good_on_both_sides(
    reference: Reference, server: RunningServer, secret: str
) -> None:
    name = "better-auth.dont_remember"
    email = new_email()
    server.sign_up(email)
    body = {"email": email, "password": PASSWORD, "rememberMe": False}
    ours = server.call("POST", "/sign-in/email", body).cookies[name]
    assert reference.ask("verifyCookie", name=name, cookie=f"{name}={ours}", secret=secret) == "true"
    sign_up_there(reference, email)
    theirs = reference.request("POST", "/sign-in/email", body)["cookies"]
    assert f"{name}={ours}" in [line.partition(";")[0] for line in theirs]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_cookie_cache_goes_both_ways(strategy: str, reference: Reference, secret: str) -> None:
    with RunningServer(
        BETTER_AUTH_SECRET=secret,
        BETTER_AUTH_COOKIE_CACHE_ENABLED="true",
        BETTER_AUTH_COOKIE_CACHE_STRATEGY=strategy,
    ) as server:
        for name in NAMES:
            ours = server.sign_up(new_email("ours"), name=name)
            cookie = as_header(ours.cookies)
            shown = server.call("GET", "/get-session", cookie=cookie).json
            read = reference.ask("cookieCache", cookie=cookie, secret=secret, strategy=strategy)
            assert read is not None
            assert (read["session"], read["user"]) == (shown["session"], shown["user"])
            assert read["user"]["name"] == name
            assert reference.ask("cookieCache", cookie=cookie, secret="x" * 40, strategy=strategy) is None
            # Their server has never heard of this session, and answers from our copy alone.
            there = reference.request("GET", "/get-session", cookie=cookie, strategy=strategy)
            assert there["body"]["session"] == shown["session"]
            assert there["body"]["user"].items() >= {"email": shown["user"]["email"], "name": name}.items()

            theirs = sign_up_there(reference, new_email("theirs"), name=name, strategy=strategy)
            cookie = as_header(theirs["cookies"])
            shown = reference.request("GET", "/get-session", cookie=cookie, strategy=strategy)["body"]
            here = server.call("GET", "/get-session", cookie=cookie)
            assert (here.status, here.json) == (200, shown)
            assert here.json["user"]["name"] == name
            # Without the copy the store is asked, and it knows nothing.
            alone = next(pair for pair in cookie.split("; ") if pair.startswith(SESSION_COOKIE))
            assert server.call("GET", "/get-session", cookie=alone).json is None


@pytest.mark.parametrize("names_the_user", [True, False])
def test_verification_link_of_theirs_works_here(
    names_the_user: bool, reference: Reference, server: RunningServer, secret: str
) -> None:
    email = new_email()
    user = server.sign_up(email).json["user"]
    assert user["emailVerified"] is False
    token = reference.ask(
        "verificationToken", secret=secret, email=email, userId=user["id"] if names_the_user else None
    )
    answer = server.call("GET", f"/verify-email?token={token}")
    assert (answer.status, answer.json) == (200, {"status": True, "user": None})
    assert server.sign_in(email).json["user"]["emailVerified"] is True


def test_verification_link_of_theirs_for_another_user_is_refused_here(
    reference: Reference, server: RunningServer, secret: str
) -> None:
    email = new_email()
    server.sign_up(email)
    token = reference.ask("verificationToken", secret=secret, email=email, userId="somebody else")
    answer = server.call("GET", f"/verify-email?token={token}")
    assert (answer.status, answer.json) == (401, {"code": "INVALID_TOKEN", "message": "Invalid token"})


def test_verification_link_of_ours_works_there(reference: Reference, secret: str, configure: Any) -> None:
    configure(SECRET=secret)
    email = new_email()
    user = sign_up_there(reference, email)["body"]["user"]
    token = links.issue_token(email=email, user_id=user["id"])
    answer = reference.request("GET", f"/verify-email?token={token}")
    assert (answer["status"], answer["body"]) == (200, {"status": True, "user": None})
    signed_in = reference.request("POST", "/sign-in/email", {"email": email, "password": PASSWORD})
    assert signed_in["body"]["user"]["emailVerified"] is True


@pytest.mark.parametrize("password", ["correct horse battery", "ﬁne Ångström 漢字 🙂", "x" * 128])
def test_password_hash_of_theirs_signs_in_here_and_is_upgraded(
    password: str, reference: Reference, server: RunningServer
) -> None:
    email = new_email()
    server.sign_up(email)
    stored = from_better_auth(reference.ask("hashPassword", password=password))
    server.database.rows("UPDATE better_auth_users SET password = %s WHERE email = %s", stored, email)
    assert server.sign_in(email, PASSWORD + "x").status == 401
    assert server.sign_in(email, password).json["user"]["email"] == email
    now = server.database.value("SELECT password FROM better_auth_users WHERE email = %s", email)
    assert now.startswith("argon2$argon2id$")
    assert server.sign_in(email, password).status == 200


@pytest.mark.parametrize("password", ["correct horse battery", "ﬁne Ångström 漢字 🙂"])
def test_password_hash_of_ours_in_their_format_verifies_there(password: str, reference: Reference) -> None:
    hasher = BetterAuthScryptHasher()
    stored = hasher.encode(password, hasher.salt()).partition("$")[2]
    assert reference.ask("verifyPassword", hash=stored, password=password) is True
    assert reference.ask("verifyPassword", hash=stored, password=password + "x") is False
