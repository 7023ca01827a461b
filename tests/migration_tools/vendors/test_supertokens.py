"""SuperTokens: the file of its bulk import, and the list that its core gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.migration_tools.conftest import BCRYPT, Migrate
from tests.migration_tools.vendors.conftest import found, identities, kept_of, signs_in

pytestmark = pytest.mark.django_db

ARGON2 = "$argon2id$v=19$m=65536,t=4,p=1$MDEyMzQ1Njc4OWFiY2RlZg$RTvUpz3bNRPYEBVeVHCk9HcNOK/mDpHZkeBSQpYYb98"
FIREBASE = (
    "$f_scrypt$Op9nvcCgYpxC8QAtVA6EZMB5UwZLju2EEmJr0s0McQvqm/4yhqj28dDIEEdCS0CHJx8IRe/VPV25H7fDWqHRPw=="
    "$ZmJzYWx0MTIzNA==$m=14$r=8$s=Bw=="
)
SIGNER_KEY = "AwoRGB8mLTQ7QklQV15lbHN6gYiPlp2kq7K5wMfO1dzj6vH4/wYNFBsiKTA3PkVMU1phaG92fYSLkpmgp661vA=="
Bring = Callable[..., Any]


@pytest.fixture
def bring(written: Callable[[str, str | bytes], str], migrate: Migrate) -> Bring:
    """Bring users, or what is told as text."""

    def run(content: Any, mapping: str = "", *more: str) -> Any:
        text = content if isinstance(content, str) else json.dumps({"users": content})
        told = ["--mapping", written("mapping.toml", mapping)] if mapping else []
        path = written("users.json", text)
        return migrate("--source", "supertokens", "--input", path, "--trust-verified", *told, *more)

    return run


def with_password(number: int, stored: str | None = BCRYPT, **more: Any) -> dict[str, Any]:
    return {
        "recipeId": "emailpassword",
        "tenantIds": ["public"],
        "email": f"user{number}@example.org",
        "passwordHash": stored,
        "hashingAlgorithm": "bcrypt",
        "isVerified": True,
        "isPrimary": False,
        "timeJoinedInMSSinceEpoch": 1_600_000_000_000,
        **more,
    }


def social(number: int, subject: str = "1099", **more: Any) -> dict[str, Any]:
    return {
        "recipeId": "thirdparty",
        "email": f"user{number}@example.org",
        "thirdPartyId": "google",
        "thirdPartyUserId": subject,
        "isVerified": True,
        "timeJoinedInMSSinceEpoch": 1_500_000_000_000,
        **more,
    }


def user(number: int, *methods: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"externalUserId": f"crm-{number}", "loginMethods": list(methods), **more}


def test_users_come_with_all_their_login_methods(bring: Bring) -> None:
    result = bring(
        [
            user(
                1,
                social(1, isPrimary=True),
                with_password(1),
                {"recipeId": "passwordless", "phoneNumber": "+4512345678", "isVerified": True},
                userMetadata={"first_name": "Mara", "last_name": "Ek", "plan": "pro"},
                userRoles=[{"role": "editor", "tenantIds": ["public"]}],
                totpDevices=[
                    {"secretKey": "JBSWY3DPEHPK3PXP", "period": 60, "skew": 1, "deviceName": "phone"}
                ],
            ),
            user(2, with_password(2, ARGON2, hashingAlgorithm="argon2", isVerified=False)),
            user(3, with_password(3, None, plaintextPassword="correct horse battery staple")),
        ],
        'role_names = ["editor"]\n',
    )
    assert result.code == 0, result.output
    mara, other = found("user1@example.org"), found("user2@example.org")
    assert (mara.id, mara.name, mara.role, mara.phone_number) == ("crm-1", "Mara Ek", "editor", "+4512345678")
    assert (mara.email_verified, other.email_verified) == (True, False)
    assert mara.created_at.isoformat() == "2017-07-14T02:40:00+00:00"
    assert mara.additional_fields["plan"] == "pro"
    assert identities("user1@example.org") == {("google", "1099")}
    assert [signs_in(f"user{number}@example.org") for number in (1, 2, 3)] == [True, True, True]
    (totp,) = kept_of("user1@example.org", "supertokens")["totp"]
    assert (totp["secret_base32"], totp["period"]) == ("JBSWY3DPEHPK3PXP", 60)


def test_hashes_of_firebase_want_the_signer_key(bring: Bring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIREBASE_KEY", SIGNER_KEY)
    rows = [user(1, with_password(1, FIREBASE)), user(2, with_password(2))]
    assert bring(rows, '[parameters]\nsigner_key_env = "FIREBASE_KEY"\n').code == 0
    assert [signs_in(f"user{number}@example.org") for number in (1, 2)] == [True, True]


def test_the_address_of_the_password_is_the_users(bring: Bring) -> None:
    result = bring([user(1, social(2, isPrimary=True), with_password(1))])
    assert result.report["warnings"] == {"more-addresses-left": 1}
    assert signs_in("user1@example.org")


def test_two_passwords_for_one_user_are_refused(bring: Bring) -> None:
    rows = [user(1, with_password(1), with_password(2, ARGON2)), user(2, with_password(3), with_password(3))]
    assert bring(rows).reasons == [("record 1, line 1", "several-passwords")]
    assert signs_in("user3@example.org")


def test_only_the_tenant_of_the_mapping_comes(bring: Bring) -> None:
    rows = [
        user(1, with_password(1, tenantIds=["acme"])),
        user(2, with_password(2), with_password(9, ARGON2, tenantIds=["acme"])),
    ]
    result = bring(rows, '[parameters]\ntenant = "public"\n')
    assert (result.code, result.reasons) == (0, [("record 1, line 1", "another-tenant")]), result.output
    assert found("user2@example.org").id == "crm-2"


def test_the_list_of_the_core_comes_without_hashes(bring: Bring) -> None:
    row = {
        "id": "0a1b",
        "isPrimaryUser": True,
        "tenantIds": ["public"],
        "emails": ["user1@example.org"],
        "timeJoined": 1_600_000_000_000,
        "loginMethods": [
            {
                "recipeId": "thirdparty",
                "recipeUserId": "0a1b",
                "email": "user1@example.org",
                "thirdParty": {"id": "github", "userId": "77"},
                "verified": True,
                "timeJoined": 1_600_000_000_000,
            },
            {"recipeId": "emailpassword", "email": "user1@example.org", "verified": True},
        ],
    }
    result = bring(json.dumps({"status": "OK", "users": [row], "nextPaginationToken": "x"}))
    assert (result.code, result.report["warnings"]) == (0, {"hash-not-exported": 1})
    assert found("user1@example.org").id == "0a1b"
    assert identities("user1@example.org") == {("github", "77")}


def test_hashes_that_nobody_reads_are_counted_and_absurd_ones_refused(bring: Bring) -> None:
    result = bring(
        [
            user(1, with_password(1, "$x$unknown")),
            user(2, with_password(2, ARGON2.replace("m=65536", "m=4194304"))),
            user(3, with_password(3, BCRYPT[:-4])),
            user(4),
            user(5, {"recipeId": "passwordless", "phoneNumber": "+4512345678"}),
        ]
    )
    assert [reason for _, reason in result.reasons] == [
        "hash-cost-out-of-bounds",
        "malformed-hash",
        "invalid-record",
        "missing-email",
    ]
    assert result.report["unknown_hash"] == 1


def test_two_with_one_identity_come_neither(bring: Bring) -> None:
    reasons = bring([user(1, social(1)), user(2, social(2))]).reasons
    assert [reason for _, reason in reasons] == ["duplicate-identity"] * 2


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (json.dumps({"users": [user(1, with_password(1)), user(2, with_password(2))]})[:-40], 2, "cut-short"),
        ("-----BEGIN PGP MESSAGE-----\n", 1, "gpg --decrypt"),
        ('{"identities": []}', 1, "there is no user in it"),
    ],
)
def test_what_is_no_whole_file_is_told(content: str, code: int, said: str, bring: Bring) -> None:
    result = bring(content)
    assert (result.code, said in result.output + str(result.reasons)) == (code, True), result.output
