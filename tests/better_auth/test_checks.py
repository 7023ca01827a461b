"""Each system check: what sets it off, what it says, and what keeps it quiet."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import Error, Warning, run_checks
from django.core.checks.registry import registry
from django.test import override_settings

from better_auth import checks, legacy
from better_auth.conf import auth_settings

CHECKOUT = Path(__file__).resolve().parents[2]
GOOD_SECRET = "qV3nT8xKc1WzR5mYb7JdG2hLs9PfA4uE"
Configure = Callable[..., None]


def told(one: str, *, deploy: bool = True) -> list[str]:
    """What the checks say under this id."""
    found = run_checks(include_deployment_checks=deploy)
    return [str(message.msg) for message in found if message.id == one]


@pytest.fixture(autouse=True)
def _no_variables_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables that the test run itself was started with."""
    for name in ("WEB_CONCURRENCY", "GRANIAN_WORKERS"):
        monkeypatch.delenv(name, raising=False)


def test_every_check_is_registered() -> None:
    declared = {
        node.name
        for node in ast.parse((CHECKOUT / "better_auth/checks.py").read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("check_")
    }
    registered = {one.__name__ for one in registry.registered_checks if one.__module__ == checks.__name__}
    assert registered == declared != set()


def test_the_settings_of_the_tests_are_sound() -> None:
    found = [one for one in run_checks() if (one.id or "").startswith("better_auth.")]
    assert found == []


def test_without_a_secret_one_follows_from_djangos(configure: Configure, settings: Any) -> None:
    configure(SECRET="")
    first = auth_settings.secret
    assert len(first) == 64
    assert settings.SECRET_KEY not in first
    settings.SECRET_KEY = "another " + settings.SECRET_KEY
    configure(SECRET="")
    assert auth_settings.secret != first
    assert [told(f"better_auth.E00{number}") for number in (2, 3)] == [[], []]


@pytest.mark.parametrize("secret", ["x" * 64, GOOD_SECRET[:31], "abcabcabc" * 8])
def test_a_short_or_regular_secret(configure: Configure, secret: str) -> None:
    configure(SECRET=secret)
    assert told("better_auth.E002") == ["The secret is too short or too regular."]


@pytest.mark.parametrize("begin", ["better-auth-secret-", "ChangeMe", "django-insecure-", "secret"])
def test_a_secret_that_everybody_knows(configure: Configure, begin: str) -> None:
    configure(SECRET=begin + GOOD_SECRET)
    assert told("better_auth.E003") == ["The secret is one that everybody knows."]


def test_a_good_secret_is_no_reason_to_speak(configure: Configure) -> None:
    configure(SECRET=GOOD_SECRET)
    assert [told(f"better_auth.E00{number}") for number in (2, 3)] == [[], []]


def test_messages_never_show_the_secret(configure: Configure) -> None:
    configure(SECRET="secret" + GOOD_SECRET)
    shown = [str(one) for one in run_checks(include_deployment_checks=True)]
    assert any("better_auth.E003" in one for one in shown)
    assert not any(GOOD_SECRET in one for one in shown)


@pytest.mark.parametrize(
    "domain", ["https://example.com", "example.com:8000", "Example.com", "10.0.0.1", "a..b"]
)
def test_a_domain_that_no_passkey_is_bound_to(configure: Configure, domain: str) -> None:
    configure(PASSKEY={"RP_ID": domain})
    assert told("better_auth.E060") == [f"PASSKEY.RP_ID {domain!r} is no domain."]


def test_domains_that_passkeys_are_bound_to(configure: Configure) -> None:
    for domain in ("localhost", "example.com", "xn--bcher-kva.example"):
        configure(PASSKEY={"RP_ID": domain})
        assert told("better_auth.E060") == []


def test_pages_that_could_never_use_a_passkey(configure: Configure) -> None:
    good = ["https://example.com", "https://www.example.com:8443", "android:apk-key-hash:abc"]
    bad = ["https://badexample.com", "https://example.com/", "www.example.com"]
    configure(PASSKEY={"RP_ID": "example.com", "ORIGIN": [*good, *bad]})
    wanted = [f"PASSKEY.ORIGIN {one!r} can't use passkeys of example.com." for one in bad]
    assert told("better_auth.E061") == wanted


class TestJwtSecret:
    @pytest.mark.parametrize("secret", [GOOD_SECRET[:31], "abcabcabc" * 8])
    def test_a_short_or_regular_one(self, configure: Configure, secret: str) -> None:
        configure(JWT={"SECRET": secret})
        assert told("better_auth.E016") == ["JWT.SECRET is too short or too regular."]

    def test_the_servers_own(self, configure: Configure) -> None:
        configure(SECRET=GOOD_SECRET, JWT={"SECRET": GOOD_SECRET})
        assert told("better_auth.E017") == ["JWT.SECRET is the server's own secret."]

    def test_none_where_one_is_needed(self, configure: Configure) -> None:
        configure(JWT={"ALGORITHM": "HS256"})
        assert told("better_auth.E018") == ["JWT.ALGORITHM is HS256, but there is no secret."]

    def test_a_good_one_is_no_reason_to_speak(self, configure: Configure) -> None:
        configure(JWT={"ALGORITHM": "HS256", "SECRET": GOOD_SECRET})
        assert [told(f"better_auth.E0{number}") for number in (16, 17, 18)] == [[], [], []]


@pytest.mark.parametrize(
    "entry", ["shop", "shop:", f"shop:{GOOD_SECRET[:31]}", f":{GOOD_SECRET}", "shop:" + "x" * 40]
)
def test_a_service_that_anybody_could_be(configure: Configure, entry: str) -> None:
    configure(INTROSPECTION={"SECRETS": [f"blog:{GOOD_SECRET}", entry]})
    (message,) = told("better_auth.E019")
    assert message.startswith("INTROSPECTION.SECRETS: the secret of ")
    assert GOOD_SECRET[:20] not in message


@pytest.mark.parametrize(
    "url",
    ["auth.example.com", "https://auth.example.com/", "https://auth.example.com/api", "", "ftp://a.example"],
)
def test_a_base_url_that_is_no_origin(configure: Configure, url: str) -> None:
    configure(BASE_URL=url)
    assert told("better_auth.E004") == ["BETTER_AUTH['BASE_URL'] is not an origin."]


@pytest.mark.parametrize("path", ["api/auth", "/api/auth/", "/", ""])
def test_a_base_path_that_can_not_be_used(configure: Configure, path: str) -> None:
    configure(BASE_PATH=path)
    assert told("better_auth.E005") == ["BETTER_AUTH['BASE_PATH'] can't be used."]


@pytest.mark.parametrize("pattern", ["*", "**", "https://*", "http://*", "*://*", "https://**"])
def test_an_origin_that_trusts_everybody(configure: Configure, pattern: str) -> None:
    configure(TRUSTED_ORIGINS=["https://*.example.com", pattern])
    assert told("better_auth.E006") == [f"The trusted origin {pattern!r} trusts everybody."]


@pytest.mark.parametrize("key", ["ALLOWED_HEADERS", "EXPOSED_HEADERS"])
@pytest.mark.parametrize("name", ["*", "", "X Trace", "X-Trace\r\nSet-Cookie: a=b", "X-Träce", "a,b"])
def test_a_header_that_has_no_such_name(configure: Configure, key: str, name: str) -> None:
    configure(CORS={key: ["X-Good", name]})
    assert told("better_auth.E024") == [f"CORS: {name!r} is no header's name."]


@pytest.mark.parametrize("path", ["api/proxy", "/api/proxy/", "/", "", "/api/auth", "/api/auth/proxy"])
def test_an_auth_proxy_at_a_path_that_can_not_be_used(configure: Configure, path: str) -> None:
    configure(AUTH_PROXY={"PATH": path})
    assert told("better_auth.E025") == ["BETTER_AUTH['AUTH_PROXY']['PATH'] can't be used."]


class TestMissingCors:
    @pytest.fixture(autouse=True)
    def _without_the_middleware(self, settings: Any) -> None:
        settings.MIDDLEWARE = [one for one in settings.MIDDLEWARE if "CorsMiddleware" not in one]

    def test_trusted_origins_that_can_read_nothing(self, configure: Configure) -> None:
        configure(TRUSTED_ORIGINS=["https://app.example.com"])
        text = "Origins are trusted, but their scripts can't read what we answer."
        assert told("better_auth.W010") == [text]

    def test_nobody_is_trusted_so_nobody_misses_it(self, configure: Configure) -> None:
        configure(BASE_URL="https://auth.example.com", TRUSTED_ORIGINS=["https://auth.example.com"])
        assert told("better_auth.W010") == []

    def test_others_see_to_it(self, configure: Configure) -> None:
        configure(TRUSTED_ORIGINS=["https://app.example.com"], CORS={"ENABLED": False})
        assert told("better_auth.W010") == []


def test_a_proxy_that_is_no_address(configure: Configure) -> None:
    configure(TRUSTED_PROXIES=["10.0.0.0/8", "proxy.example"])
    (message,) = told("better_auth.E007")
    assert message.startswith("BETTER_AUTH['TRUSTED_PROXIES']: ")
    assert "proxy.example" in message
    configure(TRUSTED_PROXIES=["10.0.0.0/8", "2001:db8::1"])
    assert told("better_auth.E007") == []


def test_an_unknown_feature_names_the_nearest(configure: Configure) -> None:
    configure(FEATURES=["bearer", "twofactor", "zzz"])
    assert told("better_auth.E008") == [
        "Unknown feature 'twofactor'; did you mean two_factor?",
        "Unknown feature 'zzz'",
    ]


@pytest.mark.parametrize(
    ("parts", "key"),
    [
        ({"AUTHENTICATORS": ["host.nowhere.authenticate"]}, "AUTHENTICATORS"),
        ({"SIGN_IN_GATES": ["host.nowhere.gate"]}, "SIGN_IN_GATES"),
        ({"SESSION_DELIVERIES": ["better_auth.http.cookies.delivery"]}, "SESSION_DELIVERIES"),
        ({"PASSWORD": {"VALIDATORS": ["undotted"]}}, "PASSWORD.VALIDATORS"),
        ({"MAIL": {"SENDER": "host.mail.send"}}, "MAIL.SENDER"),
        ({"ANONYMOUS": {"ON_LINK_ACCOUNT": "host.nowhere.move"}}, "ANONYMOUS"),
    ],
)
def test_a_path_that_can_not_be_imported(configure: Configure, parts: dict[str, Any], key: str) -> None:
    configure(**parts)
    (message,) = told("better_auth.E009")
    assert message.startswith(f"{key}: ")
    assert "can't be imported" in message


def test_atomic_requests(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told("better_auth.E010") == []
    monkeypatch.setitem(settings.DATABASES["default"], "ATOMIC_REQUESTS", True)
    assert told("better_auth.E010") == ["ATOMIC_REQUESTS is on for the database 'default'."]


def test_a_user_model_that_can_not_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    class Bare:
        password = ""

    monkeypatch.setattr(checks, "get_user_model", lambda: Bare)
    monkeypatch.setattr(checks, "has_user_row", lambda: False)
    assert told("better_auth.E011") == ["Bare has no is_active."]


def test_the_user_model_in_force_is_complete() -> None:
    assert told("better_auth.E011") == []


def test_cookies_for_foreign_sites_without_https(configure: Configure) -> None:
    configure(COOKIES={"SAME_SITE": "None"}, BASE_URL="http://auth.example.com")
    assert told("better_auth.E012") == ["COOKIES.SAME_SITE is None without https."]
    configure(BASE_URL="https://auth.example.com")
    assert told("better_auth.E012") == []


def test_a_project_without_rest_framework(settings: Any) -> None:
    assert told("better_auth.E013") == []
    without = [name for name in settings.INSTALLED_APPS if name != "rest_framework"]
    with override_settings(INSTALLED_APPS=without):
        assert told("better_auth.E013") == ["Django REST framework is not installed."]


def test_insecure_cookies_over_https(configure: Configure) -> None:
    configure(BASE_URL="https://auth.example.com")
    assert told("better_auth.W001") == []
    configure(COOKIES={"SECURE": False})
    assert told("better_auth.W001") == ["Cookies are not Secure, though the server is https."]


@pytest.mark.parametrize("variable", ["WEB_CONCURRENCY", "GRANIAN_WORKERS"])
@pytest.mark.parametrize("backend", ["locmem.LocMemCache", "dummy.DummyCache"])
def test_several_workers_with_a_cache_each(
    settings: Any, monkeypatch: pytest.MonkeyPatch, variable: str, backend: str
) -> None:
    settings.CACHES = {"default": {"BACKEND": f"django.core.cache.backends.{backend}"}}
    monkeypatch.setenv(variable, "1")
    assert told("better_auth.W002") == []
    monkeypatch.setenv(variable, "4")
    assert told("better_auth.W002") == ["4 workers, but each has a cache of its own."]
    settings.CACHES = {
        "default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://r.example"}
    }
    assert told("better_auth.W002") == []


@pytest.mark.parametrize("hashers", [["django.contrib.auth.hashers.PBKDF2PasswordHasher"], []])
def test_new_passwords_without_argon2(settings: Any, hashers: list[str]) -> None:
    assert told("better_auth.W003") == []
    settings.PASSWORD_HASHERS = hashers
    assert told("better_auth.W003") == ["New passwords are not hashed with Argon2id."]


def test_hashes_of_old_without_bcrypt(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told("better_auth.W007") == []
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert told("better_auth.W007") == ["bcrypt is not installed: whoever has a bcrypt hash can't sign in."]
    settings.PASSWORD_HASHERS = ["better_auth.hashing.Argon2id"]
    assert told("better_auth.W007") == []


@pytest.mark.parametrize("line", ["/ok", "/ok 3", "/ok 0/10", "/ok three/10"])
def test_a_limit_that_cannot_be_read(configure: Configure, line: str) -> None:
    configure(RATE_LIMIT={"RULES": ["/sign-in* 3/10", "/ok off"]})
    assert told("better_auth.E014") == []
    configure(RATE_LIMIT={"RULES": [line]})
    assert len(told("better_auth.E014")) == 1


@pytest.mark.parametrize("owner", ["USER", "SESSION"])
@pytest.mark.parametrize("options", [{"kind": "string"}, {"type": "text"}, "string"])
def test_an_additional_field_that_cannot_be_used(configure: Configure, owner: str, options: Any) -> None:
    configure(**{owner: {"ADDITIONAL_FIELDS": {"plan": {"type": "string"}}}})
    assert told("better_auth.E015") == []
    configure(**{owner: {"ADDITIONAL_FIELDS": {"plan": options}}})
    assert len(told("better_auth.E015")) == 1


@pytest.mark.parametrize(
    ("part", "told_of"),
    [
        ({"ROLES": {"support": {"user": ["list"]}}, "ADMIN_ROLES": []}, []),
        ({"STATEMENTS": {"project": ["read"]}, "ROLES": {"admin": {"project": ["read"]}}}, []),
        ({"ROLES": {"admin": {"user": ["lst"]}}}, ["ADMIN.ROLES: admin grants user:lst"]),
        ({"ROLES": {"admin": {"project": ["read"]}}}, ["ADMIN.ROLES: admin grants project:read"]),
        ({"ROLES": {"admin": ["user"]}}, ["ADMIN.ROLES: admin is no dictionary"]),
        ({"ROLES": {"admin": {"user": "list"}}}, ["ADMIN.ROLES: admin is no dictionary"]),
        ({"STATEMENTS": {"project": "read"}}, ["ADMIN.STATEMENTS: it is no dictionary"]),
        ({"ADMIN_ROLES": ["boss"]}, ["ADMIN.ADMIN_ROLES names 'boss'"]),
        ({"STAFF_ROLE": "clerk"}, ["ADMIN.STAFF_ROLE names 'clerk'"]),
        ({"SUPERUSER_ROLE": "admin"}, []),
    ],
)
def test_roles_that_nobody_could_have(configure: Configure, part: dict[str, Any], told_of: list[str]) -> None:
    configure(ADMIN=part)
    found = told("better_auth.E027")
    assert [text for text, start in zip(found, told_of, strict=True) if not text.startswith(start)] == []


def test_a_proxy_that_nobody_named(settings: Any, configure: Configure) -> None:
    configure(RATE_LIMIT={"ENABLED": True})
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert len(told("better_auth.W005")) == 1
    configure(TRUSTED_PROXIES=["10.0.0.1"])
    assert told("better_auth.W005") == []


def test_several_workers_that_count_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRANIAN_WORKERS", "4")
    assert told("better_auth.W006") == ["4 workers, and each counts its own metrics."]
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "anywhere")
    assert told("better_auth.W006") == []


def test_a_variable_that_no_setting_knows_names_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told("better_auth.W004") == []
    monkeypatch.setenv("BETTER_AUTH_TRUSTED_ORIGIN", "https://a.example")
    monkeypatch.setenv("BETTER_AUTH_ZZZZ_QQQQ_XXXX_JJJJ", "s3cr3t")
    assert told("better_auth.W004") == [
        "No setting has the variable BETTER_AUTH_TRUSTED_ORIGIN; did you mean BETTER_AUTH_TRUSTED_ORIGINS?",
        "No setting has the variable BETTER_AUTH_ZZZZ_QQQQ_XXXX_JJJJ",
    ]


def test_the_variables_of_the_project_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in checks.PROJECT_VARIABLES:
        monkeypatch.setenv(name, os.environ.get(name, "x"))
    assert told("better_auth.W004") == []


@pytest.mark.parametrize("deploy", [False, True])
def test_errors_stop_the_start_and_warnings_do_not(configure: Configure, settings: Any, deploy: bool) -> None:
    configure(SECRET="x" * 64, COOKIES={"SECURE": False}, BASE_URL="https://auth.example.com")
    found = run_checks(include_deployment_checks=deploy)
    kinds = {one.id: type(one) for one in found if (one.id or "").startswith("better_auth.")}
    assert kinds == {"better_auth.E002": Error, "better_auth.W001": Warning}
    assert [one.id for one in found if (one.id or "").startswith("better_auth.") and not one.hint] == []


def test_a_migration_that_nobody_is_there_for(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(MIGRATION={"MODE": "lazy", "VERIFIER": "os.path.join", "FINDER": "os.path.join"})
    assert told("better_auth.E026") == []
    monkeypatch.setattr(legacy, "_connected", None)
    assert told("better_auth.E026") == ["MIGRATION.MODE is 'lazy', but nobody can ask the legacy system."]
    configure(MIGRATION={"MODE": "off"})
    assert told("better_auth.E026") == []


@pytest.mark.parametrize(
    ("secrets", "ids"),
    [
        ([f"2:{GOOD_SECRET}", "1:old"], []),
        ([GOOD_SECRET], ["E050", "E051"]),
        ([f"two:{GOOD_SECRET}"], ["E050"]),
        ([f"1:{GOOD_SECRET}", f"1:{GOOD_SECRET}"], ["E052"]),
        (["2:short", f"1:{GOOD_SECRET}"], ["E051"]),
    ],
)
def test_secrets_for_what_rests(configure: Configure, secrets: list[str], ids: list[str]) -> None:
    configure(SECRETS=secrets)
    found = {one: told(one) for one in ("better_auth.E050", "better_auth.E051", "better_auth.E052")}
    assert [one[-4:] for one, texts in found.items() if texts] == ids
    assert GOOD_SECRET not in str(found)


@pytest.mark.parametrize(
    ("settings_of_it", "expected"),
    [
        ({"DISCOVERY_URL": "https://id.example/.well-known/openid-configuration", "CLIENT_ID": "c"}, []),
        ({"DISCOVERY": "https://id.example", "CLIENT_ID": "c"}, ["better_auth.E070"]),
        ("https://id.example", ["better_auth.E070"]),
        ({"CLIENT_ID": "c"}, ["better_auth.E071"]),
        ({"BACKEND": "gitea"}, ["better_auth.E072"]),
        ({"BACKEND": "gitea", "CLIENT_ID": "c", "TOKEN_URL": "http://id.example/"}, ["better_auth.E073"]),
        ({"BACKEND": "gitea", "CLIENT_ID": "c", "TOKEN_URL": "http://127.0.0.1:9/"}, []),
        ({"BACKEND": "gitea", "CLIENT_ID": "c", "MAP_PROFILE": "no.such.thing"}, ["better_auth.E074"]),
    ],
)
def test_a_provider_that_can_not_be_used(
    configure: Configure, settings_of_it: Any, expected: list[str]
) -> None:
    configure(SOCIAL={"PROVIDERS": {"acme": settings_of_it}})
    ids = ("E070", "E071", "E072", "E073", "E074")
    assert [one for one in (f"better_auth.{id}" for id in ids) if told(one)] == expected
