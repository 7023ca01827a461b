"""The lifecycle of signing keys: made when first needed, published, signing, replaced, verifying on, gone.

A new key is published before it signs (``JWT.PUBLISH_AHEAD``), so that whoever keeps the key set for a while
knows it in time; the old one verifies through its grace time. Each process holds the keys in memory and reads
them anew behind its requests. Which of several processes makes the next key, a unique column decides.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import orjson
from django.core.signals import setting_changed
from django.db import DatabaseError, IntegrityError, close_old_connections, router, transaction

from better_auth import clock
from better_auth.conf import auth_settings
from better_auth.crypto import jws, wire_json
from better_auth.crypto.jose import InvalidToken
from better_auth.crypto.jws import Algorithm, Signer
from better_auth.crypto.jwt_reading import kid_in, read_header
from better_auth.events import SigningKeyRotated, publish
from better_auth.models import SigningKey
from better_auth.sealing import seal
from better_auth.storage.key_ring import HeldKey, KeyRing, read_ring

logger = logging.getLogger("better_auth.signing_keys")

# Younger than this the keys in memory are taken as they are; then they are read again behind the request.
FRESH_SECONDS = 60
# Older than this they are read again before anything is done with them.
STALE_SECONDS = 300
# A key that we don't know may have been made just now, by another process; but who sends nonsense must not
# make us ask for each token.
UNKNOWN_KEY_PAUSE_SECONDS = 2.0
# What fails behind a request is not tried again at the very next one.
PAUSE_SECONDS = 1.0
FIRST = "first"


def signer() -> Signer:
    """Signs new tokens. The first call ever makes the first key."""
    return _signer_of(_ring(for_signing=True))


def signer_in_memory() -> Signer | None:
    """The same, where it costs neither a query nor a wait; else None."""
    ring = _kept
    if ring is None or ring.age() > STALE_SECONDS:
        return None
    key = ring.signing_key(clock.now())
    if key is not None:
        _look_after(ring)
    return key.signer if key else None


def public_set() -> bytes:
    """The key set (RFC 7517) as JSON: what signs, what is to sign next, and what signed until lately."""
    return _ring(for_signing=True).jwks


def public_set_in_memory() -> bytes | None:
    ring = _kept
    if ring is None or ring.age() > STALE_SECONDS or ring.signing_key(clock.now()) is None:
        return None
    _look_after(ring)
    return ring.jwks


def key_for(header_text: str) -> HeldKey | None:
    """The key that a token's header names; None where it is none of ours.

    Nothing that a header says is ever fetched or looked up outside of the keys in memory. Raises
    ``InvalidToken`` where the header names one of our keys and is not to be accepted.
    """
    ring = _ring(for_signing=False)
    key = ring.by_header.get(header_text)
    if key is None:
        return _key_of_unusual_header(header_text, ring)
    return key if _verifies(key) else None


def is_published(kid: str) -> bool:
    """Whether the key still verifies, as far as this process knows."""
    key = _ring(for_signing=False).by_kid.get(kid)
    return key is not None and _verifies(key)


def rotate() -> bool:
    """Make the next key now, whether it is due or not; False where one is waiting to sign already."""
    return _rotate(only_if_due=False)


def rotate_if_due() -> bool:
    """Make the next key if the one in use is near its end, or of another algorithm than the settings'."""
    return _rotate(only_if_due=True)


def replace_all() -> None:
    """For keys that somebody else may have: none verifies any more, and a new one signs at once.

    Other processes follow when they read the keys anew, within ``STALE_SECONDS`` at the latest.
    """
    algorithm = _algorithm()
    key = jws.generate(algorithm)
    try:
        with transaction.atomic():
            SigningKey.objects.all().delete()
            _insert(algorithm, key, replaces=FIRST, signs_from=clock.now())
            publish(SigningKeyRotated(details={"algorithm": algorithm, "reason": "compromised"}))
    except IntegrityError:
        logger.info("another process has replaced the signing keys at this moment")
    forget()


def forget() -> None:
    """Read the keys anew when they are next needed."""
    global _kept, _looked_after_at
    _kept, _looked_after_at = None, float("-inf")


def behind(act: Callable[[], object]) -> None:
    """Run ``act`` beside the requests, in a thread with connections of its own."""
    name = "better-auth-signing-keys"
    threading.Thread(target=run_safely, args=(act,), name=name, daemon=True).start()


def run_safely(act: Callable[[], object]) -> None:
    try:
        act()
    except Exception as fault:  # whatever fails there is tried again; the keys in memory serve meanwhile
        logger.error("the signing keys could not be looked after: %s", type(fault).__name__)
    finally:
        close_old_connections()


_kept: KeyRing | None = None
_loading = threading.RLock()
_looking_after = threading.Lock()
_asked_for_unknown_at = float("-inf")
_looked_after_at = float("-inf")


def _ring(*, for_signing: bool) -> KeyRing:
    ring = _kept
    if ring is not None and ring.age() <= STALE_SECONDS and (not for_signing or _can_sign(ring)):
        _look_after(ring)
        return ring
    with _loading:
        now = _kept
        if now is not None and now is not ring and (not for_signing or _can_sign(now)):
            return now  # somebody else has read them while we waited
        try:
            return _load(for_signing=for_signing)
        except DatabaseError:
            if ring is None or (for_signing and not _can_sign(ring)):
                raise
            logger.warning("the signing keys could not be read anew; those in memory serve")
            ring.loaded_at = time.monotonic() - FRESH_SECONDS  # from now on they are sought behind requests
            return ring


