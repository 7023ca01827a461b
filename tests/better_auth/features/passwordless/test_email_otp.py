"""Mailed codes that sign in, prove and change addresses, reset passwords (passwordless.md, section 2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from better_auth import passwords, users
from better_auth.features.email_verification import codes
from better_auth.features.email_verification.codes import CodeKind
from better_auth.models import AuditEntry, Session, Verification
from better_auth.storage import counters
from better_auth.storage.records import UserRecord
from tests import protocol
from tests.better_auth.features.passwordless.conftest import Mailed, code_in
from tests.conftest import PASSWORD, ApiClient
from tests.protocol import answered, invalid, refusal, set_cookies

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("commits")]
Configure = Callable[..., None]
MakeUser = Callable[..., UserRecord]
Mails = Callable[[], list[Any]]
EMAIL, NEW = "ann@example.com", "new@example.com"
NEW_PASSWORD = "chosen by a code"
DONE = (200, {"success": True})
WRONG = (400, {"message": "Invalid OTP", "code": "INVALID_OTP"})
EXPIRED = (400, {"message": "OTP expired", "code": "OTP_EXPIRED"})
SPENT = (403, {"message": "Too many attempts", "code": "TOO_MANY_ATTEMPTS"})
KINDS = ["sign-in", "email-verification", "forget-password"]
handed_over: list[dict[str, Any]] = []


def take_code(**message: Any) -> None:
    """A sender of the host's."""
    handed_over.append(message)


def post(browser: ApiClient, path: str, **body: Any) -> tuple[int, Any]:
    return answered(browser.api("POST", path, body))


def send(browser: ApiClient, kind: str = "sign-in", email: str = EMAIL) -> tuple[int, Any]:
    return post(browser, "/email-otp/send-verification-otp", email=email, type=kind)


def check(browser: ApiClient, otp: str, kind: str = "sign-in", email: str = EMAIL) -> tuple[int, Any]:
    return post(browser, "/email-otp/check-verification-otp", email=email, type=kind, otp=otp)


def sign_in(browser: ApiClient, otp: str, **more: Any) -> Any:
    return browser.api("POST", "/sign-in/email-otp", {"email": EMAIL, "otp": otp, **more})


def other_than(code: str) -> str:
    return "000000" if code != "000000" else "000001"


@pytest.fixture
def ann(make_user: MakeUser) -> UserRecord:
    return make_user(email_verified=True)


class TestSending:
    @pytest.mark.usefixtures("ann")
    @pytest.mark.parametrize("kind", KINDS)
    def test_a_code_of_six_digits_is_mailed_and_kept_nowhere(
        self, browser: ApiClient, mails: Mails, kind: str
    ) -> None:
        assert send(browser, kind, "Ann@Example.com") == DONE
        (mail,) = mails()
        code = code_in(mail)
        assert (mail.to, len(code)) == ([EMAIL], 6)
        row = Verification.objects.get()
        assert all(code not in str(value) for value in (row.digest, row.payload, row.subject))
        entry = AuditEntry.objects.get()
        assert (entry.event_type, entry.details) == ("code_requested", {"type": kind})
        assert check(browser, code, kind) == DONE

    @pytest.mark.parametrize("kind", KINDS[1:])
    def test_strangers_get_none(self, browser: ApiClient, mails: Mails, kind: str) -> None:
        assert send(browser, kind) == DONE
        assert mails() == []

    def test_nor_to_sign_in_where_codes_sign_nobody_up(
        self, browser: ApiClient, mails: Mails, configure: Configure
    ) -> None:
        configure(EMAIL_OTP={"DISABLE_SIGN_UP": True})
        assert send(browser) == DONE
        assert mails() == []

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ({"email": "nobody", "type": "sign-in"}, refusal("INVALID_EMAIL")),
            ({"email": EMAIL, "type": "change-email"}, {"message": "Invalid OTP type"}),
            (
                {"email": 5, "type": "other"},
                invalid(
                    "[body.email] Invalid input: expected string, received number",
                    '[body.type] Invalid option: expected one of "email-verification"|"sign-in"|'
                    '"forget-password"|"change-email"',
                ),
            ),
        ],
    )
    def test_bad_input_is_refused(self, browser: ApiClient, mails: Mails, body: Any, expected: Any) -> None:
        assert post(browser, "/email-otp/send-verification-otp", **body) == (400, expected)
        assert (mails(), Verification.objects.count()) == ([], 0)

    def test_no_foreign_page_may_ask(self, new_browser: Callable[..., ApiClient]) -> None:
        browser = new_browser(headers={"origin": "https://evil.example"})
        assert send(browser) == (403, refusal("INVALID_ORIGIN"))

    def test_a_sender_of_the_hosts_gets_it(
        self, browser: ApiClient, configure: Configure, mails: Mails
    ) -> None:
        configure(EMAIL_OTP={"SENDER": f"{__name__}.take_code", "LENGTH": 8})
        handed_over.clear()
        send(browser)
        assert mails() == []
        (message,) = handed_over
        assert (message["email"], message["type"], len(message["otp"])) == (EMAIL, "sign-in", 8)
        assert sign_in(browser, message["otp"]).status_code == 200

    def test_a_code_for_host_code_to_hand_over(self, browser: ApiClient, mails: Mails) -> None:
        code = codes.create(CodeKind.SIGN_IN, EMAIL)
        assert mails() == []
        assert sign_in(browser, code).status_code == 200

    def test_switched_off_it_is_not_there(self, browser: ApiClient, configure: Configure) -> None:
        configure(FEATURES=["bearer"])
        assert send(browser)[0] == 404
        assert sign_in(browser, "123456").status_code == 404


