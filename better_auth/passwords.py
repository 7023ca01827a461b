"""Passwords: one ``verify`` for every path in, one ``set_password`` for every change.

There is one password column, Django's. A hash from elsewhere that is too long for the host's column stands
in the credential account's own column until the next sign-in upgrades it; ``verify`` reads both.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import (
    BasePasswordHasher,
    get_hasher,
    identify_hasher,
    is_password_usable,
    make_password,
)
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.module_loading import import_string

from better_auth.conf import auth_settings
from better_auth.crypto.hash_limits import UnknownAlgorithm, ensure_affordable
from better_auth.crypto.legacy_hashes import LegacyHasher
from better_auth.errors import BadRequest, ErrorCode
from better_auth.events import rehashed
from better_auth.hashing import slots
from better_auth.models import CREDENTIAL, Account, MigrationStatus
from better_auth.storage.compiled import CompiledSelect
from better_auth.storage.pools import give_back_connections
from better_auth.storage.records import UserRecord, carrier_model

logger = logging.getLogger("better_auth.passwords")

# Never upgrade towards the weaker family, whatever PASSWORD_HASHERS puts first.
FAMILY_STRENGTH = {"argon2": 3, "scrypt": 3, "better_auth_scrypt": 3, "bcrypt_sha256": 2, "bcrypt": 2}
FAMILY_STRENGTH |= {"pbkdf2_sha256": 1, "pbkdf2_sha1": 1}
FAMILY_STRENGTH |= {"legacy_argon2": 3, "legacy_scrypt": 3, "legacy_firebase": 3}
FAMILY_STRENGTH |= {"legacy_bcrypt": 2, "legacy_bcrypt_sha256": 2, "legacy_nextcloud": 2, "legacy_pbkdf2": 1}
COST_PARAMETERS = ("memory_cost", "time_cost", "parallelism", "iterations", "work_factor", "block_size")


def verify(password: str, user: UserRecord | None) -> bool:
    """Is this the user's password? An old hash is upgraded on the way.

    No user, no password and a hash that can't be computed cost what a wrong password costs, so that time
    does not tell them apart. Raises ``ServiceUnavailable`` when too many hash already.
    """
    return find_verified_hash(password, user) is not None


def find_verified_hash(password: str, user: UserRecord | None) -> str | None:
    """Like ``verify``: the hash that the password fits, for a ``set_password`` that may replace only that."""
    encoded = _stored(user) if user else None
    with _hashing():
        if not _fits(password, encoded, whose=user.id if user else "") or user is None or encoded is None:
            return None
        upgraded = make_password(password) if _should_upgrade(encoded) else None
    if upgraded and _upgrade(user, encoded, upgraded):
        return upgraded
    return encoded


def fits(password: str, encoded: str | None) -> bool:
    """Does a hash that is nobody's here yet fit? No hash costs what a wrong password costs.

    Raises ``ServiceUnavailable`` when too many hash already.
    """
    with _hashing():
        return _fits(password, encoded, whose="elsewhere")


@dataclass(frozen=True, slots=True)
class Comparison:
    """``algorithm``: of the stored hash; None for ``is_right`` where there is none that can be computed."""

    algorithm: str
    is_right: bool | None


def compare(password: str, user: UserRecord | None) -> Comparison:
    """What our check would say. Right or wrong, it costs the same, and nothing is upgraded.

    Raises ``ServiceUnavailable`` when too many hash already.
    """
    encoded = _stored(user) if user else None
    with _hashing():
        if user is None or encoded is None or not _is_affordable(encoded, user.id):
            _equalize(password, done=None)
            return Comparison("unreadable" if encoded else "none", None)
        algorithm = identify_hasher(encoded).algorithm or "default"
        is_right = _matches(password, encoded)
        _equalize(password, done=algorithm)
        return Comparison(algorithm, is_right)


def hash_password(password: str) -> str:
    """The password in today's format. Raises ``ServiceUnavailable`` when too many hash already."""
    with _hashing():
        return make_password(password)


def set_password(user: UserRecord, encoded: str, *, replacing: str | None = None) -> bool:
    """Put a hash, of any known format, in place of the present one.

    With ``replacing``, only if that is still the present one; False where it is not. Whoever waited for their
    password to come from elsewhere waits no more.
    """
    with transaction.atomic():
        if not _store(user, encoded, replacing=replacing):
            return False
        _end_waiting(user)
        return True


