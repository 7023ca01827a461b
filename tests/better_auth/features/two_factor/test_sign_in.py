"""The second step of a sign-in: what it wants, what it forgives, and what it never does (two-factor.md, 2 and
4; attacks.md, A11, B9, B10, B11, C10, E7)."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from better_auth import sealing, users
from better_auth.features.email_verification import codes
from better_auth.features.email_verification.codes import CodeKind
from better_auth.models import AuditEntry, Session, TwoFactor, Verification
from better_auth.storage.records import UserRecord
from tests.better_auth.features.two_factor.conftest import Person
from tests.conftest import PASSWORD, ApiClient
from tests.protocol import answered, refusal

pytestmark = pytest.mark.django_db
Configure = Callable[..., None]
COOKIE, TRUST = "better-auth.two_factor", "better-auth.trust_device"
SESSION_COOKIE = "better-auth.session_token"


def ages(answer: Any) -> dict[str, int | None]:
    """For how long the client keeps each cookie; None: as long as the browser runs."""
    found = {
        name: re.search(r"Max-Age=(\d+)", morsel.OutputString()) for name, morsel in answer.cookies.items()
    }
    return {name: int(age[1]) if age else None for name, age in found.items()}


def verify(browser: ApiClient, code: str, **more: Any) -> Any:
    return browser.api("POST", "/two-factor/verify-totp", {"code": code, **more})


def backup(browser: ApiClient, code: str, **more: Any) -> Any:
    return browser.api("POST", "/two-factor/verify-backup-code", {"code": code, **more})


def mailed_code(mails: Callable[[], list[Any]]) -> str:
    found = re.search(r"^\d{6}$", mails()[-1].body, re.MULTILINE)
    assert found is not None
    return found[0]


def failures() -> list[tuple[str, str]]:
    rows = AuditEntry.objects.filter(event_type="two_factor_failed", success=False).order_by("id")
    return [(row.details["factor"], row.details["reason"]) for row in rows]


class TestChallenge:
    def test_a_user_name_is_asked_as_an_address_and_a_proven_mailbox_is_not(self, enrolled: Person) -> None:
        users.update(enrolled.user, username="ann.l", email_verified=True)
        browser = enrolled.new_browser()
        body = {"username": "Ann.L", "password": PASSWORD}
        answer = browser.api("POST", "/sign-in/username", body)
        assert answered(answer) == (200, {"twoFactorRedirect": True, "twoFactorMethods": ["totp", "otp"]})
        assert browser.session() is None
        assert verify(browser, enrolled.code()).status_code == 200
        assert browser.session()["user"]["username"] == "ann.l"
        other, address = enrolled.new_browser(), enrolled.user.email
        body = {"email": address, "otp": codes.create(CodeKind.SIGN_IN, address)}
        assert set(other.api("POST", "/sign-in/email-otp", body).json()) == {"token", "user"}

    def test_the_password_alone_gives_nothing_that_opens_anything(self, enrolled: Person) -> None:
        before = Session.objects.count()
        browser = enrolled.new_browser()
        answer = browser.sign_in()
        assert answered(answer) == (200, {"twoFactorRedirect": True, "twoFactorMethods": ["totp", "otp"]})
        cookies = ages(answer)
        assert cookies[COOKIE] == 600
        assert "set-auth-token" not in answer.headers
        assert Session.objects.count() == before
        assert browser.session() is None
        assert browser.api("POST", "/update-user", {"name": "x"}).status_code == 401

    def test_a_session_of_somebody_else_in_this_browser_is_forgotten(
        self, enrolled: Person, make_user: Callable[..., UserRecord]
    ) -> None:
        make_user("bob@example.com")
        browser = enrolled.new_browser()
        browser.sign_in("bob@example.com")
        browser.sign_in()
        assert browser.session() is None

    def test_the_code_completes_it(self, enrolled: Person) -> None:
        browser = enrolled.challenged()
        answer = verify(browser, enrolled.code())
        shown = browser.session()
        assert answered(answer) == (200, {"token": shown["session"]["token"], "user": shown["user"]})
        cookies = ages(answer)
        assert cookies[COOKIE] == 0
        assert cookies[SESSION_COOKIE] == 604800
        entry = AuditEntry.objects.filter(event_type="sign_in").latest("id")
        assert (entry.auth_method, entry.details) == ("password", {"second_factor": "totp"})

    def test_what_was_not_to_be_remembered_is_not(self, enrolled: Person) -> None:
        browser = enrolled.challenged(rememberMe=False)
        cookies = ages(verify(browser, enrolled.code()))
        assert cookies[SESSION_COOKIE] is cookies["better-auth.dont_remember"] is None

    @pytest.mark.parametrize("cookie", ["", "x", "2fa-aaaaaaaaaaaaaaaaaaaa.x", "%00", "é"])
    def test_a_cookie_that_is_not_ours(self, enrolled: Person, cookie: str) -> None:
        browser = enrolled.new_browser()
        browser.cookies[COOKIE] = cookie
        for path in ("verify-totp", "verify-otp", "verify-backup-code", "send-otp"):
            answer = browser.api("POST", f"/two-factor/{path}", {"code": enrolled.present_code()})
            assert answered(answer) == (401, refusal("INVALID_TWO_FACTOR_COOKIE"))

    def test_another_signed_value_is_no_challenge(self, enrolled: Person) -> None:
        browser = enrolled.new_browser()
        browser.cookies[COOKIE] = enrolled.browser.cookies[SESSION_COOKIE].value
        assert verify(browser, enrolled.code()).status_code == 401

    def test_it_runs_out(self, enrolled: Person) -> None:
        browser = enrolled.challenged()
        enrolled.time.advance(seconds=601)
        answer = verify(browser, enrolled.code())
        assert answered(answer) == (401, refusal("INVALID_TWO_FACTOR_COOKIE"))

    def test_it_is_good_for_one_session(self, enrolled: Person) -> None:
        browser = enrolled.challenged()
        kept = browser.cookies[COOKIE].value
        assert verify(browser, enrolled.code()).status_code == 200
        other = enrolled.new_browser()
        other.cookies[COOKIE] = kept
        assert answered(verify(other, enrolled.code())) == (401, refusal("INVALID_TWO_FACTOR_COOKIE"))

    def test_another_persons_code_is_worth_nothing(
        self, enrolled: Person, make_user: Callable[..., UserRecord]
    ) -> None:
        bob = Person(make_user("bob@example.com"), enrolled.new_browser(), enrolled.time)
        bob.browser.sign_in("bob@example.com")
        bob.enable()
        bob.post("verify-totp", code=bob.code())
        browser = bob.challenged()
        assert verify(browser, enrolled.code()).status_code == 401
        assert backup(browser, enrolled.codes[0]).status_code == 401
        assert verify(browser, bob.code()).json()["user"]["id"] == bob.user.id

    def test_a_ban_in_between_shuts_out(self, enrolled: Person) -> None:
        browser = enrolled.challenged()
        users.update(enrolled.user, banned=True)
        assert verify(browser, enrolled.code()).status_code == 403
        answer = enrolled.new_browser().sign_in()
        assert answered(answer)[1]["code"] == "BANNED_USER"

    def test_a_new_password_in_between_ends_it(self, enrolled: Person) -> None:
        browser = enrolled.challenged()
        body = {"currentPassword": PASSWORD, "newPassword": "another long password"}
        assert enrolled.browser.api("POST", "/change-password", body).status_code == 200
        assert answered(verify(browser, enrolled.code())) == (401, refusal("INVALID_TWO_FACTOR_COOKIE"))

    def test_nobody_is_asked_where_the_feature_is_off(self, enrolled: Person, configure: Configure) -> None:
        configure(FEATURES=["bearer"])
        assert "token" in enrolled.new_browser().sign_in().json()

    def test_tokens_for_a_password_wait_for_it_too(self, enrolled: Person) -> None:
        browser = enrolled.new_browser()
        answer = browser.api("POST", "/token", {"email": enrolled.user.email, "password": PASSWORD})
        assert answer.json()["twoFactorRedirect"] is True
        assert "access_token" not in answer.json()
        assert verify(browser, enrolled.code()).status_code == 200


class TestReplay:
    def test_a_code_is_taken_once(self, enrolled: Person) -> None:
        code = enrolled.code()
        assert verify(enrolled.challenged(), code).status_code == 200
        assert answered(verify(enrolled.challenged(), code)) == (401, refusal("INVALID_CODE"))
        assert failures() == [("totp", "used_before")]

    def test_nor_one_of_a_step_before(self, enrolled: Person) -> None:
        former = enrolled.code()
        assert verify(enrolled.challenged(), enrolled.code()).status_code == 200
        assert verify(enrolled.challenged(), former).status_code == 401

    def test_the_code_of_the_enrolment_is_good_for_one_sign_in(self, enrolled: Person) -> None:
        code = enrolled.present_code()
        assert verify(enrolled.challenged(), code).status_code == 200
        assert verify(enrolled.challenged(), code).status_code == 401

    def test_somebody_signed_in_spends_it_too(self, enrolled: Person) -> None:
        code = enrolled.code()
        assert enrolled.post("verify-totp", code=code).status_code == 200
        assert verify(enrolled.challenged(), code).status_code == 401


class TestGuessing:
    def test_a_password_is_good_for_five_guesses(self, enrolled: Person) -> None:
        browser = enrolled.challenged()
        wrong = enrolled.wrong_code()
        statuses = [verify(browser, wrong).status_code for _ in range(3)]
        statuses += [backup(browser, "aaaaa-aaaaa").status_code for _ in range(2)]
        assert statuses == [401] * 5
        answer = verify(browser, enrolled.code())
        assert answered(answer) == (400, refusal("TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE"))
        assert ages(answer)[COOKIE] == 0
        assert verify(browser, enrolled.code()).status_code == 401
        assert failures()[0] == ("totp", "wrong_code")

    def test_ten_in_a_row_lock_the_account_whatever_the_challenge(
        self, enrolled: Person, mails: Callable[[], list[Any]], commits: None
    ) -> None:
        wrong = enrolled.wrong_code()
        first, second, third = enrolled.challenged(), enrolled.challenged(), enrolled.challenged()
        for browser, tries in ((first, 4), (second, 4)):
            for _ in range(tries):
                verify(browser, wrong)
        third.api("POST", "/two-factor/send-otp")
        right = mailed_code(mails)
        not_it = "000000" if right != "000000" else "000001"
        for _ in range(2):
            third.api("POST", "/two-factor/verify-otp", {"code": not_it})
        locked = (429, refusal("ACCOUNT_TEMPORARILY_LOCKED"))
        assert answered(verify(enrolled.challenged(), enrolled.code())) == locked
        assert answered(third.api("POST", "/two-factor/verify-otp", {"code": right})) == locked
        assert answered(backup(first, enrolled.codes[0])) == locked
        assert AuditEntry.objects.filter(event_type="two_factor_locked").count() == 1
        enrolled.time.advance(seconds=901)
        assert verify(enrolled.challenged(), enrolled.code()).status_code == 200

    def test_a_right_code_forgives(self, enrolled: Person) -> None:
        for _ in range(4):
            browser = enrolled.challenged()
            for _ in range(4):
                verify(browser, enrolled.wrong_code())
            assert verify(browser, enrolled.code()).status_code == 200
        assert TwoFactor.objects.get().failed_count == 0

    def test_who_is_signed_in_may_not_guess_without_end_either(self, enrolled: Person) -> None:
        wrong = enrolled.wrong_code()
        statuses = [enrolled.post("verify-totp", code=wrong).status_code for _ in range(11)]
        assert statuses == [401] * 10 + [429]

    def test_nobody_is_locked_out_where_the_settings_say_so(
        self, enrolled: Person, configure: Configure
    ) -> None:
        configure(TWO_FACTOR={"LOCKOUT": False, "CHALLENGE_ATTEMPTS": 50})
        browser = enrolled.challenged()
        for _ in range(12):
            verify(browser, enrolled.wrong_code())
        assert verify(browser, enrolled.code()).status_code == 200

    @pytest.mark.parametrize("code", ["", " ", "x" * 100_000, "١٢٣٤٥٦", "\ud800", "\x00", 123456, None, {}])
    @pytest.mark.parametrize("path", ["verify-totp", "verify-otp", "verify-backup-code"])
    def test_hostile_codes_are_wrong_codes(self, enrolled: Person, path: str, code: Any) -> None:
        browser = enrolled.challenged()
        assert browser.api("POST", f"/two-factor/{path}", {"code": code}).status_code in (400, 401)


class TestMailedCodes:
    def test_a_code_works_once_and_for_three_minutes(
        self, enrolled: Person, mails: Callable[[], list[Any]], commits: None
    ) -> None:
        browser = enrolled.challenged()
        assert browser.api("POST", "/two-factor/send-otp", {}).json() == {"status": True}
        code = mailed_code(mails)
        assert code not in str(list(Verification.objects.values()))
        enrolled.time.advance(seconds=181)
        answer = browser.api("POST", "/two-factor/verify-otp", {"code": code})
        assert answered(answer) == (400, refusal("OTP_HAS_EXPIRED"))
        browser.api("POST", "/two-factor/send-otp")
        code = mailed_code(mails)
        assert browser.api("POST", "/two-factor/verify-otp", {"code": code}).status_code == 200
        answer = enrolled.challenged().api("POST", "/two-factor/verify-otp", {"code": code})
        assert answered(answer) == (400, refusal("OTP_HAS_EXPIRED"))
        assert TwoFactor.objects.get().failed_count == 0

    def test_it_bears_five_guesses_and_another_may_follow(
        self, enrolled: Person, mails: Callable[[], list[Any]], commits: None
    ) -> None:
        browser = enrolled.challenged()
        browser.api("POST", "/two-factor/send-otp")
        right = mailed_code(mails)
        wrong = {"code": "000000" if right != "000000" else "000001"}
        statuses = [browser.api("POST", "/two-factor/verify-otp", wrong).status_code for _ in range(5)]
        answer = browser.api("POST", "/two-factor/verify-otp", {"code": right})
        assert statuses == [401] * 5
        assert answered(answer) == (400, refusal("TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE"))
        browser.api("POST", "/two-factor/send-otp")
        answer = browser.api("POST", "/two-factor/verify-otp", {"code": mailed_code(mails)})
        assert answer.status_code == 200

    def test_a_code_is_for_the_browser_that_asked(
        self, enrolled: Person, mails: Callable[[], list[Any]], commits: None
    ) -> None:
        enrolled.challenged().api("POST", "/two-factor/send-otp")
        answer = enrolled.challenged().api("POST", "/two-factor/verify-otp", {"code": mailed_code(mails)})
        assert answered(answer) == (400, refusal("OTP_HAS_EXPIRED"))


class TestBackupCodes:
    def test_each_is_good_for_once(self, enrolled: Person) -> None:
        assert backup(enrolled.challenged(), enrolled.codes[0]).status_code == 200
        answer = backup(enrolled.challenged(), enrolled.codes[0])
        assert answered(answer) == (401, refusal("INVALID_BACKUP_CODE"))
        assert backup(enrolled.challenged(), enrolled.codes[1]).status_code == 200
        assert Session.objects.filter(second_factor="backup_code").count() == 2

    def test_without_a_session(self, enrolled: Person) -> None:
        before = Session.objects.count()
        browser = enrolled.challenged()
        answer = backup(browser, enrolled.codes[0], disableSession=True)
        assert set(answer.json()) == {"user"}
        assert SESSION_COOKIE not in ages(answer)
        assert Session.objects.count() == before
        answer = backup(browser, enrolled.codes[1])
        assert answered(answer) == (401, refusal("INVALID_TWO_FACTOR_COOKIE"))

    def test_a_guess_that_fails_ends_nothing(self, enrolled: Person) -> None:
        browser = enrolled.challenged()
        backup(browser, "aaaaa-aaaaa")
        assert backup(browser, enrolled.codes[0]).status_code == 200


class TestTrustedDevices:
    def test_a_device_is_asked_once_and_its_token_changes(self, enrolled: Person) -> None:
        browser = enrolled.challenged(rememberMe=False)
        answer = verify(browser, enrolled.code(), trustDevice=True)
        cookies = ages(answer)
        assert cookies[TRUST] == 2592000
        assert cookies["better-auth.dont_remember"] == 0
        first = browser.cookies[TRUST].value
        browser.api("POST", "/sign-out", {})
        answer = browser.sign_in()
        assert answer.json()["redirect"] is False
        assert browser.cookies[TRUST].value != first
        stolen = enrolled.new_browser()
        stolen.cookies[TRUST] = first
        answer = stolen.sign_in()
        assert answer.json()["twoFactorRedirect"] is True
        assert ages(answer)[TRUST] == 0

    def test_trust_is_no_password_and_no_second_factor(self, enrolled: Person) -> None:
        browser = enrolled.challenged()
        verify(browser, enrolled.code(), trustDevice=True)
        assert browser.sign_in(password="wrong password").status_code == 401
        browser.sign_in()
        assert Session.objects.latest("created_at", "id").second_factor in ("", "totp")
        assert Session.objects.filter(second_factor="").count() == 1

    def test_it_runs_out(self, enrolled: Person) -> None:
        browser = enrolled.challenged()
        verify(browser, enrolled.code(), trustDevice=True)
        enrolled.time.advance(days=31)
        assert browser.sign_in().json()["twoFactorRedirect"] is True

    def test_it_is_one_persons(self, enrolled: Person, make_user: Callable[..., UserRecord]) -> None:
        bob = Person(make_user("bob@example.com"), enrolled.new_browser(), enrolled.time)
        bob.browser.sign_in("bob@example.com")
        bob.enable()
        bob.post("verify-totp", code=bob.code())
        browser = enrolled.challenged()
        verify(browser, enrolled.code(), trustDevice=True)
        assert browser.sign_in("bob@example.com").json()["twoFactorRedirect"] is True

    def test_at_rest_is_a_digest(self, enrolled: Person) -> None:
        browser = enrolled.challenged()
        verify(browser, enrolled.code(), trustDevice=True)
        identifier = re.search(r"trust-device-[\w-]{32}", browser.cookies[TRUST].value)
        assert identifier is not None
        assert identifier[0] not in str(list(Verification.objects.values()))


class TestPrincipals:
    def test_a_session_remembers_its_second_factor(self, enrolled: Person) -> None:
        from better_auth.authentication.credentials import Credentials
        from better_auth.authentication.pipeline import authenticate_leniently
        from better_auth.zero_trust.policies import Strength
        from better_auth.zero_trust.verdicts import strength_of

        def strength(browser: ApiClient) -> Strength:
            jar = {name: morsel.value for name, morsel in browser.cookies.items()}
            principal = authenticate_leniently(Credentials(cookies=jar))
            assert principal is not None
            return strength_of(principal)

        browser = enrolled.challenged()
        verify(browser, enrolled.code(), trustDevice=True)
        assert strength(browser) is Strength.SECOND_FACTOR
        browser.sign_in()
        assert strength(browser) is Strength.PASSWORD
        verify(browser, enrolled.code())  # again, while signed in
        assert strength(browser) is Strength.SECOND_FACTOR


def test_factors_outlive_a_change_of_every_secret(enrolled: Person, configure: Configure) -> None:
    configure(SECRETS=["1:a-key-for-what-rests-0123456789-abcdefgh"])
    call_command("reencrypt_secrets", stdout=StringIO())
    configure(SECRET="another-secret-0123456789-abcdefghij")
    assert verify(enrolled.challenged(), enrolled.code()).status_code == 200
    assert backup(enrolled.challenged(), enrolled.codes[0]).status_code == 200


def test_a_secret_that_no_key_opens_leaves_the_mail(enrolled: Person, configure: Configure) -> None:
    configure(SECRETS=["1:another-secret-0123456789-abcdefghij"])
    TwoFactor.objects.update(secret=sealing.seal("x"))
    configure(SECRETS=[])
    browser = enrolled.new_browser()
    assert browser.sign_in().json()["twoFactorRedirect"] is True
    assert answered(verify(browser, enrolled.code())) == (400, refusal("TOTP_NOT_ENABLED"))
    assert browser.api("POST", "/two-factor/send-otp").status_code == 200
    assert answered(enrolled.enable()) == (400, refusal("TOTP_ALREADY_ENABLED"))


def test_whoever_was_anonymous_is_linked_by_the_second_step(enrolled: Person) -> None:
    """Not by the first: nobody has shown yet who they are."""
    browser = enrolled.new_browser()
    answer = browser.api("POST", "/sign-in/anonymous", {}).json()
    assert browser.sign_in(enrolled.user.email).json()["twoFactorRedirect"] is True
    assert users.find_by_id(answer["user"]["id"]) is not None
    code = {"code": enrolled.code()}
    assert browser.api("POST", "/two-factor/verify-totp", code).status_code == 200
    assert users.find_by_id(answer["user"]["id"]) is None