class TestGuessing:
    """Whether somebody has the address or not, guesses are answered alike, and run out."""

    @pytest.fixture(params=["known", "unknown"])
    def asked(self, request: pytest.FixtureRequest, make_user: MakeUser) -> bool:
        if request.param == "known":
            make_user(email_verified=True)
        return bool(request.param == "known")

    @pytest.mark.usefixtures("asked")
    @pytest.mark.parametrize("kind", KINDS)
    def test_three_wrong_ones_end_a_code(self, browser: ApiClient, kind: str) -> None:
        assert check(browser, "x", kind) == WRONG
        send(browser, kind)
        answers = [check(browser, "not-the-code", kind) for _ in range(5)]
        assert answers == [WRONG, WRONG, WRONG, SPENT, WRONG]

    def test_the_right_one_comes_too_late_then(
        self, browser: ApiClient, asked: bool, mailed_code: Mailed
    ) -> None:
        send(browser)
        code = mailed_code()
        for _ in range(3):
            assert answered(sign_in(browser, other_than(code))) == WRONG
        assert answered(sign_in(browser, code)) == SPENT
        assert answered(sign_in(browser, code)) == WRONG
        assert not Session.objects.exists()

    @pytest.mark.usefixtures("asked")
    @pytest.mark.parametrize("kind", KINDS)
    def test_it_expires(self, browser: ApiClient, frozen_time: Any, kind: str) -> None:
        send(browser, kind)
        frozen_time.advance(seconds=300)
        assert [check(browser, "123456", kind) for _ in range(2)] == [EXPIRED, WRONG]

    @pytest.mark.usefixtures("asked")
    def test_new_codes_bring_no_new_guesses(self, browser: ApiClient, configure: Configure) -> None:
        configure(
            RATE_LIMIT={"ENABLED": True, "FAILED_SIGN_INS": 5, "RULES": ["/email-otp* off", "/sign-in* off"]}
        )
        counters.reset()
        answers = []
        for spelling in (EMAIL, "Ann@example.com", "ANN@EXAMPLE.COM", EMAIL):
            send(browser, "email-verification", spelling)
            answers += [check(browser, "x", "email-verification", spelling)[0] for _ in range(2)]
        assert answers == [400] * 5 + [429] * 3
        assert sign_in(browser, "x").status_code == 429
        assert post(browser, "/email-otp/verify-email", email=EMAIL, otp="x")[0] == 429
        body = {"email": EMAIL, "otp": "x", "password": NEW_PASSWORD}
        assert post(browser, "/email-otp/reset-password", **body)[0] == 429
        # A password is another thing.
        assert browser.sign_in(password="wrong password").status_code == 401

    @pytest.mark.usefixtures("ann")
    def test_nobody_is_locked_out_of_a_device_of_theirs(
        self,
        browser: ApiClient,
        new_browser: Callable[..., ApiClient],
        configure: Configure,
        mailed_code: Mailed,
    ) -> None:
        configure(
            RATE_LIMIT={"ENABLED": True, "FAILED_SIGN_INS": 2, "RULES": ["/email-otp* off", "/sign-in* off"]}
        )
        counters.reset()
        browser.sign_in()
        assert [sign_in(new_browser(), "x").status_code for _ in range(3)] == [400, 400, 429]
        send(browser)
        assert sign_in(browser, mailed_code()).status_code == 200

    def test_each_refusal_leaves_an_entry(self, browser: ApiClient, ann: UserRecord) -> None:
        sign_in(browser, "x")
        check(browser, "x", "email-verification")
        entries = AuditEntry.objects.order_by("id").values_list("event_type", "subject_id", "details")
        assert not AuditEntry.objects.filter(success=True).exists()
        assert list(entries) == [
            ("sign_in", ann.id, {"reason": "no_code", "type": "sign-in"}),
            ("code_check", ann.id, {"reason": "no_code", "type": "email-verification"}),
        ]

    def test_the_routes_have_the_protocols_limits(self, browser: ApiClient, configure: Configure) -> None:
        configure(RATE_LIMIT={"ENABLED": True, "FAILED_SIGN_INS": 99})
        counters.reset()
        assert [sign_in(browser, "x").status_code for _ in range(4)] == [400, 400, 400, 429]
        assert [check(browser, "x")[0] for _ in range(4)] == [400, 400, 400, 429]

    @pytest.mark.usefixtures("ann")
    @pytest.mark.parametrize("kind", ["email-verification", "forget-password"])
    def test_a_code_is_for_one_thing_alone(self, browser: ApiClient, mailed_code: Mailed, kind: str) -> None:
        send(browser, kind)
        assert answered(sign_in(browser, mailed_code())) == WRONG

    @pytest.mark.parametrize(
        "otp", ["", "1" * 100_000, "\uff11\uff12\uff13\uff14", "123456\n", " 123456", "😀"]
    )
    def test_odd_texts_are_wrong_codes(self, browser: ApiClient, otp: str) -> None:
        send(browser)
        assert answered(sign_in(browser, otp)) == WRONG
        assert sign_in(browser, "1\x00").status_code == 400


