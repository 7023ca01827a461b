"""System checks of ``DUAL_AUTH``: what would let in whom the former system would not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from better_auth.conf import auth_settings
from better_auth.crypto.jws import ALGORITHMS
from better_auth.legacy_credentials import keys, subjects
from better_auth.legacy_credentials.cutover import read_moment
from better_auth.legacy_credentials.schemes import (
    AUTHTOKEN,
    HOST,
    JWT,
    NAMES,
    SESSIONS,
    SIMPLEJWT,
    is_on,
    rules_of,
    source_of,
)
from better_auth.legacy_credentials.signed import HMACS

SHORTEST_SECRET = 32
LEAST_VARIETY = 10
LONGEST_LEEWAY = 300
TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)?")


@register(Tags.security)
def check_cutover(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    rules = auth_settings.dual_auth
    if rules.cutover is not None:
        try:
            read_moment(rules.cutover)
        except ValueError:
            hint = "Write date, time and zone: 2027-01-31T00:00:00+00:00. Until then everything is refused."
            text = "DUAL_AUTH.CUTOVER is no moment with a time zone."
            return [Error(text, hint=hint, id="better_auth.E030")]
    elif any(is_on(scheme) for scheme in NAMES):
        hint = "Set DUAL_AUTH.CUTOVER (BETTER_AUTH_LEGACY_CUTOVER) to the day on which that is to end."
        text = "Credentials of the former system are taken for good."
        return [Warning(text, hint=hint, id="better_auth.W012")]
    return []


@register(Tags.security)
def check_schemes(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    rules, found = auth_settings.dual_auth, list[CheckMessage]()
    if rules.enabled and not any(is_on(scheme) for scheme in NAMES):
        hint = f"Switch one on: DUAL_AUTH.{', '.join(name.upper() for name in NAMES)}."
        text = "DUAL_AUTH is enabled, but none of its schemes is."
        found.append(Warning(text, hint=hint, id="better_auth.W013"))
    if rules.leeway > LONGEST_LEEWAY:
        hint = "Set the clocks; two minutes (120) are much already."
        text = f"DUAL_AUTH.LEEWAY: tokens live {rules.leeway} seconds longer than they should."
        found.append(Warning(text, hint=hint, id="better_auth.W014"))
    for scheme in NAMES:
        if is_on(scheme) and source_of(scheme) != HOST and not subjects.is_connected():
            hint = (
                "Add 'migration_tools' to INSTALLED_APPS, or set SOURCE to 'host' for users of this project."
            )
            text = f"DUAL_AUTH.{scheme.upper()}: no journal knows who came from {source_of(scheme)!r}."
            found.append(Error(text, hint=hint, id="better_auth.E031"))
    return found


@register(Tags.security)
def check_legacy_secrets(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    found = list[CheckMessage]()
    for scheme in (JWT, SIMPLEJWT):
        if is_on(scheme):
            found += _about_secret(f"DUAL_AUTH.{scheme.upper()}", rules_of(scheme))
    of_sessions = rules_of(SESSIONS).secret
    if is_on(SESSIONS) and of_sessions and of_sessions in (auth_settings.secret, auth_settings.jwt.secret):
        found.append(_same_secret("DUAL_AUTH.SESSIONS"))
    return found


def _about_secret(name: str, rules: Any) -> Iterator[CheckMessage]:
    secret = rules.secret
    unfit = [one for one in rules.algorithms if one not in (ALGORITHMS if rules.keys else HMACS)]
    if (secret and rules.keys) or unfit or not rules.algorithms:
        hint = (
            "SECRET goes with HS256, HS384, HS512; KEYS with EdDSA, ES256, RS256; one of the two, never both."
        )
        yield Error(f"{name}: keys and algorithms do not fit.", hint=hint, id="better_auth.E032")
    if rules.keys:
        try:
            keys.ensure_usable(rules.keys)
        except keys.UnusableKeys as fault:
            hint = "Name a file that holds a JWKS or a PEM public key, or the https address of a JWKS."
            yield Error(f"{name}.KEYS: {fault}", hint=hint, id="better_auth.E033")
        return
    is_public = "-----BEGIN" in (secret or "")  # a key that everybody may know
    if not secret or is_public or len(secret) < SHORTEST_SECRET or len(set(secret)) < LEAST_VARIETY:
        hint = "Whoever guesses it is anybody: use another scheme, or have people sign in again."
        yield Error(f"{name}.SECRET is missing, or can be guessed.", hint=hint, id="better_auth.E034")
    elif secret in (auth_settings.secret, auth_settings.jwt.secret):
        yield _same_secret(name)
    elif secret == settings.SECRET_KEY:
        hint = "Give this project a SECRET_KEY of its own, and move the old one to SECRET_KEY_FALLBACKS."
        text = f"{name}.SECRET is this project's SECRET_KEY, which signs other things, too."
        yield Warning(text, hint=hint, id="better_auth.W015")


def _same_secret(name: str) -> CheckMessage:
    hint = "What one system signs must mean nothing to the other: set BETTER_AUTH_SECRET to a new secret."
    return Error(f"{name}.SECRET is a secret of this server.", hint=hint, id="better_auth.E035")


@register(Tags.database)
def check_legacy_tables(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    found = list[CheckMessage]()
    for scheme in (SIMPLEJWT, AUTHTOKEN, SESSIONS):
        rules = rules_of(scheme)
        if not is_on(scheme) or (scheme == SIMPLEJWT and not rules.blacklist):
            continue
        tables = [getattr(rules, name, None) for name in ("table", "users_table")]
        bad = [one for one in tables if one and not TABLE.fullmatch(one)]
        if rules.database not in settings.DATABASES or bad:
            hint = "Name an alias of DATABASES, and a table as the database calls it: schema.table or table."
            text = f"DUAL_AUTH.{scheme.upper()}: DATABASE or TABLE can't be used."
            found.append(Error(text, hint=hint, id="better_auth.E036"))
    if is_on(SESSIONS) and source_of(SESSIONS) != HOST and not rules_of(SESSIONS).users_table:
        hint = "Set DUAL_AUTH.SESSIONS.USERS_TABLE, for instance to 'auth_user'."
        text = "Sessions of the former system outlive a change of the password there."
        found.append(Warning(text, hint=hint, id="better_auth.W016"))
    return found
