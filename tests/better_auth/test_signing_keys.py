"""Signing keys: made once, published before they sign, verifying on after their time, replaced once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.db import DatabaseError, connection, transaction

from better_auth import access_tokens, clock, signing_keys
from better_auth.crypto import jws, wire_json
from better_auth.crypto.envelopes import decrypt
from better_auth.crypto.jose import InvalidToken
from better_auth.crypto.jwt_reading import read_header
from better_auth.models import AuditEntry, SigningKey
from tests.conftest import FrozenTime

Configure = Callable[..., None]
SECRET = "0123456789abcdefghijklmnopqrstuvwxyzABCD"

pytestmark = pytest.mark.django_db


def kid_of(token: str) -> str:
    return str(read_header(token.partition(".")[0])["kid"])


def token_about(subject: str = "u1", **claims: Any) -> str:
    now = clock.epoch_ms(clock.now()) // 1000
    usual = {"iat": now, "sub": subject, "exp": now + 900}
    server = {"iss": access_tokens.issuer(), "aud": access_tokens.audience()}
    return access_tokens.sign(orjson.dumps({**usual, **server, **claims}))


def published() -> list[str]:
    return [key["kid"] for key in orjson.loads(signing_keys.public_set())["keys"]]


class TestFirstKey:
    def test_it_is_made_when_first_needed(self) -> None:
        assert SigningKey.objects.count() == 0
        token = token_about()
        assert published() == [kid_of(token)] == [SigningKey.objects.get().pk]
        claims = access_tokens.verify_jwt(token)
        assert claims is not None
        assert claims["sub"] == "u1"

    def test_a_token_to_verify_makes_none(self) -> None:
        token = token_about()
        SigningKey.objects.all().delete()
        signing_keys.forget()
        assert access_tokens.verify_jwt(token) is None
        assert SigningKey.objects.count() == 0

    @pytest.mark.parametrize(
        ("algorithm", "members"),
        [
            ("EdDSA", ["alg", "crv", "x", "kty", "kid"]),
            ("ES256", ["alg", "crv", "kty", "x", "y", "kid"]),
            ("RS256", ["alg", "kty", "n", "e", "kid"]),
        ],
    )
    def test_it_is_of_the_algorithm_of_the_settings(
        self, configure: Configure, algorithm: str, members: list[str]
    ) -> None:
        configure(JWT={"ALGORITHM": algorithm})
        token = token_about()
        assert read_header(token.partition(".")[0]) == {"alg": algorithm, "kid": kid_of(token)}
        assert access_tokens.verify_jwt(token)
        (key,) = orjson.loads(signing_keys.public_set())["keys"]
        assert list(key) == members

    def test_the_private_key_rests_encrypted_as_the_original_keeps_it(self) -> None:
        token_about()
        row = SigningKey.objects.get()
        opened = orjson.loads(decrypt(orjson.loads(row.private_key), secret=SECRET))
        assert opened["d"] not in row.private_key
        assert opened.items() >= orjson.loads(row.public_key).items()
        assert "d" not in orjson.loads(row.public_key)

    def test_the_first_key_is_no_news_for_the_audit_log(self) -> None:
        token_about()
        assert not AuditEntry.objects.exists()


class TestRotation:
    def test_the_next_key_is_published_before_it_signs(self, frozen_time: FrozenTime) -> None:
        old = kid_of(token_about())
        assert signing_keys.rotate()
        _, new = published()
        frozen_time.advance(minutes=59)
        assert kid_of(token_about()) == old
        frozen_time.advance(minutes=2)
        assert kid_of(token_about()) == new

    def test_the_old_key_verifies_through_its_grace(
        self, frozen_time: FrozenTime, configure: Configure
    ) -> None:
        configure(JWT={"GRACE_DAYS": 30})
        token = token_about(exp=clock.epoch_ms(clock.now()) // 1000 + 90 * 86400)
        signing_keys.rotate()
        frozen_time.advance(days=30)
        assert access_tokens.verify_jwt(token)
        assert len(published()) == 2
        frozen_time.advance(hours=2)
        assert access_tokens.verify_jwt(token) is None
        assert kid_of(token) not in published()

    def test_one_successor_waits_at_a_time(self, frozen_time: FrozenTime) -> None:
        token_about()
        assert [signing_keys.rotate() for _ in range(3)] == [True, False, False]
        frozen_time.advance(hours=2)
        assert signing_keys.rotate()
        assert SigningKey.objects.count() == 3

    def test_of_two_who_find_it_due_one_makes_the_next(self, monkeypatch: Any) -> None:
        token_about()
        found = signing_keys._read()
        assert signing_keys.rotate()
        monkeypatch.setattr(signing_keys, "_read", lambda: found)  # as another process has seen it before
        assert not signing_keys.rotate()
        assert SigningKey.objects.count() == 2

    def test_it_is_due_near_the_end_of_its_90_days(self, frozen_time: FrozenTime) -> None:
        token_about()
        assert not signing_keys.rotate_if_due()
        frozen_time.advance(days=89, hours=22)
        assert not signing_keys.rotate_if_due()
        frozen_time.advance(hours=1)
        assert signing_keys.rotate_if_due()
        assert not signing_keys.rotate_if_due()

    def test_another_algorithm_comes_with_the_next_key(
        self, frozen_time: FrozenTime, configure: Configure
    ) -> None:
        old = token_about()
        configure(JWT={"ALGORITHM": "ES256"})
        assert signing_keys.rotate_if_due()
        assert kid_of(token_about()) == kid_of(old)
        frozen_time.advance(minutes=5)
        assert access_tokens.verify_jwt(old)
        frozen_time.advance(minutes=56)
        token = token_about()
        assert read_header(token.partition(".")[0])["alg"] == "ES256"
        assert access_tokens.verify_jwt(token)

    def test_a_key_past_its_time_signs_on_while_its_successor_becomes_known(
        self, frozen_time: FrozenTime
    ) -> None:
        old = kid_of(token_about())
        frozen_time.advance(days=90, hours=2)
        assert kid_of(token_about()) == old
        assert signing_keys.rotate_if_due()
        assert kid_of(token_about()) == old
        frozen_time.advance(hours=1, minutes=1)
        assert kid_of(token_about()) != old

    def test_after_a_long_silence_a_new_key_signs_at_once(self, frozen_time: FrozenTime) -> None:
        old = kid_of(token_about())
        frozen_time.advance(days=100)
        assert kid_of(token_about()) != old
        assert len(published()) == 2

    def test_it_is_recorded(self) -> None:
        token_about()
        signing_keys.rotate()
        entry = AuditEntry.objects.get()
        assert (entry.event_type, entry.details) == (
            "signing_key_rotated",
            {"algorithm": "EdDSA", "reason": "asked for"},
        )

    def test_compromised_keys_are_withdrawn_at_once(self) -> None:
        stolen = token_about()
        signing_keys.rotate()
        signing_keys.replace_all()
        assert access_tokens.verify_jwt(stolen) is None
        token = token_about()
        assert published() == [kid_of(token)]
        assert access_tokens.verify_jwt(token)


class TestSecretChanged:
    def test_the_old_key_still_verifies_and_a_new_one_signs(
        self, configure: Configure, caplog: pytest.LogCaptureFixture
    ) -> None:
        old = token_about()
        configure(SECRET="another-secret-0123456789-abcdefghij")
        with caplog.at_level(logging.ERROR):
            new = token_about()
        assert "can't sign" in caplog.text
        assert kid_of(new) != kid_of(old)
        assert access_tokens.verify_jwt(old)
        assert access_tokens.verify_jwt(new)


class TestStoredByTheOriginal:
    def test_a_key_without_encryption_is_read(self) -> None:
        key = jws.generate("EdDSA")
        self.store(key, orjson.dumps(jws.private_jwk("EdDSA", key)).decode())
        assert kid_of(token_about()) == "theirs"

    @pytest.mark.parametrize("stored", ["", "null", "[]", '"00"', '{"kty":"OKP"}', "{", "\x01"])
    def test_one_that_can_not_be_read_is_passed_over(self, stored: str) -> None:
        self.store(jws.generate("EdDSA"), stored)
        assert kid_of(token_about()) != "theirs"

    @pytest.mark.parametrize("public", ["", "[]", "{}", '{"kty":"OKP","crv":"Ed25519","x":"?"}'])
    def test_a_public_key_that_can_not_be_read_is_not_published(self, public: str) -> None:
        self.store(jws.generate("EdDSA"), "", public_key=public)
        SigningKey.objects.update(alg="EdDSA")
        assert published() == [kid_of(token_about())] != ["theirs"]

    def test_an_algorithm_that_is_not_known_is_not_published(self) -> None:
        self.store(jws.generate("EdDSA"), "", alg="ES512")
        assert "theirs" not in published()

    def store(self, key: Any, private_key: str, **columns: Any) -> None:
        now = clock.now()
        values = {
            "alg": "EdDSA",
            "public_key": wire_json.dumps(jws.public_jwk("EdDSA", key)),
            "signs_from": now,
            "expires_at": now + timedelta(days=1),
            **columns,
        }
        SigningKey.objects.create(id="theirs", replaces="first", private_key=private_key, **values)


@pytest.mark.django_db(transaction=True)
class TestMemory:
    def test_signing_and_verifying_ask_nothing_of_the_database(self, django_assert_num_queries: Any) -> None:
        token = token_about()
        with django_assert_num_queries(0):
            assert access_tokens.verify_jwt(token_about())
            assert access_tokens.verify_jwt(token)
            signing_keys.public_set()

    def test_what_is_old_serves_while_it_is_read_anew_behind(self, monkeypatch: Any) -> None:
        waiting: list[Callable[[], object]] = []
        monkeypatch.setattr(signing_keys, "behind", waiting.append)
        kid = kid_of(token_about())
        self.grow_older(signing_keys.FRESH_SECONDS + 1)
        for _ in range(3):
            assert kid_of(token_about()) == kid
        (act,) = waiting
        act()
        token_about()
        assert len(waiting) == 1

    def test_the_next_key_is_made_by_itself_when_it_is_due(self, frozen_time: FrozenTime) -> None:
        old = kid_of(token_about())
        frozen_time.advance(days=89, hours=23, minutes=30)
        assert kid_of(token_about()) == old
        assert len(published()) == 2
        frozen_time.advance(hours=1)
        assert kid_of(token_about()) != old

    def test_without_a_database_the_keys_in_memory_serve(self, monkeypatch: Any) -> None:
        token = token_about()
        self.grow_older(signing_keys.STALE_SECONDS + 1)

        def fail(**arguments: Any) -> None:
            raise DatabaseError("away")

        monkeypatch.setattr(signing_keys, "read_ring", fail)
        assert access_tokens.verify_jwt(token)
        assert kid_of(token_about()) == kid_of(token)

    def test_a_key_that_another_process_has_just_made_is_found(self) -> None:
        token_about()
        ring = signing_keys._kept
        signing_keys.replace_all()
        token = token_about()
        signing_keys._kept = ring
        signing_keys._asked_for_unknown_at = float("-inf")
        assert access_tokens.verify_jwt(token)

    def test_unknown_keys_are_not_asked_for_each_time(self, django_assert_num_queries: Any) -> None:
        token_about()
        tokens = [f"{jws.header_of('EdDSA', f'nobody{number}')}.e30.AAAA" for number in range(200)]
        with django_assert_num_queries(1):
            signing_keys._asked_for_unknown_at = float("-inf")
            for token in tokens:
                assert access_tokens.verify_jwt(token) is None

    def test_many_threads_make_one_first_key(self) -> None:
        barrier = threading.Barrier(8)
        kids: list[str] = []

        def sign() -> None:
            try:
                barrier.wait(60)
                kids.append(kid_of(token_about()))
            finally:
                connection.close()

        threads = [threading.Thread(target=sign) for _ in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join(60)
        assert len(kids) == 8
        assert set(kids) == {SigningKey.objects.get().pk}

    def test_a_rolled_back_key_is_not_kept(self) -> None:
        with transaction.atomic():
            token = token_about()
            transaction.set_rollback(True)
        assert access_tokens.verify_jwt(token) is None
        assert kid_of(token_about()) == SigningKey.objects.get().pk

    @staticmethod
    def grow_older(seconds: float) -> None:
        assert signing_keys._kept is not None
        signing_keys._kept.loaded_at -= seconds


def test_a_header_of_any_length_is_not_read() -> None:
    with pytest.raises(InvalidToken):
        read_header("e30" * 1000)