class TestSigningIn:
    def test_somebody_known(self, browser: ApiClient, ann: UserRecord, mailed_code: Mailed) -> None:
        send(browser)
        code = mailed_code()
        response = sign_in(browser, code, email="ANN@example.com", name="Somebody else")
        body = response.json()
        assert (response.status_code, set(body)) == (200, {"token", "user"})
        assert body["token"] == protocol.token_in_cookie(response)
        assert (body["user"]["id"], body["user"]["name"]) == (ann.id, "Ann")
        assert browser.session()["user"] == body["user"]
        assert Session.objects.get().auth_method == "email_otp"
        assert answered(sign_in(browser, code)) == WRONG

    def test_a_stranger_with_what_they_say_of_themselves(
        self, browser: ApiClient, configure: Configure, mailed_code: Mailed
    ) -> None:
        configure(
            USER={
                "ADDITIONAL_FIELDS": {
                    "plan": {"type": "string", "required": True},
                    "credit": {"type": "number", "input": False},
                }
            }
        )
        send(browser)
        code = mailed_code()
        missing = {"message": "plan is required", "code": "MISSING_FIELD"}
        assert answered(sign_in(browser, code)) == (400, missing)
        assert sign_in(browser, code, plan="pro", credit=9).json()["code"] == "FIELD_NOT_ALLOWED"
        # What was refused has spent nothing.
        user = sign_in(browser, code, plan="pro", name="Ann", image="/a.png", username="Ann.L").json()["user"]
        assert (user["plan"], user["name"], user["image"]) == ("pro", "Ann", "/a.png")
        assert (user["username"], user["emailVerified"], user["role"]) == ("ann.l", True, "user")
        send(browser)
        assert sign_in(browser, mailed_code()).json()["user"]["id"] == user["id"]

    def test_a_newer_code_voids_the_older(self, browser: ApiClient, mailed_code: Mailed) -> None:
        send(browser)
        older = mailed_code()
        send(browser)
        if older != mailed_code():
            assert answered(sign_in(browser, older)) == WRONG
        assert sign_in(browser, mailed_code()).status_code == 200

    def test_who_never_proved_the_address_loses_what_they_had(
        self, browser: ApiClient, new_browser: Callable[..., ApiClient], mailed_code: Mailed
    ) -> None:
        squatter = new_browser()
        squatter.sign_up()
        send(browser)
        assert sign_in(browser, mailed_code()).json()["user"]["emailVerified"] is True
        assert (squatter.session(), squatter.sign_in().status_code) == (None, 401)

    def test_a_ban_is_told_and_spends_nothing(
        self, browser: ApiClient, make_user: MakeUser, mailed_code: Mailed
    ) -> None:
        ann = make_user(banned=True)
        send(browser)
        code = mailed_code()
        response = sign_in(browser, code)
        assert (response.status_code, response.json()["code"], set_cookies(response)) == (
            403,
            "BANNED_USER",
            {},
        )
        users.update(ann, banned=False)
        assert sign_in(browser, code).status_code == 200

    def test_a_body_of_another_shape_is_refused(self, browser: ApiClient) -> None:
        assert post(browser, "/sign-in/email-otp", email=EMAIL, otp=5, name=[]) == (
            400,
            invalid(
                "[body.otp] Invalid input: expected string, received number",
                "[body.name] Invalid input: expected string, received array",
            ),
        )


