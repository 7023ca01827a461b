"""Second factors and passkeys of the other system wait here for their users, encrypted, and nobody loses
them on the way."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from better_auth import users
from migration_tools import keeping
from migration_tools.models import KeptFactors, MigrationRun
from tests.migration_tools.conftest import Migrate, person

pytestmark = pytest.mark.django_db
TOTP = {"secret_base32": "JBSWY3DPEHPK3PXP", "digits": 6, "period": 30, "algorithm": "SHA1"}
SECRET = "JBSWY3DPEHPK3PXP"


def kept_of(email: str, source: str = "jsonl") -> dict[str, list[object]] | None:
    user = users.find_by_email(email)
    assert user is not None
    return keeping.kept_factors(source, [user.key]).get(user.key)


def test_what_a_record_has_of_factors_is_kept_and_told(migrate: Migrate, jsonl: Callable[..., str]) -> None:
    file = jsonl(
        person(1, totp=TOTP, recovery_codes=["one-two", "three-four"]),
        person(2, totp=[TOTP, {**TOTP, "algorithm": "HmacSHA256", "secret_base32": "jbsw y3dp ehpk 3pxp"}]),
        person(3, passkeys=[{"credential_id": "AQID", "public_key": "pQECAyYg"}]),
        person(4),
    )
    dry = migrate("--source", "jsonl", "--input", file, "--dry-run")
    assert "3  have second factors or passkeys, which would be kept" in dry.output
    assert not KeptFactors.objects.exists()
    result = migrate("--source", "jsonl", "--input", file)
    assert result.code == 0, result.output
    assert "3  have second factors or passkeys, which are kept" in result.output
    assert kept_of("person1@example.org") == {
        "totp": [TOTP],
        "recovery_codes": ["one-two", "three-four"],
        "passkeys": [],
    }
    second = kept_of("person2@example.org")
    assert second is not None
    assert second["totp"] == [TOTP, {**TOTP, "algorithm": "SHA256"}]
    assert kept_of("person4@example.org") is None
    told = migrate("--status").output
    assert "3 users of jsonl have factors that are kept" in told
    assert "3 authenticators, 2 recovery codes, 1 passkeys" in told
    for row in KeptFactors.objects.all():
        assert SECRET not in row.sealed
    assert SECRET not in dry.output + result.output


@pytest.mark.parametrize(
    "totp",
    [
        {"secret_base32": "not base32!"},
        {"secret_base32": 17},
        "JBSWY3DPEHPK3PXP",
        {**TOTP, "digits": 99},
        {**TOTP, "period": 0.5},
        {**TOTP, "algorithm": "MD5"},
        [{}],
    ],
)
def test_a_factor_that_nobody_could_use_is_a_remark_and_no_fault(
    totp: object, migrate: Migrate, jsonl: Callable[..., str]
) -> None:
    result = migrate("--source", "jsonl", "--input", jsonl(person(1, totp=totp)))
    assert result.code == 0, result.output
    assert "factor-unreadable" in result.output
    assert kept_of("person1@example.org") is None


def test_factors_that_are_too_large_take_the_user_not_with_them(
    migrate: Migrate, jsonl: Callable[..., str]
) -> None:
    result = migrate("--source", "jsonl", "--input", jsonl(person(1, recovery_codes=["x" * 70_000])))
    assert result.code == 0, result.output
    assert "factor-unreadable" in result.output
    assert users.find_by_email("person1@example.org") is not None


def test_an_update_brings_new_ones_and_a_rollback_gives_back_the_former(
    migrate: Migrate, jsonl: Callable[..., str]
) -> None:
    file = jsonl(person(1, totp=TOTP), person(2, totp=TOTP))
    assert migrate("--source", "jsonl", "--input", file).code == 0
    jsonl(person(1, recovery_codes=["new"]), person(2))
    result = migrate("--source", "jsonl", "--input", file, "--resume", "--on-conflict", "update")
    assert result.code == 0, result.output
    changed = kept_of("person1@example.org")
    assert changed == {"totp": [], "recovery_codes": ["new"], "passkeys": []}
    assert kept_of("person2@example.org") is None
    assert migrate("--rollback").code == 0
    for email in ("person1@example.org", "person2@example.org"):
        assert kept_of(email) == {"totp": [TOTP], "recovery_codes": [], "passkeys": []}
    result = migrate("--rollback")
    assert result.code == 0, result.output
    assert "2 users deleted" in result.output
    assert not KeptFactors.objects.exists()


def test_they_go_to_whoever_a_record_is_linked_with(migrate: Migrate, jsonl: Callable[..., str]) -> None:
    users.create(email="person1@example.org", name="Was here", email_verified=True)
    file = jsonl(person(1, email_verified=True, totp=TOTP))
    told = ("--source", "jsonl", "--input", file, "--on-conflict", "link", "--trust-verified")
    assert migrate(*told).code == 0
    assert kept_of("person1@example.org") is not None
    assert migrate("--rollback").code == 0
    assert kept_of("person1@example.org") is None


def test_they_outlive_the_window_for_a_rollback_and_go_with_their_user(
    migrate: Migrate, jsonl: Callable[..., str]
) -> None:
    assert migrate("--source", "jsonl", "--input", jsonl(person(1, totp=TOTP))).code == 0
    closed = migrate("--close-rollback", "--source", "jsonl")
    assert "This is not: 1 users of jsonl have factors" in closed.output
    assert kept_of("person1@example.org") is not None
    user = users.find_by_email("person1@example.org")
    assert user is not None
    users.delete(user)
    assert not KeptFactors.objects.exists()
    assert MigrationRun.objects.get().counts["kept_factors"] == 1
