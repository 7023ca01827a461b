"""The second factors of a Better Auth server, opened with its secret.

Source: two-factor.md, sections 5 and 7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from better_auth.conf import auth_settings
from better_auth.crypto.one_time_codes import UnusableSecret, key_of
from better_auth.sealing import Undecryptable, open_sealed
from migration_tools.factors import base32_of, totp_from
from migration_tools.sources.better_auth_tables import Row
from migration_tools.values import text_of, truth_of

TABLE = "twoFactor"
WANTED = ("userId", "secret", "backupCodes")
OPTIONAL: Mapping[str, tuple[str, ...]] = {TABLE: ("verified",)}
NOT_BROUGHT = "second-factor-not-brought"


def extra_of(rows: Sequence[Row], *, is_enabled: bool) -> tuple[dict[str, Any], bool]:
    """What the record has of factors, as other sources tell it; and whether something could not be read.

    An enrolment that was never finished is none. Whoever is asked for a code and has no authenticator gets
    theirs by mail. Digits and period are no part of the table: they are this server's settings.
    """
    if not is_enabled:
        return {}, False
    mailed: dict[str, Any] = {"mail_codes": True}
    finished = [row for row in rows if row.get("verified") is None or truth_of(row["verified"], "verified")]
    if not finished:
        return mailed, False
    try:
        secret = open_sealed(text_of(finished[0]["secret"], "secret") or "")
        key = key_of(secret)
    except (Undecryptable, UnusableSecret):
        return mailed, True
    rules = auth_settings.two_factor
    totp = totp_from(base32_of(key), digits=rules.digits, period=rules.period)
    codes = _codes(text_of(finished[0]["backupCodes"], "backupCodes") or "")
    told = {"totp": [totp], **({"recovery_codes": codes} if codes else {})}
    return told, codes is None


def _codes(stored: str) -> list[Any] | None:
    """None where they can't be read."""
    try:
        text = stored if stored.startswith("[") else open_sealed(stored)
        found = orjson.loads(text)
    except (Undecryptable, ValueError):
        return None
    return found if isinstance(found, list) else None
