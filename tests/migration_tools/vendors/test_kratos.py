"""Ory Kratos: identities as they are imported there, and as they are listed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from tests.migration_tools.conftest import BCRYPT, Migrate
from tests.migration_tools.vendors.conftest import found, identities, kept_of, signs_in

pytestmark = pytest.mark.django_db

# Published by Ory in its hash tests; the password is "test".
SCRYPT = (
    "$scrypt$ln=16384,r=8,p=1$2npRo7P03Mt8keSoMbyD/tKFWyUzjiQf2svUaNDSrhA="
    "$MiCzNcIplSMqSBrm4HckjYqYhaVPPjTARTzwB1cVNYE="
)
SHA1 = "$sha1$pf=e1BBU1NXT1JEfSUle1NBTFR9$NW9wbWtnejAzcg==$YX0AW8/MW5ojUlnzTaR43ucHCog="
ABSURD = SCRYPT.replace("ln=16384", "ln=1099511627776")
Bring = Callable[..., Any]


@pytest.fixture
def bring(written: Callable[[str, str | bytes], str], migrate: Migrate) -> Bring:
    """Bring a document, or what is told as text."""

    def run(content: Any, mapping: str = "", *more: str) -> Any:
        text = content if isinstance(content, str | bytes) else json.dumps(content)
        told = ["--mapping", written("mapping.toml", mapping)] if mapping else []
        path = written("identities.json", text)
        return migrate("--source", "kratos", "--input", path, "--trust-verified", *told, *more)

    return run


def listed(number: int, credentials: Any = None, **more: Any) -> dict[str, Any]:
    """As ``GET /admin/identities?include_credential=password…`` has it."""
    email = f"user{number}@example.org"
    password = {
        "type": "password",
        "identifiers": [email],
        "config": {"hashed_password": BCRYPT},
        "version": 0,
    }
    return {
        "id": f"9f425a8d-7efc-4768-8f23-7647a74fdf{number:02}",
        "credentials": {"password": password} if credentials is None else credentials,
        "schema_id": "default",
        "schema_url": "http://127.0.0.1:4433/schemas/ZGVmYXVsdA",
        "state": "active",
        "traits": {"email": email, "name": {"first": "Mara", "last": "Ek"}, "shoe_size": 38},
        "verifiable_addresses": [{"value": email, "verified": True, "via": "email", "status": "completed"}],
        "metadata_public": None,
        "created_at": "2022-03-04T05:06:07.123456Z",
        "updated_at": "2023-03-04T05:06:07.123456Z",
        **more,
    }


def imported(number: int, credentials: Any, **more: Any) -> dict[str, Any]:
    """As ``POST /admin/identities`` takes it."""
    return {
        "schema_id": "default",
        "traits": {"email": f"user{number}@example.org"},
        "credentials": credentials,
        **more,
    }


def password(**config: Any) -> dict[str, Any]:
    return {"password": {"config": config}}


@pytest.mark.parametrize("shape", ["list", "cli", "lines"])
def test_identities_come_in_every_shape_of_a_list(shape: str, bring: Bring) -> None:
    rows = [listed(1), listed(2, state="inactive", verifiable_addresses=[])]
    content: Any = {"list": rows, "cli": {"identities": rows, "next_page_token": ""}}.get(shape)
    result = bring(content or "\n".join(json.dumps(row) for row in rows))
    assert result.code == 0, result.output
    one, two = found("user1@example.org"), found("user2@example.org")
    assert (one.id, one.name, one.email_verified) == (listed(1)["id"], "Mara Ek", True)
    assert (one.banned, two.banned, two.email_verified) == (False, True, False)
    assert one.created_at.isoformat(timespec="seconds") == "2022-03-04T05:06:07+00:00"
    assert dict(one.additional_fields) == {"shoe_size": 38}
    assert signs_in("user1@example.org")


def test_what_is_imported_there_can_come_here(bring: Bring) -> None:
    social = {"oidc": {"config": {"providers": [{"subject": "1099", "provider": "google"}]}}}
    rows = [
        imported(1, password(hashed_password=SCRYPT), external_id="crm-1"),
        imported(2, password(hashed_password=SHA1)),
        imported(3, password(password="correct horse battery staple")),
        imported(4, social, state="inactive"),
    ]
    result = bring({"identities": [{"create": row, "patch_id": "x"} for row in rows]})
    assert result.code == 0, result.output
    assert (found("user1@example.org").id, found("user2@example.org").id) == ("crm-1", "user2@example.org")
    assert [signs_in(f"user{number}@example.org", "test") for number in (1, 2)] == [True, True]
    assert signs_in("user3@example.org")
    assert identities("user4@example.org") == {("google", "1099")}
    assert bring({"identities": rows}, "", "--resume").report["outcomes"]["unchanged"] == 4


def test_every_kind_of_credential_is_read(bring: Bring) -> None:
    url = "otpauth://totp/Acme:user1?algorithm=SHA256&digits=8&issuer=Acme&period=60&secret=JBSWY3DPEHPK3PXP"
    codes = [{"code": "abcd1234"}, {"code": "used5678", "used_at": "2024-01-01T00:00:00Z"}]
    key = {"id": "Y3JlZA==", "public_key": "cHVibGlj", "display_name": "Phone", "is_passwordless": True}
    credentials = {
        "totp": {"type": "totp", "identifiers": ["x"], "config": {"totp_url": url}},
        "lookup_secret": {"type": "lookup_secret", "config": {"recovery_codes": codes}},
        "webauthn": {"type": "webauthn", "config": {"credentials": [key], "user_handle": "aGFuZGxl"}},
        "oidc": {"type": "oidc", "identifiers": ["github:77"]},
        "code": {"type": "code", "identifiers": ["user1@example.org"]},
    }
    assert bring([listed(1, credentials)]).code == 0
    kept = kept_of("user1@example.org", "kratos")
    assert kept["totp"] == [
        {"secret_base32": "JBSWY3DPEHPK3PXP", "digits": 8, "period": 60, "algorithm": "SHA256"}
    ]
    assert kept["recovery_codes"] == ["abcd1234"]
    assert kept["passkeys"][0]["id"] == "Y3JlZA=="
    assert identities("user1@example.org") == {("github", "77")}


def test_a_list_without_hashes_says_so(bring: Bring) -> None:
    bare = {"password": {"type": "password", "identifiers": ["user1@example.org"]}}
    hook = password(use_password_migration_hook=True)
    result = bring([listed(1, bare), listed(2, hook)])
    assert result.report["warnings"] == {"hash-not-exported": 1, "password-behind-a-hook": 1}
    assert not signs_in("user1@example.org")


def test_traits_of_another_schema_are_named_by_the_mapping(bring: Bring) -> None:
    traits = {"contact": {"mail": "ann@example.org"}, "nick": "Ann99", "tel": "+4512345678", "whole": "Ann L"}
    mapping = (
        'role_names = ["editor"]\n[parameters]\nemail_trait = "contact.mail"\nusername_trait = "nick"\n'
        'phone_trait = "tel"\nname_trait = "whole"\n'
    )
    result = bring(
        [listed(1, traits={**traits, "roles": ["admin"]}, metadata_admin={"roles": ["editor", "admin"]})],
        mapping,
    )
    assert result.code == 0, result.output
    ann = found("ann@example.org")
    assert (ann.name, ann.username, ann.phone_number, ann.role) == ("Ann L", "ann99", "+4512345678", "editor")


def test_users_with_a_name_alone_come_where_the_policy_says_so(bring: Bring) -> None:
    credentials = password(hashed_password=BCRYPT)
    credentials["password"]["identifiers"] = ["mara"]
    row = imported(1, credentials)
    row["traits"] = {"username": "mara"}
    assert bring([row]).reasons == [("record 1, line 1", "missing-email")]
    assert bring([row], 'missing_email = "placeholder"\n').code == 0
    assert get_user_model().objects.count() == 1


def test_hashes_that_nobody_reads_are_counted_and_absurd_ones_refused(bring: Bring) -> None:
    result = bring(
        [
            imported(1, password(hashed_password="$md4$c2FsdA==$aGFzaA==")),
            imported(2, password(hashed_password=ABSURD)),
            imported(3, password(hashed_password=BCRYPT[:-4])),
            imported(4, password(hashed_password=["x"])),
            imported(5, "none"),
            "no object",
        ]
    )
    reasons = [reason for _, reason in result.reasons]
    assert reasons == [
        "hash-cost-out-of-bounds",
        "malformed-hash",
        "invalid-value",
        "invalid-json",
        "invalid-record",
    ]
    assert result.report["unknown_hash"] == 1


def test_two_with_one_identity_come_neither(bring: Bring) -> None:
    social = {"oidc": {"config": {"providers": [{"subject": "1099", "provider": "google"}]}}}
    result = bring([imported(1, social), imported(2, social)])
    assert [reason for _, reason in result.reasons] == ["duplicate-identity"] * 2


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (json.dumps([listed(1), listed(2)])[:-40], 2, "cut-short"),
        ("-----BEGIN PGP MESSAGE-----\n", 1, "gpg --decrypt"),
        ('{"users": []}', 2, "no identity"),
        ('{\n"users": []}', 1, "there is no user in it"),
        ("[]", 1, "there is no user in it"),
    ],
)
def test_what_is_no_whole_list_is_told(content: str, code: int, said: str, bring: Bring) -> None:
    result = bring(content)
    assert (result.code, said in result.output + str(result.reasons)) == (code, True), result.output
