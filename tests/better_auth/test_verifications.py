"""Values that somebody must give back once, before they expire."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from better_auth import verifications
from better_auth.models import Verification
from better_auth.verifications import Purpose, VerificationRecord
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
