"""Sign-in with a provider, there and back (core.md, sections 2 and 6; oauth-and-providers.md, A1 to A6)."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest

from better_auth import accounts, users
from better_auth.models import Account, AuditEntry, Verification
from better_auth.storage.records import UserRecord
from tests.better_auth.features.social.conftest import come_back, go, travel
from tests.conftest import ApiClient, FrozenTime
from tests.protocol import SESSION_TOKEN, answered, query_of, set_cookies
from tests.scripted_provider import CLIENT_ID, CLIENT_SECRET, Key, ScriptedProvider, answering

pytestmark = pytest.mark.django_db
STATE = "better-auth.state"
ERROR_PAGE = "http://testserver/api/auth/error"


def error_of(response: Any) -> str:
    assert response.status_code == 302
    assert SESSION_TOKEN not in set_cookies(response)
    return query_of(response.headers["Location"])["error"]


def test_the_way_there_has_the_protocols_parameters_in_its_order(
    browser: ApiClient, acme: ScriptedProvider, use_acme: Callable[..., None]
) -> None:
    """oauth-and-providers.md, A2."""
    use_acme(SCOPES=["email"], PROMPT="login", ACCESS_TYPE="offline", AUTHORIZATION_PARAMS={"audience": "x"})
    body = {"scopes": ["calendar"], "loginHint": "ann", "additionalParams": {"team": "t 1"}}
    response = browser.api("POST", "/sign-in/social", {"provider": "acme", **body})
    url = response.json()["url"]
    assert answered(response) == (200, {"url": url, "redirect": True})
    assert response.headers["Location"] == url
    assert url.startswith(f"{acme.origin}/authorize?")
    query = parse_qsl(urlsplit(url).query)
    assert [name for name, _ in query] == [
        "response_type",
        "client_id",
        "state",
        "scope",
        "redirect_uri",
        "login_hint",
        "nonce",
        "prompt",
        "access_type",
        "code_challenge_method",
        "code_challenge",
        "audience",
        "team",
    ]
    known = dict(query)
    assert re.fullmatch(r"[A-Za-z0-9_-]{32}", known["state"])
    assert known["scope"] == "openid email calendar"
    assert known["redirect_uri"] == "http://testserver/api/auth/callback/acme"
    cookie = set_cookies(response)[STATE]
    assert cookie.startswith(f"{STATE}={known['state']}.")
    assert cookie.endswith("; Max-Age=300; Path=/; HttpOnly; SameSite=Lax")


def test_the_client_may_lead_there_by_itself(
    browser: ApiClient, acme: ScriptedProvider, use_acme: Callable[..., None]
) -> None:
    use_acme()
    response = browser.api("POST", "/sign-in/social", {"provider": "acme", "disableRedirect": True})
    assert response.json()["redirect"] is False
    assert "Location" not in response.headers
    assert STATE in set_cookies(response)


def test_whoever_comes_back_is_signed_up_and_signed_in(
    browser: ApiClient, acme: ScriptedProvider, use_acme: Callable[..., None]
) -> None:
    use_acme()
    response = travel(browser, acme, newUserCallbackURL="/welcome")
    assert answered(response) == (302, None)
    assert response.headers["Location"] == "/welcome"
    assert set_cookies(response)[STATE].startswith(f"{STATE}=; Max-Age=0")
    user = browser.session()["user"]
    assert (user["email"], user["emailVerified"], user["name"], user["image"]) == (
        "ann@example.com",
        True,
        "Ann of the Provider",
        "https://pictures.example/ann.png",
    )
    (account,) = browser.api("GET", "/list-accounts").json()
    assert (account["providerId"], account["accountId"]) == ("acme", "subject-1")
    assert account["scopes"] == ["openid", "profile", "email"]
    (call,) = acme.called("/token")
    assert (call["client_id"], call["client_secret"]) == (CLIENT_ID, CLIENT_SECRET)
    assert len(call["code_verifier"]) == 128
    digest = hashlib.sha256(call["code_verifier"].encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert acme.grants[call["code"]].query["code_challenge"] == challenge
    assert [one.event_type for one in AuditEntry.objects.order_by("id")] == ["sign_up", "sign_in"]


def test_whoever_was_here_before_goes_where_everybody_goes(
    browser: ApiClient, acme: ScriptedProvider, use_acme: Callable[..., None]
) -> None:
    use_acme()
    travel(browser, acme, newUserCallbackURL="/welcome")
    acme.claims |= {"email": "other@example.com", "name": "Another"}
    response = travel(browser, acme, newUserCallbackURL="/welcome")
    assert response.headers["Location"] == "/in"
    user = browser.session()["user"]
    assert (user["email"], user["name"]) == ("ann@example.com", "Ann of the Provider")
    assert users.find_by_email("other@example.com") is None


def test_without_a_page_to_lead_to_it_is_the_public_origin(
    browser: ApiClient, acme: ScriptedProvider, use_acme: Callable[..., None]
) -> None:
    use_acme()
    assert travel(browser, acme, callbackURL="").headers["Location"] == "http://testserver"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda browser, answer: browser.cookies.pop(STATE),
        lambda browser, answer: answer.update(state="x" * 32),
        lambda browser, answer: browser.cookies.__setitem__(STATE, f"{answer['state']}.forged"),
        lambda browser, answer: browser.cookies.__setitem__(STATE, "%00"),
    ],
    ids=["no cookie", "another state", "forged cookie", "odd cookie"],
)
def test_an_answer_that_is_not_this_browsers_is_refused_and_ends_nothing(
    browser: ApiClient, acme: ScriptedProvider, use_acme: Callable[..., None], spoil: Callable[..., Any]
) -> None:
    """oauth-and-providers.md, A3: "a failed state check keeps the state row"; attacks.md, A13."""
    use_acme()
    answer = acme.consent(go(browser, errorCallbackURL="/oops"))
    cookie = browser.cookies[STATE].value
    spoiled = dict(answer)
    spoil(browser, spoiled)
    response = come_back(browser, spoiled)
    assert response.headers["Location"] == f"{ERROR_PAGE}?error=state_mismatch"
    assert acme.called("/token") == []
    browser.cookies[STATE] = cookie
    assert come_back(browser, answer).headers["Location"] == "/in"


def test_another_browser_gets_nothing_by_a_link_that_it_was_sent(
    browser: ApiClient,
    acme: ScriptedProvider,
    use_acme: Callable[..., None],
    new_browser: Callable[..., ApiClient],
) -> None:
    """Login CSRF: the victim has a flow of their own, and the attacker's answer."""
    use_acme()
    answer = acme.consent(go(browser))
    victim = new_browser()
    go(victim)
    assert error_of(come_back(victim, answer)) == "state_mismatch"


