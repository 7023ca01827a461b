"""Sessions for reads: from this process's memory, from Redis, else from the database.

Within a transaction the database is always asked, and nothing is kept: what it shows may never come true.
What changes a session or its user says so here (``forget_session``, ``forget_user``); saving or deleting the
rows with the ORM does it by itself. Only what passes both by (SQL, ``QuerySet.update``) is seen late, by the
seconds of the two levels together.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.signals import setting_changed
from django.db import DEFAULT_DB_ALIAS, router, transaction
from django.db.models import Model
from django.db.models.signals import class_prepared, post_save, pre_delete

from better_auth import clock
from better_auth.conf import auth_settings
from better_auth.events import observe
from better_auth.models import Session, UserProfile
from better_auth.storage import shared_sessions
from better_auth.storage.local_sessions import Entry, Found, local, name_of_user
from better_auth.storage.records import SessionRecord, UserRecord
from better_auth.storage.session_lookup import find_session
from better_auth.storage.subscription import subscription

logger = logging.getLogger("better_auth.sessions")

# Another request's query for the same session is waited for so long.
PATIENCE_SECONDS = 5
# A save of these columns alone changes nothing that a record shows.
NOT_SHOWN = frozenset({"last_login", "password"})


@dataclass(frozen=True, slots=True)
class Remembered:
    """``is_read_now``: straight from the database, on behalf of this very call."""

    session: SessionRecord
    user: UserRecord
    is_read_now: bool


def find(token_hash: str) -> Remembered | None:
    """The session and its user, as of at most some seconds ago."""
    if not may_remember():
        found = find_session(token_hash)
        return Remembered(*found, is_read_now=True) if found else None
    return _recall(token_hash) or _look_up_once(token_hash)


def in_memory(token_hash: str) -> Entry | None:
    """What this process remembers, where that may be trusted."""
    return local.get(token_hash) if may_trust_memory() else None


def may_trust_memory() -> bool:
    """Whether this process hears what the others change, where there are others."""
    return shared_sessions.client() is None or subscription.is_live()


def forget_session(token_hash: str, *, of: Any = None) -> None:
    """The session is over or has changed: from now on here, and from the commit on everywhere. ``of``: the
    host's primary key of its user, where that is at hand."""
    local.forget(token_hashes=[token_hash])
    _on_commit(lambda: _announce([token_hash], of=of))


def forget_names(names: list[str]) -> None:
    """The same for what else is kept under these names (``remembered``, ``shared_values``)."""
    local.forget(token_hashes=names)
    _on_commit(lambda: _announce(names))


def forget_user(key: Any) -> None:
    """The user has changed; ``key`` is the host's primary key."""
    local.forget(user_keys=[str(key)])
    _on_commit(lambda: _announce([], user_key=key))


def forget_named(name: str) -> None:
    """What is kept under a name of its own (``remembered``) has changed: void here now, and from the commit
    on everywhere, as a session is. The name must be no token's digest."""
    forget_session(name)


def connect() -> None:
    """Hear of rows that are saved or deleted by whoever."""
    for model in apps.get_models():
        _follow(model)
    class_prepared.connect(_follow, dispatch_uid="better_auth.verified_sessions")  # as of a proxy in admin.py
    setting_changed.connect(_setting_changed, dispatch_uid="better_auth.verified_sessions")


def _follow(sender: type[Model], **kwargs: Any) -> None:
    """Proxies, and models that extend the user, send under their own names. A receiver for all senders would
    cost every other model its fast deletion."""
    if issubclass(sender, (get_user_model(), UserProfile)):
        post_save.connect(_user_saved, sender=sender, dispatch_uid="better_auth.user_saved")
        pre_delete.connect(_user_deleted, sender=sender, dispatch_uid="better_auth.user_deleted")
    elif issubclass(sender, Session):
        post_save.connect(_session_saved, sender=sender, dispatch_uid="better_auth.session_saved")
        pre_delete.connect(_session_deleted, sender=sender, dispatch_uid="better_auth.session_deleted")


def may_remember() -> bool:
    """Whether what is read now may be kept: by the settings, and not within a transaction."""
    rules = auth_settings.session.cache
    if not (rules.seconds or rules.shared_seconds):
        return False
    connection = transaction.get_connection(router.db_for_read(Session))
    return not (connection.in_atomic_block or (connection.connection and not connection.autocommit))


def _recall(token_hash: str) -> Remembered | None:
    entry = in_memory(token_hash)
    if entry is None:
        return None
    observe("token_cache_hit")
    return Remembered(entry.session, entry.user, is_read_now=False)


def _look_up_once(token_hash: str) -> Remembered | None:
    """Of identical look-ups at one time one is made, and all get what it found."""
    flight, is_ours = local.join(token_hash)
    if not is_ours:
        found = _shared_outcome(flight, token_hash)
        return Remembered(*found, is_read_now=False) if found else None
    try:
        # Somebody else's may have ended since we found nothing.
        remembered = _recall(token_hash) or _look_up(token_hash)
        flight.set_result((remembered.session, remembered.user) if remembered else None)
        return remembered
    except BaseException as fault:  # the others who wait for this look-up must hear of it, whatever it is
        flight.set_exception(fault)
        raise
    finally:
        local.leave(token_hash, flight)


