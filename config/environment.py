"""What the environment says, read once and checked; ``settings`` and the entry points take it from here."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from better_auth.conf import InvalidSettings, from_environment, merge
from better_auth.conf.loading import FALSE_WORDS, TRUE_WORDS

ROOT = Path(__file__).resolve().parent.parent

# Variables of other systems' servers that have a successor here.
SUCCEEDED = {
    "BCRYPT_COST": "passwords are hashed with Argon2id; set BETTER_AUTH_ARGON2_TIME_COST and "
    "BETTER_AUTH_ARGON2_MEMORY_COST instead",
}
# Of each: ``<NAME>_CLIENT_ID``, ``<NAME>_CLIENT_SECRET`` and ``<NAME>_REDIRECT_URI``.
PROVIDERS = ("google", "github", "microsoft", "apple", "facebook", "gitlab", "discord", "linkedin", "slack")
# A statement that a connection has seen so often is prepared.
PREPARE_THRESHOLD = 2
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
}


def is_production(environ: Mapping[str, str]) -> bool:
    mode = environ.get("BETTER_AUTH_ENV", "development")
    if mode not in ("development", "production"):
        raise ImproperlyConfigured(f"BETTER_AUTH_ENV: expected development or production, got {mode!r}")
    return mode == "production"


def ensure_no_succeeded_variable(environ: Mapping[str, str]) -> None:
    """Raises ``ImproperlyConfigured`` naming what to set instead."""
    for name, successor in SUCCEEDED.items():
        if environ.get(name):
            raise ImproperlyConfigured(f"{name} is not used here: {successor}.")


def providers(environ: Mapping[str, str]) -> dict[str, Any]:
    """``SOCIAL.PROVIDERS``: those whose client id is set, and whatever ``BETTER_AUTH_SOCIAL_PROVIDERS`` tells
    as JSON, which outdoes them. Raises ``ImproperlyConfigured``, without the text."""
    found: dict[str, Any] = {}
    for provider in PROVIDERS:
        names = ("CLIENT_ID", "CLIENT_SECRET", "REDIRECT_URI")
        given = {name: environ.get(f"{provider.upper()}_{name}", "") for name in names}
        if given["CLIENT_ID"]:
            found[provider] = {name: text for name, text in given.items() if text}
    try:
        told = json.loads(environ.get("BETTER_AUTH_SOCIAL_PROVIDERS") or "{}")
    except ValueError:
        told = None
    if not isinstance(told, dict) or not all(isinstance(one, dict) for one in told.values()):
        hint = 'expected JSON such as {"acme": {"DISCOVERY_URL": "https://…", "CLIENT_ID": "…"}}'
        raise ImproperlyConfigured(f"BETTER_AUTH_SOCIAL_PROVIDERS: {hint}")
    return merge(found, told)


def declared_settings(environ: Mapping[str, str]) -> dict[str, Any]:
    """The variables of single settings, as a part of ``BETTER_AUTH``, without the public origin.

    Raises ``ImproperlyConfigured`` naming every variable that can't be read.
    """
    try:
        return from_environment({name: text for name, text in environ.items() if name != "BETTER_AUTH_URL"})
    except InvalidSettings as mistakes:
        raise ImproperlyConfigured(str(mistakes)) from None


def data_directory(environ: Mapping[str, str]) -> Path:
    """Where the SQLite file and the generated secret are kept."""
    directory = Path(environ.get("BETTER_AUTH_DATA_DIR") or ROOT / "var")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory


def secret(environ: Mapping[str, str], directory: Path) -> str:
    """``BETTER_AUTH_SECRET``; without it, outside production, one that is made once and kept in a file.

    Several processes that start at once end up with the same one.
    """
    given = environ.get("BETTER_AUTH_SECRET")
    if given:
        return given
    if is_production(environ):
        hint = "set it to 32 or more random characters: openssl rand -base64 32"
        raise ImproperlyConfigured(f"BETTER_AUTH_SECRET is required in production; {hint}.")
    file, draft = directory / "secret", directory / f".secret-{os.getpid()}-{secrets.token_hex(4)}"
    if not file.exists():
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48))
        try:
            os.link(draft, file)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text().strip()


def shared_jwt_secret(environ: Mapping[str, str]) -> dict[str, str]:
    """``JWT_SECRET``, as other systems call it; ``BETTER_AUTH_JWT_SECRET`` outdoes it."""
    given = environ.get("JWT_SECRET")
    return {"SECRET": given} if given else {}


def public_origin(environ: Mapping[str, str]) -> str:
    """``BETTER_AUTH_URL`` without a trailing slash; else this machine's loopback address and ``PORT``."""
    port = environ.get("PORT") or "8000"
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise ImproperlyConfigured(f"PORT: expected a number from 1 to 65535, got {port!r}")
    return (environ.get("BETTER_AUTH_URL") or f"http://127.0.0.1:{port}").rstrip("/")


def loopback_twins(environ: Mapping[str, str]) -> list[str]:
    """Without a stated public origin, ``localhost`` may be used for 127.0.0.1: it is the same machine."""
    if environ.get("BETTER_AUTH_URL"):
        return []
    return [public_origin(environ).replace("127.0.0.1", "localhost")]


def passkey_domain(environ: Mapping[str, str]) -> dict[str, str]:
    """Settings of ``PASSKEY`` without a stated public origin: browsers bind none to an address."""
    return {} if environ.get("BETTER_AUTH_URL") else {"RP_ID": "localhost"}


def allowed_hosts(environ: Mapping[str, str]) -> list[str]:
    named = [part.strip() for part in environ.get("BETTER_AUTH_ALLOWED_HOSTS", "").split(",") if part.strip()]
    own = urlsplit(public_origin(environ)).hostname
    return [*([own] if own else []), "localhost", "127.0.0.1", "[::1]", *named]


