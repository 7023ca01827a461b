"""WordPress: the tables that its installer makes, with what plugins leave in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from migration_tools.sources.php_values import NotSerialized, unserialize
from tests.migration_tools.conftest import Migrate
from tests.migration_tools.legacy_databases import Legacy
from tests.migration_tools.vendors.people import brought, factors, fits

pytestmark = pytest.mark.django_db

PHPASS = "$P$B12345678uMkEEiNXlW9rq2Nl1y1cs."
SINCE_6_8 = "$wp$2y$10$abcdefghijklmnopqrstuup5lr9X5y2ivXNqX3saHIQSKQF0rdIHq"
MD5 = "9cc2ae8a1ba7a93da39b46fc1019c481"
USERS = (
    "CREATE TABLE {0}users (\"ID\" BIGINT PRIMARY KEY, user_login VARCHAR(60) DEFAULT '' NOT NULL, "
    "user_pass VARCHAR(255) DEFAULT '' NOT NULL, user_nicename VARCHAR(50) DEFAULT '' NOT NULL, "
    "user_email VARCHAR(100) DEFAULT '' NOT NULL, user_url VARCHAR(100) DEFAULT '' NOT NULL, "
    "user_registered {1}, user_activation_key VARCHAR(255) DEFAULT '' NOT NULL, "
    "user_status INTEGER DEFAULT 0 NOT NULL, display_name VARCHAR(250) DEFAULT '' NOT NULL)"
)
USERMETA = (
    "CREATE TABLE {0}usermeta "
    "(umeta_id BIGINT PRIMARY KEY, user_id BIGINT NOT NULL, meta_key VARCHAR(255), meta_value TEXT)"
)
SINCE = "2015-06-07 08:09:10"


class Blog:
    """The site's database, and the command that brings its users."""

    def __init__(self, database: Legacy, migrate: Migrate, mapping: Callable[[str], str]) -> None:
        self.database, self._migrate, self._mapping = database, migrate, mapping
        self._count = 0

    def install(self, prefix: str = "wp_") -> None:
        # What is no date elsewhere: WordPress writes zeros where there is none.
        moment = "TIMESTAMP NULL" if self.database.dsn.startswith("postgres") else "VARCHAR(19)"
        for statement in (USERS, USERMETA):
            self.database.run(self.database.quoted(statement.format(prefix, moment)))

    def user(self, number: int, prefix: str = "wp_", **more: Any) -> None:
        row = {
            "ID": number,
            "user_login": f"login{number}",
            "user_pass": PHPASS,
            "user_email": f"user{number}@example.org",
            "user_registered": SINCE,
            "display_name": f"User {number}",
        }
        self.database.insert(f"{prefix}users", **{**row, **more})

    def meta(self, user: int, prefix: str = "wp_", **values: str) -> None:
        for key, value in values.items():
            self._count += 1
            self.database.insert(
                f"{prefix}usermeta", umeta_id=self._count, user_id=user, meta_key=key, meta_value=value
            )

    def bring(self, content: str = "", *more: str) -> Any:
        told = ["--mapping", self._mapping(content)] if content else []
        return self._migrate("--source", "wordpress", "--dsn", self.database.dsn, *told, *more)


@pytest.fixture
def blog(legacy_database: Legacy, migrate: Migrate, mapping: Callable[[str], str]) -> Blog:
    return Blog(legacy_database, migrate, mapping)


def test_users_come_with_their_passwords_of_every_age(blog: Blog) -> None:
    blog.install()
    blog.user(1, display_name="Åsa 😀")
    blog.user(2, user_pass=SINCE_6_8, user_registered=None, display_name="")
    blog.meta(2, first_name="Ida", last_name="Lund")
    blog.user(3, user_pass=MD5, user_login="user3@example.org", user_activation_key=f"1700000000:{PHPASS}")
    blog.user(4, user_email="")
    blog.user(5, user_pass="")
    result = blog.bring("", "--trust-verified")
    assert (result.code, result.reasons) == (2, [("wp_users 4", "missing-email")]), result.output
    one, two, three, empty = (brought(f"user{number}@example.org") for number in (1, 2, 3, 5))
    assert (one.id, one.name, one.username) == ("1", "Åsa 😀", "login1")
    assert (one.email_verified, one.created_at.isoformat()) == (False, "2015-06-07T08:09:10+00:00")
    assert (two.name, three.username) == ("Ida Lund", None)
    assert [fits(one), fits(two), fits(three), fits(empty), fits(empty, "")] == [True] * 3 + [False] * 2
    assert fits(two, " correct horse battery staple ")
    assert not fits(one, "correct horse battery stapl")


def test_a_registration_at_the_hour_zero_is_none(blog: Blog) -> None:
    if blog.database.dsn.startswith("postgres"):
        pytest.skip("PostgreSQL has no such date")
    blog.install()
    blog.user(1, user_registered="0000-00-00 00:00:00")
    assert blog.bring().code == 0
    assert brought("user1@example.org").created_at.year > 2020


ADMINISTRATOR = 'a:1:{s:13:"administrator";b:1;}'