def set_awaited_password(user: UserRecord, encoded: str) -> bool:
    """The first hash of somebody who waits for theirs to come from elsewhere.

    False where they wait no more: another request was quicker, and nothing is written.
    """
    with transaction.atomic():
        get_user_model()._default_manager.select_for_update().filter(pk=user.key).first()
        if _stored(user) is not None or not _end_waiting(user):
            return False
        return _store(user, encoded)


def forget(user: UserRecord) -> None:
    """The user has no password any more, nor one that waits to come from elsewhere."""
    with transaction.atomic():
        _store(user, make_password(None))
        _end_waiting(user)


def stored_forms(user: UserRecord) -> tuple[str, str | None]:
    """What stands in the user's column and in the credential account's, for ``restore``."""
    column = get_user_model()._default_manager.values_list("password", flat=True).get(pk=user.key)
    accounts = Account.objects.filter(user_id=user.key, provider_id=CREDENTIAL)
    return str(column), accounts.values_list("password", flat=True).first()


def restore(user: UserRecord, column: str, of_account: str | None) -> None:
    """Put back what ``stored_forms`` gave."""
    with transaction.atomic():
        get_user_model()._default_manager.filter(pk=user.key).update(password=column)
        Account.objects.filter(user_id=user.key, provider_id=CREDENTIAL).update(password=of_account)


def has_password(user: UserRecord) -> bool:
    return _stored(user) is not None


def find_stored_hash(user: UserRecord) -> str | None:
    """What a password is checked against, wherever it stands."""
    return _stored(user)


def ensure_not_too_long(password: str) -> None:
    """Nothing longer is ever hashed. Length counts in UTF-16 code units, as in JavaScript.

    Source: core.md, section 0.
    """
    if _utf16_length(password) > auth_settings.password.max_length:
        raise BadRequest(ErrorCode.PASSWORD_TOO_LONG)


def ensure_length(password: str) -> None:
    """Raises ``PASSWORD_TOO_SHORT`` or ``PASSWORD_TOO_LONG``."""
    if _utf16_length(password) < auth_settings.password.min_length:
        raise BadRequest(ErrorCode.PASSWORD_TOO_SHORT)
    ensure_not_too_long(password)


def ensure_acceptable(password: str, *, email: str = "", name: str = "") -> None:
    """The whole policy for a new password: length, common passwords, the host's validators."""
    ensure_length(password)
    for problem in find_problems(password, email=email, name=name):
        raise BadRequest(*problem)


def find_problems(password: str, *, email: str = "", name: str = "") -> list[tuple[ErrorCode, str]]:
    """What the policy holds against a password of right length, as code and message."""
    problems: list[tuple[ErrorCode, str]] = []
    if auth_settings.password.refuse_common:
        try:
            CommonPasswordValidator().validate(password)
        except ValidationError:
            problems.append((ErrorCode.PASSWORD_COMPROMISED, ErrorCode.PASSWORD_COMPROMISED.value))
    for path in auth_settings.password.validators:
        try:
            import_string(path)().validate(password, _person(email=email, name=name))
        except ValidationError as refusal:
            problems.append((ErrorCode.PASSWORD_TOO_WEAK, " ".join(refusal.messages)))
    return problems


def _person(**columns: str) -> Any:
    """An unsaved user for validators that compare the password with what is known of the person."""
    model = get_user_model()
    known = {field.name for field in model._meta.get_fields()}
    return model(**{name: value for name, value in columns.items() if name in known})


def _stored(user: UserRecord) -> str | None:
    model = get_user_model()
    row = CompiledSelect(model, model._meta.pk.name, ("password",)).first(user.key)
    if row and row[0] and is_password_usable(row[0]):
        return str(row[0])
    accounts = Account.objects.filter(user_id=user.key, provider_id=CREDENTIAL, password__isnull=False)
    return accounts.values_list("password", flat=True).first()


@contextmanager
def _hashing() -> Iterator[None]:
    """Hold a slot for hashing; connections of a pool go back first."""
    give_back_connections()
    with slots.slot():
        yield


