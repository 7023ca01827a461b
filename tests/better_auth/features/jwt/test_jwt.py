"""``GET /token``, ``/jwks`` and ``set-auth-jwt``, as the jwt plugin has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jwt
import orjson
import pytest
from jwt import PyJWKSet

from better_auth import clock, signing_keys, users
from better_auth.models import SigningKey
from better_auth.storage.records import SessionRecord, UserRecord
from tests.conftest import ApiClient, FrozenTime

pytestmark = pytest.mark.django_db
Configure = Callable[..., None]
ORIGIN = "http://testserver"


def verified(browser: ApiClient, token: str, **more: Any) -> dict[str, Any]:
    """As a service does it that knows the key set and nothing else."""
    keys = PyJWKSet.from_dict(browser.api("GET", "/jwks").json())
    key = keys[jwt.get_unverified_header(token)["kid"]]
    options: Any = {
        "options": {"verify_iat": False},
        "algorithms": ["EdDSA", "ES256", "RS256"],
        "audience": ORIGIN,
        "issuer": ORIGIN,
        **more,
    }
    return dict(jwt.decode(token, key, **options))


def token_of(browser: ApiClient) -> str:
    answer = browser.api("GET", "/token")
    assert answer.status_code == 200, answer.content
    return str(answer.json()["token"])


class TestToken:
    def test_it_is_about_the_user(self, browser: ApiClient) -> None:
        user = browser.sign_up().json()["user"]
        token = token_of(browser)
        claims = verified(browser, token)
        now = clock.epoch_ms(clock.now()) // 1000
        assert claims.pop("iat") == pytest.approx(now, abs=60)
        assert claims.pop("exp") == pytest.approx(now + 900, abs=60)
        assert claims == {**user, "sub": user["id"], "iss": ORIGIN, "aud": ORIGIN}

    def test_header_and_claims_come_in_the_protocols_order(self, browser: ApiClient) -> None:
        browser.sign_up()
        token = token_of(browser)
        header, payload, _ = token.split(".")
        assert list(orjson.loads(jwt.utils.base64url_decode(header))) == ["alg", "kid"]
        names = list(orjson.loads(jwt.utils.base64url_decode(payload)))
        assert names[0] == "iat"
        assert names[-5:] == ["id", "sub", "exp", "iss", "aud"]

    def test_without_a_session_it_is_refused(self, browser: ApiClient) -> None:
        answer = browser.api("GET", "/token")
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED")

    @pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256"])
    def test_each_algorithm_verifies(self, browser: ApiClient, configure: Configure, algorithm: str) -> None:
        configure(JWT={"ALGORITHM": algorithm})
        browser.sign_up()
        assert verified(browser, token_of(browser), algorithms=[algorithm])["email"] == "ann@example.com"

    def test_settings_name_issuer_audience_and_lifetime(
        self, browser: ApiClient, configure: Configure
    ) -> None:
        configure(JWT={"ISSUER": "https://id.example", "AUDIENCE": "shop", "EXPIRES_IN": 60})
        browser.sign_up()
        claims = verified(browser, token_of(browser), issuer="https://id.example", audience="shop")
        assert claims["exp"] - claims["iat"] == 60

    def test_it_prolongs_the_session_as_any_use(self, browser: ApiClient, frozen_time: FrozenTime) -> None:
        browser.sign_up()
        frozen_time.advance(days=2)
        answer = browser.api("GET", "/token")
        assert "better-auth.session_token" in answer.cookies

    def test_no_cache_may_keep_it(self, browser: ApiClient) -> None:
        browser.sign_up()
        assert browser.api("GET", "/token").headers["Cache-Control"] == "no-store"


class TestCustomClaims:
    def test_a_hook_says_what_stands_in_it(self, browser: ApiClient, configure: Configure) -> None:
        configure(HOOKS={"JWT_CLAIMS": f"{__name__}.role_alone"})
        user = browser.sign_up().json()["user"]
        claims = verified(browser, token_of(browser))
        assert set(claims) == {"iat", "exp", "iss", "aud", "sub", "role", "device"}
        assert (claims["role"], claims["sub"]) == ("user", user["id"])

    def test_it_may_name_times_and_audiences_but_nobody_else(
        self, browser: ApiClient, configure: Configure
    ) -> None:
        configure(HOOKS={"JWT_CLAIMS": f"{__name__}.everything"})
        user = browser.sign_up().json()["user"]
        token = token_of(browser)
        claims = verified(browser, token, audience="shop", issuer="me")
        assert (claims["iat"], claims["exp"]) == (1_700_000_000, 4_000_000_000)
        assert (claims["sub"], claims["jti"]) == (user["id"], "1")

    def test_what_it_raises_is_no_secret_of_ours(self, browser: ApiClient, configure: Configure) -> None:
        browser.sign_up()
        browser.raise_request_exception = False
        configure(HOOKS={"JWT_CLAIMS": f"{__name__}.broken"})
        answer = browser.api("GET", "/token")
        assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL_SERVER_ERROR")


def role_alone(*, user: UserRecord, session: SessionRecord) -> dict[str, Any]:
    return {"role": user.role, "device": session.user_agent}


def everything(*, user: UserRecord, session: SessionRecord) -> dict[str, Any]:
    times = {"iat": 1_700_000_000, "exp": 4_000_000_000}
    return {**times, "sub": "admin", "aud": ["shop", "blog"], "iss": "me", "jti": "1"}


def broken(*, user: UserRecord, session: SessionRecord) -> dict[str, Any]:
    raise LookupError(user.email)


class TestKeySet:
    @pytest.mark.parametrize(
        "path", ["/api/auth/jwks", "/api/auth/.well-known/jwks.json", "/.well-known/jwks.json"]
    )
    def test_everybody_may_read_and_keep_it(self, browser: ApiClient, path: str) -> None:
        answer = browser.get(path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
        assert answer.headers["Cache-Control"] == "public, max-age=300"
        assert "Pragma" not in answer.headers
        (key,) = answer.json()["keys"]
        assert list(key) == ["alg", "crv", "x", "kty", "kid"]
        assert key["kid"] == SigningKey.objects.get().pk

    def test_nothing_private_is_in_it(self, browser: ApiClient, configure: Configure) -> None:
        for algorithm in ("EdDSA", "ES256", "RS256"):
            configure(JWT={"ALGORITHM": algorithm, "PUBLISH_AHEAD": 0})
            browser.sign_up(f"{algorithm}@example.com")
            signing_keys.rotate()
        keys = browser.api("GET", "/jwks").json()["keys"]
        assert {key["kty"] for key in keys} == {"OKP", "EC", "RSA"}
        assert not any({"d", "p", "q", "dp", "dq", "qi"} & key.keys() for key in keys)

    def test_tokens_of_before_a_rotation_verify(self, browser: ApiClient, frozen_time: FrozenTime) -> None:
        browser.sign_up()
        before = token_of(browser)
        signing_keys.rotate()
        frozen_time.advance(minutes=10)
        verified(browser, before)
        frozen_time.advance(hours=1)
        after = token_of(browser)
        assert jwt.get_unverified_header(after) != jwt.get_unverified_header(before)
        verified(browser, after)
        assert browser.session()["user"]["email"] == "ann@example.com"


class TestHeader:
    def test_reads_of_a_session_carry_one(self, browser: ApiClient) -> None:
        user = browser.sign_up().json()["user"]
        answer = browser.api("GET", "/get-session")
        assert verified(browser, answer.headers["set-auth-jwt"])["sub"] == user["id"]
        assert "set-auth-jwt" in answer.headers["Access-Control-Expose-Headers"]

    def test_nobody_gets_none(self, browser: ApiClient) -> None:
        assert "set-auth-jwt" not in browser.api("GET", "/get-session").headers

    def test_reads_from_the_copy_in_a_cookie_carry_one(
        self, browser: ApiClient, configure: Configure
    ) -> None:
        configure(SESSION={"COOKIE_CACHE": {"ENABLED": True}})
        user = browser.sign_up().json()["user"]
        answer = browser.api("GET", "/get-session")
        claims = verified(browser, answer.headers["set-auth-jwt"])
        assert {name: claims[name] for name in user} == user
        configure(HOOKS={"JWT_CLAIMS": f"{__name__}.role_alone"})
        answer = browser.api("GET", "/get-session")
        assert verified(browser, answer.headers["set-auth-jwt"])["role"] == "user"

    def test_the_renewing_read_carries_one(self, browser: ApiClient, configure: Configure) -> None:
        configure(SESSION={"DEFER_REFRESH": True})
        browser.sign_up()
        assert "set-auth-jwt" in browser.api("POST", "/get-session").headers

    def test_it_can_be_switched_off(self, browser: ApiClient, configure: Configure) -> None:
        configure(JWT={"IN_HEADER": False})
        browser.sign_up()
        answer = browser.api("GET", "/get-session")
        assert "set-auth-jwt" not in answer.headers
        assert token_of(browser)


class TestSwitchedOff:
    @pytest.fixture(autouse=True)
    def _off(self, configure: Configure) -> None:
        configure(FEATURES=["bearer"])

    @pytest.mark.parametrize("path", ["/token", "/jwks", "/.well-known/jwks.json"])
    def test_there_is_nothing(self, browser: ApiClient, path: str) -> None:
        browser.sign_up()
        answer = browser.api("GET", path)
        assert (answer.status_code, answer.content) == (404, b"")
        assert not SigningKey.objects.exists()

    def test_reads_of_a_session_carry_none(self, browser: ApiClient) -> None:
        browser.sign_up()
        assert "set-auth-jwt" not in browser.api("GET", "/get-session").headers
        assert not SigningKey.objects.exists()


class TestAsBearerHere:
    """A JWT is for other services; endpoints of the protocol act on sessions, and don't take it."""

    def test_it_is_no_session(self, browser: ApiClient, new_browser: Callable[..., ApiClient]) -> None:
        browser.sign_up()
        stranger = new_browser(headers={"authorization": f"Bearer {token_of(browser)}"})
        assert stranger.session() is None
        for method, path, body in (
            ("GET", "/list-sessions", None),
            ("GET", "/token", None),
            ("POST", "/update-user", {"name": "Eve"}),
            ("POST", "/token", {}),
        ):
            assert stranger.api(method, path, body).status_code == 401
        assert browser.session()["user"]["name"] == "Ann"

    def test_the_cookie_beside_it_speaks(self, browser: ApiClient) -> None:
        browser.sign_up()
        token = token_of(browser)
        answer = browser.api("GET", "/get-session", headers={"authorization": f"Bearer {token}"})
        assert answer.json()["user"]["email"] == "ann@example.com"


def test_a_changed_user_has_other_claims(browser: ApiClient) -> None:
    user = browser.sign_up().json()["user"]
    record = users.find_by_id(user["id"])
    assert record is not None
    users.update(record, name="Anna")
    assert verified(browser, token_of(browser))["name"] == "Anna"
