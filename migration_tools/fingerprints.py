"""What a run wrote of a user, in few bytes: enough to see later which of it somebody has changed since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any
from zlib import crc32

import orjson

VERSION = "1:"
FIELDS = ("email", "name", "image", "username", "phone_number", "role", "banned", "additional_fields")
ACCOUNTS = "accounts"
# The hash as the source has it: what the user has may have been made better since.
SOURCE_PASSWORD = "source_password"
# In place of the source's hash where the password was typed here, and hashed by us.
MADE_HERE = "made-here"
COMPARED = (*FIELDS, ACCOUNTS)
NAMES = (*COMPARED, SOURCE_PASSWORD)
WIDTH = 8
NOTHING = "0" * WIDTH
PASSWORD_DIGEST_LENGTH = 32


def fingerprint(
    values: Mapping[str, Any], identities: Iterable[tuple[str, str]], source_password: str | None = None
) -> str:
    """Of the columns named by ``FIELDS``, of the identities at providers, and of the hash that was read."""
    get = values.get
    marks = [mark(value) if (value := get(name)) else NOTHING for name in FIELDS]
    marks.append(mark(sorted(f"{provider} {subject}" for provider, subject in identities)))
    marks.append(mark(source_password))
    return VERSION + "".join(marks)


def mark(value: Any) -> str:
    if value is None or value is False or value == "" or value == [] or value == {}:
        return NOTHING
    text = (
        value.encode()
        if isinstance(value, str)
        else orjson.dumps(value, default=str, option=orjson.OPT_SORT_KEYS)
    )
    return f"{crc32(text):08x}"


def marks_of(written: str) -> dict[str, str]:
    """By name; empty for what was written by a version that is not known."""
    if not written.startswith(VERSION):
        return {}
    marks = written.removeprefix(VERSION)
    return {name: marks[at * WIDTH : (at + 1) * WIDTH] for at, name in enumerate(NAMES)}


def changed_fields(written: str, now: str) -> list[str]:
    """The names of what differs; all of them where nothing can be said."""
    before, after = marks_of(written), marks_of(now)
    return [name for name in COMPARED if name not in before or before[name] != after.get(name)]


def made_here(written: str) -> str:
    """The same, where the password was since typed here and hashed by us. The last mark is the password's."""
    return written[:-WIDTH] + mark(MADE_HERE) if marks_of(written) else written


def password_digest(encoded: str | None) -> str:
    """Of a stored hash, not of a password: tells whether it is still the one that was written."""
    return sha256(encoded.encode()).hexdigest()[:PASSWORD_DIGEST_LENGTH] if encoded else ""
