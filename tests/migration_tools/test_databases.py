"""Sources that are databases: each kind that answers here, with real tables."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymysql
import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from better_auth import passwords, users
from better_auth.models import Account
from migration_tools import keeping
from migration_tools.models import MigrationRun
from migration_tools.sources import databases
from tests.migration_tools.conftest import LEGACY_PASSWORD, Migrate
from tests.migration_tools.legacy_databases import Legacy, sqlite_database

pytestmark = pytest.mark.django_db

PBKDF2 = "pbkdf2_sha256$1000$saltSALT12345678aBcDeF$EAh840Nv2/L6hRC10kGy7xfOvCU5bgEbamDeDWuD5v4="
SALTED_MD5 = "8874aff2a3e35d60321510fc58e2e2c1"


@pytest.fixture
def legacy(legacy_database: Legacy) -> Legacy:
    return legacy_database


CUSTOMERS = """
    table = "customers"
    key = "cust_no"
    email = "mail"
    name = "full_name"
    disabled = "!active"
    created_at = "since"
    zone = "UTC"
    where = "kind = 'person' AND mail NOT LIKE '%.test'"
    hash = { column = "pw_md5", scheme = "md5", salt_column = "pw_salt" }
"""


@pytest.fixture
def customers(legacy: Legacy) -> Legacy:
    legacy.run(
        "CREATE TABLE customers (cust_no CHAR(6) PRIMARY KEY, mail VARCHAR(200), full_name VARCHAR(200), "
        "pw_md5 CHAR(40), pw_salt VARCHAR(20), active INTEGER, since TIMESTAMP NULL, kind VARCHAR(20))"
    )
    rows: list[tuple[Any, ...]] = [
        (
            f"C-{n:04}",
            f"lena{n}@example.net",
            f"Léna {n} 😀",
            SALTED_MD5,
            "abc",
            n % 2,
            "2024-11-02 08:00:00",
            "person",
        )
        for n in range(50)
    ]
    rows += [
        ("G-0001", None, "A group", "1", "", 1, None, "group"),
        ("C-9001", "x@y.test", "", "", "", 1, None, "person"),
    ]
    legacy.fill("customers", rows)
    return legacy


def test_any_table_comes_with_a_mapping(
    customers: Legacy, mapping: Callable[[str], str], migrate: Migrate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "PAGE", 7)
    result = migrate("--source", "sql", "--dsn", customers.dsn, "--mapping", mapping(CUSTOMERS))
    assert result.code == 0, result.output
    assert get_user_model().objects.count() == 50
    found = users.find_by_email("lena9@example.net")
    assert found is not None
    assert (found.id, found.name, found.banned) == ("C-0009", "Léna 9 😀", False)
    assert found.created_at.isoformat() == "2024-11-02T08:00:00+00:00"
    assert passwords.verify(LEGACY_PASSWORD, found)
    assert migrate(
        "--source", "sql", "--dsn", customers.dsn, "--mapping", mapping(CUSTOMERS), "--verify"
    ).report["findings"] == {"equal": 50}


def test_a_condition_narrows_it_down(
    customers: Legacy, mapping: Callable[[str], str], migrate: Migrate
) -> None:
    told = ["--source", "sql", "--dsn", customers.dsn, "--mapping", mapping(CUSTOMERS)]
    assert migrate(*told, "--where", "active = 1").code == 0
    assert get_user_model().objects.count() == 25


def test_a_query_is_as_good_as_a_table(
    customers: Legacy, mapping: Callable[[str], str], migrate: Migrate
) -> None:
    told = mapping(
        'query = "SELECT cust_no, lower(mail) AS mail FROM customers WHERE mail IS NOT NULL"\n'
        'key = "cust_no"\nemail = "mail"\n'
    )
    assert migrate("--source", "sql", "--dsn", customers.dsn, "--mapping", told).code == 0
    assert get_user_model().objects.count() == 51


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('"mail"', '"mial"'), "names the column 'mial', customers has none; did you mean mail"),
        (('table = "customers"', 'table = "costumers"'), "costumers"),
        (("kind = 'person'", "kind == = 'person'"), "the source's database"),
    ],
)
def test_what_the_database_lacks_is_told(
    change: tuple[str, str], said: str, customers: Legacy, mapping: Callable[[str], str], migrate: Migrate
) -> None:
    told = mapping(CUSTOMERS.replace(*change))
    result = migrate("--source", "sql", "--dsn", customers.dsn, "--mapping", told)
    assert (result.code, said in result.output) == (1, True), result.output


def test_rows_without_a_key_are_told_of(
    legacy: Legacy, mapping: Callable[[str], str], migrate: Migrate
) -> None:
    legacy.run("CREATE TABLE people (id INTEGER, mail VARCHAR(100))")
    legacy.fill(
        "people", [(1, "a@example.org"), (None, "b@example.org"), (1, "c@example.org"), (2, "d@example.org")]
    )
    told = mapping('table = "people"\nkey = "id"\nemail = "mail"\n')
    result = migrate("--source", "sql", "--dsn", legacy.dsn, "--mapping", told)
    assert result.reasons == [("people without id 1", "missing-id"), ("people 1", "duplicate-id")]
    assert get_user_model().objects.count() == 2


AUTH_USER = (
    "CREATE TABLE auth_user "
    "(id INTEGER PRIMARY KEY, password VARCHAR(128) NOT NULL, last_login TIMESTAMP NULL, "
    "is_superuser BOOLEAN NOT NULL, username VARCHAR(150) NOT NULL, first_name VARCHAR(150) NOT NULL, "
    "last_name VARCHAR(150) NOT NULL, email VARCHAR(254) NOT NULL, is_staff BOOLEAN NOT NULL, "
    "is_active BOOLEAN NOT NULL, date_joined TIMESTAMP NOT NULL)"
)


@pytest.fixture
def django_site(legacy: Legacy) -> Legacy:
    legacy.run(
        AUTH_USER,
        "CREATE TABLE auth_group (id INTEGER PRIMARY KEY, name VARCHAR(150))",
        "CREATE TABLE auth_user_groups (id INTEGER PRIMARY KEY, user_id INTEGER, group_id INTEGER)",
        "CREATE TABLE account_emailaddress "
        "(id INTEGER PRIMARY KEY, email VARCHAR(254), verified BOOLEAN, user_id INTEGER)",
        "CREATE TABLE social_auth_usersocialauth "
        "(id INTEGER PRIMARY KEY, provider VARCHAR(32), uid VARCHAR(255), user_id INTEGER)",
    )
    since = "2019-03-04 10:00:00"

    def row(
        key: int, password: str, username: str, email: str, *, staff: bool = False, active: bool = True
    ) -> Any:
        return (key, password, None, staff, username, "Mara", "Ek", email, staff, active, since)

    legacy.fill(
        "auth_user",
        [
            row(1, PBKDF2, "Mara.Ek", "Mara.Ek@Example.org", staff=True),
            row(2, "!" + "x" * 40, "social", "social@example.org"),
            row(3, "", "blank", "blank@example.org"),
            row(4, PBKDF2, "gone", "gone@example.org", active=False),
            row(5, PBKDF2, "nomail", ""),
            row(6, PBKDF2, "Twin", "twin1@example.org"),
            row(7, PBKDF2, "twin", "twin2@example.org"),
            row(8, PBKDF2, "h@example.org", "h@example.org"),
        ],
    )
    legacy.fill("auth_group", [(1, "Editors"), (2, "Others")])
    legacy.fill("auth_user_groups", [(1, 1, 1), (2, 1, 2)])
    legacy.fill("account_emailaddress", [(1, "mara.ek@example.org", True, 1)])
    legacy.fill("social_auth_usersocialauth", [(1, "google-oauth2", "1099", 2)])
    return legacy


def test_a_django_site_comes_over(django_site: Legacy, migrate: Migrate) -> None:
    result = migrate("--source", "django", "--dsn", django_site.dsn, "--trust-verified")
    assert result.reasons == [
        ("auth_user 5", "missing-email"),
        ("auth_user 6", "duplicate-username"),
        ("auth_user 7", "duplicate-username"),
    ]
    mara, social = users.find_by_email("mara.ek@example.org"), users.find_by_email("social@example.org")
    assert mara is not None
    assert social is not None
    assert (mara.id, mara.name, mara.email_verified) == ("1", "Mara Ek", True)
    assert (mara.username, mara.display_username) == ("mara.ek", "Mara.Ek")
    assert passwords.verify(LEGACY_PASSWORD, mara)
    row = users.row_of(mara)
    assert (row.is_staff, row.is_superuser, row.groups.count()) == (False, False, 0)
    assert not passwords.has_password(social)
    assert Account.objects.get(user_id=social.key).provider_id == "google"
    gone = users.find_by_email("gone@example.org")
    assert gone is not None
    assert (gone.banned, gone.ban_reason) == (True, "migrated:inactive")
    assert result.report["warnings"] == {"blank-password": 1}


def test_second_factors_of_a_django_site_are_kept(django_site: Legacy, migrate: Migrate) -> None:
    quoted = "`key`" if django_site.dsn.startswith("mysql") else '"key"'
    django_site.run(
        "CREATE TABLE otp_totp_totpdevice (id INTEGER PRIMARY KEY, user_id INTEGER, confirmed BOOLEAN, "
        f"{quoted} VARCHAR(80), step INTEGER, t0 INTEGER, digits INTEGER)",
        "CREATE TABLE otp_static_staticdevice (id INTEGER PRIMARY KEY, user_id INTEGER, confirmed BOOLEAN)",
        "CREATE TABLE otp_static_statictoken (id INTEGER PRIMARY KEY, device_id INTEGER, token VARCHAR(16))",
        "CREATE TABLE mfa_authenticator "
        "(id INTEGER PRIMARY KEY, user_id INTEGER, type VARCHAR(20), data TEXT)",
    )
    secret = "48656c6c6f21deadbeef"
    devices = [
        (1, 1, True, secret, 30, 0, 6),
        (2, 1, False, secret, 30, 0, 6),
        (3, 8, True, "not hexadecimal", 30, 0, 6),
    ]
    django_site.fill("otp_totp_totpdevice", devices)
    django_site.fill("otp_static_staticdevice", [(7, 1, True)])
    django_site.fill("otp_static_statictoken", [(1, 7, "abcd2345"), (2, 7, "efgh2345")])
    authenticators = [
        (1, 2, "totp", '{"secret": "JBSWY3DPEHPK3PXP"}'),
        (2, 2, "recovery_codes", '{"migrated_codes": ["one"]}'),
        (3, 2, "webauthn", '{"name": "key", "credential": {"id": "AQID"}}'),
        (4, 3, "totp", "no JSON"),
    ]
    django_site.fill("mfa_authenticator", authenticators)
    result = migrate("--source", "django", "--dsn", django_site.dsn)
    assert "2  have second factors or passkeys" in result.output
    assert result.report["warnings"]["factor-unreadable"] == 2
    totp = {"secret_base32": "JBSWY3DPEHPK3PXP", "digits": 6, "period": 30, "algorithm": "SHA1"}
    mara, social = users.find_by_email("mara.ek@example.org"), users.find_by_email("social@example.org")
    assert mara is not None
    assert social is not None
    kept = keeping.kept_factors("django", [mara.key, social.key])
    assert kept[mara.key] == {"totp": [totp], "recovery_codes": ["abcd2345", "efgh2345"], "passkeys": []}
    assert (kept[social.key]["totp"], kept[social.key]["passkeys"][0]["name"]) == ([totp], "key")


def test_power_comes_only_where_the_mapping_says_so(
    django_site: Legacy, mapping: Callable[[str], str], migrate: Migrate
) -> None:
    told = mapping(
        'staff = true\nsuperuser = true\ngroup_names = ["Editors"]\nmissing_email = "placeholder"\n'
    )
    refused = migrate("--source", "django", "--dsn", django_site.dsn, "--mapping", told)
    assert (refused.code, "no group 'Editors'" in refused.output) == (1, True), refused.output
    Group.objects.create(name="Editors")
    result = migrate("--source", "django", "--dsn", django_site.dsn, "--mapping", told)
    assert result.report["outcomes"]["created"] == 6
    mara = users.find_by_email("mara.ek@example.org")
    assert mara is not None
    row = users.row_of(mara)
    assert (row.is_staff, row.is_superuser, row.groups.get().name) == (True, True, "Editors")
    nobody = users.find_by_id("5")
    assert nobody is not None
    assert nobody.email.endswith("@placeholder.invalid")


def test_a_database_that_goes_away_is_waited_for(
    legacy: Legacy, mapping: Callable[[str], str], migrate: Migrate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connections are cut between two pages, as by a restart."""
    if legacy.dsn.startswith("sqlite"):
        pytest.skip("a file has no connection to lose")
    legacy.run("CREATE TABLE people (id INTEGER PRIMARY KEY, mail VARCHAR(100))")
    legacy.fill("people", [(number, f"person{number}@example.org") for number in range(40)])
    told = mapping('table = "people"\nkey = "id"\nemail = "mail"\n')
    monkeypatch.setattr(databases, "PAGE", 10)
    monkeypatch.setattr(databases, "PAUSES", (0, 0))
    ask, cuts = databases.Database._rows, iter([False, False, True, False, False, False, True])

    def rows(self: databases.Database, *arguments: Any) -> databases.Rows:
        if self._connection is not None and next(cuts, False):
            _cut(legacy)
        return ask(self, *arguments)

    monkeypatch.setattr(databases.Database, "_rows", rows)
    assert migrate("--source", "sql", "--dsn", legacy.dsn, "--mapping", told).code == 0
    assert get_user_model().objects.count() == 40


