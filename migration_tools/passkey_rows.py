"""Passkeys of the other system in use here, as far as their form is known; and out of use again.

They sign in only if the domain stays: nothing of what systems keep tells which one theirs are bound to. What
is kept of them, encrypted, stays what the source has (``keeping``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from better_auth import clock
from better_auth.models import Passkey
from better_auth.storage import bulk
from migration_tools import sealing
from migration_tools.legacy_passkeys import UsablePasskey, usable
from migration_tools.models import KeptFactors

Content = Mapping[str, Any]


def bring(coming: Sequence[tuple[Any, Content | None]]) -> int:
    """``coming``: keys of users who are here now, with what is kept of them. A credential that somebody has
    already stays theirs. How many are in use now that were not.

    Raises ``IntegrityError`` where somebody was quicker; nothing of the transaction may be kept then.
    """
    told = {one.credential_id: (key, one) for key, content in coming for one in _of(content).values()}
    if not told:
        return 0
    taken = set(Passkey.objects.filter(credential_id__in=list(told)).values_list("credential_id", flat=True))
    rows = [_row(key, one) for credential, (key, one) in told.items() if credential not in taken]
    if rows:
        bulk.insert(Passkey, rows)
    return len(rows)


def credentials_of(user_key: Any) -> list[str]:
    """Those that the user has now, whatever they came from."""
    return list(Passkey.objects.filter(user_id=user_key).values_list("credential_id", flat=True))


def follow(
    user_key: Any, *, before: Content | None, after: Content | None, keep: Collection[str] = ()
) -> None:
    """The other system's passkeys of this user were ``before`` and are ``after`` now.

    What came from there and is there no more goes, but for the credentials to ``keep``; what is new there
    comes. Those of ``before`` that were removed here stay removed, and those that were registered here are
    left alone.
    """
    was, now = _of(before), _of(after)
    gone = [one for credential, one in was.items() if credential not in now and credential not in keep]
    for one in gone:
        own = Passkey.objects.filter(user_id=user_key, credential_id=one.credential_id)
        own.filter(public_key=one.public_key).delete()
    fresh = {credential: one for credential, one in now.items() if credential not in was}
    if fresh:
        bring([(user_key, {"passkeys": [one for one in (after or {})["passkeys"] if _is_in(one, fresh)]})])


def brought(user_keys: Collection[Any], sources: Iterable[str]) -> set[str]:
    """The ids of passkeys of these users that came from the sources. That one was used, or has another name,
    is nothing that a rollback would lose."""
    rows = list(
        Passkey.objects.filter(user_id__in=list(user_keys)).values_list(
            "pk", "user_id", "credential_id", "public_key"
        )
    )
    if not rows:
        return set()
    came: dict[Any, dict[str, str]] = {}
    kept = KeptFactors.objects.filter(source__in=list(sources), user_id__in={key for _, key, _, _ in rows})
    for key, sealed in kept.values_list("user_id", "sealed"):
        try:
            found = _of(sealing.unseal(sealed))
        except sealing.Unreadable:
            continue
        came.setdefault(key, {}).update({name: one.public_key for name, one in found.items()})
    return {pk for pk, key, credential, public in rows if came.get(key, {}).get(credential) == public}


def _of(content: Content | None) -> dict[str, UsablePasskey]:
    return usable((content or {}).get("passkeys", ()))


def _is_in(told: Any, wanted: Mapping[str, UsablePasskey]) -> bool:
    return bool(usable([told]).keys() & wanted.keys())


def _row(user_key: Any, one: UsablePasskey) -> dict[str, Any]:
    return {
        "user_id": user_key,
        "name": one.name,
        "public_key": one.public_key,
        "credential_id": one.credential_id,
        "counter": one.counter,
        "device_type": one.device_type,
        "backed_up": one.backed_up,
        "transports": one.transports,
        "aaguid": one.aaguid,
        "created_at": one.created_at or clock.now(),
    }
