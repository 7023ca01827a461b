"""Shadow mode: the legacy system decides, our check of the same password is counted, and nobody sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import PBKDF2PasswordHasher

from better_auth import passwords, users
from better_auth.hashing import Argon2id
from better_auth.observability import metrics
from better_auth.storage.records import UserRecord, carrier_model
from migration_tools.fingerprints import password_digest
from migration_tools.models import MigrationRecord, SchemeComparison
from tests.conftest import PASSWORD, ApiClient
from tests.migration_tools.conftest import LEGACY_PASSWORD, Migrate, person
from tests.migration_tools.legacy_system import LegacySystem
from tests.migration_tools.test_databases import PBKDF2
from tests.protocol import answered, refusal

pytestmark = pytest.mark.usefixtures("commits")

Configure = Callable[..., None]
WRONG = (401, refusal("INVALID_EMAIL_OR_PASSWORD"))
CHANGED = "changed over there"
FITTING, STALE, NONE, NATIVE = (f"{name}@example.org" for name in ("fitting", "stale", "none", "native"))
SCHEME = "pbkdf2_sha256"


@pytest.fixture
def shadow(
    legacy: LegacySystem, configure: Configure, migrate: Migrate, jsonl: Callable[..., str]
) -> LegacySystem:
    """Three who were brought: with a hash that fits, with one that was changed there since, without one."""
    configure(MIGRATION={"MODE": "shadow"})
    legacy.add("u-1", FITTING, LEGACY_PASSWORD)
    legacy.add("u-2", STALE, CHANGED)
    legacy.add("u-3", NONE, LEGACY_PASSWORD)
    stored = {"scheme": "django", "hash": PBKDF2}
    whirlpool = {"scheme": "whirlpool", "hash": "00ff"}
    people = [person(1, email=FITTING, password=stored), person(2, email=STALE, password=stored)]
    file = jsonl(*people, person(3, email=NONE, password=whirlpool))
    assert migrate("--source", "jsonl", "--name", "legacy", "--input", file).code == 0
    return legacy


def counted(scheme: str = SCHEME) -> dict[str, int]:
    row = SchemeComparison.objects.filter(source="legacy", scheme=scheme).first()
    names = ("both_accept", "both_refuse", "legacy_only", "ours_only", "unknown")
    return {name: getattr(row, name) for name in names if row and getattr(row, name)}


def sign_in(email: str, password: str) -> Any:
    return ApiClient().sign_in(email, password)


def user_of(email: str) -> UserRecord:
    user = users.find_by_email(email)
    assert user is not None
    return user


class TestTheLegacySystemDecides:
    def test_where_both_say_yes(self, shadow: LegacySystem) -> None:
        assert sign_in(FITTING, LEGACY_PASSWORD).json()["user"]["id"] == "u-1"
        assert counted() == {"both_accept": 1}

    def test_where_both_say_no(self, shadow: LegacySystem) -> None:
        assert answered(sign_in(FITTING, "wrong")) == WRONG
        assert counted() == {"both_refuse": 1}

    def test_where_it_alone_says_yes(self, shadow: LegacySystem, caplog: pytest.LogCaptureFixture) -> None:
        assert sign_in(STALE, CHANGED).status_code == 200
        assert counted() == {"legacy_only": 1}
        assert f"user u-2: the legacy system alone accepts the password ({SCHEME})" in caplog.text

    def test_where_it_alone_says_no(self, shadow: LegacySystem, caplog: pytest.LogCaptureFixture) -> None:
        assert answered(sign_in(STALE, LEGACY_PASSWORD)) == WRONG
        assert counted() == {"ours_only": 1}
        assert f"user u-2: our check alone accepts the password ({SCHEME})" in caplog.text

    def test_where_we_can_not_read_the_hash(self, shadow: LegacySystem) -> None:
        assert sign_in(NONE, LEGACY_PASSWORD).status_code == 200
        assert answered(sign_in(NONE, "wrong")) == WRONG
        assert counted("none") == {"unknown": 2}

    def test_where_it_can_not_be_asked(self, shadow: LegacySystem) -> None:
        shadow.behave("error")
        response = sign_in(FITTING, LEGACY_PASSWORD)
        assert (response.status_code, int(response.headers["Retry-After"]) >= 1) == (503, True)
        assert counted() == {}

    @pytest.mark.parametrize("behaviour", ["another_id", "another_address", "no_with_record"])
    def test_where_it_speaks_of_somebody_else(self, shadow: LegacySystem, behaviour: str) -> None:
        shadow.behave(behaviour)
        assert answered(sign_in(FITTING, LEGACY_PASSWORD)) == WRONG

    def test_where_it_has_banned_them_since(self, shadow: LegacySystem) -> None:
        shadow.add("u-1", FITTING, LEGACY_PASSWORD, disabled=True)
        assert answered(sign_in(FITTING, LEGACY_PASSWORD)) == WRONG

    def test_before_a_password_is_changed_here(self, shadow: LegacySystem) -> None:
        browser = ApiClient()
        browser.sign_in(STALE, CHANGED)
        body = {"currentPassword": LEGACY_PASSWORD, "newPassword": "a new password"}
        assert answered(browser.api("POST", "/change-password", body)) == (400, refusal("INVALID_PASSWORD"))
        body["currentPassword"] = CHANGED
        assert browser.api("POST", "/change-password", body).status_code == 200
        assert sign_in(STALE, "a new password").status_code == 200

    def test_before_a_first_password_is_changed_here(self, shadow: LegacySystem) -> None:
        browser = ApiClient()
        browser.sign_in(NONE, LEGACY_PASSWORD)
        body = {"currentPassword": LEGACY_PASSWORD, "newPassword": "a new password"}
        assert browser.api("POST", "/change-password", body).status_code == 200
        assert sign_in(NONE, "a new password").status_code == 200
        assert answered(sign_in(NONE, LEGACY_PASSWORD)) == WRONG


class TestWhoIsLeftAlone:
    def test_somebody_who_never_came_from_there(
        self, shadow: LegacySystem, make_user: Callable[..., Any]
    ) -> None:
        make_user(NATIVE)
        assert sign_in(NATIVE, PASSWORD).status_code == 200
        assert shadow.calls == []
        assert not SchemeComparison.objects.exists()

    def test_somebody_who_has_changed_their_password_here(self, shadow: LegacySystem) -> None:
        passwords.set_password(user_of(FITTING), passwords.hash_password("a new password"))
        assert sign_in(FITTING, "a new password").status_code == 200
        assert answered(sign_in(FITTING, LEGACY_PASSWORD)) == WRONG
        assert FITTING not in [email for _, email in shadow.calls]

    def test_somebody_who_has_changed_their_address_here(self, shadow: LegacySystem) -> None:
        users.update(user_of(FITTING), email="new@example.org")
        assert sign_in("new@example.org", LEGACY_PASSWORD).status_code == 200
        assert shadow.calls == []


class TestNothingIsCutOver:
    def test_a_hash_stays_as_it_came(self, shadow: LegacySystem) -> None:
        sign_in(FITTING, LEGACY_PASSWORD)
        assert passwords.find_stored_hash(user_of(FITTING)) == PBKDF2

    def test_whoever_came_without_one_waits_on(self, shadow: LegacySystem) -> None:
        sign_in(NONE, LEGACY_PASSWORD)
        user = user_of(NONE)
        assert passwords.find_stored_hash(user) is None
        rows = carrier_model()._default_manager.filter(pk=user.key)
        assert rows.values_list("migration_status", flat=True).get() == "pending"

    def test_somebody_new_comes_without_one(self, shadow: LegacySystem) -> None:
        shadow.add("u-9", "new@example.org", LEGACY_PASSWORD)
        assert sign_in("new@example.org", LEGACY_PASSWORD).status_code == 200
        assert passwords.find_stored_hash(user_of("new@example.org")) is None
        assert sign_in("new@example.org", LEGACY_PASSWORD).status_code == 200
        assert counted("none") == {"unknown": 1}

    def test_lazy_mode_goes_on_from_there(self, shadow: LegacySystem, configure: Configure) -> None:
        sign_in(NONE, LEGACY_PASSWORD)
        configure(MIGRATION={"MODE": "lazy"})
        assert sign_in(NONE, LEGACY_PASSWORD).status_code == 200
        assert sign_in(FITTING, LEGACY_PASSWORD).status_code == 200
        assert answered(sign_in(STALE, CHANGED)) == WRONG
        shadow.behave("error")
        assert sign_in(NONE, LEGACY_PASSWORD).status_code == 200

    def test_a_rollback_takes_all_back(self, shadow: LegacySystem, migrate: Migrate) -> None:
        sign_in(FITTING, LEGACY_PASSWORD)
        sign_in(NONE, LEGACY_PASSWORD)
        assert migrate("--rollback").code == 0
        assert get_user_model()._default_manager.count() == 0


@pytest.fixture
def work(shadow: LegacySystem) -> Iterator[Callable[[], tuple[int, int, int]]]:
    """Counts hashes of ours, hashes of theirs, and calls."""
    with (
        mock.patch.object(Argon2id, "encode", autospec=True, side_effect=Argon2id.encode) as made,
        mock.patch.object(Argon2id, "verify", autospec=True, side_effect=Argon2id.verify) as verified,
        mock.patch.object(
            PBKDF2PasswordHasher, "encode", autospec=True, side_effect=PBKDF2PasswordHasher.encode
        ) as theirs,
    ):
        yield lambda: (made.call_count + verified.call_count, theirs.call_count, len(shadow.calls))


def spent(work: Callable[[], tuple[int, int, int]], email: str, password: str) -> tuple[int, ...]:
    before = work()
    sign_in(email, password)
    return tuple(now - then for now, then in zip(work(), before, strict=True))


class TestNoTimeTells:
    def test_whether_our_check_agreed(self, work: Callable[[], tuple[int, int, int]]) -> None:
        agreeing = spent(work, FITTING, LEGACY_PASSWORD)
        assert spent(work, STALE, CHANGED) == agreeing
        assert agreeing[2] == 1

    def test_whether_our_check_agreed_with_a_refusal(self, work: Callable[[], tuple[int, int, int]]) -> None:
        assert spent(work, FITTING, "wrong") == spent(work, STALE, LEGACY_PASSWORD)

    def test_who_is_here(
        self,
        work: Callable[[], tuple[int, int, int]],
        configure: Configure,
        make_user: Callable[..., Any],
        shadow: LegacySystem,
    ) -> None:
        """With the formats that were brought among those that every failure costs."""
        configure(PASSWORD={"EQUALIZED_ALGORITHMS": [SCHEME]})
        make_user(NATIVE)
        shadow.add("u-9", "waits@example.org", LEGACY_PASSWORD)
        found = {
            email: spent(work, email, "wrong password")
            for email in (FITTING, STALE, NONE, NATIVE, "waits@example.org", "nobody@example.org")
        }
        assert set(found.values()) == {(1, 1, 1)}, found


def test_the_counts_are_shown(shadow: LegacySystem, migrate: Migrate) -> None:
    for email, password in (
        (FITTING, LEGACY_PASSWORD),
        (FITTING, LEGACY_PASSWORD),
        (FITTING, "wrong"),
        (STALE, CHANGED),
        (STALE, LEGACY_PASSWORD),
        (NONE, LEGACY_PASSWORD),
    ):
        sign_in(email, password)
    lines = [line.split() for line in migrate("--status", "--name", "legacy").output.splitlines()]
    heading = next(line for line in lines if line[:1] == ["scheme"])
    assert heading == ["scheme", "agree", "accepted", "disagree", "there", "only", "here", "only", "unknown"]
    assert ["pbkdf2_sha256", "3", "2", "2", "1", "1", "0"] in lines
    assert ["none", "0", "0", "0", "0", "0", "1"] in lines


def test_the_metrics_tell_the_same(shadow: LegacySystem) -> None:
    def told(scheme: str, result: str) -> float:
        return metrics.shadow_comparisons.labels(scheme, result)._value.get()

    before = [told(SCHEME, "agree"), told(SCHEME, "disagree"), told("none", "unknown")]
    sign_in(FITTING, LEGACY_PASSWORD)
    sign_in(STALE, CHANGED)
    sign_in(NONE, LEGACY_PASSWORD)
    after = [told(SCHEME, "agree"), told(SCHEME, "disagree"), told("none", "unknown")]
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1, 1]
    assert b"better_auth_legacy_calls_total" in metrics.render()


def test_a_hash_that_costs_too_much_is_not_computed(shadow: LegacySystem) -> None:
    row = get_user_model()._default_manager.get(pk=user_of(FITTING).key)
    costly = "pbkdf2_sha256$2147483647$salt$AAAA"
    row.password = costly
    row.save()
    MigrationRecord.objects.filter(legacy_id="u-1").update(password_digest=password_digest(costly))
    assert sign_in(FITTING, LEGACY_PASSWORD).status_code == 200
    assert counted("unreadable") == {"unknown": 1}