class TestVerifying:
    @pytest.fixture
    def signed_up(self, browser: ApiClient) -> ApiClient:
        browser.sign_up()
        return browser

    def test_the_address_is_proven_and_the_session_stays(
        self, signed_up: ApiClient, mailed_code: Mailed
    ) -> None:
        before = signed_up.session()
        send(signed_up, "email-verification")
        status, body = post(signed_up, "/email-otp/verify-email", email=EMAIL, otp=mailed_code())
        assert (status, body["status"], body["token"]) == (200, True, None)
        assert body["user"]["emailVerified"] is True
        after = signed_up.session()
        assert (after["session"]["token"], after["user"]) == (before["session"]["token"], body["user"])
        assert signed_up.sign_in().status_code == 200

    @pytest.mark.usefixtures("signed_up")
    def test_it_can_sign_in(
        self, new_browser: Callable[..., ApiClient], configure: Configure, mailed_code: Mailed
    ) -> None:
        configure(EMAIL_VERIFICATION={"AUTO_SIGN_IN": True})
        other = new_browser()
        send(other, "email-verification")
        _, body = post(other, "/email-otp/verify-email", email=EMAIL, otp=mailed_code())
        assert other.session()["session"]["token"] == body["token"]

    @pytest.mark.parametrize(
        ("parts", "subjects"),
        [
            ({}, []),
            ({"EMAIL_OTP": {"SEND_ON_SIGN_UP": True}}, ["code"]),
            (
                {"EMAIL_OTP": {"SEND_ON_SIGN_UP": True}, "EMAIL_VERIFICATION": {"SEND_ON_SIGN_UP": True}},
                ["link", "code"],
            ),
            (
                {
                    "EMAIL_OTP": {"OVERRIDE_EMAIL_VERIFICATION": True, "SEND_ON_SIGN_UP": True},
                    "EMAIL_VERIFICATION": {"SEND_ON_SIGN_UP": True},
                },
                ["code"],
            ),
        ],
    )
    def test_what_signing_up_mails(
        self, browser: ApiClient, configure: Configure, mails: Mails, parts: Any, subjects: list[str]
    ) -> None:
        configure(**parts)
        browser.sign_up()
        assert ["link" if "http" in mail.body else "code" for mail in mails()] == subjects
        if "code" in subjects:
            code = code_in(mails()[-1])
            assert post(browser, "/email-otp/verify-email", email=EMAIL, otp=code)[0] == 200

    def test_codes_can_replace_every_link(
        self, signed_up: ApiClient, configure: Configure, mails: Mails
    ) -> None:
        configure(EMAIL_OTP={"OVERRIDE_EMAIL_VERIFICATION": True})
        for email in (EMAIL, "nobody@example.com"):
            assert post(ApiClient(), "/send-verification-email", email=email) == (200, {"status": True})
        (mail,) = mails()
        assert check(signed_up, code_in(mail), "email-verification") == DONE

    def test_a_code_for_a_user_who_has_gone_is_told(self, browser: ApiClient, mailed_code: Mailed) -> None:
        send(browser)  # to a stranger, whom it would sign up
        assert check(browser, mailed_code()) == (400, refusal("USER_NOT_FOUND"))