def test_an_answer_works_once(
    browser: ApiClient, acme: ScriptedProvider, use_acme: Callable[..., None]
) -> None:
    use_acme()
    answer = acme.consent(go(browser))
    cookie = browser.cookies[STATE].value
    assert come_back(browser, answer).headers["Location"] == "/in"
    browser.cookies[STATE] = cookie
    assert error_of(come_back(browser, answer)) == "state_mismatch"
    assert len(acme.called("/token")) == 1


def test_a_flow_ends_after_ten_minutes(
    browser: ApiClient, acme: ScriptedProvider, use_acme: Callable[..., None], frozen_time: FrozenTime
) -> None:
    use_acme()
    answer = acme.consent(go(browser))
    frozen_time.advance(seconds=601)
    assert error_of(come_back(browser, answer)) == "state_mismatch"


def test_a_flow_of_one_provider_does_not_end_at_another(
    browser: ApiClient, acme: ScriptedProvider, configure: Callable[..., None]
) -> None:
    """attacks.md, F11."""
    configure(SOCIAL={"PROVIDERS": {"acme": acme.settings(), "other": acme.settings()}})
    answer = acme.consent(go(browser))
    assert error_of(come_back(browser, answer, provider="other")) == "state_mismatch"
    assert come_back(browser, answer).headers["Location"] == "/in"


def test_nothing_of_a_flow_rests_in_the_clear(
    browser: ApiClient, acme: ScriptedProvider, use_acme: Callable[..., None]
) -> None:
    use_acme()
    url = go(browser, additionalData={"campaign": "spring"})
    (row,) = Verification.objects.filter(purpose="auth-state")
    text = f"{row.payload}{row.digest}"
    for secret in (query_of(url)["state"], query_of(url)["nonce"], "/in", "spring"):
        assert secret not in text


