"""What is no hash that we could verify is refused at import, with a reason that quotes nothing."""

from __future__ import annotations

import contextlib
import hashlib
from typing import Any

import pytest
from django.contrib.auth.hashers import identify_hasher
from hypothesis import given
from hypothesis import strategies as st

from better_auth.crypto.legacy_hashes import SCHEMES, HashTooCostly, MalformedHash, from_legacy
from better_auth.crypto.legacy_hashes.hashers import FAMILIES
from tests.better_auth.crypto.legacy_hashes.documented_vectors import ENVIRONMENT, VECTORS
from tests.patience import no_hang

SALT = "MDEyMzQ1Njc4OWFiY2RlZg"
KEY = "vajIaozrb7q4x.G3R5Y.FIe07ZH3QEjPYV1bs8kEikU"
SIGNED = "Op9nvcCgYpxC8QAtVA6EZMB5UwZLju2EEmJr0s0McQvqm/4yhqj28dDIEEdCS0CHJx8IRe/VPV25H7fDWqHRPw=="
SIGNER = {"salt": "ZmJzYWx0MTIzNA==", "signer_key": "AwoRGB8mLTQ="}
MD5, SHA1 = "8874aff2a3e35d60321510fc58e2e2c1", "27443aeaf87bc15b39837a4f79a840d713bb4aa4"
BCRYPT_DIGEST = "abcdefghijklmnopqrstuuGGgFFcYeueaAql8Z7U7CnCTRw4DR77W"
V3_OF_2_31_ROUNDS = "AQAAAAF/////AAAAEAABAgMEBQYHCAkKCwwNDg/Z+V9lwt+dKF0miCMAylvinj7VAFVmY4NcTGLicFFQIg=="


def reason_of(scheme: str, stored: Any, params: dict[str, Any] | None = None) -> str:
    with pytest.raises((MalformedHash, HashTooCostly)) as refusal, no_hang():
        from_legacy(scheme, stored, params or {})
    for part in str(stored).replace("$", " ").replace(":", " ").split():
        assert len(part) < 16 or part not in str(refusal.value)
    return str(refusal.value.reason)


