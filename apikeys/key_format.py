"""What a key looks like, and what stands for it in the database.

A key is its prefix and random letters, the last ten of which are two checks of five letters: one of the first
half of what stands before them, one of the second. A mistyped key of ours fails one check and passes the
other, which no key made elsewhere does (but one in 190 million): so it is refused without a look-up, while
keys that were brought over, which pass neither, are looked up.
"""

from __future__ import annotations

import string
import zlib

from better_auth.crypto.identifiers import random_string

LETTERS = string.ascii_letters
CHECK_LENGTH = 5
CHECKS_LENGTH = 2 * CHECK_LENGTH
# No key that anybody made is longer; hashing what is would only cost time.
LONGEST_KEY = 1024


def generate(prefix: str, length: int) -> str:
    """A new key: ``length`` letters after the prefix, at least 32; 54 of 64 letters are random: 307 bits."""
    body = prefix + random_string(length - CHECKS_LENGTH, LETTERS)
    return body + "".join(_checks(body))


def is_mistyped(key: str) -> bool:
    """Whether it is one of our keys with a mistake in it."""
    body, checks = key[:-CHECKS_LENGTH], key[-CHECKS_LENGTH:]
    first, second = _checks(body)
    return (checks[:CHECK_LENGTH] == first) != (checks[CHECK_LENGTH:] == second)


def _checks(body: str) -> tuple[str, str]:
    half = len(body) // 2
    return _check(body[:half]), _check(body[half:])


def _check(text: str) -> str:
    number, letters = zlib.crc32(text.encode("utf-8", "surrogatepass")), ""
    for _ in range(CHECK_LENGTH):
        number, digit = divmod(number, len(LETTERS))
        letters += LETTERS[digit]
    return letters
