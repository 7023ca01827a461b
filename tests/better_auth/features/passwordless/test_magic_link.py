"""Signing in by a mailed link (passwordless.md, section 1)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from apikeys.models import ApiKey
from better_auth import passwords, users, verifications
from better_auth.errors import ErrorCode, Forbidden
from better_auth.models import Account, AuditEntry, DeviceCode, Passkey, Session, Verification
from better_auth.storage import counters
from better_auth.storage.records import UserRecord
from better_auth.verifications import Purpose
from tests import protocol
from tests.conftest import PASSWORD, ApiClient
from tests.protocol import answered, invalid, link_in, path_of, query_of, refusal, set_cookies

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("commits")]
Configure = Callable[..., None]
MakeUser = Callable[..., UserRecord]
Mails = Callable[[], list[Any]]
EMAIL = "ann@example.com"
INVALID = "?error=INVALID_TOKEN"
handed_over: list[dict[str, Any]] = []


def take_link(**message: Any) -> None:
    """A sender of the host's."""
    handed_over.append(message)


def refuse_everybody(**_: Any) -> None:
    """A hook of the host's."""
    raise Forbidden(ErrorCode.FIELD_NOT_ALLOWED, "Not with this address")


def ask(browser: ApiClient, **body: Any) -> Any:
    return browser.api("POST", "/sign-in/magic-link", {"email": EMAIL, **body})


@pytest.fixture
def request_link(browser: ApiClient, mails: Mails) -> Callable[..., str]:
    """Ask for a link; its path and query below the base path."""

    def request(**body: Any) -> str:
        assert answered(ask(browser, **body)) == (200, {"status": True})
        return path_of(link_in(mails()[-1]))

    return request


def follow(browser: ApiClient, path: str) -> Any:
    return browser.api("GET", path)


class TestAsking:
    def test_the_mail_goes_to_the_address_and_names_the_pages(
        self, request_link: Callable[..., str], mails: Mails
    ) -> None:
        path = request_link(
            email="Ann@Example.com", callbackURL="/in", newUserCallbackURL="/new", errorCallbackURL="/oops"
        )
        (mail,) = mails()
        assert mail.to == [EMAIL]
        query = query_of(path)
        assert len(query.pop("token")) == 32
        assert query == {"callbackURL": "/in", "newUserCallbackURL": "/new", "errorCallbackURL": "/oops"}
        assert "5 minutes" in mail.body

    def test_the_link_is_nowhere_in_the_database(self, request_link: Callable[..., str]) -> None:
        token = query_of(request_link())["token"]
        row = Verification.objects.get()
        assert all(token not in str(value) for value in vars(row).values())

    @pytest.mark.parametrize(
        ("body", "status", "expected"),
        [
            ({"email": "nobody"}, 400, invalid("[body.email] Invalid email address")),
            (
                {"name": 5, "metadata": []},
                400,
                invalid(
                    "[body.name] Invalid input: expected string, received number",
                    "[body.metadata] Invalid input: expected record, received array",
                ),
            ),
            ({"callbackURL": "https://evil.example/"}, 403, refusal("INVALID_CALLBACK_URL")),
            ({"newUserCallbackURL": "//evil.example"}, 403, refusal("INVALID_NEW_USER_CALLBACK_URL")),
            ({"errorCallbackURL": "/.//evil.example"}, 403, refusal("INVALID_ERROR_CALLBACK_URL")),
        ],
    )
    def test_bad_input_is_refused_and_mails_nothing(
        self, browser: ApiClient, mails: Mails, body: dict[str, Any], status: int, expected: dict[str, str]
    ) -> None:
        assert answered(ask(browser, **body)) == (status, expected)
        assert (mails(), Verification.objects.count()) == ([], 0)

    def test_no_foreign_page_may_ask(self, new_browser: Callable[..., ApiClient]) -> None:
        response = ask(new_browser(headers={"origin": "https://evil.example"}))
        assert answered(response) == (403, refusal("INVALID_ORIGIN"))

    def test_a_sender_of_the_hosts_gets_it_with_the_metadata(
        self, browser: ApiClient, configure: Configure, mails: Mails
    ) -> None:
        configure(MAGIC_LINK={"SENDER": f"{__name__}.take_link"})
        handed_over.clear()
        ask(browser, metadata={"plan": ["pro"]})
        assert mails() == []
        (message,) = handed_over
        assert (message["email"], message["metadata"]) == (EMAIL, {"plan": ["pro"]})
        assert query_of(message["url"])["token"] == message["token"]

    def test_one_mailbox_gets_only_so_many(self, browser: ApiClient, configure: Configure) -> None:
        configure(RATE_LIMIT={"ENABLED": True, "MAILS": 2, "RULES": ["/sign-in* off"]})
        counters.reset()
        assert [ask(browser).status_code for _ in range(3)] == [200, 200, 429]

    def test_the_routes_have_the_protocols_limits(self, browser: ApiClient, configure: Configure) -> None:
        configure(RATE_LIMIT={"ENABLED": True, "MAILS": 99})
        counters.reset()
        assert [ask(browser).status_code for _ in range(6)] == [200] * 5 + [429]
        tries = [follow(browser, "/magic-link/verify?token=x").status_code for _ in range(6)]
        assert tries == [302] * 5 + [429]

    def test_switched_off_it_is_not_there(self, browser: ApiClient, configure: Configure) -> None:
        configure(FEATURES=["bearer"])
        assert ask(browser).status_code == 404
        assert follow(browser, "/magic-link/verify?token=x").status_code == 404


