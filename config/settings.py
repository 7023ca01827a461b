"""The ready-to-run project: everything from the environment, see docs/configuration.md."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from better_auth.conf import merge
from better_auth.conf.schema import DEFAULT_AUTHENTICATORS
from better_auth.crypto.legacy_hashes import HASHERS
from config import environment
from config.environment import ROOT

environment.ensure_no_succeeded_variable(os.environ)
DATA_DIR = environment.data_directory(os.environ)
IS_PRODUCTION = environment.is_production(os.environ)
PUBLIC_ORIGIN = environment.public_origin(os.environ)
IS_HTTPS = PUBLIC_ORIGIN.startswith("https://")
SECRET = environment.secret(os.environ, DATA_DIR)

DEBUG = False
# Django's own signatures (admin sessions, CSRF) never share a key with the protocol's cookies.
SECRET_KEY = hashlib.sha256(b"django-better-auth:django:" + SECRET.encode()).hexdigest()
ALLOWED_HOSTS = environment.allowed_hosts(os.environ)

INSTALLED_APPS = [
    "better_auth",
    "organizations",
    "apikeys",
    "migration_tools",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_prometheus",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "better_auth.cors.CorsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "better_auth.middleware.BetterAuthMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
if environment.wants_admin_otp(os.environ):
    INSTALLED_APPS[INSTALLED_APPS.index("django.contrib.admin")] = "config.apps.OneTimePasswordAdminConfig"
    INSTALLED_APPS += ["django_otp", "django_otp.plugins.otp_totp", "django_otp.plugins.otp_static"]
    INSTALLED_APPS += ["better_auth.otp"]
    # Below ours, or it would look at another request.user than the admin site does.
    _own = MIDDLEWARE.index("better_auth.middleware.BetterAuthMiddleware")
    MIDDLEWARE.insert(_own + 1, "better_auth.otp.middleware.FactorMiddleware")
    # No operator reads another's keys: `manage.py add_operator_device` shows a key once, where it is made.
    OTP_ADMIN_HIDE_SENSITIVE_DATA = True
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = environment.databases(os.environ, DATA_DIR)
CACHES = environment.caches(os.environ)
CHANNEL_LAYERS = environment.channel_layers(os.environ)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "better_auth.User"
AUTHENTICATION_BACKENDS = ["better_auth.backends.BetterAuthBackend"]
PASSWORD_HASHERS = [
    "better_auth.hashing.Argon2id",
    "better_auth.crypto.password_hashers.BetterAuthScryptHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher",
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    *HASHERS,
]
# For the admin site's own forms; the endpoints have their own policy (BETTER_AUTH["PASSWORD"]).
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
BETTER_AUTH: dict[str, Any] = merge(
    {
        "BASE_URL": PUBLIC_ORIGIN,
        "SECRET": SECRET,
        "TRUSTED_ORIGINS": environment.loopback_twins(os.environ),
        "FEATURES": [
            "admin",
            "anonymous",
            "bearer",
            "device_authorization",
            "email_otp",
            "jwt",
            "magic_link",
            "multi_session",
            "one_time_token",
            "organization",
            "passkey",
            "two_factor",
            "username",
        ],
        "ORGANIZATION": {"TEAMS": {"ENABLED": True}},
        "USER": {"CHANGE_EMAIL": True, "DELETE_USER": True},
        "RATE_LIMIT": {"ENABLED": IS_PRODUCTION},
        "PASSKEY": environment.passkey_domain(os.environ),
        "JWT": environment.shared_jwt_secret(os.environ),
        "SOCIAL": {"PROVIDERS": environment.providers(os.environ)},
        "API_KEYS": {"ENABLE_SESSION": True},
        "AUTHENTICATORS": ["apikeys.authenticator.authenticate", *DEFAULT_AUTHENTICATORS],
    },
    environment.declared_settings(os.environ),
)

if BETTER_AUTH.get("AUTH_SERVER", {}).get("URL"):
    INSTALLED_APPS.append("better_auth.resource_server")

for _name, _value in environment.mail(os.environ).items():
    globals()[_name] = _value

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
# Served from the installed packages; no collectstatic before the first start.
WHITENOISE_USE_FINDERS = True

SECURE_CONTENT_TYPE_NOSNIFF = True
# Not "no-referrer", with which browsers tell no origin with a form, and Django then refuses the form.
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
CSRF_TRUSTED_ORIGINS = [PUBLIC_ORIGIN]
if IS_HTTPS:
    # TLS ends at the proxy in front, which must set this header itself.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31536000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^health(/ready)?$"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "config.logs.LineFormatter"},
        "json": {"()": "config.logs.JsonFormatter"},
    },
    "filters": {"failures": {"()": "config.logs.FailuresByRoute"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": environment.log_format(os.environ)}
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        # A 4xx is the client's affair, and its path may carry a token.
        "django.request": {"handlers": [], "level": "ERROR", "filters": ["failures"], "propagate": True},
        # A line for each call of the legacy system; metrics and our own lines tell what became of them.
        "httpx": {"handlers": [], "level": "WARNING", "propagate": True},
        "django.security": {"handlers": [], "level": "CRITICAL", "propagate": False},
    },
}