def _store(user: UserRecord, encoded: str, *, replacing: str | None = None) -> bool:
    """Write a hash where it fits. With ``replacing``, only if that is still the present one: neither an
    upgrade nor a change that knew the old password may undo a change that came between."""
    model = get_user_model()
    limit = model._meta.get_field("password").max_length or 0
    fits = len(encoded) <= limit
    with transaction.atomic():
        model._default_manager.select_for_update().filter(pk=user.key).first()
        if replacing is not None and _stored(user) != replacing:
            return False
        model._default_manager.filter(pk=user.key).update(password=encoded if fits else make_password(None))
        Account.objects.filter(user_id=user.key, provider_id=CREDENTIAL).update(
            password=None if fits else encoded
        )
    return True


def _end_waiting(user: UserRecord) -> bool:
    rows: Any = carrier_model()._default_manager.filter(pk=user.key)
    waiting = rows.filter(migration_status=MigrationStatus.PENDING)
    return bool(waiting.update(migration_status=MigrationStatus.MIGRATED))


def _upgrade(user: UserRecord, encoded: str, upgraded: str) -> bool:
    with transaction.atomic():
        if not _store(user, upgraded, replacing=encoded):
            return False
        rehashed.send(sender=None, user_key=user.key, before=encoded, after=upgraded)
        return True


def _equalize(password: str, *, done: str | None) -> None:
    """Spend what a failed check costs for anybody: today's algorithm and those of the settings, once each."""
    wanted = {get_hasher().algorithm, *auth_settings.password.equalized_algorithms}
    for algorithm in wanted - {done}:
        with suppress(ValueError):  # a format that is read, and written by nobody any more
            make_password(password, hasher=algorithm or "default")


def _fits(password: str, encoded: str | None, *, whose: str) -> bool:
    """A failure costs what it costs for anybody."""
    if encoded is None or not _is_affordable(encoded, whose):
        _equalize(password, done=None)
        return False
    if not _matches(password, encoded):
        _equalize(password, done=identify_hasher(encoded).algorithm)
        return False
    return True


def _is_affordable(encoded: str, whose: str) -> bool:
    """A hasher that the host brought along is the host's to bound; whatever else is unknown is refused."""
    try:
        hasher = identify_hasher(encoded)
        if isinstance(hasher, LegacyHasher):
            hasher.reading(encoded)
        else:
            with suppress(UnknownAlgorithm):
                ensure_affordable(encoded)
    except ValueError as refusal:
        logger.warning("password hash of user %s refused: %s", whose, type(refusal).__name__)
        return False
    return True


def _matches(password: str, encoded: str) -> bool:
    """As typed: whether a normal form was hashed is for the format to know, and for its hasher.

    The empty password fits no hash, unless an import allowed it for this one.
    """
    hasher = identify_hasher(encoded)
    try:
        return hasher.verify(password, encoded) and (bool(password) or isinstance(hasher, LegacyHasher))
    except ValueError:  # bcrypt refuses more than 72 bytes
        return False


def _strength(hasher: BasePasswordHasher) -> int:
    return FAMILY_STRENGTH.get(hasher.algorithm or "", 0)


def _should_upgrade(encoded: str) -> bool:
    stored, preferred = identify_hasher(encoded), get_hasher()
    if stored.algorithm != preferred.algorithm:
        return _strength(preferred) >= _strength(stored) and not _would_weaken(stored, encoded, preferred)
    costs = stored.decode(encoded)
    stronger = any(
        costs.get(name) and costs[name] > getattr(preferred, name, costs[name]) for name in COST_PARAMETERS
    )
    return preferred.must_update(encoded) and not stronger


def _would_weaken(stored: BasePasswordHasher, encoded: str, preferred: BasePasswordHasher) -> bool:
    """Argon2id of another system that costs no less than ours in any way, and more in some."""
    if not isinstance(stored, LegacyHasher) or preferred.algorithm != "argon2":
        return False
    costs = stored.decode(encoded)
    if costs.get("function") != "argon2id":
        return False
    pairs = [(costs[name], getattr(preferred, name)) for name in ("memory_cost", "time_cost", "parallelism")]
    return all(theirs >= ours for theirs, ours in pairs) and any(theirs > ours for theirs, ours in pairs)


def _utf16_length(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
