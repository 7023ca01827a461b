"""Begin with a second factor, look at it again, give it up (two-factor.md, section 3)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from better_auth import passwords, users
from better_auth.models import AuditEntry, BackupCode, Session, TwoFactor
from better_auth.storage.records import UserRecord
from tests.better_auth.features.two_factor.conftest import Person
from tests.conftest import PASSWORD, ApiClient
from tests.protocol import answered, refusal

pytestmark = pytest.mark.django_db
Configure = Callable[..., None]


def events(kind: str) -> list[dict[str, Any]]:
    return list(AuditEntry.objects.filter(event_type=kind).order_by("id").values_list("details", flat=True))


class TestEnabling:
    def test_nothing_changes_before_a_code_is_shown(self, ann: Person) -> None:
        shown = ann.enable().json()
        assert shown["totpURI"].startswith("otpauth://totp/Better%20Auth:ann%40example.com?secret=")
        assert len(shown["backupCodes"]) == 10
        assert all(re.fullmatch(r"\w{5}-\w{5}", code) for code in shown["backupCodes"])
        assert ann.browser.session()["user"]["twoFactorEnabled"] is False
        elsewhere = ann.new_browser()
        assert "token" in elsewhere.sign_in().json()

    def test_the_first_code_turns_it_on_and_replaces_the_session(self, ann: Person) -> None:
        ann.enable()
        before = ann.browser.session()["session"]["token"]
        answer = ann.post("verify-totp", code=ann.code())
        shown = ann.browser.session()
        assert answer.status_code == 200
        assert answer.json() == {"token": shown["session"]["token"], "user": shown["user"]}
        assert shown["user"]["twoFactorEnabled"] is True
        assert shown["session"]["token"] != before
        assert Session.objects.get().second_factor == "totp"
        assert events("two_factor_enabled") == [{"factor": "totp"}]

    def test_it_rests_sealed_and_hashed(self, enrolled: Person) -> None:
        row = TwoFactor.objects.get()
        assert enrolled.app is not None
        assert enrolled.app.key.decode() not in row.secret
        kept = "".join(BackupCode.objects.values_list("digest", flat=True))
        assert not any(code in kept for code in enrolled.codes)
        told = str(list(AuditEntry.objects.values()))
        assert not any(secret in told for secret in (enrolled.app.key.decode(), *enrolled.codes))

    def test_a_wrong_first_code_leaves_it_off(self, ann: Person) -> None:
        ann.enable()
        assert answered(ann.post("verify-totp", code=ann.wrong_code())) == (401, refusal("INVALID_CODE"))
        assert ann.browser.session()["user"]["twoFactorEnabled"] is False

    def test_beginning_anew_replaces_what_was_not_finished(self, ann: Person) -> None:
        ann.enable()
        former, former_codes = ann.code(), ann.codes
        ann.enable()
        assert ann.post("verify-totp", code=former).status_code == 401
        assert ann.post("verify-backup-code", code=former_codes[0]).status_code == 401
        assert ann.post("verify-totp", code=ann.code()).status_code == 200

    def test_what_is_on_is_not_replaced(self, enrolled: Person) -> None:
        before = TwoFactor.objects.get().secret
        assert answered(enrolled.enable()) == (400, refusal("TOTP_ALREADY_ENABLED"))
        assert TwoFactor.objects.get().secret == before

    def test_the_password_is_wanted(self, ann: Person) -> None:
        assert answered(ann.enable(password="wrong password")) == (400, refusal("INVALID_PASSWORD"))
        answer = ann.browser.api("POST", "/two-factor/enable", {})
        assert (
            answer.json()["message"] == "[body.password] Invalid input: expected string, received undefined"
        )
        assert not TwoFactor.objects.exists()

    def test_a_picture_on_demand(self, ann: Person) -> None:
        shown = ann.enable(qrCode=True).json()
        assert shown["totpQRCode"].startswith("data:image/svg+xml")
        again = ann.post("get-totp-uri", password=PASSWORD, qrCode=True).json()
        assert again == {"totpURI": shown["totpURI"], "totpQRCode": shown["totpQRCode"]}

    def test_issuer_digits_and_period(self, ann: Person, configure: Configure) -> None:
        configure(TWO_FACTOR={"DIGITS": 8, "PERIOD": 60, "ISSUER": "Shop"})
        uri = ann.enable().json()["totpURI"]
        assert uri.startswith("otpauth://totp/Shop:")
        assert uri.endswith("&issuer=Shop&digits=8&period=60")
        assert ann.post("verify-totp", code=ann.code()).status_code == 200

    def test_effective_at_once_where_the_settings_say_so(self, ann: Person, configure: Configure) -> None:
        configure(TWO_FACTOR={"SKIP_VERIFICATION_ON_ENABLE": True})
        ann.enable()
        assert ann.browser.session()["user"]["twoFactorEnabled"] is True
        assert (
            ann.challenged().api("POST", "/two-factor/verify-totp", {"code": ann.code()}).status_code == 200
        )

    @pytest.mark.parametrize("body", [{"password": 1}, {"password": PASSWORD, "method": "sms"}, [], None])
    def test_other_bodies_are_refused(self, ann: Person, body: Any) -> None:
        answer = ann.browser.api("POST", "/two-factor/enable", body)
        assert answer.json()["code"] == "VALIDATION_ERROR"

    def test_switched_off_nobody_can_tell_it_from_nothing(self, ann: Person, configure: Configure) -> None:
        configure(TWO_FACTOR={"TOTP": False, "OTP": False})
        assert ann.enable().json() == {"code": "TOTP_NOT_CONFIGURED", "message": "TOTP is not available"}
        assert ann.enable(method="otp").json()["code"] == "OTP_NOT_CONFIGURED"
        configure(FEATURES=["bearer"])
        assert ann.post("enable", password=PASSWORD).status_code == 404


class TestByMail:
    def test_it_is_on_at_once_and_a_code_comes_by_mail(
        self, ann: Person, mails: Callable[[], list[Any]], commits: None
    ) -> None:
        assert ann.enable(method="otp").json() == {"method": "otp"}
        assert ann.browser.session()["user"]["twoFactorEnabled"] is True
        answer = ann.new_browser().sign_in().json()
        assert answer == {"twoFactorRedirect": True, "twoFactorMethods": ["otp"]}
        browser = ann.challenged()
        assert browser.api("POST", "/two-factor/send-otp").json() == {"status": True}
        code = re.search(r"^\d{6}$", mails()[-1].body, re.MULTILINE)
        assert code is not None
        assert browser.api("POST", "/two-factor/verify-otp", {"code": code[0]}).status_code == 200
        assert browser.session()["user"]["email"] == ann.user.email

    def test_an_app_may_follow(self, ann: Person) -> None:
        ann.enable(method="otp")
        token = ann.browser.session()["session"]["token"]
        ann.enable()
        assert ann.post("verify-totp", code=ann.code()).json()["token"] == token
        answer = ann.new_browser().sign_in().json()
        assert answer["twoFactorMethods"] == ["totp", "otp"]

    def test_a_mailed_code_turns_it_on(
        self, ann: Person, mails: Callable[[], list[Any]], commits: None
    ) -> None:
        ann.post("send-otp")
        code = re.search(r"^\d{6}$", mails()[-1].body, re.MULTILINE)
        assert code is not None
        shown = ann.post("verify-otp", code=code[0]).json()
        assert shown["user"]["twoFactorEnabled"] is True
        assert shown["token"] == ann.browser.session()["session"]["token"]


class TestDisabling:
    def test_nothing_of_it_is_left(self, enrolled: Person) -> None:
        trusting = enrolled.challenged()
        trusting.api("POST", "/two-factor/verify-totp", {"code": enrolled.code(), "trustDevice": True})
        waiting = enrolled.challenged()
        before = enrolled.browser.session()["session"]["token"]
        assert answered(enrolled.post("disable", password=PASSWORD)) == (200, {"status": True})
        shown = enrolled.browser.session()
        assert shown["user"]["twoFactorEnabled"] is False
        assert shown["session"]["token"] != before
        assert not TwoFactor.objects.exists()
        assert not BackupCode.objects.exists()
        assert waiting.api("POST", "/two-factor/send-otp").status_code == 401
        assert "token" in enrolled.new_browser().sign_in().json()
        assert events("two_factor_disabled") == [{}]

    def test_the_password_is_wanted(self, enrolled: Person) -> None:
        answer = enrolled.post("disable", password="wrong password")
        assert answered(answer) == (400, refusal("INVALID_PASSWORD"))
        assert TwoFactor.objects.exists()

    def test_a_trusted_device_is_trusted_no_more_when_it_is_on_again(self, enrolled: Person) -> None:
        trusting = enrolled.challenged()
        trusting.api("POST", "/two-factor/verify-totp", {"code": enrolled.code(), "trustDevice": True})
        trusting.api("POST", "/sign-out", {})
        enrolled.post("disable", password=PASSWORD)
        enrolled.enable()
        enrolled.post("verify-totp", code=enrolled.code())
        assert trusting.sign_in().json()["twoFactorRedirect"] is True


class TestWithoutAPassword:
    @pytest.fixture(autouse=True)
    def _passwordless(self, ann: Person) -> None:
        passwords.set_password(ann.user, "!")

    def test_it_is_refused(self, ann: Person) -> None:
        assert answered(ann.enable()) == (400, refusal("INVALID_PASSWORD"))

    def test_unless_the_settings_allow_it_and_the_session_is_fresh(
        self, ann: Person, configure: Configure
    ) -> None:
        configure(TWO_FACTOR={"ALLOW_PASSWORDLESS": True})
        assert ann.browser.api("POST", "/two-factor/enable", {}).status_code == 200
        ann.time.advance(days=2)
        answer = ann.browser.api("POST", "/two-factor/enable", {})
        assert answered(answer) == (403, refusal("SESSION_NOT_FRESH"))


class TestBackupCodes:
    def test_new_ones_void_the_old(self, enrolled: Person) -> None:
        former = enrolled.codes
        shown = enrolled.post("generate-backup-codes", password=PASSWORD).json()
        assert shown["status"] is True
        browser = enrolled.challenged()
        assert browser.api("POST", "/two-factor/verify-backup-code", {"code": former[0]}).status_code == 401
        fresh = shown["backupCodes"][0]
        assert browser.api("POST", "/two-factor/verify-backup-code", {"code": fresh}).status_code == 200
        assert events("backup_codes_replaced") == [{"count": 10}]

    def test_there_are_none_without_an_app(self, ann: Person) -> None:
        answer = ann.post("generate-backup-codes", password=PASSWORD)
        assert answered(answer) == (400, refusal("TWO_FACTOR_NOT_ENABLED"))
        ann.enable(method="otp")
        answer = ann.post("generate-backup-codes", password=PASSWORD)
        assert answered(answer) == (400, refusal("TWO_FACTOR_NOT_ENABLED"))
        answer = ann.post("verify-backup-code", code="x")
        assert answered(answer) == (400, refusal("BACKUP_CODES_NOT_ENABLED"))


@pytest.mark.parametrize("path", ["enable", "disable", "get-totp-uri", "generate-backup-codes"])
def test_only_who_is_signed_in(new_browser: Callable[..., ApiClient], db: None, path: str) -> None:
    answer = new_browser().api("POST", f"/two-factor/{path}", {"password": PASSWORD})
    assert answered(answer) == (401, refusal("UNAUTHORIZED"))


@pytest.mark.parametrize(
    "path", ["enable", "disable", "get-totp-uri", "generate-backup-codes", "verify-totp"]
)
def test_nobody_else_in_their_name(
    path: str, enrolled: Person, make_user: Callable[..., UserRecord], new_browser: Callable[..., ApiClient]
) -> None:
    admin = new_browser()
    users.update(make_user("root@example.com"), role="admin")
    admin.sign_in("root@example.com")
    answer = admin.api("POST", "/admin/impersonate-user", {"userId": enrolled.user.id})
    assert answer.status_code == 200, answer.content
    body = {"password": PASSWORD, "code": enrolled.code()}
    answer = admin.api("POST", f"/two-factor/{path}", body)
    assert answered(answer) == (403, refusal("NOT_ALLOWED_WHILE_IMPERSONATING"))