class TestResetting:
    def reset(self, browser: ApiClient, otp: str, password: str = NEW_PASSWORD) -> tuple[int, Any]:
        return post(browser, "/email-otp/reset-password", email=EMAIL, otp=otp, password=password)

    @pytest.mark.parametrize("path", ["/email-otp/request-password-reset", "/forget-password/email-otp"])
    def test_the_password_is_set_and_the_address_proven(
        self, browser: ApiClient, make_user: MakeUser, mailed_code: Mailed, path: str
    ) -> None:
        make_user()
        assert post(browser, path, email="Ann@Example.com") == DONE
        code = mailed_code()
        assert self.reset(browser, code) == DONE
        assert (browser.session(), browser.sign_in().status_code) == (None, 401)
        assert browser.sign_in(password=NEW_PASSWORD).json()["user"]["emailVerified"] is True
        assert self.reset(browser, code) == WRONG

    def test_strangers_are_answered_alike_and_mailed_nothing(self, browser: ApiClient, mails: Mails) -> None:
        assert post(browser, "/email-otp/request-password-reset", email=EMAIL) == DONE
        assert mails() == []
        assert self.reset(browser, "123456") == WRONG

    @pytest.mark.usefixtures("ann")
    def test_a_refused_password_leaves_the_code_usable(
        self, browser: ApiClient, configure: Configure, mailed_code: Mailed
    ) -> None:
        configure(PASSWORD={"REFUSE_COMMON": True})
        post(browser, "/email-otp/request-password-reset", email=EMAIL)
        code = mailed_code()
        for password, refused in [
            ("short", "PASSWORD_TOO_SHORT"),
            ("x" * 129, "PASSWORD_TOO_LONG"),
            ("password123", "PASSWORD_COMPROMISED"),
        ]:
            for _ in range(4):
                assert self.reset(browser, code, password) == (400, refusal(refused))
        assert self.reset(browser, code) == DONE

    def test_somebody_without_a_password_gets_one(self, browser: ApiClient, mailed_code: Mailed) -> None:
        users.create(email=EMAIL, name="Ann", email_verified=True)
        post(browser, "/email-otp/request-password-reset", email=EMAIL)
        assert self.reset(browser, mailed_code()) == DONE
        assert browser.sign_in(password=NEW_PASSWORD).status_code == 200

    @pytest.mark.usefixtures("ann")
    @pytest.mark.parametrize("revokes", [False, True])
    def test_sessions_end_only_where_the_settings_say_so(
        self, browser: ApiClient, configure: Configure, mailed_code: Mailed, revokes: bool
    ) -> None:
        configure(EMAIL_PASSWORD={"REVOKE_SESSIONS_ON_RESET": revokes})
        browser.sign_in()
        post(browser, "/email-otp/request-password-reset", email=EMAIL)
        self.reset(ApiClient(), mailed_code())
        assert (browser.session() is None) is revokes

    @pytest.mark.usefixtures("ann")
    def test_another_change_of_the_password_voids_the_code(
        self, browser: ApiClient, mailed_code: Mailed
    ) -> None:
        post(browser, "/email-otp/request-password-reset", email=EMAIL)
        code = mailed_code()
        browser.sign_in()
        post(browser, "/change-password", currentPassword=PASSWORD, newPassword="another password")
        assert self.reset(browser, code) == WRONG

    @pytest.mark.usefixtures("ann")
    def test_it_can_be_switched_off(self, browser: ApiClient, configure: Configure, mails: Mails) -> None:
        configure(EMAIL_PASSWORD={"RESET_ENABLED": False})
        refused = (400, refusal("RESET_PASSWORD_DISABLED"))
        assert post(browser, "/email-otp/request-password-reset", email=EMAIL) == refused
        assert send(browser, "forget-password") == refused
        assert mails() == []

    @pytest.mark.parametrize("path", ["/email-otp/request-password-reset", "/forget-password/email-otp"])
    def test_an_address_that_is_none_is_told(self, browser: ApiClient, path: str) -> None:
        assert post(browser, path, email="nobody") == (400, refusal("INVALID_EMAIL"))


