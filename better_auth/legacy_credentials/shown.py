"""What a request shows of the former system, told by its shape alone; nothing is looked up for that."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from better_auth import access_tokens
from better_auth.conf import auth_settings
from better_auth.crypto.jose import InvalidToken
from better_auth.crypto.jwt_reading import is_jwt, read_header
from better_auth.legacy_credentials import signed
from better_auth.legacy_credentials.schemes import AUTHTOKEN, JWT, SESSIONS, SIMPLEJWT, is_on, rules_of
from better_auth.legacy_credentials.signed import Signed

Place = Literal["bearer", "header", "cookie"]
# ``Token`` of rest_framework.authtoken: 20 random bytes in hex. No session token of ours is so long.
AUTHTOKEN_KEY = re.compile(r"[0-9a-f]{40}")
# After ``Token`` a host may have others, of its own making.
HEADER_TOKEN = re.compile(r"[0-9A-Za-z_.~+/=-]{1,128}")
SESSION_KEY = re.compile(r"[0-9a-z]{8,40}")


@dataclass(frozen=True, slots=True)
class Shown:
    """``scheme``: of a JWT just ``jwt``, whoever made it; ``place``: where in the request it was;
    ``known``: of a JWT that came before."""

    scheme: str
    token: str = field(repr=False)
    place: Place
    known: Signed | None = None


def find_shown(bearer: str | None, header_token: str | None, cookies: Mapping[str, str]) -> Shown | None:
    """None where a token of ours is shown, or nothing that a scheme in force could know."""
    if bearer:
        known = signed.find_known(bearer)
        if known is not None:
            return Shown(JWT, bearer, "bearer", known)
        scheme = scheme_of(bearer)
        return Shown(scheme, bearer, "bearer") if scheme else None
    if header_token and is_on(AUTHTOKEN):
        return Shown(AUTHTOKEN, header_token, "header") if HEADER_TOKEN.fullmatch(header_token) else None
    if is_on(SESSIONS):
        key = cookies.get(rules_of(SESSIONS).cookie_name)
        if key and SESSION_KEY.fullmatch(key):
            return Shown(SESSIONS, key, "cookie")
    return None


def find_named(token: str) -> Shown | None:
    """The same for a token alone, without the place that would tell what it is."""
    scheme = scheme_of(token)
    if scheme is None and SESSION_KEY.fullmatch(token) and is_on(SESSIONS):
        scheme = SESSIONS
    if scheme is None and HEADER_TOKEN.fullmatch(token) and not is_jwt(token) and is_on(AUTHTOKEN):
        scheme = AUTHTOKEN
    return Shown(scheme, token, "bearer") if scheme else None


def scheme_of(token: str) -> str | None:
    """Of a token that a bearer shows."""
    if is_jwt(token) and (is_on(JWT) or is_on(SIMPLEJWT)):
        return None if _is_ours(token) else JWT
    return AUTHTOKEN if AUTHTOKEN_KEY.fullmatch(token) and is_on(AUTHTOKEN) else None


def _is_ours(token: str) -> bool:
    """A JWT that is signed by one of our keys, or says so."""
    if "jwt" not in auth_settings.features:
        return False
    try:
        return access_tokens.verify_jwt_again(token) is not None
    except InvalidToken:
        return _has_good_header(token)


def _has_good_header(token: str) -> bool:
    """With one that nobody should write it is neither system's."""
    try:
        read_header(token.partition(".")[0])
    except InvalidToken:
        return False
    return True
