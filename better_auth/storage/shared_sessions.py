"""Verified sessions in Redis: the second cache level, and how processes tell each other what is over.

Django's default cache says where Redis is; its own client is used, because a cache has no channels. All keys
carry an *epoch*. Whoever may have missed something (a lost connection, a restarted or restored Redis) begins
a new one, so that nothing written before is ever read again.

A record is only ever added, never overwritten; what was revoked leaves a mark in its place for longer than a
reader could be on its way with the old one. Records are signed, for their place and their time: who can write
into Redis makes no session, and brings none back.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
from collections.abc import Callable, Collection
from dataclasses import fields
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

import orjson
from django.core.exceptions import ValidationError
from redis import Redis
from redis.exceptions import RedisError

from better_auth import clock
from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import derive_key
from better_auth.models import Session
from better_auth.storage.local_sessions import Found
from better_auth.storage.records import SessionRecord, UserRecord
from better_auth.storage.shared_redis import channel as channel
from better_auth.storage.shared_redis import client as client
from better_auth.storage.shared_redis import prefix

logger = logging.getLogger("better_auth.sessions")

Record = TypeVar("Record", SessionRecord, UserRecord)

# In the place of a record that was revoked.
MARK = b""
MARK_SECONDS = 30
_start = secrets.token_hex(8)
# A reader that took longer may have missed a mark.
LONGEST_READ_SECONDS = MARK_SECONDS / 2
SIGNATURE_LENGTH = 32
MOMENTS = {
    kind: tuple(field.name for field in fields(kind) if "datetime" in str(field.type))
    for kind in (SessionRecord, UserRecord)
}


def read(redis: Redis, epoch: str, token_hash: str) -> tuple[Found | None, bool]:
    """The record, and whether one may be added. Raises ``RedisError``."""
    key = _key(epoch, token_hash)
    kept: Any = redis.get(key)
    return (decode(kept, key), False) if kept else (None, kept is None)


def add(redis: Redis, epoch: str, found: Found) -> None:
    """Keep a record, unless one is there already, or a mark that it is over. Raises ``RedisError``."""
    key, seconds = _key(epoch, found[0].token_hash), auth_settings.session.cache.shared_seconds
    try:
        record = encode(found, key, seconds)
    except TypeError:  # a number of the host's beyond 64 bits: no fault of Redis, so not for the caller
        return
    redis.set(key, record, ex=seconds, nx=True)


def read_value(redis: Redis, epoch: str, name: str) -> tuple[dict[str, Any] | None, bool]:
    """Of what is no session: the members kept under this name, and whether they may be added.

    Raises ``RedisError``."""
    key = _key(epoch, name)
    kept: Any = redis.get(key)
    if not kept:
        return None, kept is None
    document = _opened(kept, key)
    return (document[1] if document and len(document) > 1 else None), False


def add_value(redis: Redis, epoch: str, name: str, value: Any) -> None:
    """Keep a dataclass, unless one is there already, or a mark that it is over. Raises ``RedisError``."""
    key, seconds = _key(epoch, name), auth_settings.session.cache.shared_seconds
    try:
        payload = orjson.dumps((_now_ms() + seconds * 1000, value), default=str)
    except TypeError:  # as above
        return
    redis.set(key, _signature(payload, key) + payload, ex=seconds, nx=True)


def announce(
    redis: Redis,
    epoch: str | None,
    token_hashes: Collection[str],
    user_keys: Collection[str],
    of: Collection[str] = (),
) -> None:
    """Leave marks, and tell every process, at one stroke. ``of``: whose sessions these are, for services that
    know users and not digests. Raises ``RedisError``.

    Marks belong into the epoch in force at that stroke; ``epoch``, as far as we have heard, may be over.
    """
    epoch = epoch or current_epoch(redis)
    told = {"by": own_name(), "sessions": list(token_hashes), "users": list(user_keys), "of": list(of)}
    over = orjson.dumps(told)
    while True:
        with redis.pipeline(transaction=True) as pipeline:
            pipeline.get(_epoch_key())
            for token_hash in token_hashes if epoch else ():
                pipeline.set(_key(str(epoch), token_hash), MARK, ex=MARK_SECONDS)
            pipeline.publish(channel(redis), over)
            kept = pipeline.execute()[0]
        in_force = kept.decode() if kept else None
        if not token_hashes or (epoch and in_force == epoch):
            return
        if in_force is None:  # flushed or evicted, while some may go on with it: no mark would reach them
            begin_epoch(redis, run_of(redis))
            return
        epoch = in_force


def own_name() -> str:
    """Of this process: what it announces it has forgotten already, and may know anew by the time it hears."""
    return f"{os.getpid()}-{_start}"


def current_epoch(redis: Redis) -> str | None:
    kept: Any = redis.get(_epoch_key())
    return kept.decode() if kept else None


def begin_epoch(redis: Redis, run: str) -> str:
    """Make everything written before unreadable, for every process. ``run``: of the Redis server."""
    epoch = f"{run}.{secrets.token_hex(8)}"
    with redis.pipeline(transaction=True) as pipeline:
        pipeline.set(_epoch_key(), epoch)
        pipeline.publish(channel(redis), orjson.dumps({"epoch": epoch}))
        pipeline.execute()
    return epoch


def run_of(redis: Redis) -> str:
    """Names one run of the Redis server: after a restart, with whatever it restored, it is another."""
    try:
        information: Any = redis.info("server")
        return str(information["run_id"])
    except (RedisError, KeyError):  # we may not ask: then each start of a process counts as one
        return secrets.token_hex(8)


def encode(found: Found, key: str, seconds: int) -> bytes:
    """Good under this key alone, and for so long, whatever Redis makes of it. Raises ``TypeError``."""
    payload = orjson.dumps((_now_ms() + seconds * 1000, *found), default=str)
    return _signature(payload, key) + payload


def decode(kept: bytes, key: str) -> Found | None:
    """None for what we have not written, here and now, or another version of us."""
    document = _opened(kept, key)
    if document is None:
        return None
    try:
        _, of_session, of_user = document
        of_session["user_key"] = of_user["key"] = _as_key()(of_user["key"])
        return _record(SessionRecord, of_session), _record(UserRecord, of_user)
    except (AttributeError, KeyError, TypeError, ValueError, ValidationError):
        return None


def _opened(kept: bytes, key: str) -> list[Any] | None:
    """What stands beneath a good signature, and has not run out."""
    payload = kept[SIGNATURE_LENGTH:]
    if not hmac.compare_digest(kept[:SIGNATURE_LENGTH], _signature(payload, key)):
        return None
    try:
        document: list[Any] = orjson.loads(payload)
        return document if document[0] > _now_ms() else None
    except (IndexError, TypeError, ValueError):
        return None


def _record(kind: type[Record], values: dict[str, Any]) -> Record:
    for name in MOMENTS[kind]:
        if values[name] is not None:
            values[name] = datetime.fromisoformat(values[name])
    return kind(**values)


def _signature(payload: bytes, key: str) -> bytes:
    return hmac.digest(_signing_key(auth_settings.secret), key.encode() + payload, hashlib.sha256)


def _now_ms() -> int:
    return clock.epoch_ms(clock.now())


@lru_cache(maxsize=4)
def _signing_key(secret: str) -> bytes:
    return derive_key(secret, "shared-sessions")


@lru_cache(maxsize=1)
def _as_key() -> Callable[[Any], Any]:
    """From JSON to the type of the host's primary key."""
    as_key: Callable[[Any], Any] = Session._meta.get_field("user").target_field.to_python
    return as_key


def _epoch_key() -> str:
    return f"{prefix()}:epoch"


def _key(epoch: str, token_hash: str) -> str:
    return f"{prefix()}:{epoch}:{token_hash}"
