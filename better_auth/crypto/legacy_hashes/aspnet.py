"""ASP.NET Identity, versions 2 and 3: base64 of a header, a salt and a PBKDF2 key."""

from __future__ import annotations

from better_auth.crypto.hash_limits import MalformedHash, read_cost
from better_auth.crypto.legacy_hashes import checks
from better_auth.crypto.legacy_hashes.encodings import from_base64
from better_auth.crypto.legacy_hashes.framing import Check
from better_auth.crypto.legacy_hashes.parameters import Parameters
from better_auth.crypto.legacy_hashes.typed import plain

_V2_LENGTH = 1 + 16 + 32
_V3_HEADER = 13
_DIGESTS = ("sha1", "sha256", "sha512")
_SALT_LENGTHS = range(16, 65)


def read(stored: str, parameters: Parameters) -> Check:
    """Version 2 fixes everything; version 3 states digest, iterations and the length of the salt."""
    octets = from_base64(stored, is_padded=True)
    if octets[:1] == b"\x00" and len(octets) == _V2_LENGTH:
        return checks.pbkdf2_check(plain, digest="sha1", salt=octets[1:17], key=octets[17:], iterations=1000)
    if octets[:1] != b"\x01" or len(octets) <= _V3_HEADER:
        raise MalformedHash("not an ASP.NET Identity hash")
    digest, iterations, salt_length = (int.from_bytes(octets[at : at + 4], "big") for at in (1, 5, 9))
    if digest >= len(_DIGESTS) or salt_length not in _SALT_LENGTHS:
        raise MalformedHash("a header that ASP.NET Identity does not write")
    salt, key = octets[_V3_HEADER:][:salt_length], octets[_V3_HEADER + salt_length :]
    return checks.pbkdf2_check(
        plain, digest=_DIGESTS[digest], salt=salt, key=key, iterations=read_cost(str(iterations))
    )
