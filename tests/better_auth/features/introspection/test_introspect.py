"""``POST /introspect`` (RFC 7662): services learn what a token stands for, and nobody else anything."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from better_auth import access_tokens, clock, sessions, users
from better_auth.authentication.principal import Principal
from better_auth.crypto.signing import sign_raw
from better_auth.events import AuthMethod
from better_auth.features.introspection.introspect import introspect
from better_auth.models import Session
from better_auth.observability.metrics import render
from better_auth.storage import shared_sessions
from better_auth.storage.local_sessions import local
from better_auth.storage.records import UserRecord
from better_auth.storage.subscription import subscription
from tests.conftest import ApiClient, FrozenTime
from tests.server import wait_for

pytestmark = pytest.mark.usefixtures("commits")
Configure = Callable[..., None]
SHOP = "shop-secret-0123456789-abcdefghijklm"
BLOG = "blog:secret-0123456789-abcdefghijklm"
INACTIVE = {"active": False}
SECRET = "0123456789abcdefghijklmnopqrstuvwxyzABCD"


@pytest.fixture(autouse=True)
def _services(configure: Configure) -> None:
    configure(INTROSPECTION={"SECRETS": [f"shop:{SHOP}", f"blog:{BLOG}"]})


@pytest.fixture
def ann(make_user: Callable[..., UserRecord]) -> UserRecord:
    return make_user()


@pytest.fixture
def signed_in(browser: ApiClient, ann: UserRecord) -> ApiClient:
    browser.sign_in()
    return browser


@pytest.fixture
def service(new_browser: Callable[..., ApiClient]) -> ApiClient:
    return new_browser()


def basic(name: str = "shop", secret: str = SHOP) -> str:
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


def ask(service: ApiClient, token: str, authorization: str | None = None, **more: Any) -> Any:
    headers = {"authorization": basic() if authorization is None else authorization}
    return service.api("POST", "/introspect", {"token": token, **more}, headers=headers)


def told(service: ApiClient, token: str, **more: Any) -> dict[str, Any]:
    answer = ask(service, token, **more)
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def token_of_session(browser: ApiClient) -> str:
    return str(browser.session()["session"]["token"])


class TestWhoMayAsk:
    @pytest.mark.parametrize(
        "authorization",
        [
            "",
            "Basic",
            "Basic !",
            "Basic " + base64.b64encode(b"shop").decode(),
            "Basic " + base64.b64encode(b"\xff:\xff").decode(),
            basic("shop", "wrong"),
            basic("shop", BLOG),
            basic("", ""),
            basic("shop", ""),
            basic("shop:", SHOP[1:]),
            f"Bearer {SHOP}",
        ],
    )
    def test_without_a_good_secret_nobody(
        self, service: ApiClient, signed_in: ApiClient, authorization: str
    ) -> None:
        answer = ask(service, token_of_session(signed_in), authorization)
        assert answer.status_code == 401
        assert answer.json()["error"] == "invalid_client"
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")

    def test_a_users_session_does_not_do(self, signed_in: ApiClient) -> None:
        token = token_of_session(signed_in)
        assert ask(signed_in, token, "").status_code == 401
        assert ask(signed_in, token, f"Bearer {token}").status_code == 401

    def test_where_there_are_no_services_nobody(
        self, service: ApiClient, configure: Configure, db: None
    ) -> None:
        configure(INTROSPECTION={"SECRETS": []})
        assert ask(service, "x").status_code == 401
        assert ask(service, "x", basic("", "")).status_code == 401

    def test_the_secret_may_come_in_the_body_and_the_body_as_a_form(
        self, service: ApiClient, signed_in: ApiClient
    ) -> None:
        token = token_of_session(signed_in)
        assert told(service, token, authorization="", client_id="shop", client_secret=SHOP)["active"]
        form = f"token={token}&token_type_hint=access_token"
        answer = service.api(
            "POST",
            "/introspect",
            form,
            content_type="application/x-www-form-urlencoded",
            headers={"authorization": basic()},
        )
        assert answer.json()["active"]

    def test_a_secret_with_a_colon_is_percent_encoded_or_not(
        self, service: ApiClient, signed_in: ApiClient
    ) -> None:
        token = token_of_session(signed_in)
        assert told(service, token, authorization=basic("blog", BLOG))["active"]
        assert told(service, token, authorization=basic("blog", BLOG.replace(":", "%3A")))["active"]

    def test_the_holder_of_an_api_key_may(
        self, service: ApiClient, signed_in: ApiClient, configure: Configure
    ) -> None:
        configure(AUTHENTICATORS=[f"{__name__}.key", *_DEFAULT])
        assert told(service, token_of_session(signed_in), authorization="Bearer key-1")["active"]


_DEFAULT = (
    "better_auth.authentication.authenticators.bearer.authenticate",
    "better_auth.authentication.authenticators.session_cookie.authenticate",
)


def key(credentials: Any) -> Principal | None:
    """Stands for the authenticator of API keys."""
    if credentials.bearer != "key-1":
        return None
    user = users.find_by_email("ann@example.com")
    assert user is not None
    return Principal(user, None, AuthMethod.API_KEY, claims={"scope": "read"})


class TestWhatItSays:
    def test_of_a_session(self, service: ApiClient, signed_in: ApiClient, ann: UserRecord) -> None:
        token, row = token_of_session(signed_in), Session.objects.get()
        for shown in (token, sign_raw(token, secret=SECRET)):
            assert told(service, shown) == {
                "active": True,
                "token_type": "Bearer",
                "method": "bearer",
                "username": ann.email,
                "name": ann.name,
                "email_verified": False,
                "iss": "http://testserver",
                "aud": "http://testserver",
                "sub": ann.id,
                "sid": row.id,
                "iat": clock.epoch_ms(row.created_at) // 1000,
                "exp": clock.epoch_ms(row.expires_at) // 1000,
            }

    def test_of_a_jwt(self, service: ApiClient, signed_in: ApiClient, ann: UserRecord) -> None:
        token = signed_in.api("GET", "/token").json()["token"]
        answer = told(service, token)
        claims = access_tokens.verify_jwt(token)
        assert claims is not None
        assert answer == {
            "active": True,
            "token_type": "Bearer",
            "method": "jwt",
            "username": ann.email,
            "name": ann.name,
            "email_verified": False,
            **{name: claims[name] for name in ("iss", "sub", "aud", "exp", "iat")},
        }

    @pytest.mark.parametrize("form", ["jwt", "opaque"])
    def test_of_an_access_token(self, service: ApiClient, signed_in: ApiClient, form: str) -> None:
        token = signed_in.api("POST", "/token", {"format": form}).json()["access_token"]
        answer = told(service, token)
        assert answer["active"] is True
        assert answer["method"] == ("jwt" if form == "jwt" else "access_token")
        assert answer["sid"] == Session.objects.get().id
        assert answer["exp"] - clock.now().timestamp() == pytest.approx(900, abs=60)

    def test_of_an_api_key(
        self, service: ApiClient, signed_in: ApiClient, ann: UserRecord, configure: Configure
    ) -> None:
        configure(AUTHENTICATORS=[f"{__name__}.key", *_DEFAULT])
        answer = told(service, "key-1")
        assert (answer["method"], answer["scope"], answer["sub"]) == ("api_key", "read", ann.id)

    def test_nothing_of_a_refresh_token(self, service: ApiClient, signed_in: ApiClient) -> None:
        assert told(service, signed_in.api("POST", "/token").json()["refresh_token"]) == INACTIVE

    def test_it_prolongs_nothing(
        self, service: ApiClient, signed_in: ApiClient, frozen_time: FrozenTime
    ) -> None:
        token, before = token_of_session(signed_in), Session.objects.get().expires_at
        frozen_time.advance(days=3)
        assert told(service, token)["active"]
        assert Session.objects.get().expires_at == before


class TestInactive:
    @pytest.mark.parametrize(
        "token",
        [
            "",
            "x",
            "x" * 32,
            "a.b.c",
            "at_x",
            "rt_x",
            "é",
            "%zz",
            "x" * 65536,
            "." * 65536,
            "sid_x",
            "Bearer x",
        ],
        ids=lambda token: f"{token[:8]!r} {len(token)}",
    )
    def test_whatever_is_unknown(self, service: ApiClient, db: None, token: str) -> None:
        assert told(service, token) == INACTIVE

    @pytest.mark.parametrize("body", [{}, {"token": 1}, {"token": None}, {"token": ["x"]}, {"token": "\x00"}])
    def test_what_is_no_token_is_a_bad_request(self, service: ApiClient, db: None, body: Any) -> None:
        answer = service.api("POST", "/introspect", body, headers={"authorization": basic()})
        assert answer.status_code == 400

    @pytest.mark.parametrize("ending", ["ban", "deletion", "sign-out", "time"])
    def test_whatever_has_ended(
        self,
        service: ApiClient,
        signed_in: ApiClient,
        ann: UserRecord,
        ending: str,
        frozen_time: FrozenTime,
    ) -> None:
        given = signed_in.api("POST", "/token", {"format": "opaque"}).json()
        by_session = [token_of_session(signed_in), given["access_token"]]
        by_session.append(signed_in.api("POST", "/token", {"format": "jwt"}).json()["access_token"])
        of_user = signed_in.api("GET", "/token").json()["token"]
        assert all(told(service, one)["active"] for one in [*by_session, of_user])
        if ending == "ban":
            users.update(ann, banned=True)
        elif ending == "deletion":
            users.delete(ann)
        elif ending == "sign-out":
            signed_in.api("POST", "/sign-out", {})
        else:
            frozen_time.advance(days=8)
        assert [told(service, one) for one in by_session] == [INACTIVE] * 3
        # As upstream has it: this one speaks for the user, and lives its quarter of an hour.
        assert told(service, of_user)["active"] is (ending == "sign-out")

    def test_a_token_for_somebody_else(
        self, service: ApiClient, signed_in: ApiClient, configure: Configure
    ) -> None:
        """D17: what was made for one service is no other's affair."""
        configure(HOOKS={"JWT_CLAIMS": f"{__name__}.for_the_blog"})
        token = signed_in.api("GET", "/token").json()["token"]
        assert told(service, token) == INACTIVE
        assert told(service, token, authorization=basic("blog", BLOG))["aud"] == ["blog"]


