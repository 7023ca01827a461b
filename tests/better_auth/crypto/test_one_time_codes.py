"""Codes of authenticator apps: RFC 4226, appendix D; RFC 6238, appendix B; and what the original prints."""

from __future__ import annotations

import base64
from urllib.parse import parse_qs, urlsplit

import django_otp
import pytest
from django.contrib.auth.signals import user_logged_in
from django_otp import oath

from better_auth.crypto.one_time_codes import Authenticator, UnusableSecret, hotp, imported, key_of

# To import it is to listen to every sign-in, which would cost those of all later tests.
user_logged_in.disconnect(django_otp._handle_auth_login)

SEED = b"1234567890"
KEYS = {"SHA1": SEED * 2, "SHA256": (SEED * 4)[:32], "SHA512": (SEED * 7)[:64]}
RFC_6238 = [
    (59, "94287082", "46119246", "90693936"),
    (1111111109, "07081804", "68084774", "25091201"),
    (1111111111, "14050471", "67062674", "99943326"),
    (1234567890, "89005924", "91819424", "93441116"),
    (2000000000, "69279037", "90698825", "38618901"),
    (20000000000, "65353130", "77737706", "47863826"),
]


@pytest.mark.parametrize(("moment", "sha1", "sha256", "sha512"), RFC_6238)
def test_the_vectors_of_rfc_6238(moment: int, sha1: str, sha256: str, sha512: str) -> None:
    for (algorithm, key), code in zip(KEYS.items(), (sha1, sha256, sha512), strict=True):
        one = Authenticator(key, digits=8, algorithm=algorithm)
        assert one.code(one.step_at(moment)) == code
        assert one.find_step(code, timestamp=moment) == moment // 30


def test_it_agrees_with_django_otp() -> None:
    for counter in range(50):
        assert hotp(KEYS["SHA1"], counter) == f"{oath.hotp(KEYS['SHA1'], counter):06d}"


def test_a_step_to_either_side_is_near_enough() -> None:
    one = Authenticator(SEED)
    now = 1_000_000_000
    found = [one.find_step(one.code(one.step_at(now) + away), timestamp=now) for away in range(-3, 4)]
    assert found == [None, None, *(now // 30 + away for away in (-1, 0, 1)), None, None]
    assert one.find_step(one.code(0), timestamp=0) == 0


@pytest.mark.parametrize(
    "code", ["", "1", "12345", "1234567", "١٢٣٤٥٦", "12 456", "12345x", "0" * 10_000, "\x00"]
)
def test_what_is_no_code_fits_nowhere(code: str) -> None:
    assert Authenticator(SEED).find_step(code, timestamp=0) is None


def test_the_uri_is_the_originals() -> None:
    secret = base64.b32decode("GN3WMNLBIF5GQWKUOFAVKRZQNJJUM6SWNI2VC53GMNAS2WRTIRTQ====").decode()
    uri = Authenticator(key_of(secret)).uri(issuer="My Shop & co", account="p1@example.com")
    assert uri == (
        "otpauth://totp/My%20Shop%20%26%20co:p1%40example.com"
        "?secret=GN3WMNLBIF5GQWKUOFAVKRZQNJJUM6SWNI2VC53GMNAS2WRTIRTQ"
        "&issuer=My+Shop+%26+co&digits=6&period=30"
    )
    other = Authenticator(SEED, algorithm="SHA256").uri(issuer="i", account="a")
    assert parse_qs(urlsplit(other).query)["algorithm"] == ["SHA256"]


def test_imported_secrets_are_base32() -> None:
    assert key_of(imported("gezd gnbv-GY3TQOJQ")) == SEED
    assert key_of("gezd") == b"gezd"
    for bad in ("", "1", "é", "A"):
        with pytest.raises(UnusableSecret):
            key_of(imported(bad))
