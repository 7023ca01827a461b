"""LDIF files of directories: OpenLDAP, 389 Directory Server, Active Directory."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from better_auth import users
from migration_tools.sources.ldif import first_names
from tests.migration_tools.conftest import Migrate
from tests.migration_tools.vendors.conftest import found, signs_in

pytestmark = pytest.mark.django_db

SSHA = "{SSHA}9ZUgcC7kcewfBipPO7xSaeKZjbVzYWx0MTIzNA=="
SHA512 = (
    "{SSHA512}6uSW11mv9U4pO00YTUn7ByYJcK9w511V3iAjTF3vYSUbYuN8"
    "VjNL6EmwQ5Nr0RR6w7SQVXSGWFwYFarQYLaYlHNhbHQxMjM0"
)
CRYPT = (
    "{CRYPT}$6$saltstring$qvPJY4PeugKzKQqyIJ0gRdJnpS0uaaiZ.X1"
    "SaheFedsK/yZPwlluTLS90fJPM41sD5JxCHKgGr1..qt5HqEY8."
)
BARE = "$2a$10$abcdefghijklmnopqrstuuGGgFFcYeueaAql8Z7U7CnCTRw4DR77W"
CLEAR = "correct horse battery staple"
Bring = Callable[..., Any]


@pytest.fixture
def bring(written: Callable[[str, str | bytes], str], migrate: Migrate) -> Bring:
    """Bring entries, or a file as it is."""

    def run(*content: str | bytes, mapping: str = "", more: tuple[str, ...] = ()) -> Any:
        parts = [one.encode() if isinstance(one, str) else one for one in content]
        path = written("people.ldif", b"\n\n".join(part.rstrip(b"\n") for part in parts) + b"\n")
        told = ["--mapping", written("mapping.toml", mapping)] if mapping else []
        return migrate("--source", "ldap", "--input", path, "--trust-verified", *told, *more)

    return run


def coded(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def entry(number: int, *lines: str, password: str | None = SSHA) -> str:
    """As slapcat writes it."""
    start = [
        f"dn: uid=user{number},ou=People,dc=example,dc=org",
        "objectClass: top",
        "objectClass: inetOrgPerson",
        f"uid: user{number}",
        f"cn: User {number}",
        f"mail: user{number}@example.org",
        f"entryUUID: 11111111-2222-3333-4444-{number:012}",
        "createTimestamp: 20190304100000Z",
    ]
    hashed = [f"userPassword:: {coded(password)}"] if password else []
    return "\n".join([*start, *hashed, *lines])


@pytest.mark.parametrize("password", [SSHA, SSHA.replace("SSHA", "ssha"), SHA512, CRYPT, BARE, CLEAR])
def test_passwords_come_in_every_scheme(password: str, bring: Bring) -> None:
    result = bring(entry(1, password=password))
    assert result.code == 0, result.output
    assert signs_in("user1@example.org")
    assert CLEAR not in result.output


def test_a_file_of_slapcat_comes(bring: Bring) -> None:
    folded = f"userPassword:: {coded(SHA512)}"
    folded = f"{folded[:40]}\n {folded[40:60]}\n {folded[60:]}"
    content = f"""version: 1

# extended LDIF
dn: dc=example,dc=org
objectClass: dcObject
dc: example

dn:: {coded("uid=søren,ou=People,dc=example,dc=org")}
OBJECTCLASS: InetOrgPerson
UID: soeren
cn;lang-da:: {coded("Søren Ø")}
mail: Soeren@Example.org
mail: s@example.org
EntryUuid: 0a1b2c3d-0000-1111-2222-333344445555
mobile: +45 12 34 56-78
createTimestamp: 20190304110000.000000+0100
# a comment that
 is folded
{folded}
jpegPhoto:< file:///etc/passwd

