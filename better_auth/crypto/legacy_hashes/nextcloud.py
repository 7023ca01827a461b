"""ownCloud and Nextcloud: a number before the hash, ``1|$2y$…``, ``2|$argon2i$…``, ``3|$argon2id$…``."""

from __future__ import annotations

from better_auth.crypto.hash_limits import UnknownAlgorithm
from better_auth.crypto.legacy_hashes import modular
from better_auth.crypto.legacy_hashes.framing import Check
from better_auth.crypto.legacy_hashes.parameters import Parameters


def read(stored: str, parameters: Parameters) -> Check:
    version, _, hash_text = stored.partition("|")
    if version == "1" and hash_text.startswith("$2"):
        return modular.bcrypt(hash_text)
    if (version, hash_text[:9]) in (("2", "$argon2i$"), ("3", "$argon2id")):
        return modular.argon2(hash_text)
    raise UnknownAlgorithm("not a hash that Nextcloud writes")