def _load(*, for_signing: bool) -> KeyRing:
    """Read the keys, and where none can sign, make one that signs at once."""
    ring = _read()
    if for_signing and not _can_sign(ring):
        _create(replaces=ring.last_id, signs_from=clock.now(), reason="first")
        ring = _read()
    return _keep(ring)


def _keep(ring: KeyRing) -> KeyRing:
    """Within a transaction nothing is kept: a key that was made there may never come true."""
    global _kept
    if not transaction.get_connection(router.db_for_write(SigningKey)).in_atomic_block:
        _kept = ring
    return ring


def _read() -> KeyRing:
    return read_ring(at=clock.now(), grace=_grace())


def _look_after(ring: KeyRing) -> None:
    """What is old is read anew and what is due is replaced, behind the request, by one thread at a time."""
    if ring.age() <= FRESH_SECONDS and not _is_due(ring.newest, clock.now()):
        return
    global _looked_after_at
    now = time.monotonic()
    if now - _looked_after_at < PAUSE_SECONDS or not _looking_after.acquire(blocking=False):
        return
    _looked_after_at = now

    def act() -> None:
        try:
            rotate_if_due()
            _keep(_read())
        finally:
            _looking_after.release()

    behind(act)


def _can_sign(ring: KeyRing) -> bool:
    return auth_settings.jwt.algorithm == "HS256" or ring.signing_key(clock.now()) is not None


def _signer_of(ring: KeyRing) -> Signer:
    key = ring.signing_key(clock.now())
    if key is None or key.signer is None:
        raise RuntimeError("no key can sign, and none could be made")
    return key.signer


def _key_of_unusual_header(header_text: str, ring: KeyRing) -> HeldKey | None:
    """A token of ours has one header; others write the same in their own way."""
    header = read_header(header_text)
    kid = kid_in(header)
    if kid is None:
        return None
    key = ring.by_kid.get(kid) or _just_made(kid)
    if key is None or not _verifies(key):
        return None
    if header.get("alg") != key.algorithm:
        raise InvalidToken("not the algorithm of this key")
    return key


def _just_made(kid: str) -> HeldKey | None:
    global _asked_for_unknown_at
    now = time.monotonic()
    if now - _asked_for_unknown_at < UNKNOWN_KEY_PAUSE_SECONDS:
        return None
    _asked_for_unknown_at = now
    try:
        return _keep(_read()).by_kid.get(kid)
    except DatabaseError:
        return None


def _verifies(key: HeldKey) -> bool:
    return clock.now() < key.expires_at + _grace()


def _rotate(*, only_if_due: bool) -> bool:
    now, ring = clock.now(), _read()
    newest = ring.newest
    if newest is not None and newest.signs_from > now:
        return False
    if only_if_due and not (_is_due(newest, now) or not _can_sign(ring)):
        return False
    signs_from = now + _lead() if ring.signing_key(now) is not None else now
    # The key that was found to be the last, not that which is the last by now: of those who found it so one
    # makes the next.
    made = _create(replaces=ring.last_id, signs_from=signs_from, reason="due" if only_if_due else "asked for")
    forget()
    return made


def _is_due(newest: HeldKey | None, now: datetime) -> bool:
    """Near its end, unable to sign, or of another algorithm than the settings'; not while one is waiting."""
    if newest is None or newest.signs_from > now or auth_settings.jwt.algorithm == "HS256":
        return False
    is_ending = newest.expires_at - _lead() <= now
    return is_ending or newest.algorithm != auth_settings.jwt.algorithm or newest.signer is None


def _create(*, replaces: str | None, signs_from: datetime, reason: str) -> bool:
    """The next key after ``replaces``, which signs until then; False where another process was first."""
    algorithm = _algorithm()
    key = jws.generate(algorithm)  # before the transaction: RSA takes its time
    try:
        with transaction.atomic():
            _insert(algorithm, key, replaces=replaces or FIRST, signs_from=signs_from)
            ending = SigningKey.objects.filter(pk=replaces, expires_at__gt=signs_from)
            ending.update(expires_at=signs_from)
            if replaces is not None:
                publish(SigningKeyRotated(details={"algorithm": algorithm, "reason": reason}))
    except IntegrityError:
        return False
    return True


def _insert(algorithm: Algorithm, key: jws.PrivateKey, *, replaces: str, signs_from: datetime) -> None:
    private = wire_json.dumps(jws.private_jwk(algorithm, key))
    SigningKey.objects.create(
        alg=algorithm,
        crv=jws.CURVES[algorithm],
        public_key=wire_json.dumps(jws.public_jwk(algorithm, key)),
        # A JSON string: so the protocol keeps it (storage-and-crypto.md, section 5).
        private_key=orjson.dumps(seal(private)).decode(),
        replaces=replaces,
        signs_from=signs_from,
        expires_at=signs_from + timedelta(days=auth_settings.jwt.rotation_days),
    )


def _algorithm() -> Algorithm:
    configured = auth_settings.jwt.algorithm
    return "EdDSA" if configured == "HS256" else configured


def _lead() -> timedelta:
    return timedelta(seconds=auth_settings.jwt.publish_ahead)


def _grace() -> timedelta:
    return timedelta(days=auth_settings.jwt.grace_days)


def _setting_changed(*, setting: str, **kwargs: object) -> None:
    if setting == "BETTER_AUTH":
        forget()


def _abandon() -> None:
    """In a forked child: whoever held a lock is not here."""
    global _loading, _looking_after
    _loading, _looking_after = threading.RLock(), threading.Lock()


setting_changed.connect(_setting_changed, dispatch_uid="better_auth.signing_keys")
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon)
