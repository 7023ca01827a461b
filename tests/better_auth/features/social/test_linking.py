"""Whose account an identity opens, and linking by whoever is signed in (core.md, section 6; A4 of
oauth-and-providers.md; attacks.md, A14, B15, B29 and C11)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail as django_mail
from django.db import connection

from better_auth import accounts, users
from better_auth.mail import outbox
from better_auth.models import Account, AuditEntry, Passkey, Session
from better_auth.storage.records import UserRecord
from tests.authenticator import Authenticator
from tests.better_auth.features.social.conftest import come_back, go, travel
from tests.conftest import ORIGIN, PASSWORD, ApiClient
from tests.protocol import answered, query_of
from tests.scripted_provider import ScriptedProvider

pytestmark = pytest.mark.django_db


def error_of(response: Any) -> str | None:
    assert response.status_code == 302
    return query_of(response.headers["Location"]).get("error")


def mails() -> list[tuple[str, list[str]]]:
    outbox.wait()
    return [(one.subject, one.to) for one in django_mail.outbox]


@pytest.mark.parametrize(
    ("at_provider", "here", "options", "linked"),
    [
        (True, True, {}, True),
        (False, True, {}, False),
        (False, True, {"TRUSTED_PROVIDERS": ["acme"]}, True),
        (False, True, {"TRUSTED_PROVIDERS": ["other"]}, False),
        (True, False, {}, False),
        (True, False, {"TRUSTED_PROVIDERS": ["acme"]}, False),
        (True, False, {"REQUIRE_LOCAL_EMAIL_VERIFIED": False}, True),
        (False, False, {"REQUIRE_LOCAL_EMAIL_VERIFIED": False}, False),
        (True, True, {"LINKING": False}, False),
        (True, True, {"IMPLICIT_LINKING": False}, False),
    ],
)
def test_an_address_links_only_where_both_sides_have_proven_it(
    browser: ApiClient,
    acme: ScriptedProvider,
    use_acme: Callable[..., None],
    configure: Callable[..., None],
    make_user: Callable[..., UserRecord],
    at_provider: bool,
    here: bool,
    options: dict[str, Any],
    linked: bool,
) -> None:
    use_acme()
    configure(ACCOUNT=options)
    ann = make_user(email_verified=here)
    acme.claims["email_verified"] = at_provider
    response = travel(browser, acme)
    assert error_of(response) == (None if linked else "account_not_linked")
    session = browser.session()
    assert (session and session["user"]["id"]) == (ann.id if linked else None)
    assert Account.objects.filter(provider_id="acme").exists() is linked


@pytest.mark.parametrize("said", ["false", "yes", 1, None, ["true"], {"a": True}])
def test_only_a_clear_word_of_the_provider_verifies_an_address(
    browser: ApiClient,
    acme: ScriptedProvider,
    use_acme: Callable[..., None],
    make_user: Callable[..., UserRecord],
    said: Any,
) -> None:
    use_acme()
    make_user(email_verified=True)
    acme.claims["email_verified"] = said
    assert error_of(travel(browser, acme)) == "account_not_linked"


def test_whoever_signed_up_with_anothers_address_keeps_nothing_of_it(
    browser: ApiClient,
    acme: ScriptedProvider,
    use_acme: Callable[..., None],
    configure: Callable[..., None],
    make_user: Callable[..., UserRecord],
    new_browser: Callable[..., ApiClient],
) -> None:
    """attacks.md, A14, where linking to unverified users is switched on."""
    use_acme()
    configure(ACCOUNT={"REQUIRE_LOCAL_EMAIL_VERIFIED": False})
    make_user()
    squatter, device = new_browser(), Authenticator(ORIGIN)
    squatter.sign_in()
    options = squatter.api("GET", "/passkey/generate-register-options").json()
    body = {"response": device.register(options)}
    assert squatter.api("POST", "/passkey/verify-registration", body).status_code == 200
    key = squatter.api("POST", "/api-key/create", {"name": "mine"}).json()["key"]
    assert error_of(travel(browser, acme)) is None
    assert browser.session()["user"]["emailVerified"] is True
    assert squatter.session() is None
    assert squatter.sign_in().status_code == 401
    assert [one.provider_id for one in Account.objects.all()] == ["acme"]
    assert not Passkey.objects.exists()
    assert new_browser(headers={"x-api-key": key}).session()["code"] == "INVALID_API_KEY"


@pytest.mark.usefixtures("commits")
def test_a_link_is_told_to_the_owner_and_the_log(
    browser: ApiClient,
    acme: ScriptedProvider,
    use_acme: Callable[..., None],
    configure: Callable[..., None],
    make_user: Callable[..., UserRecord],
) -> None:
    use_acme()
    make_user(email_verified=True)
    travel(browser, acme)
    assert mails() == [("A new way to sign in · Better Auth", ["ann@example.com"])]
    linked = AuditEntry.objects.get(event_type="account_linked")
    assert linked.details == {"provider": "acme"}
    row = Account.objects.get(provider_id="acme")
    assert answered(browser.api("POST", "/unlink-account", {"accountId": row.pk})) == (200, {"status": True})
    assert mails()[1:] == [("A way to sign in was removed · Better Auth", ["ann@example.com"])]
    configure(ACCOUNT={"NOTIFY": False})
    travel(browser, acme)
    assert len(mails()) == 2


@pytest.mark.parametrize(
    ("options", "body", "error"),
    [
        ({"DISABLE_SIGN_UP": True}, {"requestSignUp": True}, "signup_disabled"),
        ({"DISABLE_IMPLICIT_SIGN_UP": True}, {}, "signup_disabled"),
        ({"DISABLE_IMPLICIT_SIGN_UP": True}, {"requestSignUp": True}, None),
    ],
)
def test_sign_up_can_be_switched_off(
    browser: ApiClient,
    acme: ScriptedProvider,
    use_acme: Callable[..., None],
    options: dict[str, Any],
    body: dict[str, Any],
    error: str | None,
) -> None:
    use_acme(**options)
    assert error_of(travel(browser, acme, **body)) == error
    assert (users.find_by_email("ann@example.com") is None) is (error is not None)


@pytest.mark.usefixtures("commits")
def test_a_session_may_have_to_wait_for_the_address(
    browser: ApiClient, acme: ScriptedProvider, use_acme: Callable[..., None]
) -> None:
    use_acme(REQUIRE_EMAIL_VERIFICATION=True)
    acme.claims["email_verified"] = False
    assert error_of(travel(browser, acme)) == "email_not_verified"
    assert len(mails()) == 1
    assert browser.session() is None
    acme.claims["email_verified"] = True
    assert error_of(travel(browser, acme)) is None


@pytest.mark.parametrize(
    "email", [None, "", "not an address", 5, "a\x00@example.com", "x" * 400 + "@example.com"]
)
def test_without_an_address_nobody_is_signed_up(
    browser: ApiClient, acme: ScriptedProvider, use_acme: Callable[..., None], email: Any
) -> None:
    use_acme()
    acme.claims["email"] = email
    assert error_of(travel(browser, acme)) == "email_not_found"


def test_a_profile_gives_no_rights(
    browser: ApiClient, acme: ScriptedProvider, use_acme: Callable[..., None]
) -> None:
    """attacks.md, B15 and A32."""
    use_acme()
    extra = {
        "role": "admin",
        "banned": False,
        "is_superuser": True,
        "id": "me",
        "__proto__": {"role": "admin"},
    }
    acme.claims |= extra
    travel(browser, acme)
    user = users.find_by_email("ann@example.com")
    assert user is not None
    assert (user.role, user.id == "me") == ("user", False)


def test_names_and_pictures_are_bounded(
    browser: ApiClient, acme: ScriptedProvider, use_acme: Callable[..., None]
) -> None:
    use_acme()
    acme.claims |= {"name": "A\r\nBcc: x\x00" + "n" * 2000, "picture": "x" * 8200}
    travel(browser, acme)
    user = browser.session()["user"]
    assert (user["name"][:9], len(user["name"]), user["image"]) == ("A  Bcc: x", 1000, None)


def test_the_same_subject_at_two_providers_is_two_people(
    browser: ApiClient,
    acme: ScriptedProvider,
    configure: Callable[..., None],
    new_browser: Callable[..., ApiClient],
) -> None:
    """attacks.md, B29."""
    configure(SOCIAL={"PROVIDERS": {"acme": acme.settings(), "other": acme.settings()}})
    travel(browser, acme)
    acme.claims["email"] = "bob@example.com"
    bob = new_browser()
    come_back(bob, acme.consent(go(bob, provider="other")), provider="other")
    assert bob.session()["user"]["id"] != browser.session()["user"]["id"]


def test_each_sign_in_may_take_the_profile_over(
    browser: ApiClient,
    acme: ScriptedProvider,
    use_acme: Callable[..., None],
    make_user: Callable[..., UserRecord],
) -> None:
    use_acme(OVERRIDE_USER_INFO_ON_SIGN_IN=True)
    travel(browser, acme)
    acme.claims |= {"email": "ann@new.example", "email_verified": False, "name": "Ann the Second"}
    travel(browser, acme)
    user = browser.session()["user"]
    assert (user["name"], user["email"], user["emailVerified"]) == (
        "Ann the Second",
        "ann@new.example",
        False,
    )
    make_user("taken@example.com")
    acme.claims |= {"email": "taken@example.com", "name": "Ann the Third"}
    travel(browser, acme)
    user = browser.session()["user"]
    assert (user["name"], user["email"]) == ("Ann the Third", "ann@new.example")


def profile_of_the_host(profile: dict[str, Any]) -> dict[str, Any]:
    return {"name": f"{profile['name']} of {profile['org']}", "role": "admin", "subject": "somebody else"}


def test_the_host_may_map_profiles(
    browser: ApiClient, acme: ScriptedProvider, use_acme: Callable[..., None]
) -> None:
    use_acme(MAP_PROFILE=f"{__name__}.profile_of_the_host")
    acme.claims["org"] = "Acme"
    travel(browser, acme)
    assert browser.session()["user"]["name"] == "Ann of the Provider of Acme"
    assert Account.objects.get().account_id == "subject-1"


class TestLinking:
    @pytest.fixture(autouse=True)
    def ann(
        self, browser: ApiClient, use_acme: Callable[..., None], make_user: Callable[..., UserRecord]
    ) -> UserRecord:
        """Signed in in ``browser``."""
        use_acme()
        user = make_user(email_verified=True)
        browser.sign_in()
        return user

    def link(self, browser: ApiClient, acme: ScriptedProvider, **body: Any) -> Any:
        return travel(browser, acme, path="/link-social", errorCallbackURL="/oops", **body)

    def test_it_adds_an_account_and_keeps_the_session(
        self, browser: ApiClient, acme: ScriptedProvider, ann: UserRecord
    ) -> None:
        token = browser.session()["session"]["token"]
        response = self.link(browser, acme)
        assert (response.headers["Location"], browser.session()["session"]["token"]) == ("/in", token)
        assert [one.provider_id for one in accounts.list_for(ann)] == ["credential", "acme"]

    def test_again_it_keeps_the_newest_tokens_and_all_scopes(
        self, browser: ApiClient, acme: ScriptedProvider, ann: UserRecord
    ) -> None:
        self.link(browser, acme)
        acme.token_members["access_token"] = "access-2"
        self.link(browser, acme, scopes=["calendar"])
        account = accounts.list_for(ann)[1]
        assert account.scopes == ("openid", "profile", "email", "calendar")
        tokens = accounts.tokens_of(ann, account.id)
        assert tokens is not None
        assert tokens.access_token == "access-2"

    @pytest.mark.parametrize(
        ("claims", "options", "error"),
        [
            ({"email_verified": False}, {}, "unable_to_link_account"),
            ({"email_verified": False}, {"TRUSTED_PROVIDERS": ["acme"]}, None),
            ({"email": "other@example.com"}, {}, "email_does_not_match"),
            ({"email": "other@example.com"}, {"ALLOW_DIFFERENT_EMAILS": True}, None),
            ({}, {"LINKING": False}, "unable_to_link_account"),
        ],
    )
    def test_the_provider_must_vouch_for_the_same_address(
        self,
        browser: ApiClient,
        acme: ScriptedProvider,
        configure: Callable[..., None],
        claims: dict[str, Any],
        options: dict[str, Any],
        error: str | None,
    ) -> None:
        configure(ACCOUNT=options)
        acme.claims |= claims
        assert error_of(self.link(browser, acme)) == error

    def test_nobody_takes_what_is_linked_to_another(
        self, browser: ApiClient, acme: ScriptedProvider, new_browser: Callable[..., ApiClient]
    ) -> None:
        acme.claims["email"] = "bob@example.com"
        travel(new_browser(), acme)
        assert error_of(self.link(browser, acme)) == "account_already_linked_to_different_user"

    def test_the_session_that_began_must_still_live(self, browser: ApiClient, acme: ScriptedProvider) -> None:
        answer = acme.consent(go(browser, path="/link-social", errorCallbackURL="/oops"))
        Session.objects.all().delete()
        assert error_of(come_back(browser, answer)) == "unable_to_link_account"
        assert not Account.objects.filter(provider_id="acme").exists()

    def test_name_and_picture_may_come_along(
        self, browser: ApiClient, acme: ScriptedProvider, configure: Callable[..., None]
    ) -> None:
        configure(ACCOUNT={"UPDATE_USER_INFO_ON_LINK": True, "ALLOW_DIFFERENT_EMAILS": True})
        acme.claims["email"] = "other@example.com"
        self.link(browser, acme)
        user = browser.api("GET", "/get-session?disableCookieCache=true").json()["user"]
        assert (user["name"], user["email"]) == ("Ann of the Provider", "ann@example.com")

    @pytest.mark.parametrize(
        ("claims", "status", "code"),
        [
            ({}, 200, None),
            ({"email_verified": False}, 401, "LINKING_NOT_ALLOWED"),
            ({"email": "other@example.com"}, 401, "LINKING_DIFFERENT_EMAILS_NOT_ALLOWED"),
            ({"email": None}, 401, "USER_EMAIL_NOT_FOUND"),
            ({"exp": 1}, 401, "INVALID_TOKEN"),
        ],
    )
    def test_by_an_id_token(
        self,
        browser: ApiClient,
        acme: ScriptedProvider,
        claims: dict[str, Any],
        status: int,
        code: str | None,
    ) -> None:
        body = {"provider": "acme", "idToken": {"token": acme.id_token(**claims)}}
        response = browser.api("POST", "/link-social", body)
        assert (response.status_code, response.json().get("code")) == (status, code)
        if status == 200:
            assert response.json() == {"url": "", "status": True, "redirect": False}
            assert browser.api("POST", "/link-social", body).status_code == 200

    def test_by_an_id_token_of_somebody_elses(
        self, browser: ApiClient, acme: ScriptedProvider, new_browser: Callable[..., ApiClient]
    ) -> None:
        acme.claims["email"] = "bob@example.com"
        travel(new_browser(), acme)
        body = {"provider": "acme", "idToken": {"token": acme.id_token()}}
        response = browser.api("POST", "/link-social", body)
        assert (response.status_code, response.json()["code"]) == (409, "SOCIAL_ACCOUNT_ALREADY_LINKED")


class TestIdTokens:
    """core.md, section 2: the ID-token branch of ``/sign-in/social``."""

    def show(self, browser: ApiClient, token: str, **more: Any) -> Any:
        return browser.api(
            "POST", "/sign-in/social", {"provider": "acme", "idToken": {"token": token, **more}}
        )

    def test_it_signs_in(
        self, browser: ApiClient, acme: ScriptedProvider, use_acme: Callable[..., None]
    ) -> None:
        use_acme()
        response = self.show(browser, acme.id_token(nonce="n"), nonce="n", accessToken="a-1")
        body = response.json()
        assert response.status_code == 200
        assert body.keys() == {"redirect", "token", "user"}
        assert (body["redirect"], body["user"]["email"]) == (False, "ann@example.com")
        assert browser.session()["session"]["token"] == body["token"]

    @pytest.mark.parametrize(
        ("claims", "options", "status", "code"),
        [
            ({"aud": "other"}, {}, 401, "INVALID_TOKEN"),
            ({"iss": "https://evil.example"}, {}, 401, "INVALID_TOKEN"),
            ({"nonce": "other"}, {}, 401, "INVALID_TOKEN"),
            ({"exp": 1}, {}, 401, "INVALID_TOKEN"),
            ({"email": None}, {}, 401, "USER_EMAIL_NOT_FOUND"),
            ({"email_verified": False}, {"REQUIRE_EMAIL_VERIFICATION": True}, 403, "EMAIL_NOT_VERIFIED"),
            ({}, {"DISABLE_SIGN_UP": True}, 401, "OAUTH_LINK_ERROR"),
            ({}, {"DISABLE_ID_TOKEN_SIGN_IN": True}, 404, "ID_TOKEN_NOT_SUPPORTED"),
            ({"aud": "our-phone"}, {"FURTHER_CLIENT_IDS": ["our-phone"]}, 200, None),
        ],
    )
    def test_refusals(
        self,
        browser: ApiClient,
        acme: ScriptedProvider,
        use_acme: Callable[..., None],
        claims: dict[str, Any],
        options: dict[str, Any],
        status: int,
        code: str | None,
    ) -> None:
        use_acme(**options)
        response = self.show(browser, acme.id_token(**{"nonce": "n", **claims}), nonce="n")
        assert (response.status_code, response.json().get("code")) == (status, code)

    @pytest.mark.parametrize("token", ["", "x", "a.b.c", "x" * 20_000, "\ud7ff", "e30.e30.e30"])
    def test_what_is_no_token(self, browser: ApiClient, use_acme: Callable[..., None], token: str) -> None:
        use_acme()
        assert self.show(browser, token).status_code == 401


@pytest.mark.django_db(transaction=True)
def test_of_two_who_come_back_at_once_with_a_new_identity_one_user_is_made(
    acme: ScriptedProvider, use_acme: Callable[..., None], new_browser: Callable[..., ApiClient]
) -> None:
    use_acme()
    browsers = [new_browser() for _ in range(4)]
    answers = [acme.consent(go(one)) for one in browsers]
    locations: list[str] = []

    def finish(browser: ApiClient, answer: dict[str, str]) -> None:
        locations.append(come_back(browser, answer).headers["Location"])
        connection.close()

    threads = [threading.Thread(target=finish, args=pair) for pair in zip(browsers, answers, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert locations == ["/in"] * 4
    assert Account.objects.count() == 1
    assert Session.objects.count() == 4


def test_the_password_still_opens_an_account_that_was_linked(
    browser: ApiClient,
    acme: ScriptedProvider,
    use_acme: Callable[..., None],
    make_user: Callable[..., UserRecord],
) -> None:
    use_acme()
    make_user(email_verified=True)
    travel(browser, acme)
    assert browser.sign_in(password=PASSWORD).status_code == 200