@pytest.mark.parametrize(
    ("scheme", "stored", "params"),
    [
        ("argon2", f"$argon2id$v=19$m=4194304,t=1,p=1${SALT}${KEY.replace('.', '+')}", {}),
        ("argon2", f"$argon2id$v=19$m=8192,t=4294967295,p=1${SALT}${KEY.replace('.', '+')}", {}),
        ("argon2", f"$argon2id$v=19$m={'9' * 300},t=1,p=1${SALT}${KEY.replace('.', '+')}", {}),
        ("argon2", "00" * 32, {"salt": "saltsalt", "memory": 4194304, "passes": 1, "parallelism": 1}),
        ("phc", f"$pbkdf2-sha256$i=2147483647,l=32${SALT}${KEY}", {}),
        ("passlib", f"$pbkdf2-sha256$2147483647${SALT}${KEY}", {}),
        ("pbkdf2", "00" * 32, {"salt": "s", "digest": "sha256", "iterations": 2147483647}),
        # Eight blocks of a key, each of which costs all iterations.
        ("pbkdf2", "00" * 160, {"salt": "s", "digest": "sha1", "iterations": 2_000_000}),
        ("django", "pbkdf2_sha256$2147483647$salt$EAh840Nv2/L6hRC10kGy7xfOvCU5bgEbamDeDWuD5v4=", {}),
        ("phc", f"$scrypt$ln=40,r=8,p=1${SALT}${KEY}", {}),
        ("phc", f"$scrypt$ln=16384,r=8,p=1${SALT}${KEY}", {}),
        ("phc", f"$scrypt$ln=99999999999999,r=8,p=1${SALT}${KEY}", {}),
        ("scrypt", "00" * 32, {"salt": "s", "work_factor": 2**40}),
        ("scrypt", "00" * 32, {"salt": "s", "block_size": 1_000_000}),
        (
            "kratos",
            "$scrypt$ln=1099511627776,r=8,p=1$c2FsdA==$MiCzNcIplSMqSBrm4HckjYqYhaVPPjTARTzwB1cVNYE=",
            {},
        ),
        ("werkzeug", f"scrypt:1099511627776:8:1$salt${'0' * 128}", {}),
        ("werkzeug", f"pbkdf2:sha256:2147483647$salt${'0' * 64}", {}),
        ("firebase-scrypt", SIGNED, {**SIGNER, "mem_cost": 40}),
        ("firebase-scrypt", SIGNED, {**SIGNER, "mem_cost": 4_000_000}),
        ("firebase-scrypt", SIGNED, {**SIGNER, "rounds": 1000}),
        ("bcrypt", f"$2b$31${BCRYPT_DIGEST}", {}),
        ("bcrypt", f"$2b$16${BCRYPT_DIGEST}", {}),
        ("nextcloud", f"1|$2y$31${BCRYPT_DIGEST}", {}),
        ("wordpress", f"$wp$2y$31${BCRYPT_DIGEST}", {}),
        ("passlib", f"$bcrypt-sha256$v=2,t=2b,r=31${BCRYPT_DIGEST[:22]}${BCRYPT_DIGEST[22:]}", {}),
        ("crypt", f"$6$rounds=999999999$salt${'.' * 86}", {}),
        ("ldap", f"{{CRYPT}}$5$rounds=1000001$salt${'.' * 43}", {}),
        ("ldap", f"{{PBKDF2-SHA256}}2147483647${SALT}${KEY}", {}),
        ("phpass", f"$P$J12345678{'.' * 22}", {}),
        ("drupal", f"$S$S12345678{'.' * 43}", {}),
        ("aspnet-identity", V3_OF_2_31_ROUNDS, {}),
        ("mediawiki", ":pbkdf2:sha1:2147483647:20:c2FsdA==:SwB5AbdlSJq+rUnZJvch0GWkKcE=", {}),
        ("gitea", "00" * 50, {"algorithm": "argon2$2$4194304$8$50", "salt": "01020304"}),
        (
            "keycloak",
            "A" * 43 + "=",
            {"algorithm": "pbkdf2-sha256", "iterations": 2147483647, "salt": "c2FsdA=="},
        ),
        ("sha256", "00" * 32, {"rounds": 2147483647}),
        ("sha256", "00" * 32, {"rounds": 10**15}),
        ("symfony", "A" * 86 + "==", {"salt": "s", "rounds": 100_000_000}),
    ],
)
def test_absurd_costs(scheme: str, stored: str, params: dict[str, Any]) -> None:
    assert reason_of(scheme, stored, params) == "hash-cost-out-of-bounds"


