"""Password hashes, against those of the reference server and of Django."""

from __future__ import annotations

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from hypothesis import given, settings
from hypothesis import strategies as st

from better_auth.crypto.password_hashers import Argon2idHasher, BetterAuthScryptHasher, from_better_auth

PASSWORD = "correct horse battery staple"
WRONG_PASSWORDS = ["correct horse battery stapl", "Correct horse battery staple", "", f"{PASSWORD} "]
DJANGO_ARGON2 = (
    "argon2$argon2id$v=19$m=8192,t=2,p=1$c29tZXNhbHQxMjM0NTY3OA$onj+YmZOBNJnvxnEb8I7cucqjLPcIseqYh9pf+io0bs"
)
# A ligature, a letter that has two forms, a circled digit: NFKC changes what was typed.
TYPED = "ﬁancé ①"
NORMALIZED = "fiancé 1"

SALT = "000102030405060708090a0b0c0d0e0f"
REFERENCE_VECTORS = [
    (
        "password1234",
        f"{SALT}:d19e1ab00945c2d478363ca443b72fb3e2c9af5d0ca0f2315bbf973d89852985"
        "b41cd84cc306730215feaa36e1e406aeb1e39775cf8cd1a3027cc30a931ed0ac",
    ),
    (
        TYPED,
        f"{SALT}:10fc30951bdbfca795acaa9616faef0fd946ad32e24cd4b7f50534e1a0ea0135"
        "eda06eeed7532265ef26fca46b5c617b2c435e482cf2bb4809919c70f7bcfd3b",
    ),
    (
        PASSWORD,
        f"{SALT}:7034425e783148ac6ce2c4521177f6fc8ba611950b64145053bf3c4fbf264578"
        "65bbf1ea8164754187636d431114bca7374e96cf91409d23fbc0b086580d2442",
    ),
    (
        "ﬁancé①",
        f"{SALT}:8f33eb1d22d0315b2e1ff67397ae5c03aae0a2c0d79968785c3468065f06c3d6"
        "d6eceff8ad34b2cca1f44f6bf84ff3c25489ab537b183bc4bfde8976b844f55a",
    ),
]
MALFORMED_STORED = [
    "",
    ":",
    SALT,
    f"{SALT}:",
    f"{SALT}:{'a' * 127}",
    f"{SALT}:{'a' * 129}",
    f"{SALT}:{'a' * 64}",
    f"{SALT}:{'A' * 128}",
    f"{SALT.upper()}:{'a' * 128}",
    f"{SALT}0:{'a' * 128}",
    f"{SALT}${'a' * 128}",
    f"{SALT}:{'a' * 128}\n",
    f" {SALT}:{'a' * 128}",
    f"{SALT}:{'٣' * 128}",
    f"scrypt:{SALT}:{'a' * 128}",
]
any_text = st.text(alphabet=st.characters(codec=None, exclude_categories=()))


class CheapArgon2(Argon2idHasher):
    memory_cost = 8
    time_cost = 1


class CheapScrypt(BetterAuthScryptHasher):
    work_factor = 2
    block_size = 1


class TestArgon2id:
    def test_cost_is_the_one_owasp_recommends(self):
        encoded = Argon2idHasher().encode(PASSWORD, "somesalt12345678")
        assert encoded.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
        assert Argon2idHasher().verify(PASSWORD, encoded)
        assert not Argon2idHasher().must_update(encoded)

    def test_verifies_a_hash_that_django_made(self):
        assert Argon2idHasher().verify(PASSWORD, DJANGO_ARGON2)

    @pytest.mark.parametrize("password", WRONG_PASSWORDS)
    def test_refuses_a_wrong_password(self, password):
        assert not Argon2idHasher().verify(password, DJANGO_ARGON2)

    def test_passwords_are_equal_when_their_normal_forms_are(self):
        hasher = CheapArgon2()
        encoded = hasher.encode(TYPED, hasher.salt())
        assert hasher.verify(TYPED, encoded)
        assert hasher.verify(NORMALIZED, encoded)
        assert hasher.verify("fiance\u0301 1", encoded)
        assert not hasher.verify("fiance 1", encoded)

    def test_a_django_hash_of_the_bytes_as_typed_verifies(self):
        by_django = super(Argon2idHasher, CheapArgon2()).encode(TYPED, "somesalt12345678")
        assert CheapArgon2().verify(TYPED, by_django)
        assert not CheapArgon2().verify(NORMALIZED, by_django)

    @pytest.mark.parametrize(
        ("cost", "outdated"),
        [
            ("m=19456,t=2,p=1", False),
            ("m=8192,t=2,p=1", True),
            ("m=19456,t=1,p=1", True),
            ("m=8192,t=1,p=1", True),
            ("m=102400,t=2,p=8", False),
            ("m=8192,t=3,p=1", False),
            ("m=65536,t=1,p=1", False),
            ("m=4194304,t=1,p=1", False),
        ],
    )
    def test_never_rehashes_to_weaker_parameters(self, cost, outdated):
        encoded = DJANGO_ARGON2.replace("m=8192,t=2,p=1", cost)
        assert Argon2idHasher().must_update(encoded) is outdated

    @pytest.mark.parametrize(
        "cost", ["m=4194304,t=1,p=1", "m=8192,t=4294967295,p=1", f"m={'9' * 300},t=1,p=1"]
    )
    def test_an_absurd_cost_is_refused_without_computing(self, cost, monkeypatch):
        monkeypatch.setattr(Argon2PasswordHasher, "verify", lambda *_: pytest.fail("computed"))
        assert not Argon2idHasher().verify(PASSWORD, DJANGO_ARGON2.replace("m=8192,t=2,p=1", cost))

    @settings(max_examples=50)
    @given(password=any_text, garbage=any_text)
    def test_nothing_makes_verify_raise(self, password, garbage):
        hasher = CheapArgon2()
        encoded = hasher.encode("other", "somesalt12345678")
        head, _, digest = encoded.rpartition("$")
        assert hasher.verify(password, encoded) is (password == "other")
        for stored in (garbage, f"argon2${garbage}", f"{head}${garbage}", f"{head[:-4]}{garbage}${digest}"):
            assert hasher.verify("other", stored) is (stored == encoded)
            assert hasher.must_update(stored) in (True, False)

    @settings(max_examples=50)
    @given(st.text())
    def test_round_trip(self, password):
        hasher = CheapArgon2()
        encoded = hasher.encode(password, hasher.salt())
        assert hasher.verify(password, encoded)
        assert not hasher.verify(f"{password}x", encoded)


