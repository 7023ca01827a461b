"""crypt(3), held against OpenSSL's for passwords and salts around the lengths of blocks and digests."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from better_auth.crypto.legacy_hashes.unix_crypt import crypt

ALPHABET = "abcäß€ XYZ+"
LENGTHS = (1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127)


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
@pytest.mark.parametrize("kind", ["-1", "-apr1", "-5", "-6"])
@pytest.mark.parametrize("salt", ["s", "saltsalt"])
def test_what_openssl_wrote_fits(kind: str, salt: str) -> None:
    for length in LENGTHS:
        password = (ALPHABET * length)[:length]
        command = ["openssl", "passwd", kind, "-salt", salt, "-stdin"]
        stored = subprocess.run(command, input=password.encode(), capture_output=True, check=True).stdout
        check = crypt(stored.decode().strip())
        assert check.fits(password)
        assert not check.fits(f"{password}x")
