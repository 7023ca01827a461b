"""``manage.py check_providers``: whether people can sign in with the providers of the settings."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from better_auth.providers import registry
from better_auth.providers.health import examine


class Command(BaseCommand):
    help = "Ask each provider of SOCIAL.PROVIDERS, and say what is missing or can't be reached."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("provider", nargs="*", help="Only these; all by default.")

    def handle(self, *args: Any, provider: list[str], **options: Any) -> None:
        known = registry.providers()
        unknown = [one for one in provider if one not in known]
        wrong = [*registry.mistakes(), *(f"{one}: not in SOCIAL.PROVIDERS" for one in unknown)]
        for mistake in wrong:
            self.stdout.write(mistake)
        failed = len(wrong)
        for one in known.values():
            if provider and one.id not in provider:
                continue
            findings = examine(one)
            for finding in findings:
                self.stdout.write(f"{one.id}: {'' if finding.is_error else 'note: '}{finding.text}")
            failed += any(finding.is_error for finding in findings)
            if not any(finding.is_error for finding in findings):
                self.stdout.write(f"{one.id}: ready, sends people back to {one.redirect_uri}")
        if not known and not wrong:
            self.stdout.write("No provider is configured: see docs/social.md.")
        if failed:
            raise CommandError(f"{failed} can't be used as they are.")
