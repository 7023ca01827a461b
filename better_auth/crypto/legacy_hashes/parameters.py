"""What stands beside a hash: salt, costs, position, the name of a pepper. Checked, packed into the row."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from better_auth.crypto.hash_limits import MalformedHash, read_cost
from better_auth.crypto.legacy_hashes.encodings import decoded

_MAX_TEXT = 512
_SALT, _HASH = re.escape("{SALT}"), re.escape("{HASH}")
# Other names for the same, as mappings of tables use them.
_NAMES = {"salt_position": "position", "format": "position"}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


class Parameters:
    """The parameters of one hash, each read by name; every mistake is a ``MalformedHash``.

    One that nobody reads is a mistake, too: a mistyped name would lock the user out, and be found at sign-in.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values: dict[str, Any] = {}
        for name, value in values.items():
            if value is not None and self._values.setdefault(_NAMES.get(name, name), value) != value:
                raise MalformedHash("a parameter that stands there twice")
        self._unread = set(self._values)
        self._supplied: dict[str, str] = {}
        for name, value in self._values.items():
            if not isinstance(name, str) or not isinstance(value, str | int):
                raise MalformedHash("a parameter is neither text nor number")
            size = len(value) if isinstance(value, str) else value.bit_length()
            if max(len(name), size) > _MAX_TEXT:
                raise MalformedHash("a parameter is too long")

    @classmethod
    def unpacked(cls, text: str) -> Parameters:
        """The parameters that ``packed`` wrote."""
        if not text:
            return cls({})
        try:
            values = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True))
        except (ValueError, RecursionError):
            raise MalformedHash("unreadable parameters") from None
        if not isinstance(values, dict):
            raise MalformedHash("unreadable parameters")
        return cls(values)

    def packed(self) -> str:
        """Text without a ``$``: base64url of JSON, or nothing where there is nothing to tell."""
        if not self._values:
            return ""
        text = json.dumps(self._values, separators=(",", ":"), sort_keys=True)
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @property
    def is_empty(self) -> bool:
        return not self._values

    def has(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str, default: str | None = None) -> str:
        """Text; a number, which a column may hold, as its digits."""
        value = self._read(name, default)
        if isinstance(value, bool):
            raise MalformedHash("a parameter should be text")
        return str(value)

    def number(self, name: str, default: int | None = None) -> int:
        """A positive number, or its digits (a CSV knows no numbers)."""
        value = self._read(name, default)
        if isinstance(value, bool):
            raise MalformedHash("a parameter should be a number")
        return read_cost(str(value))

    def flag(self, name: str) -> bool:
        value = self._read(name, False)
        if not isinstance(value, bool):
            raise MalformedHash("a parameter should be true or false")
        return value

    def choice(self, name: str, allowed: tuple[str, ...], default: str | None = None) -> str:
        value = self.text(name, default)
        if value not in allowed:
            raise MalformedHash("a parameter has a value that is not known")
        return value

    def variable(self, name: str) -> str | None:
        """The name of an environment variable."""
        if not self.has(name):
            return None
        value = self.text(name)
        if not _VARIABLE.fullmatch(value):
            raise MalformedHash("a parameter should name an environment variable")
        return value

    def variables(self) -> list[str]:
        """Names of all environment variables that stand for a secret here."""
        return [str(value) for name, value in self._values.items() if name.endswith("_env")]

    def octets(self, name: str, *, encoding: str = "utf8", default: str | None = None) -> bytes:
        """Bytes; ``<name>_encoding`` says how they are written, ``encoding`` where it is absent."""
        how = self.choice(f"{name}_encoding", ENCODINGS, encoding)
        return decoded(self.text(name, default), how)

    def unlaid(self, stored: str) -> str:
        """The hash alone, where ``layout`` says that its salt stands in the same column (``{SALT}:{HASH}``).

        The salt is then read as if it stood beside the hash.
        """
        if not self.has("layout"):
            return stored
        pattern = re.escape(self.text("layout"))
        for field, shape in ((_SALT, "(?P<salt>.*)"), (_HASH, "(?P<hash>[A-Za-z0-9+/=_-]+)")):
            if pattern.count(field) != 1 or self.has("salt"):
                raise MalformedHash("a layout needs one {SALT} and one {HASH}, and no salt beside it")
            pattern = pattern.replace(field, shape)
        match = re.fullmatch(pattern, stored)
        if match is None:
            raise MalformedHash("not of the stated layout")
        self._supplied["salt"] = match["salt"]
        return match["hash"]

    def ensure_all_read(self) -> None:
        if self._unread:
            raise MalformedHash("a parameter that this format does not have")

    def _read(self, name: str, default: str | int | None) -> str | int:
        self._unread.discard(name)
        value: str | int | None = self._supplied.get(name, self._values.get(name, default))
        if value is None:
            raise MalformedHash("a parameter is missing")
        return value


ENCODINGS = ("utf8", "hex", "base64", "base64url")
