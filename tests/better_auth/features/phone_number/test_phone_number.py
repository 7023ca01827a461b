"""Telephone numbers (passwordless.md, section 3), as the original answers them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from better_auth import text_messages, users
from better_auth.events import Client
from better_auth.models import AuditEntry, Session, Verification
from better_auth.phone_numbers import Code
from better_auth.storage.records import UserRecord
from tests.conftest import PASSWORD, ApiClient, FrozenTime
from tests.protocol import answered

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("commits", "phone")]
Configure = Callable[..., None]
NewBrowser = Callable[..., ApiClient]
NUMBER, OTHER = "+15550100", "+15550199"
NEW_PASSWORD = "another battery staple"
sent: list[tuple[str, str, str]] = []
verified: list[tuple[str, str]] = []


def send(*, phone_number: str, code: str, purpose: str) -> None:
    sent.append((purpose, phone_number, code))


def break_down(**arguments: Any) -> None:
    raise OSError("the gateway is away, code 123456")


def is_american(number: str) -> bool:
    return number.startswith("+1")


def address_of(number: str) -> str:
    return f"{number[1:]}@phone.example"


def name_of(number: str) -> str:
    return f"Caller {number[-2:]}"


def judge(*, phone_number: str, code: str) -> bool:
    return code == "from-elsewhere"


def note(*, user: UserRecord, phone_number: str, client: Client) -> None:
    verified.append((user.id, phone_number))


@pytest.fixture
def phone(frozen_time: FrozenTime, configure: Configure, settings: Any) -> None:
    sent.clear()
    verified.clear()
    configure(
        FEATURES=[*settings.BETTER_AUTH["FEATURES"], "phone_number"],
        PHONE_NUMBER={"SENDER": f"{__name__}.send", "ON_VERIFICATION": f"{__name__}.note"},
    )


@pytest.fixture
def ann(make_user: Callable[..., UserRecord]) -> UserRecord:
    return make_user(phone_number=NUMBER, phone_number_verified=True)


def post(browser: ApiClient, path: str, **body: Any) -> Any:
    return browser.api("POST", path, body)


def refused(code: Code, status: int = 400) -> tuple[int, Any]:
    return status, {"message": code.value, "code": code.name}


def send_code(browser: ApiClient, number: str = NUMBER) -> str:
    assert answered(post(browser, "/phone-number/send-otp", phoneNumber=number)) == (
        200,
        {"message": "code sent"},
    )
    text_messages.outbox.wait()
    assert sent[-1][:2] == ("verify_phone_number", number)
    return sent[-1][2]


def verify(browser: ApiClient, code: str, number: str = NUMBER, **more: Any) -> Any:
    return post(browser, "/phone-number/verify", phoneNumber=number, code=code, **more)


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}}"


def test_a_code_signs_in_whoever_has_the_number(browser: ApiClient, ann: UserRecord) -> None:
    code = send_code(browser)
    assert (len(code), code.isdigit(), code in str(list(Verification.objects.values()))) == (6, True, False)
    response = verify(browser, code)
    shown = response.json()
    assert (response.status_code, set(shown), shown["status"]) == (200, {"status", "token", "user"}, True)
    assert (shown["user"]["phoneNumber"], shown["user"]["phoneNumberVerified"]) == (NUMBER, True)
    assert browser.session()["session"]["token"] == shown["token"]
    assert verified == [(ann.id, NUMBER)]
    assert AuditEntry.objects.filter(event_type="sign_in", auth_method="phone_code").count() == 1
    assert answered(verify(browser, code)) == refused(Code.OTP_NOT_FOUND)


def test_wrong_codes_use_a_code_up(browser: ApiClient, ann: UserRecord) -> None:
    code = send_code(browser)
    told = [answered(verify(browser, wrong(code))) for _ in range(5)]
    assert told == [
        *[refused(Code.INVALID_OTP)] * 3,
        refused(Code.TOO_MANY_ATTEMPTS, 403),
        refused(Code.OTP_NOT_FOUND),
    ]
    assert answered(verify(browser, code)) == refused(Code.OTP_NOT_FOUND)
    assert browser.session() is None
    assert AuditEntry.objects.filter(event_type="sign_in", success=False).count() == 6


def test_codes_run_out_and_a_new_one_voids_the_old(
    browser: ApiClient, ann: UserRecord, frozen_time: FrozenTime
) -> None:
    first = send_code(browser)
    second = send_code(browser)
    if first != second:
        assert answered(verify(browser, first)) == refused(Code.INVALID_OTP)
    frozen_time.advance(seconds=300)
    assert answered(verify(browser, second)) == refused(Code.OTP_EXPIRED)


def test_new_codes_bring_no_new_guesses(
    browser: ApiClient, new_browser: NewBrowser, ann: UserRecord, configure: Configure
) -> None:
    """attacks.md, C10: whatever the address, and whichever code is out."""
    configure(RATE_LIMIT={"ENABLED": True, "RULES": ["/phone-number* off"]})
    told = []
    for number in range(4):
        code = send_code(browser)
        stranger = new_browser(REMOTE_ADDR=f"192.0.2.{number}")
        told += [verify(stranger, wrong(code)).status_code for _ in range(2)]
    assert told == [400] * 5 + [429] * 3
    assert verify(browser, code).status_code == 429


def test_texts_to_one_number_are_limited(browser: ApiClient, configure: Configure) -> None:
    configure(RATE_LIMIT={"ENABLED": True, "RULES": ["/phone-number* off"], "MAILS": 3})
    told = [post(browser, "/phone-number/send-otp", phoneNumber=NUMBER).status_code for _ in range(4)]
    assert told == [200, 200, 200, 429]
    text_messages.outbox.wait()
    assert len(sent) == 3


def test_without_a_sender_there_are_no_codes(browser: ApiClient, configure: Configure) -> None:
    configure(PHONE_NUMBER={"SENDER": None})
    response = post(browser, "/phone-number/send-otp", phoneNumber=NUMBER)
    assert answered(response) == refused(Code.SEND_OTP_NOT_IMPLEMENTED, 501)
    assert post(browser, "/phone-number/request-password-reset", phoneNumber=NUMBER).status_code == 200


def test_a_sender_that_fails_is_no_affair_of_the_client(
    browser: ApiClient, configure: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    configure(PHONE_NUMBER={"SENDER": f"{__name__}.break_down"})
    assert post(browser, "/phone-number/send-otp", phoneNumber=NUMBER).status_code == 200
    text_messages.outbox.wait()
    assert "text verify_phone_number to …00 failed: OSError" in caplog.text
    assert ("123456" in caplog.text, NUMBER in caplog.text) == (False, False)


@pytest.mark.parametrize("number", ["", "+44201", "x" * 65, "+1\n5550100"])
@pytest.mark.parametrize(
    "path", ["send-otp", "verify", "sign-in", "request-password-reset", "reset-password"]
)
def test_what_is_no_number(browser: ApiClient, configure: Configure, path: str, number: str) -> None:
    configure(PHONE_NUMBER={"VALIDATOR": f"{__name__}.is_american"})
    body = {"phoneNumber": number, "code": "1", "otp": "1", "password": "x", "newPassword": NEW_PASSWORD}
    path = "/sign-in/phone-number" if path == "sign-in" else f"/phone-number/{path}"
    assert answered(post(browser, path, **body)) == refused(Code.INVALID_PHONE_NUMBER)


def test_a_number_that_is_nobodys(browser: ApiClient, configure: Configure, new_browser: NewBrowser) -> None:
    response = verify(browser, send_code(browser))
    assert answered(response) == refused(Code.FAILED_TO_UPDATE_USER, 500)
    configure(PHONE_NUMBER={"SIGN_UP_ON_VERIFICATION": True})
    user = verify(browser, send_code(browser)).json()["user"]
    assert (user["name"], user["phoneNumber"], user["emailVerified"]) == (NUMBER, NUMBER, False)
    assert user["email"].endswith("@phone-number.placeholder.invalid")
    assert browser.session()["user"] == user
    paths = {"TEMPORARY_EMAIL": f"{__name__}.address_of", "TEMPORARY_NAME": f"{__name__}.name_of"}
    configure(PHONE_NUMBER=paths)
    other = new_browser()
    user = verify(other, send_code(other, OTHER), OTHER, disableSession=True).json()
    assert (user["token"], user["user"]["email"], user["user"]["name"]) == (
        None,
        "15550199@phone.example",
        "Caller 99",
    )
    assert (other.session(), Session.objects.count()) == (None, 1)


def test_somebody_signed_in_takes_a_number(
    browser: ApiClient, new_browser: NewBrowser, make_user: Callable[..., UserRecord], ann: UserRecord
) -> None:
    make_user("bob@example.com")
    token = browser.sign_in("bob@example.com").json()["token"]
    response = verify(browser, send_code(browser), updatePhoneNumber=True)
    assert answered(response) == refused(Code.PHONE_NUMBER_EXIST)
    response = verify(browser, send_code(browser, OTHER), OTHER, updatePhoneNumber=True)
    assert (response.json()["token"], response.json()["user"]["phoneNumber"]) == (token, OTHER)
    assert (list(response.cookies), browser.session()["user"]["phoneNumber"]) == ([], OTHER)
    stranger = new_browser()
    response = verify(stranger, send_code(stranger, "+15550177"), "+15550177", updatePhoneNumber=True)
    assert answered(response) == (401, {"message": "User not found", "code": "USER_NOT_FOUND"})


def test_nobody_takes_a_number_in_somebodys_name(
    browser: ApiClient, make_user: Callable[..., UserRecord], ann: UserRecord
) -> None:
    users.update(make_user("root@example.com"), role="admin")
    browser.sign_in("root@example.com")
    assert browser.api("POST", "/admin/impersonate-user", {"userId": ann.id}).status_code == 200
    response = verify(browser, send_code(browser, OTHER), OTHER, updatePhoneNumber=True)
    assert response.json()["code"] == "NOT_ALLOWED_WHILE_IMPERSONATING"
    assert browser.api("POST", "/update-user", {"phoneNumber": None}).status_code == 403


def test_numbers_are_written_by_proving_them_alone(browser: ApiClient, ann: UserRecord) -> None:
    expected = refused(Code.PHONE_NUMBER_CANNOT_BE_SET)
    assert answered(browser.sign_up("new@example.com", phoneNumber=OTHER)) == expected
    assert browser.sign_up("new@example.com", phoneNumber=None).status_code == 200
    browser.sign_in()
    for number in (OTHER, "", 5, True):
        response = browser.api("POST", "/update-user", {"phoneNumber": number})
        assert answered(response) == refused(Code.PHONE_NUMBER_CANNOT_BE_UPDATED)
    response = browser.api("POST", "/update-user", {"phoneNumberVerified": True})
    assert response.json()["code"] == "FIELD_NOT_ALLOWED"
    assert browser.api("POST", "/update-user", {"phoneNumber": None}).status_code == 200
    user = browser.session()["user"]
    assert (user["phoneNumber"], user["phoneNumberVerified"]) == (None, False)


def test_number_and_password_sign_in(browser: ApiClient, new_browser: NewBrowser, ann: UserRecord) -> None:
    response = post(browser, "/sign-in/phone-number", phoneNumber=NUMBER, password=PASSWORD)
    assert (response.status_code, set(response.json())) == (200, {"token", "user"})
    assert browser.session()["user"]["id"] == ann.id
    expected = refused(Code.INVALID_PHONE_NUMBER_OR_PASSWORD, 401)
    for number, password in ((NUMBER, "wrong"), (OTHER, PASSWORD), (NUMBER, "")):
        response = post(new_browser(), "/sign-in/phone-number", phoneNumber=number, password=password)
        assert answered(response) == expected
    response = post(browser, "/sign-in/phone-number", phoneNumber=NUMBER, password="x" * 129)
    assert response.json()["code"] == "PASSWORD_TOO_LONG"


def test_the_second_factor_is_asked_for(browser: ApiClient, ann: UserRecord) -> None:
    users.update(ann, two_factor_enabled=True)
    response = post(browser, "/sign-in/phone-number", phoneNumber=NUMBER, password=PASSWORD)
    assert response.json()["twoFactorRedirect"] is True
    assert (browser.session(), Session.objects.count()) == (None, 0)


def test_guesses_of_passwords_are_limited_by_number(
    new_browser: NewBrowser, ann: UserRecord, configure: Configure
) -> None:
    configure(RATE_LIMIT={"ENABLED": True, "RULES": ["/sign-in* off"]})
    told = [
        post(
            new_browser(REMOTE_ADDR=f"192.0.2.{number}"),
            "/sign-in/phone-number",
            phoneNumber=NUMBER,
            password="wrong",
        ).status_code
        for number in range(6)
    ]
    assert told == [401] * 5 + [429]


def test_an_unverified_number_gets_a_code_once_the_password_was_right(
    browser: ApiClient, ann: UserRecord, configure: Configure
) -> None:
    users.update(ann, phone_number_verified=False)
    configure(PHONE_NUMBER={"REQUIRE_VERIFICATION": True})
    assert post(browser, "/sign-in/phone-number", phoneNumber=NUMBER, password="no").status_code == 401
    text_messages.outbox.wait()
    assert sent == []
    response = post(browser, "/sign-in/phone-number", phoneNumber=NUMBER, password=PASSWORD)
    assert answered(response) == refused(Code.PHONE_NUMBER_NOT_VERIFIED, 401)
    text_messages.outbox.wait()
    assert verify(browser, sent[-1][2]).status_code == 200
    response = post(browser, "/sign-in/phone-number", phoneNumber=NUMBER, password=PASSWORD)
    assert response.status_code == 200


def request_reset(browser: ApiClient, number: str = NUMBER) -> str:
    response = post(browser, "/phone-number/request-password-reset", phoneNumber=number)
    assert answered(response) == (200, {"status": True})
    text_messages.outbox.wait()
    return sent[-1][2] if sent else ""


def reset(browser: ApiClient, code: str, password: str = NEW_PASSWORD, number: str = NUMBER) -> Any:
    return post(browser, "/phone-number/reset-password", phoneNumber=number, otp=code, newPassword=password)


def test_a_code_resets_the_password(browser: ApiClient, new_browser: NewBrowser, ann: UserRecord) -> None:
    code = request_reset(browser)
    assert sent == [("reset_password", NUMBER, code)]
    assert reset(browser, code, "short").json()["code"] == "PASSWORD_TOO_SHORT"
    assert answered(reset(browser, wrong(code))) == refused(Code.INVALID_OTP)
    assert answered(verify(browser, code)) == refused(Code.OTP_NOT_FOUND)  # it is for nothing else
    assert answered(reset(browser, code)) == (200, {"status": True})
    assert answered(reset(browser, code)) == refused(Code.OTP_NOT_FOUND)
    assert (browser.sign_in().status_code, browser.sign_in(password=NEW_PASSWORD).status_code) == (401, 200)
    assert AuditEntry.objects.filter(event_type="password_reset").count() == 1


def test_a_reset_tells_nobody_whose_number_it_is(browser: ApiClient, ann: UserRecord) -> None:
    assert request_reset(browser, OTHER) == ""
    assert answered(reset(browser, "000000", number=OTHER))[0] in (400, 403)
    users.update(ann, phone_number_verified=False)
    code = request_reset(browser)
    assert answered(reset(browser, code)) == refused(Code.PHONE_NUMBER_PENDING_VERIFICATION)
    assert browser.sign_in().status_code == 200


def test_a_reset_may_end_sessions(browser: ApiClient, ann: UserRecord, configure: Configure) -> None:
    configure(EMAIL_PASSWORD={"REVOKE_SESSIONS_ON_RESET": True})
    browser.sign_in()
    assert reset(browser, request_reset(browser)).status_code == 200
    assert browser.session() is None


def test_a_number_that_moved_on_takes_no_old_code_along(
    browser: ApiClient, ann: UserRecord, make_user: Callable[..., UserRecord]
) -> None:
    code = request_reset(browser)
    users.update(ann, phone_number=None)
    make_user("bob@example.com", phone_number=NUMBER, phone_number_verified=True)
    assert answered(reset(browser, code)) == refused(Code.OTP_NOT_FOUND)


def test_another_service_may_judge_the_codes(
    browser: ApiClient, ann: UserRecord, configure: Configure
) -> None:
    configure(PHONE_NUMBER={"VERIFIER": f"{__name__}.judge"})
    assert answered(verify(browser, "000000")) == refused(Code.INVALID_OTP)
    assert verify(browser, "from-elsewhere").status_code == 200
    assert browser.session()["user"]["id"] == ann.id


def test_whoever_was_anonymous_is_linked(browser: ApiClient, ann: UserRecord) -> None:
    anonymous = browser.api("POST", "/sign-in/anonymous", {}).json()["user"]["id"]
    assert verify(browser, send_code(browser)).status_code == 200
    assert users.find_by_id(anonymous) is None


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/phone-number/send-otp", {"phoneNumber": 5}),
        ("/phone-number/send-otp", {"phoneNumber": "+1\x00"}),
        ("/phone-number/verify", {"phoneNumber": NUMBER, "code": 123456}),
        ("/phone-number/verify", {"phoneNumber": NUMBER, "code": "1", "disableSession": "yes"}),
        ("/sign-in/phone-number", {"phoneNumber": NUMBER}),
        ("/phone-number/reset-password", {"phoneNumber": NUMBER, "otp": "1"}),
        ("/phone-number/request-password-reset", []),
    ],
)
def test_bodies_are_checked(browser: ApiClient, path: str, body: Any) -> None:
    response = browser.api("POST", path, body)
    assert (response.status_code, response.json()["code"]) == (400, "VALIDATION_ERROR")


def test_without_the_feature_there_is_none_of_it(browser: ApiClient, configure: Configure) -> None:
    configure(FEATURES=["bearer"])
    assert post(browser, "/phone-number/send-otp", phoneNumber=NUMBER).status_code == 404
    assert browser.sign_up(phoneNumber=NUMBER).status_code == 200
