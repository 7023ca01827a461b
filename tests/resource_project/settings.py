"""Everything of our own comes from the environment, as docs/resource-server.md has it."""

from __future__ import annotations

import os

from better_auth.conf import from_environment

SECRET_KEY = "only-for-these-tests"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "testserver"]
INSTALLED_APPS = ["rest_framework", "better_auth.resource_server", "tests.resource_project.notes"]
MIDDLEWARE = [
    "better_auth.cors.CorsMiddleware",
    "better_auth.resource_server.middleware.ResourceServerMiddleware",
]
ROOT_URLCONF = "tests.resource_project.urls"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("RESOURCE_DATABASE", ":memory:"),
        "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
    }
}
if os.environ.get("REDIS_URL"):
    CACHES = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": os.environ["REDIS_URL"],
            "KEY_PREFIX": os.environ["BETTER_AUTH_CACHE_PREFIX"],
        }
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
# Without it REST framework would want users in the database for those who are not signed in.
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["better_auth.resource_server.drf.TokenAuthentication"],
    "UNAUTHENTICATED_USER": None,
}
BETTER_AUTH = from_environment(os.environ)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": os.environ.get("RESOURCE_LOG_LEVEL", "WARNING")},
}
