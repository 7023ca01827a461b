"""The lifecycle of passkeys, and the only writer of them but for the migration."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.db.models import Q

from better_auth import clock
from better_auth.crypto.passkey_answers import NewCredential
from better_auth.models import Account, Passkey
from better_auth.storage.records import UserRecord


@dataclass(frozen=True, slots=True)
class PasskeyRecord:
    """``user_key`` is the host's primary key; ``public_key`` standard base64, ``credential_id`` base64url."""

    id: str
    user_key: Any
    name: str | None
    public_key: str
    credential_id: str
    counter: int
    device_type: str
    backed_up: bool
    transports: str | None
    aaguid: str | None
    created_at: datetime | None
    last_used_at: datetime | None


class AlreadyRegistered(Exception):
    """This credential is somebody's passkey."""


class LastWayIn(Exception):
    """Without this passkey the user could not sign in any more."""


def list_for(user: UserRecord) -> list[PasskeyRecord]:
    return [_record(row) for row in _of(user).order_by("created_at", "id")]


def find(passkey_id: str) -> PasskeyRecord | None:
    """By its id, whoever's it is."""
    row = Passkey.objects.filter(pk=passkey_id).first()
    return _record(row) if row else None


def find_by_credential(credential_id: str) -> PasskeyRecord | None:
    row = Passkey.objects.filter(credential_id=credential_id).first()
    return _record(row) if row else None


def add(user: UserRecord, credential: NewCredential, *, name: str | None) -> PasskeyRecord:
    """Keep a verified credential. Raises ``AlreadyRegistered``, also where two register it at once."""
    row = Passkey(
        user_id=user.key,
        name=name,
        public_key=credential.public_key,
        credential_id=credential.credential_id,
        counter=credential.counter,
        device_type=credential.device_type,
        backed_up=credential.backed_up,
        transports=credential.transports,
        aaguid=credential.aaguid,
        created_at=clock.now(),
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        if Passkey.objects.filter(credential_id=credential.credential_id).exists():
            raise AlreadyRegistered(credential.credential_id) from None
        raise
    return _record(row)


def note_use(passkey: PasskeyRecord, *, counter: int, backed_up: bool) -> bool:
    """Put the counter forward; False where it does not go forward, and nothing is written.

    One statement: of two answers with the same counter one is taken. Devices that don't count always say 0
    (WebAuthn, section 6.1.1).
    """
    goes_forward = Q(counter__lt=counter) if counter else Q(counter=0)
    rows = Passkey.objects.filter(goes_forward, pk=passkey.id)
    return bool(rows.update(counter=counter, backed_up=backed_up, last_used_at=clock.now()))


def rename(user: UserRecord, passkey_id: str, name: str) -> PasskeyRecord | None:
    """None where the user has no such passkey."""
    _of(user).filter(pk=passkey_id).update(name=name)
    row = _of(user).filter(pk=passkey_id).first()
    return _record(row) if row else None


def remove(user: UserRecord, passkey_id: str, *, allow_last: bool) -> PasskeyRecord | None:
    """Take a passkey away; None where the user has no such.

    The user's row is locked first, so that of two parallel calls on the last two one is refused. Raises
    ``LastWayIn`` for the last passkey of somebody without an account, unless ``allow_last``.
    """
    with transaction.atomic():
        get_user_model()._default_manager.select_for_update().get(pk=user.key)
        rows = list(_of(user))
        row = next((one for one in rows if one.pk == passkey_id), None)
        if row is None:
            return None
        if len(rows) == 1 and not allow_last and not Account.objects.filter(user_id=user.key).exists():
            raise LastWayIn
        record = _record(row)
        row.delete()
        return record


def remove_all(user: UserRecord) -> int:
    """Take all of them away, also the last way in: an operator's doing. How many there were."""
    removed, _ = _of(user).delete()  # nothing hangs on them
    return int(removed)


def _of(user: UserRecord) -> Any:
    return Passkey.objects.filter(user_id=user.key)


def _record(row: Passkey) -> PasskeyRecord:
    return PasskeyRecord(
        id=row.pk,
        user_key=row.user_id,
        name=row.name,
        public_key=row.public_key,
        credential_id=row.credential_id,
        counter=row.counter,
        device_type=row.device_type,
        backed_up=row.backed_up,
        transports=row.transports,
        aaguid=row.aaguid,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
    )