@pytest.mark.parametrize(
    ("scheme", "stored", "params"),
    [
        ("bcrypt", "", {}),
        ("bcrypt", None, {}),
        ("bcrypt", 42, {}),
        ("bcrypt", f"$2b$10${BCRYPT_DIGEST} ", {}),
        ("bcrypt", f"$2b$10${BCRYPT_DIGEST}\n", {}),
        ("bcrypt", f"$2b$10${BCRYPT_DIGEST[:-1]}\0", {}),
        ("bcrypt", f"$2b$10${BCRYPT_DIGEST[:-1]}é", {}),
        ("bcrypt", f"$2b$10${BCRYPT_DIGEST[:-1]}\ud800", {}),
        ("bcrypt", f"$2b$10${BCRYPT_DIGEST[:-1]}", {}),
        ("bcrypt", f"$2b$03${BCRYPT_DIGEST}", {}),
        ("bcrypt", "A" * 5000, {}),
        ("argon2", f"$argon2id$v=19$m=8192,t=1,p=1${SALT}$A", {}),
        ("argon2", f"$argon2id$v=19$m=8192,t=0,p=1${SALT}${SALT}", {}),
        ("argon2", f"$argon2id$v=19$m=7,t=1,p=1${SALT}${SALT}", {}),
        ("argon2", f"$argon2id$v=18$m=8192,t=1,p=1${SALT}${SALT}", {}),
        ("argon2", f"$argon2id$v=19$m=8192,t=1,p=1$c2E${SALT}", {}),
        ("argon2", "00" * 32, {}),
        ("django", "pbkdf2_sha256$1000$sa$lt$EAh840Nv2/L6hRC10kGy7xfOvCU5bgEbamDeDWuD5v4=", {}),
        ("django", "pbkdf2_sha256$1000$$EAh840Nv2/L6hRC10kGy7xfOvCU5bgEbamDeDWuD5v4=", {}),
        ("django", "sha1$a$b$27443aeaf87bc15b39837a4f79a840d713bb4aa4", {}),
        ("django", "sha1$abc123$27443aeaf87bc15b39837a4f79a840d7", {}),
        ("django", f"md5$abc123${SHA1}", {}),
        ("django", "pbkdf2_sha256$1000$salt$EAh840", {"salt": "x"}),
        ("scrypt-better-auth", "000102030405060708090a0b0c0d0e0f:7034", {}),
        ("scrypt-better-auth", f"{'A' * 32}:{'a' * 128}", {}),
        ("phc", f"$pbkdf2-sha256$i=1000,l=64${SALT}${KEY}", {}),
        ("phc", f"$pbkdf2-sha256$i=1000${SALT}${KEY[:-2]}", {}),
        ("passlib", f"$pbkdf2-sha256$1000${SALT}${KEY[:-3]}", {}),
        ("ldap", f"{{PBKDF2-SHA256}}1000${SALT}${KEY[:-3]}", {}),
        ("werkzeug", f"pbkdf2:sha256:1000$salt${'0' * 62}", {}),
        ("werkzeug", f"scrypt:16384:8:1$salt${'0' * 126}", {}),
        ("phc", f"$pbkdf2-sha256$i=0${SALT}${KEY}", {}),
        ("phc", f"$pbkdf2-sha256$i=many${SALT}${KEY}", {}),
        ("phc", f"$scrypt$ln=14,r=8${SALT}${KEY}", {}),
        ("ldap", "{SSHA}9ZUgcC7kcewfBipPO7xSaeKZjbVzYWx0MTIzNA", {}),
        ("ldap", "{SSHA}q/eq1kOINtvlJqojGr3i0O73TUI=", {}),
        ("ldap", "{SHA}9ZUgcC7kcewfBipPO7xSaeKZjbVzYWx0MTIzNA==", {}),
        ("ldap", "{SHA}q/eq1kOI", {}),
        ("ldap", "{SSHA}not base64", {}),
        ("md5", MD5[:-1], {}),
        ("md5", SHA1, {}),
        ("sha1", MD5, {}),
        ("kratos", "$sha1$pf=e1NBTFR9e1BBU1NXT1JEfQ==$c2FsdA==$CY9rzUYh03PK3k6DJie09g==", {}),
        ("sha256", "zz" * 32, {}),
        ("md5", MD5, {"position": "sideways"}),
        ("md5", MD5, {"salt": "a", "position": "{PASSWORD}"}),
        ("md5", MD5, {"postion": "suffix"}),
        ("md5", MD5, {"layout": "{SALT}:{HASH}"}),
        ("md5", f"abc:{MD5}", {"layout": "{SALT}:{HASH}", "salt": "abc"}),
        ("md5", f"abc:{MD5}", {"layout": "{SALT}:{PASSWORD}"}),
        ("md5", f"abc:{MD5}", {"layout": "{SALT}{SALT}:{HASH}"}),
        ("md5", MD5, {"rounds": 0}),
        ("md5", MD5, {"rounds": 10**5000}),
        ("md5", MD5, {"position": "{PASSWORD}" * 5}),
        ("md5", MD5, {"rounds": -1}),
        ("md5", MD5, {"rounds": True}),
        ("md5", MD5, {"salt": True}),
        ("md5", MD5, {"salt": "a", "position": "suffix", "format": "{SALT}{PASSWORD}"}),
        ("md5", MD5, {"salt": ["a"]}),
        ("md5", MD5, {"salt": "x" * 1000}),
        ("md5", MD5, {"salt": "abc", "salt_encoding": "hex"}),
        ("md5", MD5, {"salt": "\ud800"}),
        ("md5", MD5, {"password_encoding": "ebcdic"}),
        ("md5", MD5, {"pepper_env": "not a name"}),
        ("md5", MD5, {"allow_empty": "yes"}),
        ("md5", MD5, {"digest": "sha1"}),
        ("hmac", MD5, {"digest": "md5"}),
        ("keycloak", "AAAA", {"algorithm": "pbkdf2-sha256", "iterations": -1, "salt": "c2FsdA=="}),
        (
            "keycloak",
            "DGzF4+RpmttWHV7FCaK41NYsG4Rc9QqDO8q71k0T1A",
            {"algorithm": "pbkdf2", "iterations": 9, "salt": "c2E="},
        ),
        ("firebase-scrypt", SIGNED[:-8], SIGNER),
        ("firebase-scrypt", "fakeHash:salt=abc:password=secret", SIGNER),
        ("firebase-scrypt", SIGNED, {"signer_key": "AwoRGB8mLTQ="}),
        ("firebase-scrypt", SIGNED, {"salt": "ZmJzYWx0MTIzNA=="}),
        ("aspnet-identity", "AQAAAAEAACcQ", {}),
        (
            "aspnet-identity",
            "AQAAAAkAACcQAAAAEAABAgMEBQYHCAkKCwwNDg/Z+V9lwt+dKF0miCMAylvinj7VAFVmY4NcTGLicFFQIg==",
            {},
        ),
        (
            "aspnet-identity",
            "AQAAAAEAACcQ/////wABAgMEBQYHCAkKCwwNDg/Z+V9lwt+dKF0miCMAylvinj7VAFVmY4NcTGLicFFQIg==",
            {},
        ),
        ("werkzeug", f"scrypt:1000:8:1$salt${'0' * 128}", {}),
        ("werkzeug", f"pbkdf2:sha256$salt${'0' * 64}", {}),
        ("werkzeug", "no hash at all".replace(" ", "-"), {}),
        ("crypt", "$6$salt$short", {}),
        ("crypt", f"$6$salt${'.' * 43}", {}),
        ("phpass", "$P$B123", {}),
        ("mediawiki", ":pbkdf2:sha1:1:30:c2FsdA==:DGDID5YfDnHzqbUkr2ASBi/gN6Y=", {}),
        ("gitea", "00" * 50, {"algorithm": "argon2$2$65536", "salt": "01020304"}),
        ("gitea", "00" * 50, {"algorithm": "argon2", "salt": "no hex"}),
    ],
)
def test_broken_hashes_and_parameters(scheme: str, stored: Any, params: dict[str, Any]) -> None:
    assert reason_of(scheme, stored, params) == "malformed-hash"


