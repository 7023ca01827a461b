"""How many credentials of the former system still come, each day and from which clients.

Counted in the process and written behind (``LegacyUse``), so that no request costs a write.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Literal, NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import F

from better_auth import clock
from better_auth.crypto.jwt_reading import Claims
from better_auth.events import Client
from better_auth.models import LegacyUse
from better_auth.storage.written_behind import WrittenBehind

Result = Literal["accepted", "refused", "exchanged"]
RESULTS: tuple[Result, ...] = ("accepted", "refused", "exchanged")
# Of those that a token names itself; else the product of the user agent, without its version.
CLIENT_CLAIMS = ("client_id", "azp")
CLIENT_ID = re.compile(r"[\w.:/@ -]{1,64}")
PRODUCT = re.compile(r"[A-Za-z][\w.-]{0,39}")
UNKNOWN, OTHERS = "unknown", "others"
# Anybody can call themselves what they like: more names than these are one, in each process and day.
MOST_CLIENTS = 200


class Key(NamedTuple):
    day: date
    scheme: str
    client: str


_names: set[tuple[date, str]] = set()


def note(scheme: str, result: Result, *, client: Client, claims: Claims | None = None) -> None:
    """One came. Returns at once."""
    day = clock.now().date()
    key = Key(day, scheme, _bounded(day, client_name(client, claims)))
    at = RESULTS.index(result)

    def count(before: tuple[int, int, int] | None) -> tuple[int, int, int]:
        now = list(before or (0, 0, 0))
        now[at] += 1
        return now[0], now[1], now[2]

    _behind.put(key, count)


def client_name(client: Client, claims: Claims | None = None) -> str:
    """What the client is called: by its token, else by itself."""
    for claim in CLIENT_CLAIMS:
        told = (claims or {}).get(claim)
        if isinstance(told, str) and CLIENT_ID.fullmatch(told):
            return told
    product = PRODUCT.match(client.user_agent)
    return product[0] if product else UNKNOWN


def flush() -> None:
    """Write what has gathered."""
    _behind.flush()


def forget() -> None:
    _names.clear()
    _behind.forget()


def _bounded(day: date, name: str) -> str:
    if (day, name) in _names:
        return name
    if len(_names) >= MOST_CLIENTS:
        _names.difference_update({one for one in _names if one[0] != day})
        if len(_names) >= MOST_CLIENTS:
            return OTHERS
    _names.add((day, name))
    return name


def _write(counts: Mapping[Key, tuple[int, int, int]]) -> None:
    for key, numbers in counts.items():
        rows = LegacyUse.objects.filter(**key._asdict())
        counted = dict(zip(RESULTS, numbers, strict=True))
        more = {name: F(name) + number for name, number in counted.items() if number}
        if rows.update(**more, last_at=clock.now()):
            continue
        try:
            with transaction.atomic():
                LegacyUse.objects.create(**key._asdict(), **counted)
        except IntegrityError:  # another process was first
            rows.update(**more, last_at=clock.now())


_behind: WrittenBehind[Key, tuple[int, int, int]] = WrittenBehind("better-auth-legacy-use", _write)
