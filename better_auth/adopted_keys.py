"""Signing keys of another server with our secret: tokens that it made go on verifying here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from better_auth import clock
from better_auth.models import SigningKey

# Instead of the key that each of ours replaces.
ADOPTED = "adopted:"


@dataclass(frozen=True, slots=True)
class AdoptedKey:
    """As the protocol's table has it: JWK texts, the private one encrypted."""

    kid: str
    alg: str
    crv: str | None
    public_key: str
    private_key: str = field(repr=False)
    created_at: datetime


def adopt(keys: Sequence[AdoptedKey]) -> list[str]:
    """Let these keys verify here, through our grace time; they sign nothing. The ids of those that are new.

    Processes see them when they next meet a token of theirs.
    """
    now = clock.now()
    there = set(SigningKey.objects.filter(pk__in=[key.kid for key in keys]).values_list("pk", flat=True))
    rows = [
        SigningKey(
            id=key.kid,
            alg=key.alg,
            crv=key.crv,
            public_key=key.public_key,
            private_key=key.private_key,
            replaces=f"{ADOPTED}{key.kid}",
            created_at=key.created_at,
            signs_from=min(key.created_at, now),
            expires_at=now,
        )
        for key in keys
        if key.kid not in there
    ]
    SigningKey.objects.bulk_create(rows)
    return [row.pk for row in rows]


def disown(kids: Sequence[str]) -> None:
    """Undo ``adopt``; within a minute nobody believes these keys any more."""
    SigningKey.objects.filter(pk__in=list(kids), replaces__startswith=ADOPTED).delete()
