"""Realm exports of Keycloak, of all its ages."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group

from better_auth import users
from tests.migration_tools.conftest import Migrate
from tests.migration_tools.vendors.conftest import found, identities, kept_of, signs_in, vendor_file

pytestmark = pytest.mark.django_db
REALM = ("--source", "keycloak", "--input", vendor_file("keycloak-realm.json"))
Written = Callable[[str, str | bytes], str]


@pytest.fixture
def arrived(written: Written, migrate: Migrate) -> Any:
    Group.objects.create(name="Editors")
    mapping = written("keycloak.toml", 'role_names = { editor = "editor" }\ngroup_names = ["Editors"]')
    return migrate(*REALM, "--mapping", mapping, "--trust-verified")


@pytest.mark.parametrize("name", ["olek", "pia", "old", "hand", "new"])
def test_hashes_of_every_age_and_clear_text_sign_in(name: str, arrived: Any) -> None:
    assert signs_in(f"{name}@example.org")


def test_what_the_realm_tells_of_a_user_comes(arrived: Any) -> None:
    assert arrived.code == 2, arrived.output
    olek, pia, hand = (found(f"{name}@example.org") for name in ("olek", "pia", "hand"))
    assert (olek.id, olek.name, olek.username) == (
        "0b7e3c52-9d0f-4c1e-8a51-5d2f6a7b8c9d",
        "Olek Nowak",
        "olek",
    )
    assert (olek.email_verified, olek.role, olek.banned) == (True, "editor", False)
    assert olek.created_at.isoformat() == "2022-04-15T05:20:00+00:00"
    assert dict(olek.additional_fields) == {"locale": "pl", "teams": ["a", "b"]}
    assert identities("olek@example.org") == {("google", "4455")}
    assert Group.objects.get().user_set.count() == 1
    assert pia.banned
    assert hand.id == "acme/hand"


def test_those_who_are_no_people_or_can_not_come_are_told(arrived: Any) -> None:
    reasons = [reason for _, reason in arrived.reasons]
    assert reasons == ["service-account", "service-account", "hash-cost-out-of-bounds", "missing-email"]
    assert "2  skipped" in arrived.output
    assert "2  invalid" in arrived.output
    for name in ("temp", "ldapia", "unspoken", "strange"):
        assert not signs_in(f"{name}@example.org")
    for remark in ("temporary-password", "password-in-user-federation", "must-change-password"):
        assert f"1  {remark}" in arrived.output
    assert "2  of them with a hash that nobody here can read" in arrived.output


def test_second_factors_recovery_codes_and_passkeys_are_kept(arrived: Any) -> None:
    assert "1  have second factors or passkeys" in arrived.output
    assert "second-factor-not-brought" in arrived.output
    kept = kept_of("pia@example.org", "keycloak")
    # The secret is the text itself: base32 of "Hello!ABCDEFGHIJKLMN".
    assert kept["totp"] == [
        {
            "secret_base32": "JBSWY3DPEFAUEQ2EIVDEOSCJJJFUYTKO",
            "digits": 6,
            "period": 30,
            "algorithm": "SHA1",
        },
        {"secret_base32": "JBSWY3DPEHPK3PXP", "digits": 8, "period": 60, "algorithm": "SHA512"},
    ]
    (passkey,) = kept["passkeys"]
    assert (passkey["credentialId"], passkey["counter"], passkey["label"]) == ("AQIDBA", 3, "laptop")
    assert kept["recovery_codes"][0]["codes"][0]["encodedHashedValue"] == "aGFzaA=="


def test_a_second_run_finds_nothing_new(arrived: Any, migrate: Migrate, tmp_path: Path) -> None:
    told = ("--mapping", str(tmp_path / "keycloak.toml"), "--trust-verified")
    assert "9  unchanged since they were brought" in migrate(*REALM, *told, "--resume").output
    assert migrate(*REALM, *told, "--verify").code == 0


def test_users_in_files_of_their_own_come_from_a_directory_or_a_pattern(
    migrate: Migrate, tmp_path: Path
) -> None:
    realm = json.loads(Path(vendor_file("keycloak-realm.json")).read_text())
    people = realm.pop("users")
    (tmp_path / "acme-realm.json").write_text(json.dumps(realm))
    for number in range(3):
        some = {"realm": "acme", "users": people[number * 2 : number * 2 + 2]}
        (tmp_path / f"acme-users-{number}.json").write_text(json.dumps(some))
    (tmp_path / "acme-users-10.json").write_text('{"realm": "acme", "users": [{"username": "x", ')
    told = ("--source", "keycloak", "--input")
    result = migrate(*told, str(tmp_path))
    assert result.code == 2, result.output
    assert result.reasons == [("acme-users-10.json, record 1, line 1", "cut-short")]
    assert signs_in("old@example.org")
    assert found("temp@example.org").id == "acme/temp"
    again = migrate(*told, f"{tmp_path}/acme-users-?.json", "--resume")
    assert (again.code, "6  unchanged" in again.output) == (0, True), again.output


def test_of_several_realms_the_mapping_names_one(written: Written, migrate: Migrate) -> None:
    def realm(name: str) -> dict[str, Any]:
        user = {"username": "ann", "email": f"ann@{name}.example.org", "enabled": True}
        return {"realm": name, "users": [user]}

    path = written("realms.json", json.dumps([realm("master"), realm("acme")]))
    mapping = written("acme.toml", '[parameters]\nrealm = "acme"')
    result = migrate("--source", "keycloak", "--input", path, "--mapping", mapping)
    assert (result.code, result.reasons) == (0, [("record 1, line 1", "another-realm")])
    assert found("ann@acme.example.org").id == "acme/ann"
    assert users.find_by_email("ann@master.example.org") is None


def test_a_realm_without_users_and_an_encrypted_file_are_refused(written: Written, migrate: Migrate) -> None:
    told = ("--source", "keycloak", "--input")
    result = migrate(*told, written("empty.json", '{"realm": "acme"}'))
    assert (result.code, "there is no user in it" in result.output) == (1, True)
    result = migrate(*told, written("secret.json", b"-----BEGIN PGP MESSAGE-----\n"))
    assert (result.code, "gpg --decrypt" in result.output) == (1, True)
    result = migrate(*told, "/nowhere/realm.json")
    assert (result.code, "No such file" in result.output) == (1, True)


@pytest.mark.parametrize("credentials", ["[1]", '"x"', '[{"type": "password", "secretData": "{"}]'])
def test_credentials_that_are_none_refuse_their_user_alone(
    credentials: str, written: Written, migrate: Migrate
) -> None:
    good = '{"username": "bob", "email": "bob@example.org"}'
    bad = f'{{"username": "ann", "email": "ann@example.org", "credentials": {credentials}}}'
    path = written("realm.json", f'{{"users": [{bad}, {good}], "realm": "late"}}')
    result = migrate("--source", "keycloak", "--input", path)
    assert result.reasons[0][1] in ("invalid-value", "invalid-json")
    assert len(result.reasons) == 1
    assert found("bob@example.org").username == "bob"