@pytest.mark.parametrize(
    ("answer", "location"),
    [
        ({"error": "access_denied"}, "/oops?from=a&error=access_denied"),
        (
            {"error": "access_denied", "error_description": "they said <no>"},
            "/oops?from=a&error=access_denied&error_description=they+said+%3Cno%3E",
        ),
        ({}, "/oops?from=a&error=no_code"),
        ({"code": "made-up"}, "/oops?from=a&error=invalid_code"),
        ({"code": "x", "iss": "https://evil.example"}, "/oops?from=a&error=issuer_mismatch"),
    ],
)
def test_errors_lead_to_the_flows_own_page(
    browser: ApiClient,
    acme: ScriptedProvider,
    use_acme: Callable[..., None],
    answer: dict[str, str],
    location: str,
) -> None:
    """oauth-and-providers.md, A3."""
    use_acme()
    state = query_of(go(browser, errorCallbackURL="/oops?from=a"))["state"]
    response = come_back(browser, {"state": state, **answer})
    assert response.headers["Location"] == location
    assert set_cookies(response)[STATE].startswith(f"{STATE}=; Max-Age=0")
    failed = AuditEntry.objects.get(event_type="sign_in")
    assert (failed.success, failed.details["provider"]) == (False, "acme")


def test_a_provider_that_promises_to_name_itself_must(
    browser: ApiClient, acme: ScriptedProvider, use_acme: Callable[..., None]
) -> None:
    """RFC 9207, section 2.4: mix-up."""
    acme.document_members["authorization_response_iss_parameter_supported"] = True
    use_acme()
    assert error_of(travel(browser, acme)) == "issuer_mismatch"
    answer = acme.consent(go(browser), iss=acme.origin)
    assert come_back(browser, answer).headers["Location"] == "/in"


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"aud": "somebody-else"},
        {"aud": [CLIENT_ID, "other"]},
        {"aud": [CLIENT_ID, "other"], "azp": "other"},
        {"nonce": "of another flow"},
        {"nonce": None},
        {"exp": 1},
        {"exp": None},
        {"exp": "soon"},
        {"iat": 99999999999},
        {"sub": None},
        {"sub": ""},
        {"sub": 0},
        {"sub": ["subject-1"]},
        {"sub": "x" * 256},
        {"sub": "a\x00b"},
    ],
)
def test_an_id_token_that_is_not_for_this_flow_signs_nobody_in(
    browser: ApiClient, acme: ScriptedProvider, use_acme: Callable[..., None], claims: dict[str, Any]
) -> None:
    """oauth-and-providers.md, A6; OpenID Connect Core 1.0, section 3.1.3.7; attacks.md, B27."""
    use_acme()
    acme.claims |= claims
    assert error_of(travel(browser, acme)) == "unable_to_get_user_info"
    assert Account.objects.count() == 0


def test_an_id_token_under_a_key_that_nobody_published_signs_nobody_in(
    browser: ApiClient, acme: ScriptedProvider, use_acme: Callable[..., None]
) -> None:
    use_acme()
    travel(browser, acme)
    for kid in ("key-1", "key-2"):
        acme.key = Key.new(kid)
        assert error_of(travel(browser, acme)) == "unable_to_get_user_info"


@pytest.mark.parametrize("forged", ["none", "HS256"])
def test_an_id_token_without_a_signature_of_the_provider_signs_nobody_in(
    browser: ApiClient, acme: ScriptedProvider, use_acme: Callable[..., None], forged: str
) -> None:
    use_acme()
    answer = acme.consent(go(browser))
    acme.claims["nonce"] = acme.grants[answer["code"]].query["nonce"]
    claims = jwt.decode(acme.id_token(), options={"verify_signature": False})
    key = None if forged == "none" else "k" * 32
    acme.token_members["id_token"] = jwt.encode(claims, key, algorithm=forged, headers={"kid": "key-1"})  # type: ignore[arg-type]
    assert error_of(come_back(browser, answer)) == "unable_to_get_user_info"


def test_a_key_that_was_changed_between_two_sign_ins_is_no_trouble(
    browser: ApiClient, acme: ScriptedProvider, use_acme: Callable[..., None]
) -> None:
    use_acme()
    travel(browser, acme)
    acme.key = Key.new("key-2")
    acme.published = [acme.key]
    assert travel(browser, acme).headers["Location"] == "/in"
    assert len(acme.called("/jwks")) == 2
    travel(browser, acme)
    assert len(acme.called("/jwks")) == 2  # kept meanwhile