@pytest.mark.parametrize(
    ("scheme", "stored", "params"),
    [
        ("unheard-of", MD5, {}),
        ("", MD5, {}),
        ("django", "crypt$$ab1234567890c", {}),
        ("django", "unheard_of$1$salt$hash", {}),
        ("django", "!ZtqDqUDvLWXq5T8xX8dv5ZXQpmPcNm2ovPsq3FpH", {}),
        ("django", "argon2$argon2d$v=19$m=8192,t=2,p=1$c29tZXNhbHQ$bm90IGEgaGFzaA", {}),
        ("argon2", f"$argon2d$v=19$m=8192,t=1,p=1${SALT}${SALT}", {}),
        ("supertokens", f"$argon2d$v=19$m=8192,t=1,p=1${SALT}${SALT}", {}),
        ("phc", "$balloon$v=1$s=1$c2FsdA$aGFzaA", {}),
        ("phc", f"$2b$10${BCRYPT_DIGEST}", {}),
        ("phc", f"$pbkdf2-whirlpool$i=1000${SALT}${KEY}", {}),
        ("hmac", MD5, {"digest": "md4", "key": "k"}),
        ("ldap", "secret", {}),
        ("ldap", "{CLEARTEXT}secret", {}),
        ("ldap", "{CRYPT}ab1234567890c", {}),
        ("phpbb", f"$CP${MD5}", {}),
        ("nextcloud", SHA1, {}),
        ("wordpress", SHA1, {}),
        ("werkzeug", "plain$$abcdef", {}),
        ("mediawiki", ":pbkdf2-legacyB:!x!y:z", {}),
        ("keycloak", "AAAA", {"algorithm": "bcrypt-of-ours", "iterations": 1, "salt": "c2FsdA=="}),
        ("keycloak", "AAAA", {"algorithm": "pbkdf2-sha3", "iterations": 1, "salt": "c2FsdA=="}),
        ("fusionauth", "AAAA", {"algorithm": "salted-md5", "factor": 1, "salt": "c2FsdA=="}),
        ("gitea", "00", {"algorithm": "md5", "salt": "01020304"}),
        ("auto", "secret", {}),
        ("auto", "AQAAAAEAACcQAAAAEAABAgMEBQYHCAkKCwwNDg/Z+V9lwt+dKF0miCMAylvinj7VAFVmY4NcTGLicFFQIg==", {}),
    ],
)
def test_unknown_hashes(scheme: str, stored: str, params: dict[str, Any]) -> None:
    assert reason_of(scheme, stored, params) == "unknown-hash"


