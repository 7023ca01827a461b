"""``POST /sign-up/email`` (core.md, section 2)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import check_password
from django.db import connection

from better_auth.crypto.jose import verify_hs256
from better_auth.models import Account, Session
from better_auth.storage.records import UserRecord
from tests import protocol
from tests.conftest import PASSWORD, ApiClient
from tests.protocol import answered, invalid, link_in, query_of, refusal, set_cookies

pytestmark = pytest.mark.django_db
User = get_user_model()
Configure = Callable[..., None]


def user_object(**different: Any) -> dict[str, Any]:
    """A new user as the wire shows them, without id and dates."""
    return {
        "name": "Ann",
        "email": "ann@example.com",
        "emailVerified": False,
        "image": None,
        "isAnonymous": False,
        "username": None,
        "displayUsername": None,
        "role": "user",
        "banned": False,
        "banReason": None,
        "banExpires": None,
        "twoFactorEnabled": False,
        **different,
    }


def without_chance(user: dict[str, Any]) -> dict[str, Any]:
    """The user object without what differs from run to run, after a look at it."""
    assert user["id"]
    assert protocol.ISO_DATE.fullmatch(user["createdAt"])
    assert user["createdAt"] == user["updatedAt"]
    return {name: value for name, value in user.items() if name not in ("id", "createdAt", "updatedAt")}


def test_sign_up_signs_in(browser: ApiClient) -> None:
    response = browser.sign_up()
    body = response.json()
    assert (response.status_code, set(body)) == (200, {"token", "user"})
    assert without_chance(body["user"]) == user_object()
    assert protocol.TOKEN.fullmatch(body["token"])
    assert protocol.token_in_cookie(response) == body["token"]
    assert set(set_cookies(response)) == {protocol.SESSION_TOKEN}
    assert f"; Max-Age=604800; {protocol.ATTRIBUTES}" in set_cookies(response)[protocol.SESSION_TOKEN]
    session = browser.session()
    assert (session["user"], session["session"]["token"]) == (body["user"], body["token"])


def test_the_user_has_a_credential_account(browser: ApiClient) -> None:
    user_id = browser.sign_up().json()["user"]["id"]
    account = Account.objects.get()
    assert (account.provider_id, account.account_id, account.user_id) == ("credential", user_id, user_id)
    stored = User.objects.get()
    assert stored.password.startswith("argon2$argon2id$")
    assert check_password(PASSWORD, stored.password)
    assert PASSWORD not in stored.password


def test_email_is_stored_in_lower_case(browser: ApiClient) -> None:
    assert browser.sign_up("Ann.Bee@Example.COM").json()["user"]["email"] == "ann.bee@example.com"
    assert User.objects.get().email == "ann.bee@example.com"


@pytest.mark.parametrize(
    "sent",
    [
        {"name": ""},
        {"name": "Zoë 日本 😀"},
        {"image": "https://example.com/ann.png"},
        {"image": ""},
    ],
    ids=["empty name", "name of many scripts", "image", "empty image"],
)
def test_what_was_sent_is_kept(browser: ApiClient, sent: dict[str, str]) -> None:
    body = browser.sign_up(**sent).json()
    assert without_chance(body["user"]) == user_object(**sent)
    assert browser.session()["user"] == body["user"]


@pytest.mark.parametrize(
    "sent",
    [
        {"id": "mine"},
        {"emailVerified": True},
        {"createdAt": "2001-01-01T00:00:00.000Z"},
        {"password_hash": "x"},
        {"banned": True},
        {"banned": False},
        {"isAnonymous": True},
        {"twoFactorEnabled": True},
        {"phoneNumber": "1"},
        {"role": ""},
        {"activeOrganizationId": "x"},
        {"is_superuser": True, "is_staff": True},
    ],
    ids=lambda sent: ",".join(sent),
)
def test_nobody_can_set_what_is_not_theirs(browser: ApiClient, sent: dict[str, Any]) -> None:
    response = browser.sign_up(**sent)
    assert (response.status_code, without_chance(response.json()["user"])) == (200, user_object())
    stored = User.objects.get()
    assert (stored.is_superuser, stored.is_staff, stored.email_verified) == (False, False, False)
    assert stored.id != "mine"


@pytest.mark.parametrize("field", ["role", "banReason", "banExpires"])
def test_fields_of_administrators_are_refused(browser: ApiClient, field: str) -> None:
    expected = {"message": f"{field} is not allowed to be set", "code": "FIELD_NOT_ALLOWED"}
    assert answered(browser.sign_up(**{field: "admin"})) == (400, expected)
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        (
            {},
            [
                "[body.name] Invalid input: expected string, received undefined",
                "[body.email] Invalid input: expected string, received undefined",
                "[body.password] Invalid input: expected string, received undefined",
            ],
        ),
        (
            {"name": None, "email": None, "password": None, "rememberMe": "x"},
            [
                "[body.name] Invalid input: expected string, received null",
                "[body.email] Invalid input: expected string, received null",
                "[body.password] Invalid input: expected string, received null",
                "[body.rememberMe] Invalid input: expected boolean, received string",
            ],
        ),
        (
            {"email": "x", "password": "long enough"},
            [
                "[body.name] Invalid input: expected string, received undefined",
                "[body.email] Invalid email address",
            ],
        ),
        (
            {"name": "Ann", "email": "a@example.com", "password": ""},
            ["[body.password] Too small: expected string to have >=1 characters"],
        ),
        (
            {"name": "Ann", "email": "a@example.com", "password": "long enough", "image": None},
            ["[body.image] Invalid input: expected string, received null"],
        ),
        ([], ["[body] Invalid input: expected object, received array"]),
        (b'"x"', ["[body] Invalid input: expected object, received string"]),
        (5, ["[body] Invalid input: expected object, received number"]),
    ],
)
def test_a_body_of_another_shape_is_refused(browser: ApiClient, body: Any, problems: list[str]) -> None:
    assert answered(browser.api("POST", "/sign-up/email", body)) == (400, invalid(*problems))
    assert not User.objects.exists()


def test_no_body_is_refused(browser: ApiClient) -> None:
    expected = invalid("[body] Invalid input: expected object, received undefined")
    assert answered(browser.api("POST", "/sign-up/email")) == (400, expected)


@pytest.mark.parametrize(
    "email",
    [
        " ann@example.com",
        "ann@example.com ",
        ".ann@example.com",
        "ann.@example.com",
        "a..b@example.com",
        "ann'@example.com",
        "ann@example",
        "ann@example.c",
        "ann@-example.com",
        "ann@exa_mple.com",
        "ann@example.c0m",
        "ann@bee@example.com",
        "änn@example.com",
        "ann@example.com\n",
        "ann" * 110 + "@example.com",
        "",
    ],
)
def test_an_address_that_is_none_is_refused(browser: ApiClient, email: str) -> None:
    assert answered(browser.sign_up(email)) == (400, invalid("[body.email] Invalid email address"))


@pytest.mark.parametrize(
    "email", ["a_b'c+d-e@x-y.example.com", "1@2.co", "a.b.c@example.museum", "-a@example.com"]
)
def test_an_unusual_address_is_accepted(browser: ApiClient, email: str) -> None:
    assert browser.sign_up(email).json()["user"]["email"] == email


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("1234567", "PASSWORD_TOO_SHORT"),
        ("x" * 129, "PASSWORD_TOO_LONG"),
        ("😀" * 3, "PASSWORD_TOO_SHORT"),
        ("😀" * 65, "PASSWORD_TOO_LONG"),
    ],
)
def test_password_of_a_wrong_length_is_refused(browser: ApiClient, password: str, code: str) -> None:
    assert answered(browser.sign_up(password=password)) == (400, refusal(code))
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "password", ["12345678", "x" * 128, "😀" * 4, "😀" * 64, "  spaces  ", "пароль—слово"]
)
def test_password_of_a_right_length_works(
    browser: ApiClient, new_browser: Callable[..., ApiClient], password: str
) -> None:
    assert browser.sign_up(password=password).status_code == 200
    assert new_browser().sign_in(password=password).status_code == 200


def test_length_bounds_are_settings(browser: ApiClient, configure: Configure) -> None:
    configure(PASSWORD={"MIN_LENGTH": 3, "MAX_LENGTH": 4})
    assert answered(browser.sign_up(password="ab")) == (400, refusal("PASSWORD_TOO_SHORT"))
    assert answered(browser.sign_up(password="abcde")) == (400, refusal("PASSWORD_TOO_LONG"))
    assert browser.sign_up(password="abc").status_code == 200


@pytest.mark.parametrize("switch", [{"ENABLED": False}, {"DISABLE_SIGN_UP": True}])
def test_sign_up_can_be_switched_off(
    browser: ApiClient, configure: Configure, switch: dict[str, bool]
) -> None:
    configure(EMAIL_PASSWORD=switch)
    assert answered(browser.sign_up()) == (400, refusal("EMAIL_PASSWORD_SIGN_UP_DISABLED"))
    assert not User.objects.exists()


@pytest.mark.parametrize("email", ["ann@example.com", "ANN@Example.com"])
def test_a_taken_address_is_told(
    browser: ApiClient, make_user: Callable[..., UserRecord], email: str
) -> None:
    ann = make_user()
    response = browser.sign_up(email, name="Eve", password="another password")
    assert answered(response) == (422, refusal("USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"))
    assert set_cookies(response) == {}
    stored = User.objects.get()
    assert (stored.id, stored.name, Session.objects.count()) == (ann.id, "Ann", 0)
    assert browser.sign_in().status_code == 200


@pytest.mark.django_db(transaction=True)
def test_two_at_once_with_one_address_make_one_user() -> None:
    answers: list[tuple[int, Any]] = []
    start = threading.Barrier(2)

    def sign_up(email: str) -> None:
        try:
            start.wait(timeout=90)
            answers.append(answered(ApiClient().sign_up(email)))
        finally:
            connection.close()

    threads = [
        threading.Thread(target=sign_up, args=(email,)) for email in ("ann@example.com", "Ann@Example.com")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=90)
    (won, _), lost = sorted(answers, key=lambda answer: answer[0])
    assert (won, lost) == (200, (422, refusal("USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL")))
    assert (User.objects.count(), Account.objects.count(), Session.objects.count()) == (1, 1, 1)


@pytest.mark.parametrize("switch", [{"AUTO_SIGN_IN": False}, {"REQUIRE_EMAIL_VERIFICATION": True}])
def test_sign_up_that_does_not_sign_in_hides_who_is_there(
    browser: ApiClient, make_user: Callable[..., UserRecord], configure: Configure, switch: dict[str, bool]
) -> None:
    ann = make_user()
    configure(EMAIL_PASSWORD=switch)
    new, taken = browser.sign_up("bob@example.com", name="B"), browser.sign_up("Ann@example.com", name="B")
    for response, email in ((new, "bob@example.com"), (taken, "ann@example.com")):
        body = response.json()
        assert (response.status_code, set_cookies(response), body["token"]) == (200, {}, None)
        assert without_chance(body["user"]) == user_object(name="B", email=email)
        assert "set-auth-token" not in response.headers
    assert list(new.json()["user"]) == list(taken.json()["user"])
    assert len(taken.json()["user"]["id"]) == len(new.json()["user"]["id"])
    assert taken.json()["user"]["id"] != ann.id
    assert User.objects.get(email="ann@example.com").name == "Ann"
    assert (User.objects.count(), Session.objects.count()) == (2, 0)


def test_not_remembered_lasts_a_day_and_ends_with_the_browser(browser: ApiClient) -> None:
    cookies = set_cookies(browser.sign_up(rememberMe=False))
    assert set(cookies) == {protocol.SESSION_TOKEN, protocol.DONT_REMEMBER}
    assert not any("Max-Age" in header for header in cookies.values())
    row = Session.objects.get()
    assert (row.expires_at - row.created_at).total_seconds() == 86400


def test_a_form_signs_up(browser: ApiClient) -> None:
    form = "name=Ann+Bee&email=ann%40example.com&password=correct+horse+battery"
    response = browser.api("POST", "/sign-up/email", form, content_type="application/x-www-form-urlencoded")
    assert (response.status_code, response.json()["user"]["name"]) == (200, "Ann Bee")
    assert browser.sign_in().status_code == 200


def test_a_form_has_no_booleans(browser: ApiClient) -> None:
    form = "name=Ann&email=ann%40example.com&password=correct+horse&rememberMe=false"
    response = browser.api("POST", "/sign-up/email", form, content_type="application/x-www-form-urlencoded")
    expected = invalid("[body.rememberMe] Invalid input: expected boolean, received string")
    assert answered(response) == (400, expected)


@pytest.mark.usefixtures("commits")
@pytest.mark.parametrize(
    ("send_on_sign_up", "required", "enabled", "mailed"),
    [
        (None, False, True, False),
        (None, True, True, True),
        (True, False, True, True),
        (False, True, True, False),
        (True, True, False, False),
    ],
)
def test_verification_is_mailed_where_the_settings_say_so(
    browser: ApiClient,
    configure: Configure,
    mails: Callable[[], list[Any]],
    settings: Any,
    send_on_sign_up: bool | None,
    required: bool,
    enabled: bool,
    mailed: bool,
) -> None:
    configure(
        EMAIL_PASSWORD={"REQUIRE_EMAIL_VERIFICATION": required},
        EMAIL_VERIFICATION={"ENABLED": enabled, "SEND_ON_SIGN_UP": send_on_sign_up},
    )
    user = browser.sign_up(callbackURL="/welcome?a=1").json()["user"]
    assert [mail.to for mail in mails()] == ([["ann@example.com"]] if mailed else [])
    if mailed:
        link = link_in(mails()[0])
        assert link.startswith("http://testserver/api/auth/verify-email?token=")
        assert link.endswith("&callbackURL=%2Fwelcome%3Fa%3D1")
        claims = verify_hs256(query_of(link)["token"], secret=settings.BETTER_AUTH["SECRET"], now=0)
        assert list(claims) == ["email", "userId", "iat", "exp"]
        assert (claims["email"], claims["userId"]) == ("ann@example.com", user["id"])
        assert claims["exp"] - claims["iat"] == 3600


@pytest.mark.usefixtures("commits")
def test_nothing_is_mailed_to_somebody_who_is_there_already(
    browser: ApiClient,
    make_user: Callable[..., UserRecord],
    configure: Configure,
    mails: Callable[[], list[Any]],
) -> None:
    make_user()
    configure(EMAIL_PASSWORD={"REQUIRE_EMAIL_VERIFICATION": True})
    assert browser.sign_up().status_code == 200
    assert mails() == []


def broken_sender(message: Any) -> None:
    raise OSError("no mail server")


@pytest.mark.usefixtures("commits")
def test_a_broken_mail_server_does_not_fail_the_sign_up(
    browser: ApiClient, configure: Configure, mails: Callable[[], list[Any]], caplog: pytest.LogCaptureFixture
) -> None:
    sender = f"{__name__}.broken_sender"
    configure(EMAIL_VERIFICATION={"SEND_ON_SIGN_UP": True}, MAIL={"SENDER": sender})
    assert browser.sign_up().status_code == 200
    mails()
    assert "mail better_auth/email/verify_email to a…@example.com failed: OSError" in caplog.text


def test_common_passwords_are_refused(browser: ApiClient, configure: Configure) -> None:
    configure(PASSWORD={"REFUSE_COMMON": True})
    assert answered(browser.sign_up(password="password123")) == (400, refusal("PASSWORD_COMPROMISED"))
    assert browser.sign_up().status_code == 200


def test_an_address_other_than_the_one_of_the_session_signs_up_too(browser: ApiClient) -> None:
    first = browser.sign_up().json()
    second = browser.sign_up("bob@example.com").json()
    assert first["user"]["id"] != second["user"]["id"]
    assert browser.session()["user"]["email"] == "bob@example.com"