class TestChangingTheAddress:
    @pytest.fixture
    def signed_in(self, browser: ApiClient, ann: UserRecord, configure: Configure) -> ApiClient:
        configure(EMAIL_OTP={"CHANGE_EMAIL": True})
        browser.sign_in()
        return browser

    def request(self, browser: ApiClient, new_email: str = NEW, **more: Any) -> tuple[int, Any]:
        return post(browser, "/email-otp/request-email-change", newEmail=new_email, **more)

    def change(self, browser: ApiClient, otp: str, new_email: str = NEW) -> Any:
        return browser.api("POST", "/email-otp/change-email", {"newEmail": new_email, "otp": otp})

    def test_the_code_goes_to_the_new_address_and_changes_it(
        self, signed_in: ApiClient, mails: Mails
    ) -> None:
        assert self.request(signed_in, "New@Example.com") == DONE
        (mail,) = mails()
        assert mail.to == [NEW]
        assert answered(self.change(signed_in, other_than(code_in(mail)))) == WRONG
        response = self.change(signed_in, code_in(mail), "NEW@example.com")
        assert answered(response) == DONE
        assert protocol.SESSION_TOKEN in set_cookies(response)
        user = signed_in.session()["user"]
        assert (user["email"], user["emailVerified"]) == (NEW, True)
        assert answered(self.change(signed_in, code_in(mail), "third@example.com")) == WRONG

    def test_one_that_is_taken_is_answered_alike_and_gets_no_mail(
        self, signed_in: ApiClient, make_user: MakeUser, mails: Mails
    ) -> None:
        make_user(NEW)
        assert self.request(signed_in) == DONE
        assert mails() == []
        answers = [answered(self.change(signed_in, "x")) for _ in range(5)]
        assert answers == [WRONG, WRONG, WRONG, SPENT, WRONG]

    def test_one_taken_meanwhile_is_told(
        self, signed_in: ApiClient, make_user: MakeUser, mailed_code: Mailed
    ) -> None:
        self.request(signed_in)
        code = mailed_code()
        make_user(NEW)
        assert answered(self.change(signed_in, code)) == (400, {"message": "Email already in use"})
        assert answered(self.change(signed_in, code)) == WRONG
        assert signed_in.session()["user"]["email"] == EMAIL

    def test_somebody_elses_code_will_not_do(
        self, signed_in: ApiClient, make_user: MakeUser, mailed_code: Mailed
    ) -> None:
        self.request(signed_in)
        make_user("eve@example.com")
        eve = ApiClient()
        eve.sign_in("eve@example.com")
        assert answered(self.change(eve, mailed_code())) == WRONG

    def test_the_present_address_may_have_to_agree(
        self, signed_in: ApiClient, configure: Configure, mailed_code: Mailed, mails: Mails
    ) -> None:
        configure(EMAIL_OTP={"VERIFY_CURRENT_EMAIL": True})
        wanted = (400, {"message": "OTP is required to verify current email"})
        assert self.request(signed_in) == wanted
        assert self.request(signed_in, otp="x") == WRONG
        send(signed_in, "email-verification")
        assert self.request(signed_in, otp=mailed_code()) == DONE
        assert mails()[-1].to == [NEW]
        assert answered(self.change(signed_in, mailed_code())) == DONE

    @pytest.mark.parametrize(
        ("email", "message"), [("nobody", "Invalid email"), ("ANN@example.com", "Email is the same")]
    )
    def test_what_cannot_be_is_refused(self, signed_in: ApiClient, email: str, message: str) -> None:
        assert self.request(signed_in, email)[1]["message"] == message
        assert self.change(signed_in, "x", email).json()["message"] == message

    def test_it_is_off_unless_the_settings_say_otherwise(self, browser: ApiClient, ann: UserRecord) -> None:
        browser.sign_in()
        off = (400, {"message": "Change email with OTP is disabled"})
        assert self.request(browser, "nobody") == off
        assert answered(self.change(browser, "x")) == off

    def test_nobody_signed_out_may(self, browser: ApiClient) -> None:
        assert self.request(browser) == (401, refusal("UNAUTHORIZED"))
        assert answered(self.change(browser, "x")) == (401, refusal("UNAUTHORIZED"))

    def test_nobody_does_it_in_anothers_name(
        self, signed_in: ApiClient, make_user: MakeUser, ann: UserRecord
    ) -> None:
        make_user("root@example.com", role="admin")
        admin = ApiClient()
        admin.sign_in("root@example.com")
        admin.api("POST", "/admin/impersonate-user", {"userId": ann.id})
        assert self.request(admin)[1]["code"] == "NOT_ALLOWED_WHILE_IMPERSONATING"


def test_nothing_is_left_of_a_user_but_what_they_chose(browser: ApiClient, mailed_code: Mailed) -> None:
    """Somebody who came by a code has no password, and no account of any kind."""
    send(browser)
    sign_in(browser, mailed_code())
    ann = users.find_by_email(EMAIL)
    assert ann is not None
    assert not passwords.has_password(ann)
    assert browser.api("GET", "/list-accounts").json() == []
    assert get_user_model().objects.count() == 1