@pytest.mark.parametrize(
    ("meta", "content", "role"),
    [
        ({"wp_capabilities": ADMINISTRATOR}, "", "user"),
        ({"wp_capabilities": ADMINISTRATOR}, "[role_names]\nadministrator = 'admin'\n", "admin"),
        (
            {"wp_capabilities": ADMINISTRATOR.replace("b:1", "b:0")},
            'role_names = ["administrator"]\n',
            "user",
        ),
        ({"wp_capabilities": 'a:1:{s:99:"administrator"'}, 'role_names = ["administrator"]\n', "user"),
        ({"wp_2_capabilities": ADMINISTRATOR}, 'role_names = ["administrator"]\n', "user"),
        (
            {"wp_2_capabilities": ADMINISTRATOR},
            'role_names = ["administrator"]\n[parameters]\nsite = 2\n',
            "administrator",
        ),
    ],
)
def test_power_comes_only_where_the_mapping_says_so(
    blog: Blog, meta: dict[str, str], content: str, role: str
) -> None:
    blog.install()
    blog.user(1)
    blog.meta(1, **meta)
    assert blog.bring(content).code == 0
    assert brought("user1@example.org").role == role


def test_of_several_installations_the_mapping_names_one(blog: Blog) -> None:
    for prefix in ("wp_", "foo_"):
        blog.install(prefix)
        blog.user(1, prefix, user_email=f"{prefix}1@example.org")
    assert blog.bring('[parameters]\nprefix = "foo_"\n').code == 0
    assert list(get_user_model().objects.values_list("email", flat=True)) == ["foo_1@example.org"]


def test_a_prefix_that_is_not_there_is_told(blog: Blog) -> None:
    blog.install("foo_")
    result = blog.bring()
    assert (result.code, "there is no table wp_users" in result.output) == (1, True), result.output


def test_on_a_network_spam_is_banned_and_the_deleted_stay(blog: Blog) -> None:
    blog.install()
    for column in ("spam", "deleted"):
        blog.database.run(f"ALTER TABLE wp_users ADD {column} SMALLINT DEFAULT 0 NOT NULL")
    blog.user(1, spam=1)
    blog.user(2, deleted=1)
    result = blog.bring()
    assert (result.code, result.reasons) == (0, [("wp_users 2", "deleted")])
    spammer = brought("user1@example.org")
    assert (spammer.banned, spammer.ban_reason) == (True, "migrated:spam")


TOTP = 'a:1:{i:0;s:15:"Two_Factor_Totp";}'


def test_second_factors_of_the_plugin_come(blog: Blog) -> None:
    blog.install()
    for number in (1, 2, 3):
        blog.user(number)
    codes = f'a:2:{{i:0;s:{len(PHPASS)}:"{PHPASS}";i:1;N;}}'
    blog.meta(
        1,
        _two_factor_totp_key="JBSWY3DPEHPK3PXP",
        _two_factor_enabled_providers=TOTP,
        _two_factor_backup_codes=codes,
    )
    blog.meta(2, _two_factor_enabled_providers='a:1:{i:0;s:16:"Two_Factor_Email";}')
    blog.meta(3, _two_factor_totp_key="JBSWY3DPEHPK3PXP")  # made, and never switched on
    assert blog.bring().report["warnings"] == {"second-factor-not-brought": 1}
    kept = factors("wordpress", brought("user1@example.org"))
    assert kept is not None
    assert kept["totp"][0]["secret_base32"] == "JBSWY3DPEHPK3PXP"
    assert kept["recovery_codes"] == [{"scheme": "wordpress", "hash": PHPASS}]
    assert factors("wordpress", brought("user3@example.org")) is None


def test_hashes_that_nobody_reads_are_counted_and_absurd_ones_refused(blog: Blog) -> None:
    blog.install()
    blog.user(1, user_pass="{SSHA}abc")
    blog.user(2, user_pass="$P$Z12345678uMkEEiNXlW9rq2Nl1y1cs.")
    blog.user(3, user_pass="two words")
    result = blog.bring()
    reasons = [("wp_users 2", "hash-cost-out-of-bounds"), ("wp_users 3", "malformed-hash")]
    assert (result.reasons, result.report["unknown_hash"]) == (reasons, 1)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('a:2:{s:1:"a";b:1;i:7;a:1:{i:0;N;}}', {"a": True, 7: {0: None}}),
        ('s:3:"€";', "€"),
        ("d:0.5;", 0.5),
    ],
)
def test_serialized_values_are_read(text: str, value: Any) -> None:
    assert unserialize(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "s:9:",
        's:2:"abc";',
        'O:8:"stdClass":0:{}',
        "a:9999999:{}",
        "a:1:{i:0;i:1;",
        "i:1;i:2;",
        "i:x;",
        "a:1:{" * 40,
        's:-1:"";',
        "a:1:{N;N;}",
        "b:" * 10,
        's:3:"\ud800";'.encode("utf-8", "surrogatepass"),
    ],
)
def test_what_is_not_serialized_is_refused(text: str | bytes) -> None:
    with pytest.raises(NotSerialized):
        unserialize(text)