def for_the_blog(*, user: UserRecord, session: Any) -> dict[str, Any]:
    return {"aud": ["blog"]}


@pytest.mark.django_db(transaction=True)
class TestRemembered:
    def test_what_was_asked_lately_asks_no_database(
        self, browser: ApiClient, ann: UserRecord, django_assert_num_queries: Any
    ) -> None:
        wait_for(lambda: shared_sessions.client() is None or subscription.is_live(), "the subscription")
        browser.sign_in()
        given = browser.api("POST", "/token", {"format": "opaque"}).json()
        tokens = [
            token_of_session(browser),
            browser.api("GET", "/token").json()["token"],
            browser.api("POST", "/token").json()["access_token"],
            given["access_token"],
        ]
        for one in tokens:
            assert introspect(one, asked_by="shop")["active"]
        with django_assert_num_queries(0):
            for one in tokens:
                assert introspect(one, asked_by="shop")["active"]
        sessions.revoke_all(ann)
        assert [introspect(one, asked_by="shop")["active"] for one in tokens] == [False, True, False, False]
        users.update(ann, banned=True)
        assert not introspect(tokens[1], asked_by="shop")["active"]

    def test_unknown_tokens_leave_nothing_behind(self, db: None) -> None:
        kept_before = (len(users._remembered._kept), len(sessions._digests._kept))
        for number in range(300):
            for shape in (
                "{:032d}",
                "{}.x.y",
                "eyJhbGciOiJFZERTQSIsImtpZCI6IngifQ.{}.AA",
                "at_{:085d}",
                "rt_{:067d}",
            ):
                assert introspect(shape.format(number), asked_by="shop") == INACTIVE
        assert (len(local._entries), len(local._flights)) == (0, 0)
        assert len(access_tokens._verified) == 0
        assert (len(users._remembered._kept), len(sessions._digests._kept)) == kept_before


def test_it_counts_in_the_metrics(service: ApiClient, db: None) -> None:
    told(service, "x" * 32)
    assert b'better_auth_introspections_total{result="inactive"}' in render()
