"""Second factors, recovery codes and passkeys of the other system, in one shape.

Left behind, they would make the migration a downgrade; so they are kept, encrypted, beside their user
(``KeptFactors``), and what can be used here is in use (``factor_rows``).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from migration_tools.neutral import EXTRAS

LARGEST = 65_536
BASE32 = re.compile(r"[A-Z2-7]{8,512}")
DIGITS, PERIODS = range(4, 11), range(1, 301)
ALGORITHMS = {"SHA1", "SHA256", "SHA512"}
UNREADABLE = "factor-unreadable"


@dataclass(frozen=True, slots=True)
class Factors:
    """``totp``: each with ``secret_base32``, ``digits``, ``period`` (seconds) and ``algorithm``;
    ``recovery_codes`` and ``passkeys`` as the source has them; ``mail_codes``: codes came by mail."""

    totp: tuple[Mapping[str, Any], ...] = ()
    recovery_codes: tuple[Any, ...] = ()
    passkeys: tuple[Any, ...] = ()
    mail_codes: bool = False

    def __repr__(self) -> str:
        return f"Factors({len(self.totp)}, {len(self.recovery_codes)}, {len(self.passkeys)})"

    def content(self) -> dict[str, Any]:
        """As it is sealed."""
        told = {"totp": self.totp, "recovery_codes": self.recovery_codes, "passkeys": self.passkeys}
        return {**told, "mail_codes": True} if self.mail_codes else told


def totp_from(
    secret_base32: Any, *, digits: Any = None, period: Any = None, algorithm: Any = None
) -> dict[str, Any]:
    """A record of one authenticator app, with the usual values where the source tells none. RFC 6238."""
    return {
        "secret_base32": secret_base32,
        "digits": digits or 6,
        "period": period or 30,
        "algorithm": algorithm or "SHA1",
    }


def base32_of(secret: bytes) -> str:
    """How authenticator apps write a secret: base32 without padding."""
    return base64.b32encode(secret).decode().rstrip("=")


def factors_of(extra: Mapping[str, Any], warnings: list[str]) -> Factors | None:
    """What a record brings of factors, or None. What of it nobody could ever use is left out with a
    warning."""
    told = {name: _listed(extra[name]) for name in EXTRAS if extra.get(name)}
    if not told:
        return None
    totp = [one for one in map(_totp, told.get("totp", [])) if one is not None]
    if len(totp) < len(told.get("totp", [])):
        warnings.append(UNREADABLE)
    found = Factors(
        tuple(totp),
        tuple(told.get("recovery_codes", [])),
        tuple(told.get("passkeys", [])),
        told.get("mail_codes") == [True],
    )
    try:
        size = len(orjson.dumps(found.content(), default=str))
    except TypeError:
        size = LARGEST + 1
    if size > LARGEST:
        warnings.append(UNREADABLE)
        return None
    return found if found != Factors() else None


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _totp(told: Any) -> dict[str, Any] | None:
    if not isinstance(told, Mapping) or not isinstance(told.get("secret_base32"), str):
        return None
    secret = re.sub(r"[\s=-]", "", told["secret_base32"]).upper()
    if not BASE32.fullmatch(secret):
        return None
    algorithm = str(told.get("algorithm") or "SHA1").upper().replace("HMAC", "").replace("-", "")
    digits, period = _number(told.get("digits") or 6), _number(told.get("period") or 30)
    if algorithm not in ALGORITHMS or digits not in DIGITS or period not in PERIODS:
        return None
    return totp_from(secret, digits=digits, period=period, algorithm=algorithm)


def _number(value: Any) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else None