# search result
search: 2
result: 0 Success
"""
    for text in (content, content.replace("\n", "\r\n")):
        result = bring(text)
        assert result.code == 0, result.output
        soeren = found("soeren@example.org")
        assert (soeren.id, soeren.name, soeren.username) == (
            "0a1b2c3d-0000-1111-2222-333344445555",
            "Søren Ø",
            "soeren",
        )
        assert (soeren.phone_number, soeren.email_verified) == ("+4512345678", False)
        assert soeren.created_at.isoformat() == "2019-03-04T10:00:00+00:00"
        assert signs_in("soeren@example.org")
        assert result.reasons == [("line 3", "no-person")]


@pytest.mark.parametrize(
    ("dn", "names"),
    [
        ("uid=ann,dc=org", {"uid": "ann"}),
        (r"cn=Doe\, Jane+sn=Doe,ou=People,dc=org", {"cn": "Doe, Jane", "sn": "Doe"}),
        (r'CN="Doe, Jane",ou=People', {"cn": "Doe, Jane"}),
        (r"cn=S\C3\B8ren \"x\",dc=org", {"cn": 'Søren "x"'}),
        (r"cn=a\+b\=c,dc=org", {"cn": "a+b=c"}),
        ("", {}),
        ("nothing", {}),
        ('cn="open,dc=org', {"cn": '"open'}),
        ("cn=\\", {"cn": "\\"}),
    ],
)
def test_distinguished_names_are_read(dn: str, names: dict[str, str]) -> None:
    assert first_names(dn) == names


def test_without_an_id_the_name_of_the_entry_is_it(bring: Bring) -> None:
    dn = r"cn=Doe\, Jane+sn=Doe,ou=People,dc=org"
    assert bring(f"dn: {dn}\nobjectClass: person\nsn: Doe\nmail: jane@example.org\n").code == 0
    jane = found("jane@example.org")
    assert (jane.id, jane.name) == (dn, "Doe")


def test_entries_of_active_directory_come_without_hashes(bring: Bring) -> None:
    guid = coded(bytes(range(16)))

    def person(number: int, control: int, kind: str = "user") -> str:
        return (
            f"dn: CN=User {number},OU=Staff,DC=corp\nobjectClass: person\nobjectClass: {kind}\n"
            f"sAMAccountName: user{number}\nmail: user{number}@example.org\ndisplayName: User {number}\n"
            f"objectGUID:: {guid if number == 1 else coded(bytes(16))}\nuserAccountControl: {control}\n"
            "memberOf: CN=Editors\\, senior,OU=Groups,DC=corp\nwhenCreated: 20190304100000.0Z\n"
        )

    Group.objects.create(name="Editors, senior")
    result = bring(
        person(1, 512),
        person(2, 514),
        person(3, 4096, "computer"),
        mapping='group_names = ["Editors, senior"]\n',
    )
    assert (result.code, result.reasons) == (0, [("line 23", "no-person")]), result.output
    one, two = found("user1@example.org"), found("user2@example.org")
    assert (one.id, one.username) == ("03020100-0504-0706-0809-0a0b0c0d0e0f", "user1")
    assert (one.banned, two.banned) == (False, True)
    assert Group.objects.get().user_set.count() == 2


def ago(**distance: int) -> str:
    return (datetime.now(UTC) - timedelta(**distance)).strftime("%Y%m%d%H%M%SZ")


def test_locks_come(bring: Bring) -> None:
    lines = [
        "pwdAccountLockedTime: 000001010000Z",
        f"pwdAccountLockedTime: {ago(minutes=10)}",
        f"pwdAccountLockedTime: {ago(hours=2)}",
        "nsAccountLock: TRUE",
        "shadowExpire: 17000",
        "shadowExpire: -1",
    ]
    result = bring(
        *(entry(number, line) for number, line in enumerate(lines)),
        mapping="[parameters]\nlockout_duration = 3600\n",
    )
    assert result.code == 0, result.output
    people = [found(f"user{number}@example.org") for number in range(len(lines))]
    assert [one.banned for one in people] == [True, True, False, True, True, False]
    assert [one.ban_expires is not None for one in people] == [False, True, False, False, False, False]
    assert people[4].ban_reason == "migrated:expired"


def test_of_several_passwords_none_is_chosen_silently(bring: Bring) -> None:
    several = entry(1, f"userPassword: {CRYPT}", f"userPassword:: {coded(SSHA)}")
    assert bring(several).reasons == [("line 1", "several-passwords")]
    assert bring(several, mapping='[parameters]\nseveral_passwords = "first"\n').code == 0
    assert signs_in("user1@example.org")


def test_the_same_password_twice_is_one(bring: Bring) -> None:
    assert bring(entry(1, f"userPassword: {SSHA}")).code == 0
    assert signs_in("user1@example.org")


def test_what_is_shut_or_unknown_lets_nobody_in_and_is_counted(bring: Bring) -> None:
    result = bring(
        entry(1, password="{CRYPT}!" + CRYPT.removeprefix("{CRYPT}")),
        entry(2, password="{SASL}user2@EXAMPLE.ORG"),
        entry(3, password="{CRYPT}abNANd1rDfiNc"),
        entry(4, password=None),
    )
    assert (result.code, result.report["unknown_hash"]) == (0, 2), result.output
    assert result.report["warnings"] == {"password-shut": 1, "unknown-hash": 2}
    for number in (1, 2, 3, 4):
        assert not signs_in(f"user{number}@example.org")


def test_one_bad_entry_takes_no_other_with_it(bring: Bring) -> None:
    result = bring(
        entry(1),
        entry(2, password="{SSHA}" + coded("short")),
        entry(3, password="{PBKDF2-SHA256}2147483647$MDEyMzQ1Njc4OWFiY2RlZg$" + "A" * 43),
        entry(4, "this is no line"),
        entry(5, "description:: ***"),
        entry(6).replace("mail: ", "x-mail: "),
        entry(7, "changetype: modify"),
        "uid: user8\nmail: user8@example.org",
        entry(9).encode() + b"\nsn: \xff\xfe\ndisplayName: \xff\xfe",
        entry(10, "description: " + "x" * 1_200_000),
        entry(11, password=None) + "\nuserPassword:< file:///etc/shadow",
        entry(12, "displayName: " + "x" * 5000),
        entry(1).replace("user1", "user13"),
    )
    reasons = [
        *("malformed-hash", "hash-cost-out-of-bounds", "invalid-ldif", "invalid-ldif", "missing-email"),
        *("invalid-record", "invalid-record", "invalid-encoding", "too-long", "value-elsewhere"),
        "duplicate-id",
    ]
    assert [reason for _, reason in result.reasons] == reasons
    assert get_user_model().objects.count() == 2


def test_an_export_that_is_cut_short_is_told(written: Any, migrate: Migrate) -> None:
    content = f"{entry(1)}\n\n{entry(2)}\n"
    result = migrate("--source", "ldap", "--input", written("people.ldif", content[:-30]))
    assert (result.code, result.reasons) == (2, [("line 11", "cut-short")])
    assert users.find_by_email("user2@example.org") is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"users": [1]}\n', "is no LDIF"),
        (b"uid,mail\nann,ann@example.org\n", "is no LDIF"),
        (b"", "there is no entry"),
        (b"# nothing\n", "there is no entry"),
        (b"-----BEGIN PGP MESSAGE-----\n", "gpg --decrypt"),
        ("dn: uid=x".encode("utf-16"), "UTF-16"),
    ],
)
def test_what_is_no_ldif_is_told(content: bytes, said: str, written: Any, migrate: Migrate) -> None:
    result = migrate("--source", "ldap", "--input", written("people.ldif", content))
    assert (result.code, said in result.output) == (1, True), result.output


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ('[parameters]\nseveral_passwords = "any"\n', "wants refuse or first"),
        ('[parameters]\nlockout_duration = "1h"\n', "wants seconds"),
        ('[parameters]\nid_atribute = "x"\n', "did you mean id_attribute"),
        ('key = "uid"\nemail = "mail"\n', "knows its fields"),
    ],
)
def test_what_is_misspelt_is_told(mapping: str, said: str, bring: Bring) -> None:
    result = bring(entry(1), mapping=mapping)
    assert (result.code, said in result.output) == (1, True), result.output


def test_attributes_can_be_others(bring: Bring) -> None:
    lines = ("employeeNumber: E-7", "rfc822Mailbox: other@example.org", "nick: annie", "departmentNumber: 42")
    result = bring(
        entry(1, *lines),
        mapping='metadata = { department = "DepartmentNumber" }\n'
        '[parameters]\nid_attribute = "employeeNumber"\n'
        'email_attribute = "rfc822Mailbox"\nusername_attribute = "nick"\nmail_is_verified = true\n',
    )
    assert result.code == 0, result.output
    other = found("other@example.org")
    assert (other.id, other.username, other.email_verified) == ("E-7", "annie", True)
    assert dict(other.additional_fields) == {"department": "42"}


def test_a_run_goes_on_where_it_stopped(bring: Bring) -> None:
    people = [entry(number) for number in range(30)]
    assert bring(*people, more=("--limit", "7", "--batch-size", "3")).code == 0
    result = bring(*people, more=("--resume", "--batch-size", "3"))
    assert (result.code, get_user_model().objects.count()) == (0, 30), result.output
    assert bring(*people, more=("--verify",)).report["findings"] == {"equal": 30}
    changed = [re.sub("User 3$", "Another", one, flags=re.MULTILINE) for one in people]
    assert bring(*changed, more=("--on-conflict", "update")).report["outcomes"]["updated"] == 1
