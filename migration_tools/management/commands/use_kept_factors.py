"""``manage.py use_kept_factors``: second factors and passkeys that earlier runs only kept come into use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from better_auth import users
from better_auth.events import PasskeyRemoved, TwoFactorDisabled, TwoFactorRemoved
from better_auth.models import AuditEntry
from migration_tools import factor_rows, passkey_rows
from migration_tools.models import KeptFactors

GIVEN_UP = (TwoFactorDisabled.type, TwoFactorRemoved.type)
REMOVED = (PasskeyRemoved.type,)


class Command(BaseCommand):
    help = (
        "Runs bring second factors and passkeys into use. For those that a run has only kept, before this "
        "server knew what to do with them: who was asked for a code there is asked for it here from now on, "
        "and their passkeys sign in. Whoever has enrolled here or has given it up is left alone. Safe to run "
        "twice, or again after a stop."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--source", help="only those of this source")
        parser.add_argument("--dry-run", action="store_true", help="only count")

    def handle(self, *args: Any, source: str | None, dry_run: bool, **options: Any) -> None:
        rows = KeptFactors.objects.order_by("pk")
        rows = rows.filter(source=source) if source else rows
        used = passkeys = 0
        for row in rows.values("pk", "user_id", "sealed").iterator(chunk_size=500):
            used += _use(row, dry_run=dry_run)
            passkeys += _use_passkeys(row, dry_run=dry_run)
        self.stdout.write(f"{used} users {'would be' if dry_run else 'are'} asked for what they had there")
        self.stdout.write(f"{passkeys} passkeys {'would sign' if dry_run else 'sign'} in here")


def _use(row: Mapping[str, Any], *, dry_run: bool) -> bool:
    user = users.find_by_key(row["user_id"])
    content = factor_rows.content_of(row)
    if user is None or factor_rows.usable(user.key, content) is None:
        return False
    if AuditEntry.objects.filter(event_type__in=GIVEN_UP, subject_id=user.id).exists():
        return False
    with transaction.atomic():
        users.lock(user)
        followed = factor_rows.follow(users.get(user), before=None, after=content)
        transaction.set_rollback(dry_run)
    return followed


def _use_passkeys(row: Mapping[str, Any], *, dry_run: bool) -> int:
    user, content = users.find_by_key(row["user_id"]), factor_rows.content_of(row)
    if user is None or AuditEntry.objects.filter(event_type__in=REMOVED, subject_id=user.id).exists():
        return 0
    with transaction.atomic():
        users.lock(user)
        brought = passkey_rows.bring([(user.key, content)])
        transaction.set_rollback(dry_run)
    return brought
