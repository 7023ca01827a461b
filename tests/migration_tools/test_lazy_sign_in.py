"""Lazy migration at sign-in: against a real process that answers over HTTP."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth import authenticate, get_user_model

from better_auth import passwords, users
from better_auth.features.email_verification import codes
from better_auth.features.email_verification.codes import CodeKind
from better_auth.hashing import slots
from better_auth.models import Account, AuditEntry, Session
from better_auth.storage import counters
from better_auth.storage.records import carrier_model
from migration_tools import journal
from migration_tools.models import MigrationRecord, MigrationRun, RunState
from tests.conftest import PASSWORD, ApiClient
from tests.migration_tools.conftest import Migrate, person
from tests.migration_tools.legacy_system import LegacySystem
from tests.protocol import answered, refusal

pytestmark = pytest.mark.usefixtures("commits")

OLD = "what they always typed"
WRONG = refusal("INVALID_EMAIL_OR_PASSWORD")
IDA = "ida@example.org"


def status_of(email: str) -> str:
    user = users.find_by_email(email)
    assert user is not None
    return str(carrier_model()._default_manager.values_list("migration_status", flat=True).get(pk=user.key))


def count_users() -> int:
    return get_user_model()._default_manager.count()


@pytest.fixture
def ida(legacy: LegacySystem) -> LegacySystem:
    """Ida waits there."""
    legacy.add("u-17", IDA, OLD, name="Ida Ø", created_at="2022-05-06T07:08:09Z", metadata={"plan": "pro"})
    return legacy


@pytest.fixture
def pending(legacy: LegacySystem, migrate: Migrate, jsonl: Callable[..., str]) -> LegacySystem:
    """Ida was brought without her password."""
    legacy.add("u-17", IDA, OLD)
    migrate("--source", "jsonl", "--name", "legacy", "--input", jsonl(person(17, email=IDA, password=None)))
    assert status_of(IDA) == "pending"
    return legacy


class TestSomebodyNew:
    def test_the_first_sign_in_brings_them(self, ida: LegacySystem, browser: ApiClient) -> None:
        response = browser.sign_in("Ida@Example.org", OLD)
        user = response.json()["user"]
        assert response.status_code == 200
        assert (user["id"], user["name"], user["email"]) == ("u-17", "Ida Ø", IDA)
        assert (user["createdAt"], user["emailVerified"]) == ("2022-05-06T07:08:09.000Z", False)
        assert browser.session()["user"]["id"] == "u-17"
        assert ida.calls == [("verify", IDA)]
        assert status_of(IDA) == "migrated"
        assert Account.objects.get(user_id=users.find_by_email(IDA).key).provider_id == "credential"  # type: ignore[union-attr]

    def test_the_second_one_asks_nobody(
        self, ida: LegacySystem, new_browser: Callable[..., ApiClient]
    ) -> None:
        new_browser().sign_in(IDA, OLD)
        ida.behave("error")
        assert new_browser().sign_in(IDA, OLD).status_code == 200
        assert len(ida.calls) == 1
        found = users.find_by_email(IDA)
        assert found is not None
        assert (passwords.find_stored_hash(found) or "").startswith("argon2")

    def test_the_journal_and_the_audit_log_tell(self, ida: LegacySystem, browser: ApiClient) -> None:
        browser.sign_in(IDA, OLD)
        record = MigrationRecord.objects.get(source="legacy", legacy_id="u-17")
        assert (record.state, record.outcome, record.place) == ("migrated", "created", "sign-in")
        assert record.run.state == RunState.LAZY
        assert journal.find_user_key("legacy", "u-17") == users.find_by_email(IDA).key  # type: ignore[union-attr]
        types = list(AuditEntry.objects.order_by("pk").values_list("event_type", "subject_id"))
        assert types == [("user_migrated", "u-17"), ("sign_in", "u-17")]
        entry = AuditEntry.objects.get(event_type="user_migrated")
        assert entry.details == {"source": "legacy", "by": "sign_in"}

    def test_a_wrong_password_makes_nobody(self, ida: LegacySystem, browser: ApiClient) -> None:
        assert answered(browser.sign_in(IDA, "wrong password")) == (401, WRONG)
        assert (count_users(), MigrationRecord.objects.count(), Session.objects.count()) == (0, 0, 0)
        assert ida.calls == [("verify", IDA)]

    def test_somebody_whom_nobody_knows_is_told_the_same(self, ida: LegacySystem, browser: ApiClient) -> None:
        assert answered(browser.sign_in("nobody@example.org", OLD)) == (401, WRONG)
        assert ida.calls == [("verify", "nobody@example.org")]

    def test_the_empty_password_is_never_sent(self, ida: LegacySystem, browser: ApiClient) -> None:
        """Some systems take it for a sign-in of nobody in particular, and say yes."""
        ida.add("u-18", "open@example.org", "")
        assert answered(browser.sign_in("open@example.org", "")) == (401, WRONG)
        assert [email.endswith("@decoy.invalid") for _, email in ida.calls] == [True]

    def test_our_policy_for_new_passwords_does_not_lock_them_out(
        self, legacy: LegacySystem, browser: ApiClient, configure: Callable[..., None]
    ) -> None:
        configure(PASSWORD={"MIN_LENGTH": 12, "REFUSE_COMMON": True})
        legacy.add("u-1", IDA, "123456")
        assert browser.sign_in(IDA, "123456").status_code == 200

    def test_who_is_banned_there_comes_banned(self, legacy: LegacySystem, browser: ApiClient) -> None:
        legacy.add("u-1", IDA, OLD, disabled=True)
        assert browser.sign_in(IDA, OLD).status_code == 403
        assert Session.objects.count() == 0

    def test_who_is_deleted_there_does_not_come(self, legacy: LegacySystem, browser: ApiClient) -> None:
        legacy.add("u-1", IDA, OLD, deleted_at="2024-01-01T00:00:00Z")
        assert answered(browser.sign_in(IDA, OLD)) == (401, WRONG)
        assert count_users() == 0

    def test_a_verified_address_is_believed_where_the_settings_say_so(
        self, legacy: LegacySystem, browser: ApiClient, configure: Callable[..., None]
    ) -> None:
        configure(MIGRATION={"TRUST_VERIFIED": True})
        legacy.add("u-1", IDA, OLD, email_verified=True)
        assert browser.sign_in(IDA, OLD).json()["user"]["emailVerified"] is True

    def test_djangos_own_door_brings_them_too(self, ida: LegacySystem) -> None:
        assert authenticate(username=IDA, password="wrong") is None
        row = authenticate(username=IDA, password=OLD)
        assert row is not None
        assert row == get_user_model()._default_manager.get()


class TestSomebodyNewWhoProvesTheAddress:
    """By a mailed code, without the password that they have there."""

    def test_they_come_over_and_keep_what_they_had(self, ida: LegacySystem, browser: ApiClient) -> None:
        code = codes.create(CodeKind.SIGN_IN, IDA)
        response = browser.api("POST", "/sign-in/email-otp", {"email": IDA, "otp": code})
        user = response.json()["user"]
        assert (user["id"], user["name"], user["emailVerified"]) == ("u-17", "Ida Ø", True)
        assert (browser.session()["user"]["id"], count_users()) == ("u-17", 1)
        found = users.find_by_email(IDA)
        assert found is not None
        assert not passwords.has_password(found)

    def test_a_code_for_a_new_password_claims_the_account(
        self, ida: LegacySystem, browser: ApiClient, mails: Callable[[], list[Any]]
    ) -> None:
        browser.api("POST", "/email-otp/request-password-reset", {"email": IDA})
        (mail,) = mails()
        (code,) = re.findall(r"^(\d{6})$", mail.body, re.MULTILINE)
        body = {"email": IDA, "otp": code, "password": "chosen by a code"}
        assert answered(browser.api("POST", "/email-otp/reset-password", body)) == (200, {"success": True})
        assert browser.sign_in(IDA, "chosen by a code").json()["user"]["id"] == "u-17"


class TestSomebodyWhoCameWithoutAPassword:
    def test_the_first_sign_in_brings_it(self, pending: LegacySystem, browser: ApiClient) -> None:
        assert browser.sign_in(IDA, OLD).status_code == 200
        assert (status_of(IDA), count_users(), pending.calls) == ("migrated", 1, [("verify", IDA)])
        pending.behave("error")
        assert ApiClient().sign_in(IDA, OLD).status_code == 200
        assert Account.objects.filter(provider_id="credential").count() == 1

    def test_a_rollback_undoes_it_with_the_rest(
        self, pending: LegacySystem, browser: ApiClient, migrate: Migrate
    ) -> None:
        browser.sign_in(IDA, OLD)
        result = migrate("--rollback")
        assert (result.code, count_users()) == (0, 0), result.output

    def test_the_answer_must_be_about_them(
        self, pending: LegacySystem, browser: ApiClient, caplog: pytest.LogCaptureFixture
    ) -> None:
        pending.behave("another_id")
        assert answered(browser.sign_in(IDA, OLD)) == (401, WRONG)
        assert "another person's id" in caplog.text
        assert status_of(IDA) == "pending"

    def test_a_password_that_was_reset_here_is_the_only_one(
        self, pending: LegacySystem, browser: ApiClient
    ) -> None:
        user = users.find_by_email(IDA)
        assert user is not None
        passwords.set_password(user, passwords.hash_password("a new password"))
        assert status_of(IDA) == "migrated"
        assert answered(browser.sign_in(IDA, OLD)) == (401, WRONG)
        assert browser.sign_in(IDA, "a new password").status_code == 200

    def test_a_host_that_sets_a_password_itself_ends_the_waiting(
        self, pending: LegacySystem, browser: ApiClient
    ) -> None:
        row = get_user_model()._default_manager.get()
        row.set_password("set by the host")
        row.save()
        assert answered(browser.sign_in(IDA, OLD)) == (401, WRONG)
        assert browser.sign_in(IDA, "set by the host").status_code == 200

    def test_somebody_of_another_source_is_not_asked_about(
        self, pending: LegacySystem, browser: ApiClient, configure: Callable[..., None]
    ) -> None:
        configure(MIGRATION={"SOURCE": "a-third-system"})
        assert answered(browser.sign_in(IDA, OLD)) == (401, WRONG)
        assert [email.endswith("@decoy.invalid") for _, email in pending.calls] == [True]

    def test_the_password_may_be_asked_for_again_before_it_came(
        self, pending: LegacySystem, browser: ApiClient
    ) -> None:
        """Signed in by another way, they change the password that waits there."""
        from better_auth.events import Client
        from better_auth.features.email_password.password_change import change_password

        user = users.find_by_email(IDA)
        assert user is not None
        change_password(
            user, current_password=OLD, new_password="a new password", revoke_sessions=False, client=Client()
        )
        assert browser.sign_in(IDA, "a new password").status_code == 200
        assert pending.calls == [("verify", IDA)]

    def test_a_user_name_that_they_have_here_will_do(
        self, pending: LegacySystem, new_browser: Callable[..., ApiClient]
    ) -> None:
        ida = users.find_by_email(IDA)
        assert ida is not None
        users.update(ida, username="ida")

        def sign_in(username: str, password: str) -> int:
            body = {"username": username, "password": password}
            return int(new_browser().api("POST", "/sign-in/username", body).status_code)

        assert [sign_in("ida", "wrong"), sign_in("nobody", OLD), sign_in("IDA", OLD)] == [401, 401, 200]
        assert pending.calls == [("verify", IDA), ("verify", "nobody@username.invalid"), ("verify", IDA)]
        assert status_of(IDA) == "migrated"


class TestWhoIsHereAlready:
    def test_their_password_is_ours_to_check(
        self, legacy: LegacySystem, browser: ApiClient, make_user: Callable[..., Any]
    ) -> None:
        make_user(IDA)
        legacy.add("u-1", IDA, OLD)
        assert browser.sign_in(IDA, PASSWORD).status_code == 200
        assert legacy.calls == []
        assert answered(browser.sign_in(IDA, OLD)) == (401, WRONG)
        assert IDA not in [email for _, email in legacy.calls]

    def test_whoever_changed_their_address_here_does_not_come_twice(
        self, ida: LegacySystem, browser: ApiClient
    ) -> None:
        browser.sign_in(IDA, OLD)
        user = users.find_by_email(IDA)
        assert user is not None
        users.update(user, email="new@example.org")
        assert answered(ApiClient().sign_in(IDA, OLD)) == (401, WRONG)
        assert count_users() == 1

    def test_whoever_deleted_their_account_here_stays_away(
        self, ida: LegacySystem, browser: ApiClient, caplog: pytest.LogCaptureFixture
    ) -> None:
        browser.sign_in(IDA, OLD)
        user = users.find_by_email(IDA)
        assert user is not None
        users.delete(user)
        assert answered(ApiClient().sign_in(IDA, OLD)) == (401, WRONG)
        assert count_users() == 0
        assert "record u-17 can't come over: deleted-here" in caplog.text

    def test_an_identity_that_somebody_has_is_in_the_way(
        self, legacy: LegacySystem, browser: ApiClient, make_user: Callable[..., Any]
    ) -> None:
        holder = make_user("holder@example.org")
        Account.objects.create(user_id=holder.key, provider_id="google", account_id="1099")
        legacy.add("u-1", IDA, OLD, accounts=[{"provider": "google", "subject": "1099"}])
        assert answered(browser.sign_in(IDA, OLD)) == (401, WRONG)
        assert count_users() == 1

    def test_of_two_records_that_a_run_found_alike_none_wins_by_being_first(
        self, ida: LegacySystem, browser: ApiClient, migrate: Migrate, jsonl: Callable[..., str]
    ) -> None:
        twins = jsonl(person(17, email=IDA), person(18, email="IDA@example.org"))
        assert migrate("--source", "jsonl", "--name", "legacy", "--input", twins).code == 2
        assert answered(browser.sign_in(IDA, OLD)) == (401, WRONG)
        assert count_users() == 0


class TestRunsAndSignIns:
    def test_a_later_run_leaves_them_alone(
        self, ida: LegacySystem, browser: ApiClient, migrate: Migrate, jsonl: Callable[..., str]
    ) -> None:
        browser.sign_in(IDA, OLD)
        told = ["--source", "jsonl", "--name", "legacy", "--input", jsonl(person(17, email=IDA), person(18))]
        result = migrate(*told)
        assert (result.code, result.report["outcomes"]["unchanged"]) == (0, 1)
        assert migrate(*told, "--verify").report["findings"].get("changed-there") is None
        assert ApiClient().sign_in(IDA, OLD).status_code == 200

    def test_an_update_brings_what_is_told_there_but_no_other_password(
        self, ida: LegacySystem, browser: ApiClient, migrate: Migrate, jsonl: Callable[..., str]
    ) -> None:
        browser.sign_in(IDA, OLD)
        file = jsonl(person(17, email=IDA, name="Ida of the run"))
        told = ["--source", "jsonl", "--name", "legacy", "--input", file, "--on-conflict", "update"]
        assert migrate(*told).report["outcomes"]["updated"] == 1
        assert ApiClient().sign_in(IDA, OLD).json()["user"]["name"] == "Ida of the run"
        assert migrate(*told).report["outcomes"]["unchanged"] == 1

    def test_whoever_came_by_signing_in_can_be_rolled_back(
        self, ida: LegacySystem, browser: ApiClient, migrate: Migrate
    ) -> None:
        browser.sign_in(IDA, OLD)
        assert migrate("--rollback", "--name", "legacy").code == 0
        assert count_users() == 0
        assert browser.sign_in(IDA, OLD).status_code == 200
        states = MigrationRun.objects.order_by("pk").values_list("state", flat=True)
        assert list(states) == ["rolled_back", "lazy"]

    def test_after_the_window_was_closed_another_run_takes_those_who_come(
        self, ida: LegacySystem, browser: ApiClient, migrate: Migrate
    ) -> None:
        browser.sign_in(IDA, OLD)
        assert migrate("--close-rollback", "--name", "legacy").code == 0
        ida.add("u-18", "bo@example.org", OLD)
        assert ApiClient().sign_in("bo@example.org", OLD).status_code == 200
        assert MigrationRun.objects.filter(state="lazy").count() == 2


class TestLimits:
    @pytest.fixture(autouse=True)
    def _begin_anew(self) -> None:
        counters.reset()

    def test_our_limits_come_before_the_legacy_system_is_asked(
        self, ida: LegacySystem, browser: ApiClient, configure: Callable[..., None]
    ) -> None:
        configure(RATE_LIMIT={"ENABLED": True, "RULES": ["/sign-in* off"], "FAILED_SIGN_INS": 4})
        statuses = [browser.sign_in(IDA, "wrong password").status_code for _ in range(6)]
        assert statuses == [401] * 4 + [429] * 2
        assert len(ida.calls) == 4
        assert browser.sign_in(IDA, OLD).status_code == 429
        assert count_users() == 0

    def test_a_route_that_is_exhausted_asks_nobody(
        self, ida: LegacySystem, browser: ApiClient, configure: Callable[..., None]
    ) -> None:
        configure(RATE_LIMIT={"ENABLED": True, "RULES": ["/sign-in* 2/60"]})
        statuses = [browser.sign_in(f"x{number}@example.org", OLD).status_code for number in range(4)]
        assert statuses == [401, 401, 429, 429]
        assert len(ida.calls) == 2

    def test_a_password_that_is_too_long_asks_nobody(self, ida: LegacySystem, browser: ApiClient) -> None:
        assert browser.sign_in(IDA, "x" * 129).status_code == 400
        assert ida.calls == []


@pytest.fixture
def hashes() -> Any:
    """Counts every hash that is computed."""
    from django.contrib.auth import hashers

    from better_auth.hashing import Argon2id

    with (
        mock.patch.object(Argon2id, "encode", autospec=True, side_effect=Argon2id.encode) as encode,
        mock.patch.object(Argon2id, "verify", autospec=True, side_effect=Argon2id.verify) as verify,
    ):
        assert hashers.get_hasher().algorithm == Argon2id.algorithm
        yield lambda: encode.call_count + verify.call_count


class TestNoTimeTells:
    """The same work for everybody whose sign-in fails: one call, and one hash."""

    @pytest.fixture
    def people(
        self,
        legacy: LegacySystem,
        migrate: Migrate,
        jsonl: Callable[..., str],
        make_user: Callable[..., Any],
        browser: ApiClient,
    ) -> LegacySystem:
        make_user("native@example.org")
        legacy.add("u-1", "waits@example.org", OLD)
        legacy.add("u-2", "pending@example.org", OLD)
        legacy.add("u-3", "migrated@example.org", OLD)
        file = jsonl(person(2, email="pending@example.org", password=None))
        migrate("--source", "jsonl", "--name", "legacy", "--input", file)
        assert browser.sign_in("migrated@example.org", OLD).status_code == 200
        return legacy

    @pytest.mark.parametrize("who", ["native", "waits", "pending", "migrated", "nobody"])
    @pytest.mark.parametrize("password", ["wrong password", ""])
    def test_of_a_failed_sign_in(
        self, people: LegacySystem, browser: ApiClient, who: str, password: str, hashes: Callable[[], int]
    ) -> None:
        before, hashed = len(people.calls), hashes()
        response = browser.sign_in(f"{who}@example.org", password)
        assert answered(response) == (401, WRONG)
        assert (len(people.calls) - before, hashes() - hashed) == (1, 1)

    def test_of_a_record_that_can_not_come(
        self, people: LegacySystem, browser: ApiClient, hashes: Callable[[], int]
    ) -> None:
        """Nobody learns that they guessed the password of somebody who deleted their account here."""
        user = users.find_by_email("migrated@example.org")
        assert user is not None
        users.delete(user)
        before, hashed = len(people.calls), hashes()
        assert answered(browser.sign_in("migrated@example.org", OLD)) == (401, WRONG)
        assert (len(people.calls) - before, hashes() - hashed) == (1, 1)

    def test_decoys_can_be_done_without(
        self, people: LegacySystem, browser: ApiClient, configure: Callable[..., None]
    ) -> None:
        configure(MIGRATION={"DECOYS": False})
        before = len(people.calls)
        assert answered(browser.sign_in("native@example.org", "wrong password")) == (401, WRONG)
        assert len(people.calls) == before

    def test_a_decoy_carries_nothing_of_anybody(self, people: LegacySystem, browser: ApiClient) -> None:
        browser.sign_in("native@example.org", "wrong password")
        action, email = people.calls[-1]
        assert (action, email.partition("@")[2]) == ("verify", "decoy.invalid")


def test_switched_off_nobody_is_asked(
    ida: LegacySystem, browser: ApiClient, configure: Callable[..., None]
) -> None:
    configure(MIGRATION={"MODE": "off"})
    assert answered(browser.sign_in(IDA, OLD)) == (401, WRONG)
    assert browser.sign_up(IDA).status_code == 200
    assert ida.calls == []


def test_no_password_and_no_address_stands_in_a_log(
    ida: LegacySystem, browser: ApiClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for behaviour in ("answer", "html", "another_id", "unsigned", "answer"):
        ida.behave(behaviour)
        browser.sign_in(IDA, OLD + " 4711")
    browser.sign_in(IDA, OLD)
    assert "4711" not in caplog.text
    assert OLD not in caplog.text
    assert IDA not in caplog.text


def test_hashing_waits_hold_no_slot_of_the_legacy_system(ida: LegacySystem, browser: ApiClient) -> None:
    """The call is over before our hash begins."""
    order: list[str] = []
    real = slots.slot

    def slot() -> Any:
        order.append(f"hash after {len(ida.calls)} calls")
        return real()

    with mock.patch.object(slots, "slot", slot):
        browser.sign_in(IDA, OLD)
    assert order == ["hash after 1 calls"]
