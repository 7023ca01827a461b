"""Second factors of the other system in use here: whoever was asked for a code there is asked for one here.

Of several authenticators the first is taken. Recovery codes come where the source has them in the clear;
hashes of them can't be checked here, and wait with what else is kept (``keeping``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from better_auth import factors, users
from better_auth.conf import auth_settings
from better_auth.crypto.one_time_codes import UnusableSecret, imported, key_of
from better_auth.factors import Arriving
from better_auth.storage.records import UserRecord
from migration_tools import keeping, sealing
from migration_tools.models import KeptFactors

# Hashes are longer, or say what they are.
PLAIN_CODE = re.compile(r"[0-9A-Za-z][0-9A-Za-z _-]{4,30}[0-9A-Za-z]")
MOST_CODES = 100
LABEL = "better_auth.twofactor"


def usable(user_key: Any, content: Mapping[str, Any] | None) -> Arriving | None:
    """What of the factors that are kept can be used here, if any can."""
    if not content:
        return None
    for told in content.get("totp", ()):
        secret = imported(told["secret_base32"])
        try:
            key_of(secret)
        except UnusableSecret:
            continue
        codes = [one for one in content.get("recovery_codes", ()) if _is_plain(one)]
        return Arriving(
            user_key, secret, told["digits"], told["period"], told["algorithm"], tuple(codes[:MOST_CODES])
        )
    by_mail = bool(content.get("mail_codes")) and auth_settings.two_factor.otp
    return Arriving(user_key) if by_mail else None


def follow(user: UserRecord, *, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> bool:
    """The other system's factors of this user were ``before`` and are ``after`` now; whether anything changed
    here. Whoever has enrolled anew here, or has given it up, is left alone."""
    was, now = usable(user.key, before), usable(user.key, after)
    if was == now or not _is_as_brought(user, was):
        return False
    factors.remove(user)
    if now is not None:
        factors.arrive([now])
    users.restore(user, two_factor_enabled=now is not None)
    return True


def brought(user_keys: Collection[Any], sources: Iterable[str]) -> set[Any]:
    """Of these users those whose second factor here is the one that came from the sources."""
    here, found = factors.keys_of(user_keys), set()
    rows = KeptFactors.objects.filter(source__in=list(sources), user_id__in=list(here))
    for key, sealed in rows.values_list("user_id", "sealed"):
        try:
            was = usable(key, sealing.unseal(sealed))
        except sealing.Unreadable:
            continue
        if was is not None and here[key] == _key(was):
            found.add(key)
    return found


def content_of(kept: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Of columns that ``keeping`` gave; None as well where no key of ours opens them."""
    try:
        found: Mapping[str, Any] | None = sealing.unseal(kept["sealed"]) if kept else None
    except sealing.Unreadable:
        return None
    return found


def kept_content(source: str, user_key: Any) -> Mapping[str, Any] | None:
    """What is kept of this user now."""
    rows = KeptFactors.objects.filter(source=source, user_id=user_key)
    return content_of(rows.values(*keeping.COLUMNS).first())


def _is_as_brought(user: UserRecord, was: Arriving | None) -> bool:
    here = factors.keys_of([user.key])
    if was is None:
        return not here and not user.two_factor_enabled
    return user.two_factor_enabled and here.get(user.key) == _key(was)


def _key(one: Arriving) -> bytes:
    return key_of(one.secret) if one.secret else b""


def _is_plain(code: Any) -> bool:
    return isinstance(code, str) and PLAIN_CODE.fullmatch(code) is not None
