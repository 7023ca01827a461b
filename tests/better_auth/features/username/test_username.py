"""User names: signing in by them, choosing and changing them (passwordless.md, section 4)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from django.db import connection

from better_auth import users
from better_auth.hashing import slots
from better_auth.models import AuditEntry, Session
from better_auth.storage import counters
from better_auth.storage.records import UserRecord
from better_auth.usernames import Code
from tests import protocol
from tests.conftest import PASSWORD, ApiClient
from tests.protocol import answered, invalid, path_of, refusal, set_cookies

pytestmark = pytest.mark.django_db
Configure = Callable[..., None]
MakeUser = Callable[..., UserRecord]


def told(code: str) -> dict[str, str]:
    return {"message": Code[code].value, "code": code}


def sign_in(browser: ApiClient, username: Any = "ann.l", password: str = PASSWORD, **more: Any) -> Any:
    body = {"username": username, "password": password, **more}
    return browser.api("POST", "/sign-in/username", body)


@pytest.fixture
def ann(make_user: MakeUser) -> UserRecord:
    return make_user(username="ann.l", display_username="Ann.L")


# The test project's own rules, named by dotted paths.
def only_vowels(text: str) -> bool:
    return set(text) <= set("aeiou")


def without_dots(text: str) -> str:
    return text.replace(".", "").lower()


HERE = "tests.better_auth.features.username.test_username"


class TestSigningIn:
    @pytest.mark.usefixtures("ann")
    @pytest.mark.parametrize("spelling", ["ann.l", "Ann.L", "ANN.L"])
    def test_by_any_spelling(self, browser: ApiClient, spelling: str) -> None:
        response = sign_in(browser, spelling)
        body = response.json()
        assert (response.status_code, body["redirect"]) == (200, False)
        assert body["token"] == protocol.token_in_cookie(response)
        assert set(body) == {"redirect", "token", "user"}
        assert (body["user"]["username"], body["user"]["displayUsername"]) == ("ann.l", "Ann.L")
        assert browser.session()["user"] == body["user"]
        assert Session.objects.get().auth_method == "password"

    @pytest.mark.usefixtures("ann")
    def test_callback_and_remember_me_are_as_for_an_address(self, browser: ApiClient) -> None:
        response = sign_in(browser, callbackURL="/welcome", rememberMe=False)
        assert (response.json()["redirect"], response.json()["url"]) == (True, "/welcome")
        assert response.headers["Location"] == "/welcome"
        assert protocol.DONT_REMEMBER in set_cookies(response)

    @pytest.mark.parametrize(
        ("username", "password"),
        [
            ("ann.l", "wrong password"),
            ("nobody", PASSWORD),
            ("social", PASSWORD),
            ("", PASSWORD),
            ("ann.l", ""),
        ],
    )
    def test_whatever_is_wrong_is_answered_alike_at_the_same_cost(
        self, browser: ApiClient, ann: UserRecord, username: str, password: str
    ) -> None:
        users.create(email="social@example.com", name="No password", username="social")
        with mock.patch.object(slots, "slot", wraps=slots.slot) as hashed:
            response = sign_in(browser, username, password)
        assert answered(response) == (401, told("INVALID_USERNAME_OR_PASSWORD"))
        assert (set_cookies(response), Session.objects.count()) == ({}, 0)
        assert hashed.call_count == (1 if username and password else 0)

    @pytest.mark.usefixtures("ann")
    @pytest.mark.parametrize(
        ("username", "password", "status", "code"),
        [
            ("ab", PASSWORD, 422, "USERNAME_TOO_SHORT"),
            ("x" * 31, PASSWORD, 422, "USERNAME_TOO_LONG"),
            ("x" * 100_000, PASSWORD, 422, "USERNAME_TOO_LONG"),
            ("ann l", "x" * 129, 422, "INVALID_USERNAME"),
            ("ann.l\n", PASSWORD, 422, "INVALID_USERNAME"),
            ("аnn.l", PASSWORD, 422, "INVALID_USERNAME"),  # noqa: RUF001, a Cyrillic letter
            ("ann@example.com", PASSWORD, 422, "INVALID_USERNAME"),
            ("ann.l", "x" * 129, 400, "PASSWORD_TOO_LONG"),
        ],
    )
    def test_refusals_come_in_order(
        self, browser: ApiClient, username: str, password: str, status: int, code: str
    ) -> None:
        expected = refusal(code) if code == "PASSWORD_TOO_LONG" else told(code)
        assert answered(sign_in(browser, username, password)) == (status, expected)

    def test_a_body_of_another_shape_is_refused(self, browser: ApiClient) -> None:
        response = browser.api("POST", "/sign-in/username", {"username": 5, "password": {"$ne": ""}})
        assert answered(response) == (
            400,
            invalid(
                "[body.username] Invalid input: expected string, received number",
                "[body.password] Invalid input: expected string, received object",
            ),
        )
        assert sign_in(browser, "ann\x00").status_code == 400

    @pytest.mark.usefixtures("ann", "commits")
    def test_unverified_people_wait_where_verification_is_required(
        self, browser: ApiClient, configure: Configure, mails: Callable[[], list[Any]]
    ) -> None:
        configure(
            EMAIL_PASSWORD={"REQUIRE_EMAIL_VERIFICATION": True}, EMAIL_VERIFICATION={"SEND_ON_SIGN_IN": True}
        )
        assert sign_in(browser, password="wrong password").status_code == 401
        assert mails() == []
        assert answered(sign_in(browser)) == (403, refusal("EMAIL_NOT_VERIFIED"))
        (mail,) = mails()
        assert path_of(protocol.link_in(mail)).startswith("/verify-email?token=")

    def test_banned_people_stay_out(self, browser: ApiClient, make_user: MakeUser) -> None:
        make_user(username="ann.l", banned=True)
        assert sign_in(browser).json()["code"] == "BANNED_USER"
        assert not Session.objects.exists()

    @pytest.mark.usefixtures("ann")
    def test_each_failure_leaves_an_entry(self, browser: ApiClient) -> None:
        sign_in(browser, password="wrong password")
        sign_in(browser, "nobody")
        entries = AuditEntry.objects.order_by("id").values_list("event_type", "success", "details")
        assert list(entries) == [
            ("sign_in", False, {"reason": "wrong_password"}),
            ("sign_in", False, {"reason": "unknown_user"}),
        ]

    @pytest.mark.usefixtures("ann")
    @pytest.mark.parametrize("username", ["ann.l", "nobody"])
    def test_guesses_run_out_alike_whether_there_is_such_a_name(
        self, browser: ApiClient, configure: Configure, username: str
    ) -> None:
        configure(RATE_LIMIT={"ENABLED": True, "FAILED_SIGN_INS": 3, "RULES": ["/sign-in* off"]})
        counters.reset()
        spellings = [username, username.upper(), username.title(), username]
        answers = [sign_in(browser, one, "wrong password").status_code for one in spellings]
        assert answers == [401, 401, 401, 429]
        assert sign_in(browser, username).status_code == 429
        # What is guessed at a name says nothing of an address.
        assert browser.sign_in().status_code == 200

    @pytest.mark.usefixtures("ann")
    def test_a_device_that_knows_the_account_is_not_locked_out_by_strangers(
        self, browser: ApiClient, new_browser: Callable[..., ApiClient], configure: Configure
    ) -> None:
        configure(RATE_LIMIT={"ENABLED": True, "FAILED_SIGN_INS": 2, "RULES": ["/sign-in* off"]})
        counters.reset()
        browser.sign_in()
        assert [sign_in(new_browser(), password="wrong").status_code for _ in range(3)] == [401, 401, 429]
        assert sign_in(browser).status_code == 200

    @pytest.mark.usefixtures("ann")
    def test_switched_off_it_is_not_there(self, browser: ApiClient, configure: Configure) -> None:
        configure(FEATURES=["bearer"])
        assert sign_in(browser).status_code == 404
        assert browser.api("POST", "/is-username-available", {"username": "abc"}).status_code == 404
        response = browser.sign_up("bob@example.com", username="a", displayUsername="b")
        assert (response.status_code, users.find_by_unique("username", "a")) == (200, None)


class TestSigningUp:
    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ({"username": "JoHn.Doe"}, ("john.doe", "JoHn.Doe")),
            ({"displayUsername": "JoHn.Doe"}, ("john.doe", "JoHn.Doe")),
            ({"displayUsername": "John Doe"}, (None, "John Doe")),
            ({"username": "jd_1", "displayUsername": "John Doe"}, ("jd_1", "John Doe")),
            ({"username": "jd_1", "displayUsername": ""}, ("jd_1", "jd_1")),
            ({"username": None, "displayUsername": "John"}, (None, "John")),
            ({"username": None, "displayUsername": None}, (None, None)),
            ({}, (None, None)),
        ],
    )
    def test_each_form_gives_the_other(
        self, browser: ApiClient, given: dict[str, Any], kept: tuple[str | None, str | None]
    ) -> None:
        user = browser.sign_up(**given).json()["user"]
        assert (user["username"], user["displayUsername"]) == kept

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ({"username": "ab", "name": None}, told("USERNAME_TOO_SHORT")),
            ({"username": ""}, told("USERNAME_TOO_SHORT")),
            ({"username": "x" * 31}, told("USERNAME_TOO_LONG")),
            ({"username": "😀" * 16}, told("USERNAME_TOO_LONG")),  # 32 UTF-16 code units
            ({"username": "with space"}, told("INVALID_USERNAME")),
            ({"username": "null\x00null"}, told("INVALID_USERNAME")),
            ({"username": 5}, invalid("[body.username] Invalid input: expected string")),
            ({"displayUsername": ["a"]}, invalid("[body.displayUsername] Invalid input: expected string")),
            ({"displayUsername": "x" * 256}, told("INVALID_DISPLAY_USERNAME")),
            ({"displayUsername": "a\r\nb"}, told("INVALID_DISPLAY_USERNAME")),
        ],
    )
    def test_what_cannot_be_one_is_refused(
        self, browser: ApiClient, given: dict[str, Any], expected: dict[str, str]
    ) -> None:
        assert answered(browser.sign_up(**given)) == (400, expected)
        assert users.find_by_email("ann@example.com") is None

    @pytest.mark.usefixtures("ann")
    @pytest.mark.parametrize("hides", [False, True])
    def test_one_that_is_taken_is_refused_before_the_address(
        self, browser: ApiClient, configure: Configure, hides: bool
    ) -> None:
        configure(EMAIL_PASSWORD={"REQUIRE_EMAIL_VERIFICATION": hides})
        for email in ("ann@example.com", "bob@example.com"):
            response = browser.sign_up(email, username="ANN.L")
            assert answered(response) == (400, told("USERNAME_IS_ALREADY_TAKEN"))

    @pytest.mark.usefixtures("ann")
    def test_somebody_imagined_has_the_name_that_was_asked_for(
        self, browser: ApiClient, configure: Configure
    ) -> None:
        configure(EMAIL_PASSWORD={"REQUIRE_EMAIL_VERIFICATION": True})
        user = browser.sign_up(username="Other").json()["user"]
        assert (user["username"], user["displayUsername"]) == ("other", "Other")
        assert users.find_by_unique("username", "other") is None

    def test_rules_of_the_hosts_own(self, browser: ApiClient, configure: Configure) -> None:
        configure(
            USERNAME={
                "MIN_LENGTH": 2,
                "VALIDATOR": f"{HERE}.only_vowels",
                "NORMALIZER": f"{HERE}.without_dots",
                "VALIDATION_ORDER": "post-normalization",
                "DISPLAY_VALIDATOR": f"{HERE}.only_vowels",
                "DISPLAY_NORMALIZER": f"{HERE}.without_dots",
                "DISPLAY_VALIDATION_ORDER": "post-normalization",
            }
        )
        assert answered(browser.sign_up(username="bob")) == (400, told("INVALID_USERNAME"))
        expected = (400, told("INVALID_DISPLAY_USERNAME"))
        assert answered(browser.sign_up(username="A.E", displayUsername="Bob")) == expected
        user = browser.sign_up(username="A.E").json()["user"]
        assert (user["username"], user["displayUsername"]) == ("ae", "ae")
        assert sign_in(browser, "a.E").status_code == 200

    def test_case_matters_where_nothing_is_normalised(self, browser: ApiClient, configure: Configure) -> None:
        configure(USERNAME={"NORMALIZE": False})
        assert browser.sign_up(username="Ann").json()["user"]["username"] == "Ann"
        assert browser.sign_up("bob@example.com", username="ann").status_code == 200
        assert sign_in(browser, "Ann").json()["user"]["email"] == "ann@example.com"

    def test_without_the_form_to_be_shown(self, browser: ApiClient, configure: Configure) -> None:
        configure(USERNAME={"DISPLAY_USERNAME": False})
        user = browser.sign_up(username="Ann").json()["user"]
        assert (user["username"], "displayUsername" in user) == ("ann", False)

    @pytest.mark.django_db(transaction=True)
    def test_of_many_who_want_one_name_at_once_one_gets_it(self) -> None:
        answers: list[tuple[int, Any]] = []
        start = threading.Barrier(6)

        def sign_up(number: int) -> None:
            try:
                start.wait(timeout=90)
                browser = ApiClient()
                if number % 2:
                    answers.append(answered(browser.sign_up(f"u{number}@example.com", username="Wanted")))
                else:
                    browser.sign_up(f"u{number}@example.com")
                    answers.append(answered(browser.api("POST", "/update-user", {"username": "wanted"})))
            finally:
                connection.close()

        threads = [threading.Thread(target=sign_up, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=90)
        assert sorted(status for status, _ in answers) == [200] + [400] * 5
        refused = [body for status, body in answers if status == 400]
        assert refused == [told("USERNAME_IS_ALREADY_TAKEN")] * 5


class TestChanging:
    @pytest.fixture
    def signed_in(self, browser: ApiClient, ann: UserRecord) -> ApiClient:
        browser.sign_in()
        return browser

    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ({"username": "New_Name"}, ("new_name", "Ann.L")),
            ({"username": "ANN.L"}, ("ann.l", "Ann.L")),
            ({"displayUsername": "Ann Long"}, ("ann.l", "Ann Long")),
            ({"username": None, "displayUsername": None}, (None, None)),
            ({"name": "Anna"}, ("ann.l", "Ann.L")),
        ],
    )
    def test_what_is_not_given_stays(
        self, signed_in: ApiClient, given: dict[str, Any], kept: tuple[str | None, str | None]
    ) -> None:
        assert answered(signed_in.api("POST", "/update-user", given)) == (200, {"status": True})
        user = signed_in.session()["user"]
        assert (user["username"], user["displayUsername"]) == kept

    @pytest.mark.parametrize(
        ("username", "code"),
        [
            ("ab", "USERNAME_TOO_SHORT"),
            ("", "USERNAME_TOO_SHORT"),
            ("x" * 31, "USERNAME_TOO_LONG"),
            ("a b c", "INVALID_USERNAME"),
            ("BOB", "USERNAME_IS_ALREADY_TAKEN"),
        ],
    )
    def test_what_cannot_be_one_is_refused(
        self, signed_in: ApiClient, make_user: MakeUser, username: str, code: str
    ) -> None:
        make_user("bob@example.com", username="bob")
        body = {"username": username, "name": "Changed"}
        assert answered(signed_in.api("POST", "/update-user", body)) == (400, told(code))
        assert (signed_in.session()["user"]["name"], signed_in.session()["user"]["username"]) == (
            "Ann",
            "ann.l",
        )

    def test_one_that_is_immutable_stays_once_it_is_chosen(
        self, browser: ApiClient, configure: Configure
    ) -> None:
        configure(USERNAME={"IMMUTABLE": True})
        browser.sign_up()

        def change(username: str | None) -> tuple[int, Any]:
            return answered(browser.api("POST", "/update-user", {"username": username}))

        assert change("First") == (200, {"status": True})
        assert change("FIRST") == (200, {"status": True})
        assert change("second") == (400, told("USERNAME_IS_IMMUTABLE"))
        assert change(None) == (400, told("USERNAME_IS_IMMUTABLE"))

    def test_nobody_changes_it_in_anothers_name(self, signed_in: ApiClient, make_user: MakeUser) -> None:
        admin = ApiClient()
        make_user("root@example.com", role="admin")
        admin.sign_in("root@example.com")
        user_id = signed_in.session()["user"]["id"]
        admin.api("POST", "/admin/impersonate-user", {"userId": user_id})
        refused = admin.api("POST", "/update-user", {"username": "theirs"})
        assert (refused.status_code, refused.json()["code"]) == (403, "NOT_ALLOWED_WHILE_IMPERSONATING")
        assert admin.api("POST", "/update-user", {"name": "Anna"}).status_code == 200


class TestByAnAdministrator:
    @pytest.fixture
    def admin(self, browser: ApiClient, make_user: MakeUser) -> ApiClient:
        make_user("root@example.com", role="admin")
        browser.sign_in("root@example.com")
        return browser

    def test_the_rules_are_the_same(self, admin: ApiClient, ann: UserRecord) -> None:
        body = {"email": "bob@example.com", "name": "Bob", "data": {"username": "Bob.B"}}
        made = admin.api("POST", "/admin/create-user", body).json()["user"]
        assert (made["username"], made["displayUsername"]) == ("bob.b", "Bob.B")
        for username, code in [("a", "USERNAME_TOO_SHORT"), ("ANN.L", "USERNAME_IS_ALREADY_TAKEN")]:
            change = {"userId": made["id"], "data": {"username": username}}
            assert answered(admin.api("POST", "/admin/update-user", change)) == (400, told(code))


class TestAvailability:
    @pytest.mark.usefixtures("ann")
    @pytest.mark.parametrize(("username", "free"), [("ann.l", False), ("ANN.L", False), ("ann.m", True)])
    def test_it_is_told(self, browser: ApiClient, username: str, free: bool) -> None:
        response = browser.api("POST", "/is-username-available", {"username": username})
        assert answered(response) == (200, {"available": free})

    @pytest.mark.parametrize(
        ("username", "code"),
        [
            ("", "INVALID_USERNAME"),
            ("ab", "USERNAME_TOO_SHORT"),
            ("x" * 31, "USERNAME_TOO_LONG"),
            ("a b c", "INVALID_USERNAME"),
        ],
    )
    def test_what_cannot_be_one_is_refused(self, browser: ApiClient, username: str, code: str) -> None:
        response = browser.api("POST", "/is-username-available", {"username": username})
        assert answered(response) == (422, told(code))
