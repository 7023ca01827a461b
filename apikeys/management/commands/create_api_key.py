"""``manage.py create_api_key``: a key for a program, made by an operator."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections import defaultdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apikeys.server_calls import create_api_key
from better_auth import users
from better_auth.errors import AuthError


class Command(BaseCommand):
    help = "Create an API key and print it, once."

    def add_arguments(self, parser: CommandParser) -> None:
        owner = parser.add_mutually_exclusive_group(required=True)
        owner.add_argument("--user", metavar="ADDRESS", help="e-mail address, or id, of the owner")
        owner.add_argument("--organization", metavar="ID", help="of the organization that owns it")
        parser.add_argument("--config", metavar="ID", help="the configuration (default: default)")
        parser.add_argument("--name")
        parser.add_argument("--prefix")
        parser.add_argument("--days", type=int, metavar="N", help="expires in so many days")
        parser.add_argument("--remaining", type=int, metavar="N", help="good for so many uses")
        parser.add_argument(
            "--permission", type=_permission, action="append", metavar="RESOURCE:ACTION", default=[]
        )
        limit = parser.add_mutually_exclusive_group()
        limit.add_argument("--unlimited", action="store_true", help="no limit of its own")
        limit.add_argument("--limit", type=_limit, metavar="N/SECONDS", help="so many uses in that time")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = create_api_key(
                user_id=self._user_id(options["user"]) if options["user"] else "",
                organization_id=options["organization"] or "",
                config_id=options["config"],
                **_members(options),
            )
        except AuthError as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(self.style.SUCCESS(f"API key {made['id']} created ({made['start']}…)."))
        self.stdout.write(f"Shown only this once: {made['key']}")

    def _user_id(self, text: str) -> str:
        user = users.find_by_email(text) if "@" in text else users.find_by_id(text)
        if user is None:
            raise CommandError(f"There is no user {text}.")
        return user.id


def _members(options: dict[str, Any]) -> dict[str, Any]:
    """As the protocol names them; what was not said is left out."""
    granted: dict[str, list[str]] = defaultdict(list)
    for resource, action in options["permission"]:
        granted[resource].append(action)
    members = {
        "name": options["name"],
        "prefix": options["prefix"],
        "expiresIn": options["days"] * 86400 if options["days"] is not None else None,
        "remaining": options["remaining"],
        "permissions": dict(granted) or None,
        "rateLimitEnabled": False if options["unlimited"] else None,
    }
    if options["limit"]:
        members["rateLimitMax"], members["rateLimitTimeWindow"] = options["limit"]
    return {name: value for name, value in members.items() if value is not None}


def _permission(text: str) -> tuple[str, str]:
    resource, _, action = text.partition(":")
    if not (resource and action):
        raise ArgumentTypeError(f"expected RESOURCE:ACTION, got {text!r}")
    return resource, action


def _limit(text: str) -> tuple[int, int]:
    """Uses, and the window in milliseconds."""
    uses, _, seconds = text.partition("/")
    if not (uses.isdecimal() and seconds.isdecimal() and int(uses) and int(seconds)):
        raise ArgumentTypeError(f"expected N/SECONDS as 100/60, got {text!r}")
    return int(uses), int(seconds) * 1000