class TestFollowing:
    def test_a_stranger_gets_an_account_and_the_page_for_newcomers(
        self, browser: ApiClient, request_link: Callable[..., str]
    ) -> None:
        path = request_link(name="Ann", callbackURL="/in", newUserCallbackURL="/welcome?a=1")
        response = follow(browser, path)
        assert answered(response) == (302, None)
        assert response.headers["Location"] == "http://testserver/welcome?a=1"
        user = browser.session()["user"]
        assert (user["name"], user["email"], user["emailVerified"]) == ("Ann", EMAIL, True)
        assert Session.objects.get().auth_method == "magic_link"
        types = AuditEntry.objects.order_by("id").values_list("event_type", "auth_method")
        assert list(types) == [
            ("magic_link_requested", ""),
            ("sign_up", "magic_link"),
            ("sign_in", "magic_link"),
        ]

    @pytest.mark.parametrize("method", ["json", "redirect"])
    def test_somebody_known_signs_in(
        self, browser: ApiClient, make_user: MakeUser, request_link: Callable[..., str], method: str
    ) -> None:
        ann = make_user(email_verified=True)
        path = request_link(newUserCallbackURL="/welcome")
        if method == "redirect":
            response = follow(browser, path)
            assert response.headers["Location"] == "http://testserver/"
        else:
            response = follow(browser, f"/magic-link/verify?token={query_of(path)['token']}")
            body = response.json()
            assert set(body) == {"token", "user", "session"}
            assert body["token"] == body["session"]["token"] == protocol.token_in_cookie(response)
            assert body["user"] == browser.session()["user"]
        assert browser.session()["user"]["id"] == ann.id
        # They keep their password.
        assert browser.sign_in().status_code == 200

    def test_it_works_once(
        self, browser: ApiClient, new_browser: Callable[..., ApiClient], request_link: Callable[..., str]
    ) -> None:
        path = request_link(callbackURL="/in")
        assert follow(browser, path).headers["Location"] == "http://testserver/in"
        other = new_browser()
        response = follow(other, path)
        assert response.headers["Location"] == f"http://testserver/in{INVALID}"
        assert (set_cookies(response), other.session()) == ({}, None)
        entry = AuditEntry.objects.get(success=False)
        assert (entry.event_type, entry.details) == ("sign_in", {"reason": "invalid_token"})

    def test_a_newer_one_voids_it(self, browser: ApiClient, request_link: Callable[..., str]) -> None:
        older, newer = request_link(), request_link()
        assert follow(browser, older).headers["Location"].endswith(INVALID)
        assert follow(browser, newer).headers["Location"] == "http://testserver/"

    def test_it_expires(self, browser: ApiClient, frozen_time: Any, request_link: Callable[..., str]) -> None:
        path = request_link()
        frozen_time.advance(seconds=300)
        assert follow(browser, path).headers["Location"].endswith(INVALID)

    @pytest.mark.parametrize(
        ("query", "location"),
        [
            ("", "/"),
            ("&callbackURL=/in%3Fa=1%23frag", "/in?a=1&error=INVALID_TOKEN#frag"),
            ("&callbackURL=/in&errorCallbackURL=/oops", "/oops"),
            ("&errorCallbackURL=http://testserver/oops", "/oops"),
        ],
    )
    def test_what_is_wrong_is_told_to_the_page_for_errors(
        self, browser: ApiClient, query: str, location: str
    ) -> None:
        response = follow(browser, f"/magic-link/verify?token=unknown{query}")
        expected = location if "error=" in location else f"{location}{INVALID}"
        assert (response.status_code, response.headers["Location"]) == (302, f"http://testserver{expected}")

    @pytest.mark.parametrize("name", ["callbackURL", "newUserCallbackURL", "errorCallbackURL"])
    @pytest.mark.parametrize(
        "url", ["https://evil.example", "//evil.example", "/.//evil.example", "javascript:x"]
    )
    def test_it_leads_nobody_elsewhere(
        self, browser: ApiClient, request_link: Callable[..., str], name: str, url: str
    ) -> None:
        token = query_of(request_link())["token"]
        response = follow(browser, f"/magic-link/verify?token={token}&{name}={quote(url, safe='')}")
        assert answered(response) == (403, refusal("INVALID_CALLBACK_URL"))
        assert verifications.find(purpose=Purpose.MAGIC_LINK, token=token) is not None

    def test_strangers_stay_out_where_links_sign_nobody_up(
        self, browser: ApiClient, configure: Configure, request_link: Callable[..., str]
    ) -> None:
        configure(MAGIC_LINK={"DISABLE_SIGN_UP": True})
        path = request_link()
        response = follow(browser, path)
        assert response.headers["Location"] == "http://testserver/?error=new_user_signup_disabled"
        assert not get_user_model().objects.exists()
        assert follow(browser, path).headers["Location"].endswith(INVALID)

    def test_a_ban_is_told(
        self, browser: ApiClient, make_user: MakeUser, request_link: Callable[..., str]
    ) -> None:
        make_user(banned=True, email_verified=True)
        response = follow(browser, request_link())
        assert (response.status_code, response.json()["code"]) == (403, "BANNED_USER")
        assert not Session.objects.exists()

    @pytest.mark.parametrize("hook", ["BEFORE_SIGN_UP", "BEFORE_SIGN_IN", "BEFORE_SESSION"])
    def test_what_a_hook_refuses_is_told_to_the_page_and_leaves_nothing(
        self, browser: ApiClient, configure: Configure, request_link: Callable[..., str], hook: str
    ) -> None:
        configure(HOOKS={hook: f"{__name__}.refuse_everybody"})
        response = follow(browser, request_link(errorCallbackURL="/oops"))
        expected = "/oops?error=FIELD_NOT_ALLOWED&error_description=Not+with+this+address"
        assert response.headers["Location"] == f"http://testserver{expected}"
        assert not get_user_model().objects.exists()

    def test_a_missing_token_is_a_mistake(self, browser: ApiClient) -> None:
        assert answered(follow(browser, "/magic-link/verify")) == (
            400,
            invalid("[query.token] Invalid input: expected string, received undefined"),
        )


