"""Reset and sign-up with an address that waits in the legacy system: only its mailbox learns of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth import get_user_model
from django.test import TestCase

from better_auth import users
from better_auth.hashing import slots
from better_auth.models import AuditEntry, Session, Verification
from better_auth.storage import counters
from migration_tools import journal
from migration_tools.lazy import lookups
from migration_tools.models import MigrationRecord
from tests.conftest import PASSWORD, ApiClient
from tests.migration_tools.conftest import Migrate, person
from tests.migration_tools.legacy_system import LegacySystem
from tests.protocol import answered, link_in, refusal

pytestmark = pytest.mark.usefixtures("commits")

Configure = Callable[..., None]
Mails = Callable[[], list[Any]]
OLD = "what they always typed"
NEW = "a brand new password"
IDA, NOBODY = "ida@example.org", "nobody@example.org"
WRONG = (401, refusal("INVALID_EMAIL_OR_PASSWORD"))
TAKEN = (422, refusal("USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"))
LINK = re.compile(r"http://testserver/api/auth/reset-password/([a-zA-Z0-9]{24})\?callbackURL=(.*)")


@pytest.fixture
def ida(legacy: LegacySystem) -> LegacySystem:
    legacy.add("u-17", IDA, OLD, name="Ida Ø", metadata={"plan": "pro"})
    return legacy


def count_users() -> int:
    return get_user_model()._default_manager.count()


def token_in(mail: Any) -> str:
    found = LINK.fullmatch(link_in(mail))
    assert found
    return found[1]


def ask_for_reset(email: str, **more: Any) -> Any:
    return ApiClient().api("POST", "/request-password-reset", {"email": email, **more})


def reset(token: str, password: str = NEW) -> Any:
    return ApiClient().api("POST", "/reset-password", {"token": token, "newPassword": password})


class TestReset:
    def test_the_answer_is_the_same_for_all(
        self, ida: LegacySystem, make_user: Callable[..., Any], mails: Mails
    ) -> None:
        make_user("native@example.org")
        answers = {answered(ask_for_reset(email))[0] for email in (IDA, NOBODY, "native@example.org")}
        contents = {ask_for_reset(email).content for email in (IDA, NOBODY, "native@example.org")}
        assert (answers, len(contents)) == ({200}, 1)
        assert count_users() == 1

    def test_nothing_is_claimed_before_the_link_was_used(self, ida: LegacySystem, mails: Mails) -> None:
        ask_for_reset(IDA)
        assert [mail.to for mail in mails()] == [[IDA]]
        assert (count_users(), MigrationRecord.objects.count()) == (0, 0)
        row = Verification.objects.get()
        assert row.payload == {"claim": {"email": IDA, "id": "u-17"}}
        assert ApiClient().sign_in(IDA, OLD).status_code == 200

    def test_the_link_claims_the_account(self, ida: LegacySystem, mails: Mails) -> None:
        ask_for_reset("IDA@Example.org", redirectTo="/new")
        link = link_in(mails()[-1])
        assert link.endswith("callbackURL=%2Fnew")
        assert answered(reset(token_in(mails()[-1]))) == (200, {"status": True})
        user = users.find_by_email(IDA)
        assert user is not None
        assert (user.id, user.name, user.email_verified) == ("u-17", "Ida Ø", True)
        assert journal.find_user_key("legacy", "u-17") == user.key
        assert ApiClient().sign_in(IDA, NEW).status_code == 200
        types = list(AuditEntry.objects.order_by("pk").values_list("event_type", flat=True))
        assert types[-4:] == ["password_reset_requested", "user_migrated", "password_reset", "sign_in"]

    def test_the_legacy_password_dies_at_that_moment(self, ida: LegacySystem, mails: Mails) -> None:
        ask_for_reset(IDA)
        reset(token_in(mails()[-1]))
        assert answered(ApiClient().sign_in(IDA, OLD)) == WRONG
        assert ("verify", IDA) not in ida.calls

    def test_a_link_works_once_and_voids_the_others(self, ida: LegacySystem, mails: Mails) -> None:
        ask_for_reset(IDA)
        ask_for_reset(IDA)
        older, newer = map(token_in, mails())
        assert reset(older).status_code == 200
        for token in (older, newer):
            assert answered(reset(token, "one more password")) == (400, refusal("INVALID_TOKEN"))
        assert ApiClient().sign_in(IDA, NEW).status_code == 200

    def test_a_password_that_is_refused_leaves_the_link(
        self, ida: LegacySystem, mails: Mails, configure: Configure
    ) -> None:
        configure(PASSWORD={"REFUSE_COMMON": True})
        ask_for_reset(IDA)
        token = token_in(mails()[-1])
        assert reset(token, "password123").status_code == 400
        assert count_users() == 0
        assert reset(token).status_code == 200

    def test_whoever_signed_in_meanwhile_gets_the_new_password(self, ida: LegacySystem, mails: Mails) -> None:
        ask_for_reset(IDA)
        assert ApiClient().sign_in(IDA, OLD).status_code == 200
        assert reset(token_in(mails()[-1])).status_code == 200
        assert answered(ApiClient().sign_in(IDA, OLD)) == WRONG
        assert ApiClient().sign_in(IDA, NEW).status_code == 200
        assert count_users() == 1

    def test_a_claim_ends_sessions_where_a_reset_does(
        self, ida: LegacySystem, mails: Mails, configure: Configure
    ) -> None:
        configure(EMAIL_PASSWORD={"REVOKE_SESSIONS_ON_RESET": True})
        ask_for_reset(IDA)
        ApiClient().sign_in(IDA, OLD)
        reset(token_in(mails()[-1]))
        assert Session.objects.count() == 0

    def test_an_address_that_became_somebody_elses_is_not_claimed(
        self, ida: LegacySystem, mails: Mails, make_user: Callable[..., Any]
    ) -> None:
        ask_for_reset(IDA)
        native = make_user(IDA)
        assert answered(reset(token_in(mails()[-1]))) == (400, refusal("USER_NOT_FOUND"))
        assert ApiClient().sign_in(IDA, PASSWORD).status_code == 200
        assert users.get(native).id == native.id
        assert count_users() == 1

    @pytest.mark.parametrize("behaviour", ["another_id", "another_address", "no_with_record"])
    def test_an_answer_about_another_person_is_not_claimed(
        self, ida: LegacySystem, mails: Mails, behaviour: str
    ) -> None:
        ask_for_reset(IDA)
        ida.behave(behaviour)
        assert answered(reset(token_in(mails()[-1]))) == (400, refusal("USER_NOT_FOUND"))
        assert count_users() == 0

    def test_an_outage_leaves_the_link(self, ida: LegacySystem, mails: Mails) -> None:
        ask_for_reset(IDA)
        token = token_in(mails()[-1])
        ida.behave("error")
        assert reset(token).status_code == 503
        ida.behave("answer")
        assert reset(token).status_code == 200

    def test_switched_off_meanwhile_nothing_is_claimed(
        self, ida: LegacySystem, mails: Mails, configure: Configure
    ) -> None:
        ask_for_reset(IDA)
        configure(MIGRATION={"MODE": "off"})
        assert answered(reset(token_in(mails()[-1]))) == (400, refusal("USER_NOT_FOUND"))

    def test_whoever_came_without_a_password_gets_an_ordinary_link(
        self, legacy: LegacySystem, mails: Mails, migrate: Migrate, jsonl: Callable[..., str]
    ) -> None:
        legacy.add("u-17", IDA, OLD)
        file = jsonl(person(17, email=IDA, password=None))
        migrate("--source", "jsonl", "--name", "legacy", "--input", file)
        ask_for_reset(IDA)
        assert reset(token_in(mails()[-1])).status_code == 200
        assert answered(ApiClient().sign_in(IDA, OLD)) == WRONG
        assert ApiClient().sign_in(IDA, NEW).status_code == 200

    @pytest.mark.parametrize("more", [{"deleted_at": "2024-01-01T00:00:00Z"}, {"created_at": "yesterday"}])
    def test_whoever_can_not_come_gets_no_mail(
        self, legacy: LegacySystem, mails: Mails, more: dict[str, Any]
    ) -> None:
        legacy.add("u-1", IDA, OLD, **more)
        assert ask_for_reset(IDA).status_code == 200
        assert mails() == []

    def test_whoever_deleted_their_account_here_gets_no_mail(self, ida: LegacySystem, mails: Mails) -> None:
        ApiClient().sign_in(IDA, OLD)
        user = users.find_by_email(IDA)
        assert user is not None
        users.delete(user)
        assert ask_for_reset(IDA).status_code == 200
        assert mails() == []

    def test_limits_come_before_the_legacy_system_is_asked(
        self, ida: LegacySystem, mails: Mails, configure: Configure
    ) -> None:
        counters.reset()
        configure(RATE_LIMIT={"ENABLED": True, "RULES": ["/request-password-reset off"], "MAILS": 2})
        assert [ask_for_reset(IDA).status_code for _ in range(3)] == [200, 200, 429]
        assert len(ida.calls) == 2

    def test_the_request_itself_asks_nobody(
        self, ida: LegacySystem, monkeypatch: pytest.MonkeyPatch, mails: Mails
    ) -> None:
        """The look-up is beside the answer, so that its time tells nothing."""
        jobs: list[Any] = []
        monkeypatch.setattr(lookups, "behind", jobs.append)
        ask_for_reset(IDA)
        ask_for_reset(NOBODY)
        assert (ida.calls, len(jobs)) == ([], 2)
        with TestCase.captureOnCommitCallbacks(execute=True):
            for job in jobs:
                lookups.run_safely(job)
        assert [mail.to for mail in mails()] == [[IDA]]


class TestSignUp:
    def test_an_address_that_waits_is_taken(
        self, ida: LegacySystem, browser: ApiClient, mails: Mails
    ) -> None:
        assert answered(browser.sign_up(IDA, NEW)) == TAKEN
        assert (count_users(), MigrationRecord.objects.count(), mails()) == (0, 0, [])
        assert browser.sign_in(IDA, OLD).status_code == 200

    def test_it_is_told_as_of_anybody_who_is_here(
        self, ida: LegacySystem, browser: ApiClient, make_user: Callable[..., Any]
    ) -> None:
        make_user("native@example.org")
        assert browser.sign_up(IDA, NEW).content == browser.sign_up("native@example.org", NEW).content

    def test_any_other_address_is_free(self, ida: LegacySystem, browser: ApiClient) -> None:
        made = browser.sign_up(NOBODY, NEW)
        assert made.status_code == 200
        assert ida.calls == [("find", NOBODY)]
        assert not MigrationRecord.objects.exists()

    def test_the_former_address_of_somebody_who_came_is_free(
        self, ida: LegacySystem, browser: ApiClient
    ) -> None:
        browser.sign_in(IDA, OLD)
        user = users.find_by_email(IDA)
        assert user is not None
        users.update(user, email="new@example.org")
        assert ApiClient().sign_up(IDA, NEW).status_code == 200
        assert count_users() == 2

    def test_a_callable_that_finds_nobody_leaves_addresses_free(
        self, ida: LegacySystem, browser: ApiClient, configure: Configure
    ) -> None:
        configure(MIGRATION={"VERIFIER": "tests.migration_tools.legacy_callables.verify"})
        assert browser.sign_up(IDA, NEW).status_code == 200

    @pytest.mark.parametrize("method", ["at_once", "by_link"])
    def test_an_address_is_not_changed_to_one_that_waits_unless_it_is_proven(
        self, ida: LegacySystem, browser: ApiClient, configure: Configure, mails: Mails, method: str
    ) -> None:
        browser.sign_up(NOBODY, NEW)
        at_once = method == "at_once"
        configure(USER={"CHANGE_EMAIL": True, "CHANGE_EMAIL_UNVERIFIED_AT_ONCE": at_once})
        assert browser.api("POST", "/change-email", {"newEmail": IDA}).status_code == 200
        assert browser.session()["user"]["email"] == NOBODY
        assert [mail.to for mail in mails()] == ([] if at_once else [[IDA]])


class TestSignUpThatHidesWhoIsHere:
    @pytest.fixture(autouse=True)
    def _hiding(self, configure: Configure) -> None:
        configure(EMAIL_PASSWORD={"REQUIRE_EMAIL_VERIFICATION": True, "RESET_PAGE": "/choose"})

    def test_the_answer_is_that_of_a_success(
        self, ida: LegacySystem, browser: ApiClient, make_user: Callable[..., Any]
    ) -> None:
        make_user("native@example.org")
        bodies = []
        for email in (IDA, NOBODY, "native@example.org"):
            response = browser.sign_up(email, NEW)
            body = response.json()
            assert response.status_code == 200
            bodies.append((body["token"], sorted(body["user"]), body["user"]["emailVerified"]))
        assert bodies[0] == bodies[1] == bodies[2]
        assert count_users() == 2
        assert [action for action, _ in ida.calls] == ["find"] * 3

    def test_the_mailbox_gets_a_link_that_claims_the_account(
        self, ida: LegacySystem, browser: ApiClient, mails: Mails
    ) -> None:
        browser.sign_up(IDA, "the stranger's password")
        (mail,) = mails()
        assert (mail.to, mail.subject) == ([IDA], "You have an account already · Better Auth")
        assert link_in(mail).endswith("callbackURL=%2Fchoose")
        assert reset(token_in(mail)).status_code == 200
        assert ApiClient().sign_in(IDA, NEW).json()["user"]["id"] == "u-17"

    def test_the_password_of_whoever_signed_up_is_good_for_nothing(
        self, ida: LegacySystem, browser: ApiClient, mails: Mails
    ) -> None:
        browser.sign_up(IDA, "the stranger's password")
        assert answered(browser.sign_in(IDA, "the stranger's password")) == WRONG
        reset(token_in(mails()[-1]))
        assert answered(browser.sign_in(IDA, "the stranger's password")) == WRONG

    def test_without_a_page_for_it_no_link_is_mailed(
        self, ida: LegacySystem, browser: ApiClient, mails: Mails, configure: Configure
    ) -> None:
        configure(EMAIL_PASSWORD={"RESET_PAGE": None})
        assert browser.sign_up(IDA, NEW).status_code == 200
        assert mails() == []

    def test_a_mailbox_that_had_enough_gets_no_more_and_nobody_is_told(
        self, ida: LegacySystem, browser: ApiClient, mails: Mails, configure: Configure
    ) -> None:
        counters.reset()
        configure(RATE_LIMIT={"ENABLED": True, "RULES": ["/sign-up* off"], "MAILS": 2})
        assert [browser.sign_up(IDA, NEW).status_code for _ in range(4)] == [200] * 4
        assert len(mails()) == 2

    def test_each_costs_one_hash_and_one_question(
        self, ida: LegacySystem, browser: ApiClient, make_user: Callable[..., Any]
    ) -> None:
        make_user("native@example.org")
        spent = []
        for email in (IDA, NOBODY, "native@example.org"):
            before = len(ida.calls)
            with mock.patch.object(slots, "slot", wraps=slots.slot) as slot:
                browser.sign_up(email, NEW)
            spent.append((slot.call_count, len(ida.calls) - before))
        assert spent == [(1, 1)] * 3