def databases(environ: Mapping[str, str], directory: Path) -> dict[str, Any]:
    """``DATABASE_URL``: ``postgres://…`` or ``sqlite:///…``; else a SQLite file in the data directory."""
    url = environ.get("DATABASE_URL") or f"sqlite:///{directory / 'db.sqlite3'}"
    try:
        database: dict[str, Any] = dict(dj_database_url.parse(url))
    except (ValueError, dj_database_url.ParseError, dj_database_url.UnknownSchemeError) as mistake:
        scheme = url.partition("://")[0] if "://" in url else ""
        raise ImproperlyConfigured(
            f"DATABASE_URL can't be used (scheme {scheme!r}, {type(mistake).__name__}); "
            "expected postgres://user:password@host:port/name or sqlite:///path"
        ) from None
    if database["ENGINE"].endswith("sqlite3"):
        database["OPTIONS"] = {**SQLITE_OPTIONS, **database.get("OPTIONS", {})}
    elif database["ENGINE"].endswith("postgresql"):
        pool = {"min_size": 1, "max_size": _pool_size(environ), "timeout": 10}
        prepared = {"prepare_threshold": PREPARE_THRESHOLD} if _wants_prepared_statements(environ) else {}
        database["OPTIONS"] = {"pool": pool, **prepared, **database.get("OPTIONS", {})}
        database["CONN_MAX_AGE"] = 0
    else:
        raise ImproperlyConfigured("DATABASE_URL: only postgres:// and sqlite:// are supported.")
    return {"default": database}


def wants_admin_otp(environ: Mapping[str, str]) -> bool:
    """``BETTER_AUTH_ADMIN_OTP``: the admin site asks operators for a one-time password as well."""
    return _yes_or_no("BETTER_AUTH_ADMIN_OTP", environ.get("BETTER_AUTH_ADMIN_OTP") or "false")


def _wants_prepared_statements(environ: Mapping[str, str]) -> bool:
    """``BETTER_AUTH_DATABASE_PREPARE``: off behind a pooler that changes connections."""
    return _yes_or_no("BETTER_AUTH_DATABASE_PREPARE", environ.get("BETTER_AUTH_DATABASE_PREPARE") or "true")


def log_format(environ: Mapping[str, str]) -> str:
    """``BETTER_AUTH_LOG_FORMAT``: the name of a formatter in LOGGING."""
    word = environ.get("BETTER_AUTH_LOG_FORMAT") or "line"
    if word not in ("line", "json"):
        raise ImproperlyConfigured(f"BETTER_AUTH_LOG_FORMAT: expected line or json, got {word!r}")
    return word


def _yes_or_no(name: str, text: str) -> bool:
    word = text.strip().lower()
    if word not in TRUE_WORDS | FALSE_WORDS:
        raise ImproperlyConfigured(f"{name}: expected true or false, got {word!r}")
    return word in TRUE_WORDS


def _pool_size(environ: Mapping[str, str]) -> int:
    text = environ.get("BETTER_AUTH_DATABASE_POOL") or "10"
    if not text.isdecimal() or int(text) < 1:
        raise ImproperlyConfigured(f"BETTER_AUTH_DATABASE_POOL: expected a number from 1, got {text!r}")
    return int(text)


def caches(environ: Mapping[str, str]) -> dict[str, Any]:
    """``REDIS_URL``, else a cache in the process."""
    url = environ.get("REDIS_URL")
    if not url:
        return {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise ImproperlyConfigured("REDIS_URL: expected redis://host:port/number")
    options = {
        "CLIENT_CLASS": "django_redis.client.DefaultClient",
        "SOCKET_CONNECT_TIMEOUT": 2,
        "SOCKET_TIMEOUT": 2,
    }
    prefix = environ.get("BETTER_AUTH_CACHE_PREFIX", "")
    cache = {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": url,
        "KEY_PREFIX": prefix,
        "OPTIONS": options,
    }
    return {"default": cache}


def channel_layers(environ: Mapping[str, str]) -> dict[str, Any]:
    """How consumers of Channels reach each other: over ``REDIS_URL``, else within the process."""
    url = environ.get("REDIS_URL")
    if not url:
        return {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    prefix = environ.get("BETTER_AUTH_CACHE_PREFIX") or "better-auth"
    config = {"hosts": [url], "prefix": f"{prefix}:channels"}
    return {"default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": config}}


def mail(environ: Mapping[str, str]) -> dict[str, Any]:
    """SMTP where ``SMTP_HOST`` is set, files in ``MAIL_DIR``, else the console."""
    settings: dict[str, Any] = {"DEFAULT_FROM_EMAIL": environ.get("SMTP_FROM") or "no-reply@localhost"}
    if environ.get("MAIL_DIR"):
        return settings | {
            "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "EMAIL_FILE_PATH": environ["MAIL_DIR"],
        }
    if not environ.get("SMTP_HOST"):
        return settings | {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    port = environ.get("SMTP_PORT") or "587"
    if not port.isdecimal():
        raise ImproperlyConfigured(f"SMTP_PORT: expected a number, got {port!r}")
    return settings | {
        "EMAIL_HOST": environ["SMTP_HOST"],
        "EMAIL_PORT": int(port),
        "EMAIL_HOST_USER": environ.get("SMTP_USER", ""),
        "EMAIL_HOST_PASSWORD": environ.get("SMTP_PASSWORD", ""),
        "EMAIL_USE_SSL": port == "465",
        "EMAIL_USE_TLS": port == "587",
        "EMAIL_TIMEOUT": 20,
    }
