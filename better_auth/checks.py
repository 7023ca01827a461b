"""System checks: each has an id and says what to do. ``manage.py check`` runs them."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.utils.module_loading import import_string

from better_auth import additional_fields, legacy, roles, sealing
from better_auth.authentication.cookie_names import are_secure
from better_auth.conf import auth_settings, callables
from better_auth.conf.loading import nearest, walk
from better_auth.crypto.legacy_hashes import HASHERS
from better_auth.http import cors
from better_auth.http.client_ip import parse_proxies
from better_auth.http.trusted_urls import origin_of
from better_auth.http.wire import FEATURES
from better_auth.legacy_credentials import schemes
from better_auth.rate_limits import parse_rule
from better_auth.storage.records import has_user_row

SHORTEST_SECRET = 32
LEAST_VARIETY = 10
# Read by the ready-to-run project and its commands, and no settings of their own.
PROJECT_VARIABLES = frozenset(
    {
        "BETTER_AUTH_ADMIN_EMAIL",
        "BETTER_AUTH_ADMIN_OTP",
        "BETTER_AUTH_ADMIN_PASSWORD",
        "BETTER_AUTH_ALLOWED_HOSTS",
        "BETTER_AUTH_CACHE_PREFIX",
        "BETTER_AUTH_DATABASE_POOL",
        "BETTER_AUTH_DATABASE_PREPARE",
        "BETTER_AUTH_DATA_DIR",
        "BETTER_AUTH_ENV",
        "BETTER_AUTH_LOG_FORMAT",
        "BETTER_AUTH_SOCIAL_PROVIDERS",
    }
)
WELL_KNOWN_SECRETS = ("better-auth-secret", "changeme", "change-me", "secret", "django-insecure")


@register(Tags.security)
def check_secret(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    secret = auth_settings.secret
    hint = "Set BETTER_AUTH_SECRET to 32 or more random characters: openssl rand -base64 32"
    if len(secret) < SHORTEST_SECRET or len(set(secret)) < LEAST_VARIETY:
        return [Error("The secret is too short or too regular.", hint=hint, id="better_auth.E002")]
    if secret.lower().startswith(WELL_KNOWN_SECRETS):
        return [Error("The secret is one that everybody knows.", hint=hint, id="better_auth.E003")]
    return []


@register(Tags.security)
def check_secrets(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    hint = "Write version:secret, the one in force first: 2:$(openssl rand -base64 32),1:the-old-one"
    found: list[CheckMessage] = []
    versions: set[int | None] = set()
    for entry in auth_settings.secrets:
        try:
            key = sealing.read_key(entry)
        except ValueError as mistake:
            found.append(Error(f"SECRETS: {mistake}", hint=hint, id="better_auth.E050"))
            continue
        if key.version in versions:
            text = f"SECRETS: version {key.version} is there twice."
            found.append(Error(text, hint=hint, id="better_auth.E052"))
        versions.add(key.version)
    first = auth_settings.secrets[0].partition(":")[2] if auth_settings.secrets else None
    if first is not None and (len(first) < SHORTEST_SECRET or len(set(first)) < LEAST_VARIETY):
        text = "SECRETS: the secret in force is too short or too regular."
        found.append(Error(text, hint=hint, id="better_auth.E051"))
    return found


@register(Tags.security)
def check_jwt_secret(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    secret, found = auth_settings.jwt.secret, list[CheckMessage]()
    if secret and (len(secret) < SHORTEST_SECRET or len(set(secret)) < LEAST_VARIETY):
        hint = "Set BETTER_AUTH_JWT_SECRET to 32 or more random characters: openssl rand -base64 32"
        found.append(Error("JWT.SECRET is too short or too regular.", hint=hint, id="better_auth.E016"))
    if secret and secret == auth_settings.secret:
        hint = "Give the services a secret of their own: with this one they could make our cookies."
        found.append(Error("JWT.SECRET is the server's own secret.", hint=hint, id="better_auth.E017"))
    if not secret and auth_settings.jwt.algorithm == "HS256":
        hint = "Set JWT.SECRET (BETTER_AUTH_JWT_SECRET), or leave JWT.ALGORITHM at EdDSA."
        found.append(
            Error("JWT.ALGORITHM is HS256, but there is no secret.", hint=hint, id="better_auth.E018")
        )
    return found


@register(Tags.security)
def check_introspection_secrets(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    hint = "Write name:secret, with 32 or more random characters: shop:$(openssl rand -base64 32)"
    found: list[CheckMessage] = []
    for entry in auth_settings.introspection.secrets:
        name, _, secret = entry.partition(":")
        if not name or len(secret) < SHORTEST_SECRET or len(set(secret)) < LEAST_VARIETY:
            text = f"INTROSPECTION.SECRETS: the secret of {name[:20]!r} is missing, or can be guessed."
            found.append(Error(text, hint=hint, id="better_auth.E019"))
    return found


@register(Tags.urls)
def check_base_url(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    if origin_of(auth_settings.base_url) != auth_settings.base_url:
        hint = "Give scheme, host and port, and nothing else: https://auth.example.com"
        return [Error("BETTER_AUTH['BASE_URL'] is not an origin.", hint=hint, id="better_auth.E004")]
    if not auth_settings.base_path.startswith("/") or auth_settings.base_path.endswith("/"):
        hint = "Begin it with a slash and end it without one: /api/auth"
        return [Error("BETTER_AUTH['BASE_PATH'] can't be used.", hint=hint, id="better_auth.E005")]
    return []


@register(Tags.urls)
def check_auth_proxy(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    path, base_path = auth_settings.auth_proxy.path, auth_settings.base_path
    if not path.startswith("/") or path.endswith("/") or f"{path}/".startswith(f"{base_path}/"):
        hint = "Begin it with a slash, end it without one, and keep it outside BASE_PATH: /api/auth-proxy"
        return [Error("BETTER_AUTH['AUTH_PROXY']['PATH'] can't be used.", hint=hint, id="better_auth.E025")]
    return []


@register(Tags.security)
def check_trusted_origins(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """A pattern that matches every host makes the origin check worthless."""
    everything = {"*", "**", "http://*", "https://*", "*://*", "http://**", "https://**"}
    hint = "Name the front ends, or wildcard one of your own domains: https://*.example.com"
    return [
        Error(f"The trusted origin {pattern!r} trusts everybody.", hint=hint, id="better_auth.E006")
        for pattern in auth_settings.trusted_origins
        if pattern in everything
    ]


@register(Tags.security)
def check_cors(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    rules, found = auth_settings.cors, list[CheckMessage]()
    for name in (*rules.allowed_headers, *rules.exposed_headers):
        if name == "*" or not cors.HEADER_NAME.fullmatch(name):
            hint = "Name each header: with cookies browsers take no wildcard."
            found.append(Error(f"CORS: {name!r} is no header's name.", hint=hint, id="better_auth.E024"))
    others = [one for one in auth_settings.trusted_origins if one != auth_settings.base_url]
    if rules.enabled and others and cors.MIDDLEWARE not in settings.MIDDLEWARE:
        hint = f"Add {cors.MIDDLEWARE!r} to MIDDLEWARE, or set CORS.ENABLED to False if others see to it."
        text = "Origins are trusted, but their scripts can't read what we answer."
        found.append(Warning(text, hint=hint, id="better_auth.W010"))
    return found


@register(Tags.security)
def check_proxies(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    try:
        parse_proxies(auth_settings.trusted_proxies)
    except ValueError as mistake:
        hint = "Give addresses or networks: 10.0.0.0/8"
        return [Error(f"BETTER_AUTH['TRUSTED_PROXIES']: {mistake}", hint=hint, id="better_auth.E007")]
    return []


@register()
def check_additional_fields(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    found: list[CheckMessage] = []
    for owner in additional_fields.OWNERS:
        try:
            additional_fields.declared(owner)
        except (TypeError, ValueError) as mistake:
            hint = "Map each name to its options: {'plan': {'type': 'string', 'input': False}}"
            text = f"{owner.upper()}.ADDITIONAL_FIELDS: {mistake}"
            found.append(Error(text, hint=hint, id="better_auth.E015"))
    return found


@register(Tags.security)
def check_rate_limits(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    found: list[CheckMessage] = []
    for line in auth_settings.rate_limit.rules:
        try:
            parse_rule(line.rpartition(" ")[2])
        except ValueError as mistake:
            hint = "Write the path, a space and the limit: '/get-session 1000/10', or '/ok off'."
            found.append(Error(f"RATE_LIMIT.RULES: {mistake}", hint=hint, id="better_auth.E014"))
    return found


@register(Tags.security)
def check_client_address(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Behind a proxy that is not named, every client has the proxy's address, and shares its budget."""
    is_proxied = bool(getattr(settings, "SECURE_PROXY_SSL_HEADER", None)) or settings.USE_X_FORWARDED_HOST
    if is_proxied and not auth_settings.trusted_proxies and auth_settings.rate_limit.is_on:
        hint = "Set BETTER_AUTH['TRUSTED_PROXIES'] (BETTER_AUTH_TRUSTED_PROXIES) to the proxy's address."
        text = "The server stands behind a proxy, but no proxy is trusted to tell the client's address."
        return [Warning(text, hint=hint, id="better_auth.W005")]
    return []


