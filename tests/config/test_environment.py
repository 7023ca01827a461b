"""What the environment says: each variable is honoured, or refused naming its successor."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from better_auth.conf import from_environment
from config import environment

CHECKOUT = Path(__file__).resolve().parents[2]


def settings_with(tmp_path: Path, *names: str, **variables: str) -> Any:
    """Those settings of the project in a new process with only these variables."""
    code = (
        "import json, sys; from django.conf import settings;"
        "print(json.dumps({name: getattr(settings, name) for name in sys.argv[1:]}, default=str))"
    )
    done = start(tmp_path, ["-c", code, *names], variables)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def start(
    tmp_path: Path, command: list[str], variables: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    passed_on = {
        name: text for name, text in os.environ.items() if name.startswith(("PATH", "COVERAGE", "PYTHON"))
    }
    environ = {"BETTER_AUTH_DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings"}
    return subprocess.run(
        [sys.executable, *command],
        cwd=CHECKOUT,
        env={**passed_on, **environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


class TestAwaitedAndRefused:
    def test_a_cost_for_bcrypt_is_refused_naming_what_to_set(self) -> None:
        with pytest.raises(ImproperlyConfigured) as caught:
            environment.ensure_no_succeeded_variable({"BCRYPT_COST": "12"})
        assert str(caught.value) == (
            "BCRYPT_COST is not used here: passwords are hashed with Argon2id; "
            "set BETTER_AUTH_ARGON2_TIME_COST and BETTER_AUTH_ARGON2_MEMORY_COST instead."
        )

    def test_what_is_refused_stops_the_start(self, tmp_path: Path) -> None:
        done = start(tmp_path, ["manage.py", "check"], {"BCRYPT_COST": "12"})
        assert done.returncode != 0
        assert "BCRYPT_COST is not used here" in done.stderr

    def test_the_named_successors_exist(self) -> None:
        declared = from_environment(
            {"BETTER_AUTH_ARGON2_TIME_COST": "3", "BETTER_AUTH_ARGON2_MEMORY_COST": "65536"}
        )
        assert declared == {"PASSWORD": {"ARGON2_TIME_COST": 3, "ARGON2_MEMORY_COST": 65536}}

    def test_providers_are_those_whose_client_id_is_set(self) -> None:
        google = {
            "GOOGLE_CLIENT_ID": "g",
            "GOOGLE_CLIENT_SECRET": "s",
            "GOOGLE_REDIRECT_URI": "https://a.example/x",
        }
        told = '{"acme": {"CLIENT_ID": "c"}, "google": {"PROMPT": "login"}}'
        found = environment.providers(
            {**google, "GITHUB_CLIENT_SECRET": "alone", "BETTER_AUTH_SOCIAL_PROVIDERS": told}
        )
        assert found == {
            "google": {
                "CLIENT_ID": "g",
                "CLIENT_SECRET": "s",
                "REDIRECT_URI": "https://a.example/x",
                "PROMPT": "login",
            },
            "acme": {"CLIENT_ID": "c"},
        }

    @pytest.mark.parametrize("text", ["{", "[]", '{"acme": 5}', '"s3cr3t"'])
    def test_providers_that_can_not_be_read_are_refused_unseen(self, text: str) -> None:
        with pytest.raises(ImproperlyConfigured, match="BETTER_AUTH_SOCIAL_PROVIDERS") as caught:
            environment.providers({"BETTER_AUTH_SOCIAL_PROVIDERS": text})
        assert "s3cr3t" not in str(caught.value)

    @pytest.mark.parametrize(
        ("variables", "secret"),
        [
            ({}, None),
            ({"JWT_SECRET": "j" * 40}, "j" * 40),
            ({"BETTER_AUTH_JWT_SECRET": "b" * 40}, "b" * 40),
            ({"JWT_SECRET": "j" * 40, "BETTER_AUTH_JWT_SECRET": "b" * 40}, "b" * 40),
        ],
    )
    def test_the_secret_that_services_share_has_two_names(
        self, tmp_path: Path, variables: dict[str, str], secret: str | None
    ) -> None:
        settings = settings_with(tmp_path, "BETTER_AUTH", **variables)
        assert settings["BETTER_AUTH"].get("JWT", {}).get("SECRET") == secret

    def test_an_empty_variable_is_none(self) -> None:
        environment.ensure_no_succeeded_variable(dict.fromkeys(environment.SUCCEEDED, ""))
        assert environment.providers({"GOOGLE_CLIENT_ID": "", "BETTER_AUTH_SOCIAL_PROVIDERS": ""}) == {}


class TestMode:
    @pytest.mark.parametrize(
        ("environ", "expected"),
        [({}, False), ({"BETTER_AUTH_ENV": "development"}, False), ({"BETTER_AUTH_ENV": "production"}, True)],
    )
    def test_development_unless_stated(self, environ: dict[str, str], expected: bool) -> None:
        assert environment.is_production(environ) is expected

    @pytest.mark.parametrize("mode", ["prod", "Production", "staging"])
    def test_an_unknown_mode_is_refused(self, mode: str) -> None:
        with pytest.raises(ImproperlyConfigured) as caught:
            environment.is_production({"BETTER_AUTH_ENV": mode})
        assert str(caught.value) == f"BETTER_AUTH_ENV: expected development or production, got {mode!r}"


class TestSecret:
    def test_a_given_one_is_taken_and_nothing_is_written(self, tmp_path: Path) -> None:
        assert environment.secret({"BETTER_AUTH_SECRET": "given"}, tmp_path) == "given"
        assert list(tmp_path.iterdir()) == []

    def test_production_demands_one(self, tmp_path: Path) -> None:
        with pytest.raises(ImproperlyConfigured) as caught:
            environment.secret({"BETTER_AUTH_ENV": "production"}, tmp_path)
        assert str(caught.value) == (
            "BETTER_AUTH_SECRET is required in production; "
            "set it to 32 or more random characters: openssl rand -base64 32."
        )
        assert list(tmp_path.iterdir()) == []

    def test_one_is_made_once_and_kept_for_the_owner_alone(self, tmp_path: Path) -> None:
        first = environment.secret({}, tmp_path)
        assert len(first) >= 32
        assert environment.secret({}, tmp_path) == first
        assert [one.name for one in tmp_path.iterdir()] == ["secret"]
        assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600

    def test_starts_at_the_same_moment_agree_on_one(self, tmp_path: Path) -> None:
        with ThreadPoolExecutor(16) as pool:
            made = set(pool.map(lambda _: environment.secret({}, tmp_path), range(64)))
        assert len(made) == 1
        assert [one.name for one in tmp_path.iterdir()] == ["secret"]

    def test_two_folders_have_two(self, tmp_path: Path) -> None:
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
        assert environment.secret({}, tmp_path / "a") != environment.secret({}, tmp_path / "b")


class TestAddress:
    @pytest.mark.parametrize(
        ("environ", "expected"),
        [
            ({}, "http://127.0.0.1:8000"),
            ({"PORT": "9001"}, "http://127.0.0.1:9001"),
            ({"PORT": ""}, "http://127.0.0.1:8000"),
            ({"BETTER_AUTH_URL": "https://auth.example.com/"}, "https://auth.example.com"),
            ({"BETTER_AUTH_URL": "https://auth.example.com", "PORT": "9001"}, "https://auth.example.com"),
        ],
    )
    def test_the_public_origin(self, environ: dict[str, str], expected: str) -> None:
        assert environment.public_origin(environ) == expected

    @pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "80a"])
    def test_a_port_that_is_none_is_refused(self, port: str) -> None:
        with pytest.raises(ImproperlyConfigured) as caught:
            environment.public_origin({"PORT": port})
        assert str(caught.value) == f"PORT: expected a number from 1 to 65535, got {port!r}"

    def test_localhost_is_trusted_only_where_no_origin_is_stated(self) -> None:
        assert environment.loopback_twins({"PORT": "9001"}) == ["http://localhost:9001"]
        assert environment.loopback_twins({"BETTER_AUTH_URL": "https://auth.example.com"}) == []

    def test_passkeys_are_of_localhost_only_where_no_origin_is_stated(self) -> None:
        assert environment.passkey_domain({"PORT": "9001"}) == {"RP_ID": "localhost"}
        assert environment.passkey_domain({"BETTER_AUTH_URL": "https://auth.example.com"}) == {}

    def test_the_public_host_is_allowed_and_what_is_named(self) -> None:
        hosts = environment.allowed_hosts(
            {
                "BETTER_AUTH_URL": "https://auth.example.com:444",
                "BETTER_AUTH_ALLOWED_HOSTS": "a.example, ,b.example",
            }
        )
        assert hosts == ["auth.example.com", "localhost", "127.0.0.1", "[::1]", "a.example", "b.example"]
        assert "*" not in environment.allowed_hosts({})


class TestDatabase:
    def test_sqlite_in_the_data_directory_by_default(self, tmp_path: Path) -> None:
        database = environment.databases({}, tmp_path)["default"]
        assert database["ENGINE"] == "django.db.backends.sqlite3"
        assert database["NAME"] == str(tmp_path / "db.sqlite3")
        assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
        assert database["OPTIONS"]["timeout"] == 20
        assert "journal_mode=WAL" in database["OPTIONS"]["init_command"]

    def test_sqlite_elsewhere(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/other.sqlite3"
        assert (
            environment.databases({"DATABASE_URL": url}, tmp_path)["default"]["NAME"]
            == f"{tmp_path}/other.sqlite3"
        )

    @pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
    def test_postgresql_with_a_pool(self, tmp_path: Path, scheme: str) -> None:
        url = f"{scheme}://me:p%40ss@db.example:5433/auth"
        database = environment.databases({"DATABASE_URL": url, "BETTER_AUTH_DATABASE_POOL": "4"}, tmp_path)[
            "default"
        ]
        assert database["ENGINE"] == "django.db.backends.postgresql"
        parts = [database[name] for name in ("USER", "PASSWORD", "HOST", "PORT", "NAME")]
        assert parts == ["me", "p@ss", "db.example", 5433, "auth"]
        assert database["OPTIONS"]["pool"] == {"min_size": 1, "max_size": 4, "timeout": 10}
        assert database["CONN_MAX_AGE"] == 0

    @pytest.mark.parametrize(("word", "is_wanted"), [("", True), ("true", True), ("off", False)])
    def test_statements_are_prepared_unless_that_is_switched_off(
        self, tmp_path: Path, word: str, is_wanted: bool
    ) -> None:
        environ = {"DATABASE_URL": "postgres://db.example/auth", "BETTER_AUTH_DATABASE_PREPARE": word}
        options = environment.databases(environ, tmp_path)["default"]["OPTIONS"]
        assert ("prepare_threshold" in options) is is_wanted

    @pytest.mark.parametrize("size", ["many", "0", "-3", "2.5"])
    def test_a_pool_of_no_size_is_refused(self, tmp_path: Path, size: str) -> None:
        environ = {"DATABASE_URL": "postgres://db.example/auth", "BETTER_AUTH_DATABASE_POOL": size}
        with pytest.raises(ImproperlyConfigured) as caught:
            environment.databases(environ, tmp_path)
        assert str(caught.value) == f"BETTER_AUTH_DATABASE_POOL: expected a number from 1, got {size!r}"

    def test_an_empty_pool_size_counts_as_unset(self, tmp_path: Path) -> None:
        environ = {"DATABASE_URL": "postgres://db.example/auth", "BETTER_AUTH_DATABASE_POOL": ""}
        assert environment.databases(environ, tmp_path)["default"]["OPTIONS"]["pool"]["max_size"] == 10

    @pytest.mark.parametrize(
        "url",
        [
            "oracle://me:s3cr3t@db/auth",
            "mysql://me:s3cr3t@db/auth",
            "nonsense s3cr3t",
            "postgres://me:s3cr3t@db:port/auth",
        ],
    )
    def test_what_can_not_be_used_is_refused_without_the_password(self, tmp_path: Path, url: str) -> None:
        with pytest.raises(ImproperlyConfigured) as caught:
            environment.databases({"DATABASE_URL": url}, tmp_path)
        assert str(caught.value).startswith("DATABASE_URL")
        assert "s3cr3t" not in str(caught.value)
        assert caught.value.__cause__ is None


class TestCache:
    def test_the_process_has_its_own_by_default(self) -> None:
        assert environment.caches({}) == {
            "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
        }

    @pytest.mark.parametrize(
        "url", ["redis://r.example:6379/2", "rediss://r.example/0", "unix:///run/redis.sock"]
    )
    def test_redis_where_it_is_named(self, url: str) -> None:
        cache = environment.caches({"REDIS_URL": url, "BETTER_AUTH_CACHE_PREFIX": "mine"})["default"]
        assert cache["BACKEND"] == "django_redis.cache.RedisCache"
        assert cache["LOCATION"] == url
        assert cache["KEY_PREFIX"] == "mine"

    def test_another_scheme_is_refused_without_the_password(self) -> None:
        with pytest.raises(ImproperlyConfigured) as caught:
            environment.caches({"REDIS_URL": "memcached://me:s3cr3t@r.example"})
        assert str(caught.value) == "REDIS_URL: expected redis://host:port/number"


class TestMail:
    def test_the_console_by_default(self) -> None:
        assert environment.mail({}) == {
            "DEFAULT_FROM_EMAIL": "no-reply@localhost",
            "EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend",
        }

    def test_files_where_a_folder_is_named(self) -> None:
        assert environment.mail(
            {"MAIL_DIR": "/mails", "SMTP_HOST": "smtp.example", "SMTP_FROM": "a@b.example"}
        ) == {
            "DEFAULT_FROM_EMAIL": "a@b.example",
            "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "EMAIL_FILE_PATH": "/mails",
        }

    @pytest.mark.parametrize(
        ("port", "ssl", "tls"), [("", False, True), ("465", True, False), ("25", False, False)]
    )
    def test_smtp_where_a_host_is_named(self, port: str, ssl: bool, tls: bool) -> None:
        told = environment.mail(
            {
                "SMTP_HOST": "smtp.example",
                "SMTP_PORT": port,
                "SMTP_USER": "me",
                "SMTP_PASSWORD": "pw",
                "SMTP_FROM": "auth@example.com",
            }
        )
        assert told == {
            "DEFAULT_FROM_EMAIL": "auth@example.com",
            "EMAIL_HOST": "smtp.example",
            "EMAIL_PORT": int(port or "587"),
            "EMAIL_HOST_USER": "me",
            "EMAIL_HOST_PASSWORD": "pw",
            "EMAIL_USE_SSL": ssl,
            "EMAIL_USE_TLS": tls,
            "EMAIL_TIMEOUT": 20,
        }

    def test_a_port_that_is_none_is_refused(self) -> None:
        with pytest.raises(ImproperlyConfigured) as caught:
            environment.mail({"SMTP_HOST": "smtp.example", "SMTP_PORT": "smtp"})
        assert str(caught.value) == "SMTP_PORT: expected a number, got 'smtp'"


class TestProject:
    """The settings module itself, in processes of its own."""

    def test_production_over_https(self, tmp_path: Path) -> None:
        told = settings_with(
            tmp_path,
            "ALLOWED_HOSTS",
            "CSRF_TRUSTED_ORIGINS",
            "DEBUG",
            "SECURE_SSL_REDIRECT",
            "SESSION_COOKIE_SECURE",
            BETTER_AUTH_ENV="production",
            BETTER_AUTH_URL="https://auth.example.com",
            BETTER_AUTH_SECRET="abcdefghijklmnopqrstuvwxyz0123456789",
        )
        assert told == {
            "ALLOWED_HOSTS": ["auth.example.com", "localhost", "127.0.0.1", "[::1]"],
            "CSRF_TRUSTED_ORIGINS": ["https://auth.example.com"],
            "DEBUG": False,
            "SECURE_SSL_REDIRECT": True,
            "SESSION_COOKIE_SECURE": True,
        }

    def test_variables_reach_the_settings(self, tmp_path: Path) -> None:
        told = settings_with(
            tmp_path,
            "BETTER_AUTH",
            BETTER_AUTH_URL="https://auth.example.com/",
            BETTER_AUTH_SECRET="abcdefghijklmnopqrstuvwxyz0123456789",
            SESSION_TIMEOUT_MINUTES="30",
            BETTER_AUTH_CHANGE_EMAIL="false",
        )["BETTER_AUTH"]
        assert told["BASE_URL"] == "https://auth.example.com"
        assert told["SECRET"] == "abcdefghijklmnopqrstuvwxyz0123456789"
        assert told["SESSION"] == {"IDLE_TIMEOUT_MINUTES": 30}
        assert told["USER"] == {"CHANGE_EMAIL": False, "DELETE_USER": True}

    def test_the_keys_of_cookies_and_of_django_differ(self, tmp_path: Path) -> None:
        told = settings_with(tmp_path, "BETTER_AUTH", "SECRET_KEY")
        assert told["SECRET_KEY"] != told["BETTER_AUTH"]["SECRET"]
        assert told["BETTER_AUTH"]["SECRET"] == (tmp_path / "secret").read_text()

    @pytest.mark.parametrize(
        ("name", "text", "told"),
        [
            ("PORT", "99999", "PORT: expected a number from 1 to 65535, got '99999'"),
            (
                "SESSION_TIMEOUT_MINUTES",
                "soon",
                "SESSION_TIMEOUT_MINUTES: expected an integer or None, got 'soon'",
            ),
            (
                "SESSION_TIMEOUT_MINUTES",
                "0",
                "BETTER_AUTH['SESSION']['IDLE_TIMEOUT_MINUTES']: must be at least 1, got 0",
            ),
            (
                "BETTER_AUTH_COOKIE_SECURE",
                "perhaps",
                "BETTER_AUTH_COOKIE_SECURE: expected True or False or None, got 'perhaps'",
            ),
        ],
    )
    def test_a_bad_value_stops_the_start_with_its_name(
        self, tmp_path: Path, name: str, text: str, told: str
    ) -> None:
        done = start(tmp_path, ["manage.py", "check"], {name: text})
        assert done.returncode != 0
        assert "Not configured right: " in done.stderr
        assert "Traceback" not in done.stderr
        assert done.stderr.splitlines()[-1].endswith(told)