@pytest.mark.parametrize(
    "stored",
    [
        MD5,
        MD5.upper(),
        SHA1,
        "a" * 64,
        "a" * 128,
        f"md5$abc123${MD5}",
        f"sha1$abc123${SHA1}",
        "$sha1$480000$salt$hash",
        f"$pbkdf2-sha224$i=1000${SALT}${KEY}",
    ],
)
def test_auto_does_not_guess(stored: str) -> None:
    assert reason_of("auto", stored) == "ambiguous-hash"


@pytest.mark.parametrize(
    ("scheme", "stored", "params"),
    [
        ("md5", hashlib.md5(b"").hexdigest(), {}),
        ("md5", hashlib.md5(b"abc").hexdigest(), {"salt": "abc"}),
        ("sha512", hashlib.sha512(b"").hexdigest(), {}),
        ("django", "d41d8cd98f00b204e9800998ecf8427e", {}),
        ("django", f"sha1$abc${hashlib.sha1(b'abc').hexdigest()}", {}),
        ("wordpress", "d41d8cd98f00b204e9800998ecf8427e", {}),
        ("mediawiki", ":A:d41d8cd98f00b204e9800998ecf8427e", {}),
        ("ldap", "{SHA}2jmj7l5rSw0yVb/vlWAYkK/YBwk=", {}),
        ("redmine", "67a74306b06d0c01624fe0d0249a570f4d093747", {}),
    ],
)
def test_the_empty_password_is_refused_unless_allowed(
    scheme: str, stored: str, params: dict[str, Any]
) -> None:
    if scheme == "redmine":
        stored = hashlib.sha1(hashlib.sha1(b"").hexdigest().encode()).hexdigest()
    assert reason_of(scheme, stored, params) == "empty-password-hash"
    encoded = from_legacy(scheme, stored, {**params, "allow_empty": True})
    is_ours = encoded.startswith("legacy_")
    assert identify_hasher(encoded).verify("", encoded) is is_ours
    assert not identify_hasher(encoded).verify(" ", encoded)


