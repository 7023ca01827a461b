"""Organizations whose members must have a second factor, for ``TWO_FACTOR.REQUIRED_BY``.

One says so in its metadata, ``{"requireTwoFactor": true}``, which whoever may update it may write.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from better_auth.storage.local_sessions import name_of_user
from better_auth.storage.records import UserRecord
from better_auth.storage.remembered import Remembered
from organizations.current import name_of
from organizations.models import Member

MEMBER_OF_METADATA = "requireTwoFactor"
_required: Remembered[bool] = Remembered()


def is_required(user: UserRecord) -> bool:
    """Whether one of the user's organizations asks for it; as of at most some seconds ago."""

    def read() -> tuple[bool, Sequence[str]]:
        rows = Member.objects.filter(user_id=user.key)
        found = list(rows.values_list("organization_id", "organization__metadata"))
        names = (name_of_user(user.key), *(name_of(place) for place, _ in found))
        return any(_asks(metadata) for _, metadata in found), names

    return _required.find(str(user.key), read) or False


def _asks(metadata: str | None) -> bool:
    try:
        told = json.loads(metadata or "null")
    except ValueError:
        return False
    return isinstance(told, dict) and told.get(MEMBER_OF_METADATA) is True