class TestBetterAuthScrypt:
    @pytest.mark.parametrize(("password", "stored"), REFERENCE_VECTORS)
    def test_reference_vectors(self, password, stored):
        hasher = BetterAuthScryptHasher()
        assert hasher.encode(password, SALT) == f"better_auth_scrypt${stored}"
        assert hasher.verify(password, from_better_auth(stored))

    def test_the_normal_form_counts(self):
        assert BetterAuthScryptHasher().verify(NORMALIZED, from_better_auth(REFERENCE_VECTORS[1][1]))

    @pytest.mark.parametrize("password", WRONG_PASSWORDS)
    def test_refuses_a_wrong_password(self, password):
        assert not BetterAuthScryptHasher().verify(password, from_better_auth(REFERENCE_VECTORS[2][1]))

    @pytest.mark.parametrize("stored", MALFORMED_STORED)
    def test_malformed_hashes(self, stored):
        hasher = BetterAuthScryptHasher()
        with pytest.raises(ValueError, match="Better Auth"):
            from_better_auth(stored)
        with pytest.raises(ValueError, match="Better Auth"):
            hasher.decode(f"better_auth_scrypt${stored}")
        assert hasher.verify(PASSWORD, f"better_auth_scrypt${stored}") is False

    @pytest.mark.parametrize("salt", ["", "salt", SALT.upper(), f"{SALT}\n", f"{SALT[:-1]}$"])
    def test_encode_refuses_a_salt_of_another_form(self, salt):
        with pytest.raises(ValueError, match="salt"):
            BetterAuthScryptHasher().encode(PASSWORD, salt)

    def test_salts_are_fresh(self):
        salts = {BetterAuthScryptHasher().salt() for _ in range(100)}
        assert len(salts) == 100
        assert {len(bytes.fromhex(salt)) for salt in salts} == {16}

    def test_decode(self):
        stored = REFERENCE_VECTORS[0][1]
        assert BetterAuthScryptHasher().decode(from_better_auth(stored)) == {
            "algorithm": "better_auth_scrypt",
            "salt": SALT,
            "hash": stored.partition(":")[2],
            "work_factor": 16_384,
            "block_size": 16,
            "parallelism": 1,
        }

    def test_summary_shows_neither_salt_nor_key(self):
        stored = REFERENCE_VECTORS[0][1]
        summary = BetterAuthScryptHasher().safe_summary(from_better_auth(stored))
        assert summary["algorithm"] == "better_auth_scrypt"
        assert summary["salt"] == "000102" + "*" * 26
        assert summary["hash"] == "d19e1a" + "*" * 122

    def test_is_never_outdated_by_itself(self, recwarn):
        hasher = BetterAuthScryptHasher()
        encoded = from_better_auth(REFERENCE_VECTORS[0][1])
        assert hasher.must_update(encoded) is False
        assert hasher.must_update("garbage") is False
        hasher.harden_runtime(PASSWORD, encoded)
        assert not recwarn.list

    @given(password=any_text, garbage=any_text)
    def test_nothing_makes_verify_raise(self, password, garbage):
        hasher = CheapScrypt()
        encoded = hasher.encode("other", SALT)
        assert hasher.verify(password, encoded) is (password == "other")
        for stored in (garbage, f"better_auth_scrypt${garbage}", f"{garbage}${encoded}"):
            assert hasher.verify("other", stored) is False

    @given(st.text())
    def test_round_trip(self, password):
        hasher = CheapScrypt()
        encoded = hasher.encode(password, hasher.salt())
        assert hasher.verify(password, encoded)
        assert not hasher.verify(f"{password}x", encoded)