def _cut(legacy: Legacy) -> None:
    cursor = legacy.connection.cursor()
    if legacy.dsn.startswith("postgres"):
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        legacy.connection.commit()
        return
    cursor.execute(
        "SELECT id FROM information_schema.processlist WHERE db = database() AND id <> connection_id()"
    )
    for (number,) in cursor.fetchall():
        with contextlib.suppress(pymysql.MySQLError):
            cursor.execute(f"KILL {number}")


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://u:hunt er@127.0.0.1/x",
        "postgresql://u:hunt%zzer@127.0.0.1/x",
        "postgresql://u:x@hunt:er@127.0.0.1:1/x",
        "mysql://u:x@127.0.0.1:hunt/er",
        "mysql://u:x[hunt@127.0.0.1/er",
        "u:hunter@127.0.0.1/x",
        "host=127.0.0.1 password=hunter",
        "postgresql://u:hunter@127.0.0.1:1/x",
        "mysql://u:hunter@127.0.0.1:1/x",
        "oracle://u:hunter@127.0.0.1:1/x",
    ],
)
def test_no_part_of_a_password_is_told(dsn: str, migrate: Migrate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "PAUSES", ())
    result = migrate("--source", "better-auth", "--dsn", dsn)
    assert result.code == 1
    assert not any(part in result.output for part in ("hunt", "er@", "x@hunt")), result.output


def test_a_position_in_one_database_is_not_used_on_another(
    mapping: Callable[[str], str], migrate: Migrate, tmp_path: Path
) -> None:
    told = ["--source", "sql", "--mapping", mapping('table = "people"\nkey = "id"\nemail = "mail"\n')]
    dsns = []
    for name, rows in (("copy", [(5, "a@example.org"), (6, "foo@")]), ("live", [(1, "b@example.org")])):
        (tmp_path / name).mkdir()
        with sqlite_database(tmp_path / name) as legacy:
            legacy.run("CREATE TABLE people (id INTEGER PRIMARY KEY, mail TEXT)")
            legacy.fill("people", rows)
            dsns.append(legacy.dsn)
    copy, live = dsns
    assert migrate(*told, "--dsn", copy, "--strict").code == 3
    result = migrate(*told, "--dsn", live, "--resume")
    assert (result.code, "read from its beginning" in result.output) == (0, True), result.output
    assert get_user_model().objects.count() == 2
    run = MigrationRun.objects.get()
    assert run.identity["database"].endswith("live/legacy.sqlite3")
