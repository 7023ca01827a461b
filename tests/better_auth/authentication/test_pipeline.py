"""One ``authenticate`` behind every door: who is asked, in which order, and what ends the asking."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import RequestFactory

from better_auth import clock, sessions
from better_auth.authentication.cookie_names import DONT_REMEMBER, SESSION_TOKEN, cookie_name
from better_auth.authentication.credentials import (
    BearerEnded,
    Credentials,
    InvalidBearer,
    InvalidCredentials,
    SessionEnded,
)
from better_auth.authentication.pipeline import aauthenticate, authenticate, authenticate_leniently
from better_auth.authentication.principal import Principal
from better_auth.conf import auth_settings
from better_auth.crypto.signing import sign_raw, sign_value
from better_auth.events import AuthMethod, Client
from better_auth.http.credentials import from_request
from better_auth.models import Session
from better_auth.sessions import IssuedSession
from better_auth.storage.records import UserRecord
from tests.host.credentials import TABLE, show

pytestmark = pytest.mark.django_db

DEFAULT = (
    "better_auth.authentication.authenticators.jwt.authenticate",
    "better_auth.authentication.authenticators.access_token.authenticate",
    "better_auth.authentication.authenticators.bearer.authenticate",
    "better_auth.authentication.authenticators.session_cookie.authenticate",
)


@pytest.fixture
def ann(make_user: Callable[..., UserRecord]) -> UserRecord:
    return make_user()


@pytest.fixture
def issued(ann: UserRecord) -> IssuedSession:
    return sessions.issue(ann, client=Client(), method=AuthMethod.PASSWORD)


def cookies_with(token: str, **more: str) -> dict[str, str]:
    """As the browser sends them, once the percent signs are decoded."""
    signed = {SESSION_TOKEN: token, **more}
    return {cookie_name(key): sign_raw(value, secret=auth_settings.secret) for key, value in signed.items()}


def credentials_of(headers: dict[str, str]) -> Credentials:
    return from_request(RequestFactory().get("/", headers=headers))


@pytest.mark.parametrize(("state", "kind"), TABLE)
def test_the_credential_table(ann: UserRecord, state: str, kind: str) -> None:
    shown = show(ann, state, kind)
    credentials = credentials_of(shown.headers)
    if state == "valid":
        principal = authenticate(credentials)
        assert principal == Principal(
            ann,
            shown.issued.session,
            AuthMethod.SESSION if kind == "cookie" else AuthMethod.BEARER,
            token=shown.issued.token,
        )
        assert authenticate_leniently(credentials) == principal
    elif state == "absent" or (state, kind) == ("malformed", "cookie"):
        assert authenticate(credentials) is None
        assert authenticate_leniently(credentials) is None
    else:
        is_forged = (state, kind) == ("malformed", "signed bearer")
        with pytest.raises(InvalidBearer if is_forged else SessionEnded) as refusal:
            authenticate(credentials)
        assert isinstance(refusal.value, BearerEnded) == (kind != "cookie" and not is_forged)


def test_async_code_asks_the_same(ann: UserRecord) -> None:
    credentials = credentials_of(show(ann, "valid", "cookie").headers)
    assert async_to_sync(aauthenticate)(credentials) == authenticate(credentials)
    ended = credentials_of(show(ann, "revoked", "cookie").headers)
    with pytest.raises(SessionEnded):
        async_to_sync(aauthenticate)(ended)


class TestOrder:
    def test_the_bearer_speaks_before_the_cookie(self, ann: UserRecord, make_user: Any) -> None:
        bob = make_user("bob@example.com")
        by_bearer = sessions.issue(bob, client=Client(), method=AuthMethod.PASSWORD)
        by_cookie = sessions.issue(ann, client=Client(), method=AuthMethod.PASSWORD)
        both = Credentials(cookies=cookies_with(by_cookie.token), bearer=by_bearer.token)
        principal = authenticate(both)
        assert principal is not None
        assert (principal.user.email, principal.method) == ("bob@example.com", AuthMethod.BEARER)

    def test_a_list_in_another_order_is_asked_in_that_order(
        self, ann: UserRecord, make_user: Any, configure: Callable[..., None]
    ) -> None:
        bob = make_user("bob@example.com")
        by_bearer = sessions.issue(bob, client=Client(), method=AuthMethod.PASSWORD)
        by_cookie = sessions.issue(ann, client=Client(), method=AuthMethod.PASSWORD)
        both = Credentials(cookies=cookies_with(by_cookie.token), bearer=by_bearer.token)
        configure(AUTHENTICATORS=tuple(reversed(DEFAULT)))
        principal = authenticate(both)
        assert principal is not None
        assert (principal.user.email, principal.method) == (ann.email, AuthMethod.SESSION)

    def test_a_bad_bearer_is_refused_strictly_and_passed_over_leniently(self, issued: IssuedSession) -> None:
        both = Credentials(cookies=cookies_with(issued.token), bearer=f"{issued.token}.forged")
        with pytest.raises(InvalidBearer):
            authenticate(both)
        principal = authenticate_leniently(both)
        assert principal is not None
        assert principal.method is AuthMethod.SESSION

    def test_a_forged_bearer_alone_is_nobody_leniently(self) -> None:
        assert authenticate_leniently(Credentials(bearer="non.sense")) is None

    def test_a_dead_token_outdoes_a_living_cookie(self, issued: IssuedSession) -> None:
        both = Credentials(cookies=cookies_with(issued.token), bearer="x" * 32)
        for ask in (authenticate, authenticate_leniently):
            with pytest.raises(BearerEnded):
                ask(both)

    def test_an_empty_list_lets_nobody_in(
        self, issued: IssuedSession, configure: Callable[..., None]
    ) -> None:
        configure(AUTHENTICATORS=())
        assert authenticate(Credentials(cookies=cookies_with(issued.token), bearer=issued.token)) is None


class TestCustomAuthenticator:
    @pytest.fixture(autouse=True)
    def _with_badges(self, configure: Callable[..., None]) -> None:
        configure(AUTHENTICATORS=("tests.host.authenticators.badge", *DEFAULT))

    def test_what_it_knows_is_let_in(self, ann: UserRecord) -> None:
        principal = authenticate(Credentials(bearer=f"badge-{ann.email}"))
        assert principal == Principal(ann, None, AuthMethod.BEARER)

    def test_what_it_refuses_is_asked_of_nobody_else(self, issued: IssuedSession) -> None:
        bad = Credentials(cookies=cookies_with(issued.token), bearer="badge-nobody@example.com")
        for asked in (authenticate, authenticate_leniently):
            with pytest.raises(InvalidCredentials):
                asked(bad)

    def test_what_is_not_its_own_goes_to_the_next(self, issued: IssuedSession) -> None:
        principal = authenticate(Credentials(bearer=issued.token))
        assert principal is not None
        assert principal.session == issued.session


class TestBearer:
    @pytest.mark.parametrize("sign", [sign_raw, sign_value], ids=["raw", "percent-encoded"])
    def test_a_signed_token_is_taken_in_both_spellings(self, issued: IssuedSession, sign: Any) -> None:
        principal = authenticate(Credentials(bearer=sign(issued.token, secret=auth_settings.secret)))
        assert principal is not None
        assert principal.token == issued.token

    def test_a_token_of_another_kind_is_refused_strictly(self, issued: IssuedSession) -> None:
        both = Credentials(cookies=cookies_with(issued.token), bearer="aaaa.bbbb.cccc")
        with pytest.raises(InvalidBearer):
            authenticate(both)
        principal = authenticate_leniently(both)
        assert principal is not None
        assert principal.method is AuthMethod.SESSION

    def test_switched_off_it_is_not_looked_at(
        self, issued: IssuedSession, configure: Callable[..., None], django_assert_num_queries: Any
    ) -> None:
        configure(FEATURES=[])
        with django_assert_num_queries(0):
            assert authenticate(Credentials(bearer=issued.token)) is None

    @pytest.mark.parametrize("bearer", ["x" * 513, "x" * 100_000, "%zz.%", "x.y"])
    def test_nonsense_costs_no_look_up(self, bearer: str, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(0), pytest.raises(InvalidBearer):
            authenticate(Credentials(bearer=bearer))

    def test_the_hash_of_a_token_opens_nothing(self, issued: IssuedSession) -> None:
        with pytest.raises(BearerEnded):
            authenticate(Credentials(bearer=issued.session.token_hash))

    def test_a_handle_opens_nothing(self, issued: IssuedSession) -> None:
        with pytest.raises(BearerEnded):
            authenticate(Credentials(bearer=sessions.handle_of(issued.session)))


class TestRenewal:
    @pytest.fixture(autouse=True)
    def _always_due(self, issued: IssuedSession, configure: Callable[..., None]) -> None:
        configure(SESSION={"UPDATE_AGE": 0})
        soon = clock.now() + timedelta(hours=1)
        Session.objects.filter(pk=issued.session.id).update(expires_at=soon)

    def test_use_prolongs_a_session_that_is_due(self, issued: IssuedSession) -> None:
        principal = authenticate(Credentials(cookies=cookies_with(issued.token)))
        assert principal is not None
        assert principal.session is not None
        assert principal.renewed
        week = timedelta(seconds=auth_settings.session.expires_in)
        assert principal.session.expires_at == principal.session.updated_at + week
        assert Session.objects.get().expires_at == principal.session.expires_at

    @pytest.mark.parametrize("kind", ["cookie", "bearer"])
    def test_a_session_to_be_forgotten_with_the_browser_is_not_prolonged(
        self, issued: IssuedSession, kind: str
    ) -> None:
        cookies = cookies_with(issued.token, **{DONT_REMEMBER: "true"})
        bearer = issued.token if kind == "bearer" else None
        principal = authenticate(Credentials(cookies=cookies, bearer=bearer))
        assert principal is not None
        assert not principal.renewed
        assert Session.objects.get().expires_at < clock.now() + timedelta(hours=2)

    def test_a_door_can_ask_without_prolonging(self, issued: IssuedSession) -> None:
        principal = authenticate(Credentials(cookies=cookies_with(issued.token), renew=False))
        assert principal is not None
        assert not principal.renewed
        assert Session.objects.get().expires_at < clock.now() + timedelta(hours=2)


def test_a_dead_session_is_cleared_away(ann: UserRecord) -> None:
    with pytest.raises(SessionEnded):
        authenticate(credentials_of(show(ann, "expired", "cookie").headers))
    assert Session.objects.count() == 0