def test_an_id_token_is_needed_where_the_provider_has_them(
    browser: ApiClient, acme: ScriptedProvider, use_acme: Callable[..., None]
) -> None:
    acme.sends_id_token = False
    use_acme()
    assert error_of(travel(browser, acme)) == "unable_to_get_user_info"


def test_userinfo_is_asked_where_the_token_tells_no_address(
    browser: ApiClient, acme: ScriptedProvider, use_acme: Callable[..., None]
) -> None:
    use_acme()
    acme.profile = {"email": acme.claims.pop("email")}
    assert travel(browser, acme).headers["Location"] == "/in"
    (headers,) = acme.headers_of("/userinfo")
    assert headers["Authorization"] == "Bearer access-1"
    acme.profile["sub"] = "somebody else"
    assert error_of(travel(browser, acme)) == "unable_to_get_user_info"


TROUBLE = {
    "down": answering(503, {}),
    "no JSON": answering(200, b"<html>"),
    "a list": answering(200, [1]),
    "a redirect": answering(302, {}, Location="http://169.254.169.254/"),
    "endless": answering(200, b'{"x":"' + b"x" * 2_000_000 + b'"}'),
    "deep": answering(200, b"[" * 100_000),
    "nothing of use": answering(200, {"access_token": 5}),
    "odd text": answering(200, {"access_token": "a\u0000\ud800", "id_token": "\ud800"}),
}


@pytest.mark.parametrize("path", ["/token", "/jwks", "/userinfo"])
@pytest.mark.parametrize("trouble", TROUBLE.values(), ids=TROUBLE.keys())
def test_a_provider_in_trouble_leads_to_the_error_page(
    browser: ApiClient,
    acme: ScriptedProvider,
    use_acme: Callable[..., None],
    path: str,
    trouble: Any,
    caplog: Any,
) -> None:
    use_acme()
    acme.claims["email"] = None
    acme.replies[path] = trouble
    answer = acme.consent(go(browser))
    error = error_of(come_back(browser, answer))
    assert error in ("invalid_code", "unable_to_get_user_info")
    for secret in (CLIENT_SECRET, answer["code"], "access-1"):
        assert secret not in caplog.text


@pytest.mark.parametrize("trouble", [*TROUBLE.values(), answering(200, {"issuer": "https://evil.example"})])
def test_a_provider_whose_document_is_not_to_be_had_refuses_the_way_there(
    browser: ApiClient, acme: ScriptedProvider, use_acme: Callable[..., None], trouble: Any
) -> None:
    """oauth-and-providers.md, A6: errors."""
    use_acme()
    acme.replies["/.well-known/openid-configuration"] = trouble
    response = browser.api("POST", "/sign-in/social", {"provider": "acme"})
    expected = {"message": "Invalid OAuth configuration", "code": "INVALID_OAUTH_CONFIGURATION"}
    assert answered(response) == (400, expected)
    assert STATE not in set_cookies(response)


@pytest.mark.parametrize(
    "address", ["http://169.254.169.254/token", "file:///etc/passwd", "https://a@evil.example/token", 5]
)
def test_no_document_leads_to_an_address_that_is_not_safe(
    browser: ApiClient, acme: ScriptedProvider, use_acme: Callable[..., None], address: Any
) -> None:
    """attacks.md, A27."""
    acme.document_members["token_endpoint"] = address
    use_acme()
    assert browser.api("POST", "/sign-in/social", {"provider": "acme"}).status_code == 400


@pytest.mark.parametrize(
    ("method", "seen"), [("basic", "Authorization"), ("post", None)], ids=["in the header", "in the body"]
)
def test_the_secret_is_shown_as_the_settings_say(
    browser: ApiClient, acme: ScriptedProvider, use_acme: Callable[..., None], method: str, seen: str | None
) -> None:
    use_acme(AUTHENTICATION=method, TOKEN_PARAMS={"resource": "r"})
    assert travel(browser, acme).headers["Location"] == "/in"
    (form,), (headers,) = acme.called("/token"), acme.headers_of("/token")
    assert ("client_secret" in form) is (seen is None)
    assert ("Authorization" in headers) is (seen is not None)
    assert form["resource"] == "r"


