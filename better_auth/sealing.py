"""What rests encrypted: sealed under the key in force, and opened under whichever key sealed it.

``SECRETS`` has the keys, the one in force first; each has a version, which the sealed text tells. Without
them ``SECRET`` is the key and the text is bare. Both are the protocol's ways (storage-and-crypto.md, section
5). A column that holds such text is named by its model (``sealed_columns``), and so found when keys change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import orjson

from better_auth.conf import auth_settings
from better_auth.crypto import envelopes
from better_auth.crypto.envelopes import Undecryptable

__all__ = ["Key", "SealedColumn", "Undecryptable", "known_keys", "open_sealed", "read_key", "reseal", "seal"]


@dataclass(frozen=True, slots=True)
class Key:
    """``version``: None of ``SECRET`` itself."""

    version: int | None
    secret: str = field(repr=False)


def seal(text: str) -> str:
    """The text under the key in force."""
    key = known_keys()[0]
    envelope = envelopes.encrypt(text, secret=key.secret)
    return envelope if key.version is None else envelopes.with_version(envelope, key.version)


def open_sealed(text: str) -> str:
    """What was sealed. Raises ``Undecryptable``.

    A bare text tells no version: it is tried with every key, ``SECRET`` first. The seal itself says which
    one fits.
    """
    version, envelope = envelopes.split_version(text)
    if version is None:
        return _open_bare(envelope)
    fitting = [key for key in known_keys() if key.version == version]
    if not fitting:
        raise Undecryptable(f"sealed under version {version}, which is not among SECRETS")
    return envelopes.decrypt(envelope, secret=fitting[0].secret)


def reseal(text: str) -> str | None:
    """The same under the key in force; None where it is that already. Raises ``Undecryptable``."""
    key = known_keys()[0]
    version, envelope = envelopes.split_version(text)
    opened = open_sealed(text)
    return None if version == key.version and _fits(envelope, key) else seal(opened)


def reseal_quoted(text: str) -> str | None:
    """The same for a sealed text that rests as a JSON string; one that rests in the clear stays as it is."""
    try:
        content = orjson.loads(text)
    except ValueError:
        raise Undecryptable("not a JSON string") from None
    if not isinstance(content, str):
        return None
    resealed = reseal(content)
    return None if resealed is None else orjson.dumps(resealed).decode()


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column of a model that holds sealed text. ``reseal`` as above; empty and null columns are none of
    its business."""

    name: str
    reseal: Callable[[str], str | None] = reseal


def known_keys() -> tuple[Key, ...]:
    """All keys, the one in force first. Raises ``ValueError`` for ``SECRETS`` that can't be read."""
    return _keys(auth_settings.secrets, auth_settings.secret)


def read_key(entry: str) -> Key:
    """An entry of ``SECRETS``: ``2:secret``. Raises ``ValueError``, without the secret."""
    version, colon, secret = entry.partition(":")
    if not colon or not secret or not version.isascii() or not version.isdecimal() or len(version) > 9:
        raise ValueError("an entry of SECRETS is no version with its secret; write 2:secret")
    return Key(int(version), secret)


@lru_cache(maxsize=8)
def _keys(declared: tuple[str, ...], secret: str) -> tuple[Key, ...]:
    return (*map(read_key, declared), Key(None, secret))


def _open_bare(envelope: str) -> str:
    for key in sorted(known_keys(), key=lambda key: key.version is not None):
        try:
            return envelopes.decrypt(envelope, secret=key.secret)
        except Undecryptable:
            continue
    raise Undecryptable("no key opens it")


def _fits(envelope: str, key: Key) -> bool:
    try:
        envelopes.decrypt(envelope, secret=key.secret)
    except Undecryptable:
        return False
    return True