@register()
def check_features(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    unknown = [name for name in auth_settings.features if name not in FEATURES]
    hint = f"Known are: {', '.join(sorted(FEATURES))}."
    return [
        Error(f"Unknown feature {name!r}{nearest(name, sorted(FEATURES))}", hint=hint, id="better_auth.E008")
        for name in unknown
    ]


@register()
def check_roles(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Of the admin API: a role that nobody knows, or that grants what nobody has declared."""
    hint = "ADMIN.ROLES maps a role to resources, and each of those to a list of actions of ADMIN.STATEMENTS."
    return [Error(text, hint=hint, id="better_auth.E027") for text in roles.find_mistakes()]


def _dotted_paths() -> dict[str, tuple[str, ...]]:
    """By the setting that names them."""
    return {
        "AUTHENTICATORS": auth_settings.authenticators,
        "SIGN_IN_GATES": auth_settings.sign_in_gates,
        "SESSION_DELIVERIES": auth_settings.session_deliveries,
        "PASSWORD.VALIDATORS": auth_settings.password.validators,
        "TWO_FACTOR.REQUIRED_BY": auth_settings.two_factor.required_by,
        "MAIL.SENDER": (auth_settings.mail.sender,),
        "DUAL_AUTH": _dotted(*(schemes.rules_of(scheme).is_revoked for scheme in schemes.NAMES)),
        "MIGRATION": _dotted(auth_settings.migration.verifier, auth_settings.migration.finder),
        **callables.named(),
    }


@register()
def check_dotted_paths(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    lists = _dotted_paths()
    found: list[CheckMessage] = []
    for key, paths in lists.items():
        for path in paths:
            try:
                import_string(path)
            except ImportError as mistake:
                hint = "Name a module and what it holds: package.module.function"
                found.append(
                    Error(f"{key}: {path!r} can't be imported: {mistake}", hint=hint, id="better_auth.E009")
                )
    return found


@register()
def check_migration(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    if auth_settings.migration.mode != "off" and not legacy.is_connected():
        hint = "Add 'migration_tools' to INSTALLED_APPS, or set MIGRATION.MODE to 'off'."
        text = f"MIGRATION.MODE is {auth_settings.migration.mode!r}, but nobody can ask the legacy system."
        return [Error(text, hint=hint, id="better_auth.E026")]
    return []


@register(Tags.database)
def check_atomic_requests(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """One transaction around a request would take back the record of a failed sign-in with its refusal."""
    hint = "Remove ATOMIC_REQUESTS from DATABASES; actions here open the transactions that they need."
    return [
        Error(f"ATOMIC_REQUESTS is on for the database {alias!r}.", hint=hint, id="better_auth.E010")
        for alias, database in settings.DATABASES.items()
        if database.get("ATOMIC_REQUESTS")
    ]


@register()
def check_user_model(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """A host's own user model needs little: a password and ``is_active``."""
    model = get_user_model()
    missing = [name for name in ("password", "is_active") if not hasattr(model, name)]
    if missing and not has_user_row():
        hint = "Inherit from django.contrib.auth.base_user.AbstractBaseUser and add is_active."
        return [
            Error(
                f"{model.__name__} has no {' and no '.join(missing)}.",
                hint=hint,
                obj=model,
                id="better_auth.E011",
            )
        ]
    return []


@register(Tags.security)
def check_same_site(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    if auth_settings.cookies.same_site == "None" and not auth_settings.base_url.startswith("https://"):
        hint = "Browsers drop such cookies over plain http: serve https, or leave SAME_SITE at Lax."
        return [Error("COOKIES.SAME_SITE is None without https.", hint=hint, id="better_auth.E012")]
    return []


@register(Tags.security)
def check_secure_cookies(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    if auth_settings.base_url.startswith("https://") and not are_secure():
        hint = "Leave COOKIES.SECURE unset: then it follows BASE_URL."
        return [
            Warning("Cookies are not Secure, though the server is https.", hint=hint, id="better_auth.W001")
        ]
    return []


@register(Tags.caches)
def check_shared_cache(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Several processes must see each other's revocations and counts."""
    workers = max(_count("WEB_CONCURRENCY"), _count("GRANIAN_WORKERS"))
    backend = settings.CACHES["default"]["BACKEND"]
    private = ("django.core.cache.backends.locmem.", "django.core.cache.backends.dummy.")
    if workers > 1 and backend.startswith(private):
        hint = "Set REDIS_URL, or CACHES['default'] to a cache that the processes share."
        text = f"{workers} workers, but each has a cache of its own."
        return [Warning(text, hint=hint, id="better_auth.W002")]
    return []


@register()
def check_shared_metrics(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    workers = max(_count("WEB_CONCURRENCY"), _count("GRANIAN_WORKERS"))
    if workers > 1 and not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        hint = "Set PROMETHEUS_MULTIPROC_DIR to an empty directory; clear it at each start."
        return [
            Warning(f"{workers} workers, and each counts its own metrics.", hint=hint, id="better_auth.W006")
        ]
    return []


@register(Tags.security)
def check_password_hashers(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    first = settings.PASSWORD_HASHERS[0] if settings.PASSWORD_HASHERS else ""
    if "argon2" not in first.lower():
        hint = "Put 'better_auth.hashing.Argon2id' first in PASSWORD_HASHERS; older hashes go on working."
        return [Warning("New passwords are not hashed with Argon2id.", hint=hint, id="better_auth.W003")]
    return []


@register(Tags.security)
def check_bcrypt(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Of the extra ``server``: a host with the apps alone need not have it."""
    if set(HASHERS) & set(settings.PASSWORD_HASHERS) and importlib.util.find_spec("bcrypt") is None:
        message = "bcrypt is not installed: whoever has a bcrypt hash can't sign in."
        hint = "Install 'bcrypt', or take the hashers of better_auth.crypto.legacy_hashes out."
        return [Warning(message, hint=hint, id="better_auth.W007")]
    return []


@register()
def check_installed_apps(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    if not apps.is_installed("rest_framework"):
        hint = "Add 'rest_framework' to INSTALLED_APPS."
        return [Error("Django REST framework is not installed.", hint=hint, id="better_auth.E013")]
    return []


@register()
def check_environment(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """A variable that is misspelt would be passed over in silence."""
    known = sorted(PROJECT_VARIABLES | {one.env for one in walk() if one.env})
    unknown = sorted(name for name in os.environ if name.startswith("BETTER_AUTH_") and name not in known)
    hint = "See all variables with: manage.py auth_settings"
    return [
        Warning(f"No setting has the variable {name}{nearest(name, known)}", hint=hint, id="better_auth.W004")
        for name in unknown
    ]


def _dotted(*paths: str | None) -> tuple[str, ...]:
    """Those that are paths: a verifier may be a plain word, too."""
    return tuple(path for path in paths if path and "." in path)


def _count(name: str) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isdigit() else 0