def test_a_slow_hash_of_the_empty_password_fits_nobody_unless_allowed() -> None:
    stored = (
        "$6$ojWH1AiTee9x1peC"
        "$QVEnTvRVlPRhcLQCk/HnHaZmlGAAjCfrAN0FtOsOnUk5K5Bn/9eLHHiRzrTzaIKjW9NTLNIBUCtNVOowWS2mN."
    )
    encoded = from_legacy("crypt", stored, {})
    assert not identify_hasher(encoded).verify("", encoded)
    allowed = from_legacy("crypt", stored, {"allow_empty": True})
    assert identify_hasher(allowed).verify("", allowed)


@pytest.mark.parametrize("vector", VECTORS, ids=str)
def test_auto_finds_what_has_a_prefix_or_refuses(vector: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    try:
        encoded = from_legacy("auto", vector.stored, vector.params)
    except (MalformedHash, HashTooCostly):
        return
    hasher = identify_hasher(encoded)
    if vector.scheme not in ("devise", "meteor"):
        assert hasher.verify(vector.password, encoded)


# Whatever stands in a row, nothing but False comes of it.

any_text = st.text(alphabet=st.characters(codec=None, exclude_categories=()))
shapes = st.from_regex(
    r"(\$argon2id\$v=19\$m=|\$scrypt\$ln=|\$pbkdf2-sha256\$i=|\$2b\$|\$P\$|\$6\$|\{SSHA\}|:B:|scrypt:|AQAAA|\$fbscrypt\$)"
    r"[$0-9a-zA-Z=,:/+.-]*"
)


@given(scheme=st.sampled_from(SCHEMES), stored=any_text | shapes)
def test_garbage_raises_nothing_else(scheme: str, stored: str) -> None:
    with contextlib.suppress(MalformedHash, HashTooCostly):
        from_legacy(scheme, stored, {})


@given(
    family=st.sampled_from(sorted(FAMILIES)),
    rest=any_text | shapes,
    packed=st.sampled_from(["", "e30", "W10", "!"]),
)
def test_a_broken_row_fits_nobody(family: str, rest: str, packed: str) -> None:
    hasher = FAMILIES[family]()
    try:
        hasher.reading(f"{family}${packed}${rest}")
    except (MalformedHash, HashTooCostly):
        assert hasher.verify("password", f"{family}${packed}${rest}") is False
    assert hasher.verify("password", f"{family}${rest}") in (True, False)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_deep_or_foreign_encoding_fits_nobody(family: str) -> None:
    hasher = FAMILIES[family]()
    deep = "W1tb" * 200
    for encoded in (
        "",
        "$",
        family,
        f"{family}$",
        f"{family}$$",
        f"{family}${deep}$x",
        "md5$$x",
        f"other$$${MD5}",
    ):
        assert hasher.verify("password", encoded) is False
        with pytest.raises(ValueError, match=r"."):
            hasher.decode(encoded)
        assert hasher.safe_summary(encoded) == {"algorithm": family, "hash": "-"}


@pytest.mark.parametrize("stored", ["z" * 32, f"md5$${'z' * 32}", f"sha1$${'z' * 40}"])
def test_what_django_takes_for_an_unsalted_digest_by_its_length(stored: str) -> None:
    hasher = identify_hasher(stored)
    assert hasher.verify("password", stored) is False
    assert hasher.safe_summary(stored) == {"algorithm": hasher.algorithm, "hash": "-"}


names = st.sampled_from(
    ["salt", "digest", "rounds", "iterations", "memory", "position", "layout", "encoding", "key"]
)
values = (
    st.none() | st.booleans() | st.integers() | st.floats() | any_text | st.lists(st.integers(), max_size=2)
)


@given(
    scheme=st.sampled_from(SCHEMES),
    stored=st.sampled_from([MD5, SHA1, "00" * 32, SIGNED, f"$2b$10${BCRYPT_DIGEST}"]) | any_text,
    params=st.dictionaries(names | any_text, values, max_size=4),
)
def test_garbage_beside_a_hash_raises_nothing_else(scheme: str, stored: str, params: dict[str, Any]) -> None:
    with contextlib.suppress(MalformedHash, HashTooCostly):
        encoded = from_legacy(scheme, stored, params)
        assert encoded.endswith(stored)
