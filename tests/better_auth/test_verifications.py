"""Values that somebody must give back once, before they expire."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection

from better_auth import verifications
from better_auth.models import Verification
from better_auth.verifications import CodeOutcome, Purpose, VerificationRecord
from tests.conftest import FrozenTime

pytestmark = pytest.mark.django_db
RESET, DELETE = Purpose.RESET_PASSWORD, Purpose.DELETE_ACCOUNT
TOKEN = "QtMNo6i0W1csi0l8sKQk69Du"


@pytest.fixture(autouse=True)
def _one_is_out(frozen_time: FrozenTime) -> None:
    verifications.issue(purpose=RESET, token=TOKEN, subject="u1", expires_in=60, payload={"a": [1]})


def test_find_does_not_spend() -> None:
    for _ in range(2):
        assert verifications.find(purpose=RESET, token=TOKEN) == VerificationRecord("u1", {"a": [1]})


def test_consume_spends() -> None:
    assert verifications.consume(purpose=RESET, token=TOKEN) == VerificationRecord("u1", {"a": [1]})
    assert verifications.consume(purpose=RESET, token=TOKEN) is None
    assert verifications.find(purpose=RESET, token=TOKEN) is None


@pytest.mark.parametrize(
    ("purpose", "token"), [(RESET, "other"), (DELETE, TOKEN), (RESET, ""), (RESET, TOKEN + "\x00")]
)
def test_only_the_right_token_for_the_right_purpose_counts(purpose: Purpose, token: str) -> None:
    assert verifications.find(purpose=purpose, token=token) is None
    assert verifications.consume(purpose=purpose, token=token) is None
    assert verifications.find(purpose=RESET, token=TOKEN) is not None


def test_what_has_expired_counts_as_missing(frozen_time: FrozenTime) -> None:
    frozen_time.advance(seconds=59, milliseconds=999)
    assert verifications.find(purpose=RESET, token=TOKEN) is not None
    frozen_time.advance(milliseconds=1)
    assert verifications.find(purpose=RESET, token=TOKEN) is None
    assert verifications.consume(purpose=RESET, token=TOKEN) is None
    assert not Verification.objects.exists()


def test_digest_and_nothing_else_is_stored() -> None:
    row = Verification.objects.get()
    assert len(row.digest) == 64
    assert TOKEN not in repr(vars(row))


def test_several_may_be_out_for_one_subject() -> None:
    verifications.issue(purpose=RESET, token="second", subject="u1", expires_in=60)
    assert verifications.consume(purpose=RESET, token="second") is not None
    assert verifications.find(purpose=RESET, token=TOKEN) is not None


def test_revoke_drops_those_of_one_purpose_and_subject() -> None:
    verifications.issue(purpose=RESET, token="bobs", subject="u2", expires_in=60)
    verifications.issue(purpose=DELETE, token="deletion", subject="u1", expires_in=60)
    verifications.revoke(purpose=RESET, subject="u1")
    assert verifications.find(purpose=RESET, token=TOKEN) is None
    assert verifications.find(purpose=RESET, token="bobs") is not None
    assert verifications.find(purpose=DELETE, token="deletion") is not None
    verifications.revoke_all(subject="u1")
    assert verifications.find(purpose=DELETE, token="deletion") is None
    assert verifications.find(purpose=RESET, token="bobs") is not None


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_gets_it() -> None:
    got: list[VerificationRecord | None] = []
    start = threading.Barrier(8)

    def consume() -> None:
        try:
            start.wait(timeout=90)
            got.append(verifications.consume(purpose=RESET, token=TOKEN))
        finally:
            connection.close()

    threads = [threading.Thread(target=consume) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=90)
    assert [one for one in got if one] == [VerificationRecord("u1", {"a": [1]})]
    assert len(got) == 8


CODE = {"purpose": RESET, "subject": "ada@example.com"}


def guess(code: str = "123456", *, keep: bool = False, **of: Any) -> CodeOutcome:
    return verifications.try_code(**(CODE | of), code=code, allowed_attempts=3, keep=keep).outcome


@pytest.fixture
def code_sent(frozen_time: FrozenTime) -> None:
    verifications.issue_code(**CODE, code="123456", expires_in=60, payload={"a": 1})


@pytest.mark.usefixtures("code_sent")
class TestCodes:
    def test_the_right_one_is_accepted_once_and_brings_its_payload(self) -> None:
        accepted = verifications.try_code(**CODE, code="123456", allowed_attempts=3)
        assert (accepted.outcome, accepted.payload) == (CodeOutcome.ACCEPTED, {"a": 1})
        assert guess() is CodeOutcome.MISSING

    def test_one_that_is_kept_can_be_tried_often_and_spent_later(self) -> None:
        assert [guess(keep=True) for _ in range(5)] == [CodeOutcome.ACCEPTED] * 5
        assert guess() is CodeOutcome.ACCEPTED

    def test_after_the_allowed_tries_even_the_right_one_is_refused_and_gone(self) -> None:
        assert [guess("000000") for _ in range(3)] == [CodeOutcome.WRONG] * 3
        assert guess() is CodeOutcome.SPENT
        assert guess() is CodeOutcome.MISSING

    def test_it_expires(self, frozen_time: FrozenTime) -> None:
        frozen_time.advance(seconds=60)
        assert guess() is CodeOutcome.EXPIRED
        assert guess() is CodeOutcome.MISSING

    @pytest.mark.parametrize("of", [{"purpose": DELETE}, {"subject": "eve@example.com"}])
    def test_it_counts_for_its_purpose_and_subject_alone(self, of: dict[str, Any]) -> None:
        assert guess(**of) is CodeOutcome.MISSING
        assert guess() is CodeOutcome.ACCEPTED

    def test_a_new_one_takes_the_place_of_the_old(self) -> None:
        verifications.issue_code(**CODE, code="654321", expires_in=60)
        assert guess() is CodeOutcome.WRONG
        assert guess("654321") is CodeOutcome.ACCEPTED

    def test_the_same_code_rests_differently_for_another_and_never_as_it_is(self) -> None:
        verifications.issue_code(purpose=RESET, subject="eve@example.com", code="123456", expires_in=60)
        rows = list(Verification.objects.filter(subject__contains="@"))
        assert len({row.digest for row in rows}) == 2
        assert "123456" not in "".join(row.digest for row in rows)

    def test_a_subject_may_be_longer_than_its_column(self) -> None:
        long = {"subject": "a" * 310 + "@x.example"}
        verifications.issue_code(**(CODE | long), code="123456", expires_in=60)
        assert guess("123456", **long) is CodeOutcome.ACCEPTED


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("code", ["123456", "000000"])
def test_of_parallel_tries_at_most_the_allowed_count_and_one_wins(code: str) -> None:
    verifications.issue_code(**CODE, code="123456", expires_in=60)
    together, found = threading.Barrier(12), []

    def attempt() -> None:
        together.wait()
        found.append(guess(code))
        connection.close()

    threads = [threading.Thread(target=attempt) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 12
    assert found.count(CodeOutcome.ACCEPTED) == (code == "123456")
    assert found.count(CodeOutcome.WRONG) <= 3