def test_plain_oauth_reads_userinfo(
    browser: ApiClient, acme: ScriptedProvider, configure: Callable[..., None]
) -> None:
    """oauth-and-providers.md, A6: without discovery, the account id is the profile's ``id``."""
    own = {
        "CLIENT_ID": CLIENT_ID,
        "CLIENT_SECRET": CLIENT_SECRET,
        "AUTHORIZATION_URL": f"{acme.origin}/authorize",
        "TOKEN_URL": f"{acme.origin}/token",
        "USERINFO_URL": f"{acme.origin}/userinfo",
        "SCOPES": ["profile"],
    }
    configure(SOCIAL={"PROVIDERS": {"acme": own}})
    acme.sends_id_token = False
    acme.claims = {"id": 4711, "email": "ann@example.com", "name": "Ann"}
    url = go(browser)
    assert "nonce" not in query_of(url)
    assert query_of(url)["scope"] == "profile"
    assert come_back(browser, acme.consent(url)).headers["Location"] == "/in"
    assert Account.objects.get().account_id == "4711"
    assert browser.session()["user"]["emailVerified"] is False


def test_tokens_rest_sealed(
    browser: ApiClient, acme: ScriptedProvider, use_acme: Callable[..., None]
) -> None:
    use_acme()
    acme.token_members["refresh_token"] = "refresh-1"
    travel(browser, acme)
    row = Account.objects.get()
    for sealed in (row.access_token, row.refresh_token, row.id_token):
        assert re.fullmatch(r"[0-9a-f]+", sealed or "")
    user = users.find_by_email("ann@example.com")
    assert user is not None
    tokens = accounts.tokens_of(user, row.pk)
    assert tokens is not None
    assert (tokens.access_token, tokens.refresh_token) == ("access-1", "refresh-1")
    assert row.issuer == acme.origin
    assert "access-1" not in repr(tokens)


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    "body",
    [
        {"callbackURL": "https://evil.example"},
        {"errorCallbackURL": "//evil.example"},
        {"newUserCallbackURL": "javascript:alert(1)"},
    ],
)
def test_nobody_is_led_to_strangers(browser: ApiClient, use_acme: Callable[..., None], body: Any) -> None:
    use_acme()
    assert browser.api("POST", "/sign-in/social", {"provider": "acme", **body}).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {"additionalData": {"a": "x" * 70_000}},
        {"additionalParams": {"a": "x" * 20_000}},
        {"loginHint": "x" * 20_000},
        {"additionalData": {"a": {"b": "nul\u0000"}}},
    ],
)
def test_what_is_too_long_or_can_not_be_kept_is_refused(
    browser: ApiClient, use_acme: Callable[..., None], body: Any
) -> None:
    use_acme()
    response = browser.api("POST", "/sign-in/social", {"provider": "acme", **body})
    assert (response.status_code, response.json()["code"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("query", ["?code=1&code=2&state=x", "?state=a%00b", "?error=%00&state=x"])
def test_an_answer_that_can_not_be_read_is_refused(browser: ApiClient, query: str) -> None:
    response = browser.api("GET", f"/callback/acme{query}")
    assert response.headers["Location"] == f"{ERROR_PAGE}?error=invalid_callback_request"


def test_somebody_banned_stays_outside(
    browser: ApiClient,
    acme: ScriptedProvider,
    use_acme: Callable[..., None],
    make_user: Callable[..., UserRecord],
) -> None:
    """attacks.md, C3."""
    use_acme()
    make_user(email_verified=True, banned=True)
    response = travel(browser, acme, errorCallbackURL="/oops")
    assert error_of(response) == "BANNED_USER"
    assert "banned" in query_of(response.headers["Location"])["error_description"]


def test_a_second_factor_is_the_providers_affair(
    browser: ApiClient,
    acme: ScriptedProvider,
    use_acme: Callable[..., None],
    make_user: Callable[..., UserRecord],
) -> None:
    use_acme()
    make_user(email_verified=True, two_factor_enabled=True)
    assert travel(browser, acme).headers["Location"] == "/in"
    assert browser.session()["user"]["twoFactorEnabled"] is True
