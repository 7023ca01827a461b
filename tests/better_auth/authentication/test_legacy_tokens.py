"""Tokens that the host's djangorestframework-simplejwt gave out: taken where the host says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings as django_settings
from django.test import Client
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from better_auth import clock, users
from better_auth.authentication.credentials import Credentials, InvalidCredentials
from better_auth.authentication.pipeline import authenticate
from better_auth.conf.schema import DEFAULT_AUTHENTICATORS
from better_auth.features.introspection.introspect import introspect
from better_auth.storage.records import UserRecord
from tests.conftest import ApiClient

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.host.urls")]
Configure = Callable[..., None]
LEGACY = "better_auth.authentication.authenticators.legacy_jwt.authenticate"


@pytest.fixture
def ann(make_user: Callable[..., UserRecord]) -> UserRecord:
    return make_user()


@pytest.fixture
def listed(configure: Configure) -> None:
    configure(AUTHENTICATORS=[*DEFAULT_AUTHENTICATORS[:2], LEGACY, *DEFAULT_AUTHENTICATORS[2:]])


@pytest.fixture
def token(ann: UserRecord) -> str:
    return str(AccessToken.for_user(users.row_of(ann)))


def is_refused(token: str) -> bool:
    try:
        return authenticate(Credentials(bearer=token)) is None
    except InvalidCredentials:
        return True


def forged(key: str | None = None, algorithm: str = "HS256", **claims: Any) -> str:
    """Signed as simplejwt does it here, where nothing else is said."""
    now = int(clock.timestamp())
    good = {"token_type": "access", "exp": now + 300, "iat": now, "jti": "j1"}
    secret = django_settings.SECRET_KEY if key is None else key
    return jwt.encode({**good, **claims}, secret, algorithm=algorithm)


def test_unless_it_is_listed_it_is_nobodys(token: str) -> None:
    assert is_refused(token)
    assert introspect(token, asked_by="shop") == {"active": False}


@pytest.mark.usefixtures("listed")
class TestListed:
    def test_it_says_who_calls(self, ann: UserRecord, token: str) -> None:
        principal = authenticate(Credentials(bearer=token))
        assert principal is not None
        assert (principal.user, principal.session, principal.method) == (ann, None, "legacy_jwt")

    @pytest.mark.parametrize("path", ["/whoami", "/drf/signed-in"])
    def test_at_the_doors(self, ann: UserRecord, token: str, path: str) -> None:
        answer = Client(headers={"authorization": f"Bearer {token}"}).get(path)
        assert answer.json() == {"principal": ann.email, "method": "legacy_jwt", "user": ann.email}

    def test_endpoints_that_act_on_sessions_do_not_take_it(self, browser: ApiClient, token: str) -> None:
        answer = browser.api("GET", "/list-sessions", headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 401

    def test_services_learn_what_it_stands_for(self, ann: UserRecord, token: str) -> None:
        told = introspect(token, asked_by="shop")
        assert (told["active"], told["method"], told["sub"]) == (True, "legacy_jwt", ann.id)
        assert told["exp"] == AccessToken(token).payload["exp"]
        assert (told["iss"], told["aud"]) == ("http://testserver", "http://testserver")

    def test_our_own_tokens_go_on(self, ann: UserRecord, browser: ApiClient) -> None:
        browser.sign_in()
        for one in (
            browser.session()["session"]["token"],
            browser.api("GET", "/token").json()["token"],
            browser.api("POST", "/token", {"format": "opaque"}).json()["access_token"],
        ):
            assert not is_refused(one)

    def test_a_refresh_token_is_none(self, ann: UserRecord) -> None:
        """D10: token type confusion."""
        assert is_refused(str(RefreshToken.for_user(users.row_of(ann))))

    def test_nor_is_one_whose_time_is_over(self, ann: UserRecord) -> None:
        old = AccessToken.for_user(users.row_of(ann))
        old.set_exp(lifetime=timedelta(seconds=-1))
        assert is_refused(str(old))

    def test_nor_one_by_another_key_or_algorithm(self, ann: UserRecord) -> None:
        assert not is_refused(forged(user_id=str(ann.key)))
        assert is_refused(forged("x" * 64, user_id=str(ann.key)))
        assert is_refused(forged(algorithm="HS384", user_id=str(ann.key)))
        none = jwt.encode(
            {"token_type": "access", "user_id": str(ann.key), "exp": 4e9}, None, algorithm="none"
        )
        assert is_refused(none)

    @pytest.mark.parametrize(
        "claims",
        [
            {},
            {"user_id": None},
            {"user_id": "nobody"},
            {"user_id": ""},
            {"user_id": {"a": 1}},
            {"user_id": ["x"]},
            {"user_id": "\x00"},
            {"user_id": 10**40},
            {"user_id": "x" * 5000},
            {"token_type": "refresh"},
            {"exp": 1},
        ],
        ids=lambda claims: str(claims)[:40],
    )
    def test_nor_one_about_nobody(self, ann: UserRecord, claims: dict[str, Any]) -> None:
        about = {} if "user_id" in claims or not claims else {"user_id": str(ann.key)}
        assert is_refused(forged(**about, **claims))

    @pytest.mark.parametrize("change", [{"banned": True}, {"is_active": False}])
    def test_nor_one_of_somebody_who_is_shut_out(
        self, ann: UserRecord, token: str, change: dict[str, bool]
    ) -> None:
        """C2, H1."""
        row = users.row_of(ann)
        if "is_active" in change:
            type(row).objects.filter(pk=row.pk).update(is_active=False)
        else:
            users.update(ann, banned=True)
        assert is_refused(token)
        assert introspect(token, asked_by="shop") == {"active": False}

    @pytest.mark.parametrize(
        "token", ["", "x", "a.b.c", "é.é.é", "\ud800.a.b", "x" * 65536, "." * 65536, "e30.e30.AA"]
    )
    def test_garbage(self, token: str) -> None:
        assert is_refused(token)
