"""Our JWTs as a token class of djangorestframework-simplejwt, for hosts that use its views and permissions.

    SIMPLE_JWT = {
        "AUTH_TOKEN_CLASSES": (
            "better_auth.simplejwt.AccessToken",
            "rest_framework_simplejwt.tokens.AccessToken",  # as long as old tokens are out
        )
    }

``JWTAuthentication`` then takes both. Refresh tokens are no affair of this module: ours are opaque, kept as
digests only (``POST /token``).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
from django.contrib.auth import get_user_model
from rest_framework_simplejwt import tokens
from rest_framework_simplejwt.exceptions import TokenBackendError
from rest_framework_simplejwt.settings import api_settings

from better_auth import access_tokens, clock, users
from better_auth.authentication.authenticators.jwt import find_owner
from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import new_id
from better_auth.crypto.jose import InvalidToken
from better_auth.crypto.jwt_reading import is_for
from better_auth.storage.records import UserRecord


class Backend:
    """Signs and verifies as our endpoints and authenticators do, in place of simplejwt's own."""

    def encode(self, payload: dict[str, Any]) -> str:
        """The token. ``sub`` is the id that the user has with us. Raises ``TokenBackendError``."""
        key = payload.get(api_settings.USER_ID_CLAIM)
        user = users.find_by_key(key) if key is not None else None
        if user is None or user.is_shut_out(clock.now()):
            raise TokenBackendError("Nobody may have this token")
        server = {"sub": user.id, "iss": access_tokens.issuer(), "aud": access_tokens.audience()}
        hidden = (api_settings.USER_ID_CLAIM, api_settings.TOKEN_TYPE_CLAIM)
        own = {name: value for name, value in payload.items() if name not in hidden}
        return access_tokens.sign(orjson.dumps(own | server))

    def decode(self, token: Any, verify: bool = True) -> dict[str, Any]:
        """The claims, with those that simplejwt looks for. An unverified reading is not to be had."""
        text = token.decode("ascii", "replace") if isinstance(token, bytes) else str(token)
        try:
            claims = access_tokens.verify_jwt_again(text)
        except InvalidToken:
            raise TokenBackendError("Token is invalid") from None
        is_meant = claims is not None and is_for(claims, access_tokens.audience())
        user = find_owner(claims) if claims and is_meant else None
        if claims is None or user is None:
            raise TokenBackendError("Token is invalid")
        simple = {
            api_settings.USER_ID_CLAIM: _host_id(user),
            api_settings.TOKEN_TYPE_CLAIM: AccessToken.token_type,
            api_settings.JTI_CLAIM: claims.get("jti", ""),
        }
        return {**claims, **{name: value for name, value in simple.items() if name}}

    def get_leeway(self) -> timedelta:
        return timedelta(0)


class AccessToken(tokens.Token):
    """``AccessToken.for_user(user)`` makes one, ``AccessToken(text)`` reads one."""

    token_type = "access"

    @property
    def lifetime(self) -> timedelta:  # type: ignore[override]
        return timedelta(seconds=auth_settings.jwt.expires_in)

    @property
    def token_backend(self) -> Any:
        return _backend

    def set_jti(self) -> None:
        self.payload[api_settings.JTI_CLAIM or "jti"] = new_id()


_backend = Backend()


def _host_id(user: UserRecord) -> Any:
    """What ``USER_ID_FIELD`` of the host's row holds."""
    field = api_settings.USER_ID_FIELD
    if field in ("pk", get_user_model()._meta.pk.name):
        return user.key
    return getattr(users.row_of(user), field)