def _shared_outcome(flight: Future[Found | None], token_hash: str) -> Found | None:
    try:
        return flight.result(timeout=PATIENCE_SECONDS)
    except Exception:  # whatever befell the other request, or how long it takes, is not ours to suffer
        return find_session(token_hash)


def _look_up(token_hash: str) -> Remembered | None:
    turn, asked_at = local.turn(), time.monotonic()
    found, may_add = _from_redis(token_hash)
    if found:
        observe("token_cache_hit")
        _keep_here(found, turn, asked_at)
        return Remembered(*found, is_read_now=False)
    observe("token_cache_miss")
    started, epoch = time.monotonic(), subscription.epoch
    found = find_session(token_hash)
    if found is None:
        return None
    _keep_here(found, turn, asked_at)
    if may_add and epoch and time.monotonic() - started < shared_sessions.LONGEST_READ_SECONDS:
        _add_to_redis(found, epoch)
    return Remembered(*found, is_read_now=True)


def _keep_here(found: Found, turn: int, asked_at: float) -> None:
    if auth_settings.session.cache.seconds:
        local.put(found, turn=turn, as_of=asked_at)


def _from_redis(token_hash: str) -> tuple[Found | None, bool]:
    """What Redis has, and whether it may be given what the database has."""
    redis, epoch = trusted_redis()
    if redis is None or epoch is None:
        return None, False
    try:
        return shared_sessions.read(redis, epoch, token_hash)
    except Exception as fault:  # the driver's own kinds of failure, and those of the network beneath
        subscription.lose(fault)
        return None, False


def _add_to_redis(found: Found, epoch: str) -> None:
    redis, now = trusted_redis()
    if redis is None or now != epoch:
        return
    try:
        shared_sessions.add(redis, epoch, found)
    except Exception as fault:  # as above: what was found is good, and the caller gets it
        subscription.lose(fault)


def trusted_redis() -> tuple[Any, str | None]:
    """Redis and the epoch of its keys; None where it is not to be asked."""
    if not auth_settings.session.cache.shared_seconds:
        return None, None
    redis = shared_sessions.client()
    return (redis, subscription.epoch) if redis is not None and subscription.is_live() else (None, None)


def _announce(token_hashes: list[str], *, user_key: Any = None, of: Any = None) -> None:
    user_keys = [] if user_key is None else [str(user_key)]
    # Again, now that the change is visible: somebody may have read the former state since.
    local.forget(token_hashes=token_hashes, user_keys=user_keys)
    local.tell([*token_hashes, *map(name_of_user, user_keys)])
    redis = shared_sessions.client()
    if redis is None or subscription.is_lost():
        return
    try:
        hashes = [*token_hashes, *(_hashes_of(user_key) if user_keys else ())]
        owners = [] if of is None else [str(of)]
        shared_sessions.announce(redis, subscription.epoch, hashes, user_keys, owners)
    except Exception as fault:  # also the database's: whoever was not told must hear of a new epoch
        subscription.lose(fault)
    # And what somebody found in Redis before the marks were there: our caller's next request may come
    # before we hear ourselves.
    local.forget(token_hashes=token_hashes, user_keys=user_keys)


def _hashes_of(key: Any) -> list[str]:
    """Of all sessions of a user; only Redis has to know them."""
    rows = Session.objects.using(router.db_for_write(Session)).filter(user_id=key)
    return list(rows.values_list("token_hash", flat=True))


def _on_commit(act: Callable[[], None]) -> None:
    alias = router.db_for_write(Session) or DEFAULT_DB_ALIAS
    connection = transaction.get_connection(alias)
    if connection.in_atomic_block or connection.get_autocommit():
        transaction.on_commit(act, using=alias, robust=True)
    else:  # the host commits by hand, and nobody hears when
        act()


def _user_saved(*, instance: Any, created: bool, update_fields: Any = None, **kwargs: Any) -> None:
    # A row that extends a user is new at times when the user is not.
    is_new = created and instance._meta.concrete_model in (get_user_model(), UserProfile)
    if not is_new and not (update_fields and NOT_SHOWN.issuperset(update_fields)):
        forget_user(_key_of(instance))


def _user_deleted(*, instance: Any, **kwargs: Any) -> None:
    forget_user(_key_of(instance))


def _key_of(instance: Any) -> Any:
    """The user's primary key; a model that extends the user may have another one."""
    is_profile = isinstance(instance, UserProfile)
    return instance.pk if is_profile else getattr(instance, get_user_model()._meta.pk.attname)


def _session_saved(*, instance: Session, created: bool, **kwargs: Any) -> None:
    if not created:
        forget_session(instance.token_hash, of=instance.user_id)


def _session_deleted(*, instance: Session, **kwargs: Any) -> None:
    if instance.expires_at > clock.now():  # else nobody takes it for living, wherever it is remembered
        forget_session(instance.token_hash, of=instance.user_id)


def _setting_changed(*, setting: str, **kwargs: Any) -> None:
    if setting == "CACHES":
        shared_sessions.client.cache_clear()
    if setting in ("BETTER_AUTH", "CACHES"):
        local.clear()
