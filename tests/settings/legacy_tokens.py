"""The project as it ships, for a host that gave out tokens by djangorestframework-simplejwt before."""

from __future__ import annotations

from better_auth.conf.schema import DEFAULT_AUTHENTICATORS
from config.settings import *  # noqa: F403
from config.settings import BETTER_AUTH

SIMPLE_JWT = {"SIGNING_KEY": "legacy-signing-key-0123456789-abcdefghijkl"}
BETTER_AUTH["AUTHENTICATORS"] = [
    *DEFAULT_AUTHENTICATORS[:2],
    "better_auth.authentication.authenticators.legacy_jwt.authenticate",
    *DEFAULT_AUTHENTICATORS[2:],
]
