"""The system that people come from, while it still has a say.

Some of its people are not here yet, or came without a password: there ``lazy`` migration asks it. In
``shadow`` mode it decides for all who come from it. Whoever knows that system connects itself
(``migration_tools``); where ``MIGRATION.MODE`` is ``off``, or nobody is connected, each function here is what
our own check alone would say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from better_auth import passwords
from better_auth.conf import auth_settings
from better_auth.events import Client
from better_auth.storage.records import UserRecord


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody whose account waits there. ``subject`` stands for them where a user's id would, ``reference``
    gives them back to ``find_claim``; neither is an address."""

    name: str
    subject: str
    reference: Mapping[str, str]


class Claim(Protocol):
    """An account that waits, for somebody who has proven that its address is theirs."""

    @property
    def email(self) -> str: ...

    @property
    def name(self) -> str: ...

    def take(self, encoded_password: str, *, client: Client) -> UserRecord | None:
        """Make the user, with this password and a verified address, in the caller's transaction; where
        they came here meanwhile, that user gets the password. None where the address is another's now."""


class LegacySystem(Protocol):
    """What a connected app answers. All raise ``ServiceUnavailable`` where the system can't be asked."""

    def ensure_reachable(self, user: UserRecord | None) -> None:
        """Refuse at once where it decides about this user, and is known to be down."""

    def prove(
        self, *, email: str, password: str, user: UserRecord | None, client: Client
    ) -> UserRecord | None:
        """The user as they are now, if the password is theirs; they may just have come."""

    def find_verified_hash(self, password: str, user: UserRecord, *, client: Client) -> str | None: ...

    def waits_for_password(self, user: UserRecord) -> bool: ...

    def find_waiting(self, email: str) -> Waiting | None: ...

    def find_later(self, email: str, then: Callable[[Waiting], None]) -> None: ...

    def find_claim(self, reference: Mapping[str, str]) -> Claim | None: ...


_connected: LegacySystem | None = None


def connect(system: LegacySystem) -> None:
    """At the app's start."""
    global _connected
    _connected = system


def is_connected() -> bool:
    return _connected is not None


def ensure_reachable(user: UserRecord | None) -> None:
    """Where it is known that the legacy system can't be asked about this user: ``ServiceUnavailable``, before
    anything is counted against them."""
    system = _in_force()
    if system:
        system.ensure_reachable(user)


def prove(*, email: str, password: str, user: UserRecord | None, client: Client) -> UserRecord | None:
    """Whose password this is: ``user``, or somebody who just came over with it; None where it is wrong.

    ``email`` is normalised, ``user`` who has it here. Whoever is asked about, a failure costs the same hashes
    and as many calls of the legacy system. Raises ``ServiceUnavailable``.
    """
    system = _in_force()
    if system:
        return system.prove(email=email, password=password, user=user, client=client)
    return user if passwords.verify(password, user) else None


def find_verified_hash(password: str, user: UserRecord, *, client: Client) -> str | None:
    """``passwords.find_verified_hash``, by whoever decides about this user."""
    system = _in_force()
    if system:
        return system.find_verified_hash(password, user, client=client)
    return passwords.find_verified_hash(password, user)


def has_password(user: UserRecord) -> bool:
    """Here, or there."""
    if passwords.has_password(user):
        return True
    system = _in_force()
    return system is not None and system.waits_for_password(user)


def find_waiting(email: str) -> Waiting | None:
    """Who has this address there and is not here yet: no stranger is to outrun them by signing up with it."""
    system = _in_force()
    return system.find_waiting(email) if system else None


def find_later(email: str, then: Callable[[Waiting], None]) -> None:
    """The same beside the answer, so that neither it nor its time tells. ``then`` hears of who waits."""
    system = _in_force()
    if system:
        system.find_later(email, then)


def find_claim(reference: Mapping[str, str]) -> Claim | None:
    """The account that ``Waiting`` told of, if it still waits."""
    system = _in_force()
    return system.find_claim(reference) if system else None


def _in_force() -> LegacySystem | None:
    return _connected if auth_settings.migration.mode != "off" else None