class TestUnprovenAccounts:
    """Somebody signed up with Ann's address and never proved it; then Ann comes."""

    @pytest.fixture
    def squatter(self, new_browser: Callable[..., ApiClient]) -> ApiClient:
        browser = new_browser()
        browser.sign_up()
        return browser

    def test_what_the_former_one_had_opens_nothing_any_more(
        self, browser: ApiClient, squatter: ApiClient, request_link: Callable[..., str]
    ) -> None:
        user_id = squatter.session()["user"]["id"]
        key = squatter.api("POST", "/api-key/create", {"name": "k"}).json()["key"]
        squatter.api("POST", "/request-password-reset", {"email": EMAIL})
        former = users.find_by_email(EMAIL)
        assert former is not None
        users.update(former, phone_number="+4915112345678", phone_number_verified=True)
        Passkey.objects.create(user_id=former.key, public_key="k", credential_id="c")
        device = squatter.api("POST", "/device/code", {"client_id": "tv"}).json()
        squatter.api("GET", f"/device?user_code={device['user_code']}")
        squatter.api("POST", "/device/approve", {"userCode": device["user_code"]})
        assert follow(browser, request_link()).status_code == 302
        user = browser.session()["user"]
        assert (user["id"], user["emailVerified"]) == (user_id, True)
        assert squatter.session() is None
        assert squatter.sign_in().status_code == 401
        assert not ApiKey.objects.exists()
        assert ApiClient().get("/api/auth/get-session", headers={"x-api-key": key}).status_code != 200
        assert not Account.objects.exists()
        assert not Passkey.objects.exists()
        assert not DeviceCode.objects.exists()
        ann = users.find_by_email(EMAIL)
        assert ann is not None
        assert (passwords.has_password(ann), ann.phone_number) == (False, None)
        assert Verification.objects.count() == 0
        entry = AuditEntry.objects.get(event_type="unproven_access_revoked")
        assert (entry.subject_id, entry.details) == (user_id, {"sessions": 1})

    def test_nor_does_a_change_of_address_that_they_asked_for(
        self, browser: ApiClient, squatter: ApiClient, mails: Mails, request_link: Callable[..., str]
    ) -> None:
        squatter.api("POST", "/change-email", {"newEmail": "eve@example.com"})
        change = path_of(link_in(mails()[-1]))
        follow(browser, request_link())
        response = ApiClient().api("GET", change)
        assert answered(response)[0] in (302, 401)
        assert browser.session()["user"]["email"] == EMAIL
        assert users.find_by_email("eve@example.com") is None

    @pytest.mark.django_db(transaction=True)
    def test_of_two_proofs_at_once_neither_ends_the_others_session(self, squatter: ApiClient) -> None:
        for number in range(4):
            payload = {"email": EMAIL, "name": ""}
            verifications.issue(
                purpose=Purpose.MAGIC_LINK,
                token=f"link{number}",
                subject=f"s{number}",
                expires_in=60,
                payload=payload,
            )
        sessions: list[Any] = []
        start = threading.Barrier(4)

        def prove(number: int) -> None:
            try:
                browser = ApiClient()
                start.wait(timeout=90)
                follow(browser, f"/magic-link/verify?token=link{number}")
                sessions.append(browser.session())
            finally:
                connection.close()

        threads = [threading.Thread(target=prove, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=90)
        assert [one and one["user"]["email"] for one in sessions] == [EMAIL] * 4
        assert AuditEntry.objects.filter(event_type="unproven_access_revoked").count() == 1

    def test_somebody_proven_keeps_everything(
        self,
        browser: ApiClient,
        new_browser: Callable[..., ApiClient],
        make_user: MakeUser,
        request_link: Any,
    ) -> None:
        make_user(email_verified=True)
        elsewhere = new_browser()
        elsewhere.sign_in(password=PASSWORD)
        follow(browser, request_link())
        assert elsewhere.session() is not None
