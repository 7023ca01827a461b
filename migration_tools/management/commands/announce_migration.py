"""``manage.py announce_migration``: look at the mail for those who were moved, and send it, in batches."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from django.core.management.base import CommandError, CommandParser
from django.utils.module_loading import import_string

from better_auth.conf import auth_settings
from better_auth.mail import mask, rendered
from migration_tools import announcing
from migration_tools.announcing import LogRefused, Recipient, SentLog
from migration_tools.console.arguments import positive
from migration_tools.console.ending import Scripted, terminable
from migration_tools.console.exits import Exit
from migration_tools.console.jobs import default_name, emails_in
from migration_tools.console.told import Terminal, ensure_ready
from migration_tools.sources import SourceFault

Chosen = Callable[[], Iterator[Recipient]]


class Command(Scripted):
    help = (
        "Show the mail that tells people of the move, as the first of them would get it; --to sends that one "
        "to you, --send sends all. Templates: migration_tools/email/moved.{subject.txt,txt,html}."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.epilog = (
            "exit codes: 0 done · 1 refused · 2 some could not be sent: call it again · 3 interrupted"
        )
        add = parser.add_argument
        add("--source", metavar="S", help="people of this source")
        add("--name", help="… by its name in the journal")
        add("--url", required=True, help="the page to sign in at, or for --needs-reset to ask for a reset")
        add(
            "--needs-reset",
            action="store_true",
            help="only those who came without a password, not the others",
        )
        add("--only-emails", metavar="FILE", help="only users whose address is a line of FILE")
        modes = parser.add_mutually_exclusive_group()
        modes.add_argument("--to", metavar="ADDRESS", help="send the example to this address")
        modes.add_argument("--send", action="store_true", help="send to all")
        add("--sent", metavar="FILE", help="with --send: remembers who was written to; keep it")
        add("--batch-size", type=positive, default=100, metavar="N", help="mails before each pause (100)")
        add("--pause", type=float, default=10.0, metavar="SECONDS", help="between two batches (10)")
        add("--limit", type=positive, metavar="N", help="at most N mails this time")
        add("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        ensure_ready()
        try:
            with terminable():
                code = self._dispatch(options)
        except (SourceFault, LogRefused) as refusal:
            raise CommandError(str(refusal), returncode=Exit.REFUSED) from None
        except KeyboardInterrupt:
            raise CommandError("interrupted; the same command goes on", returncode=Exit.STOPPED) from None
        if code != Exit.DONE:
            raise SystemExit(code)

    def _dispatch(self, options: dict[str, Any]) -> Exit:
        name = options["name"] or default_name(options["source"])
        if not name:
            raise CommandError("--source or --name is wanted")
        if urlsplit(options["url"]).scheme not in ("https", "http"):
            raise CommandError("--url: https://…")
        emails = emails_in(options["only_emails"])

        def chosen() -> Iterator[Recipient]:
            for one in announcing.recipients(name, emails=emails):
                if one.needs_reset == options["needs_reset"]:
                    yield one

        first = next(chosen(), None)
        if first is None:
            raise CommandError(f"there is nobody to write to among those brought from {name}")
        return self._send(chosen, options) if options["send"] else self._show(first, chosen, options)

    def _show(self, first: Recipient, chosen: Chosen, options: dict[str, Any]) -> Exit:
        message = first.message(options["url"], to=options["to"])
        subject, text, _ = rendered(message)
        self.stdout.write(f"Subject: {subject}\n\n{text}")
        self.stdout.write(f"{sum(1 for _ in chosen()):,} people would get it.")
        if options["to"]:
            try:
                import_string(auth_settings.mail.sender)(message)
            except Exception as fault:  # a host's sender and every mail backend have failures of their own
                raise CommandError(f"it could not be sent: {type(fault).__name__}") from None
            self.stdout.write(f"This one was sent to {options['to']}.")
        return Exit.DONE

    def _send(self, chosen: Chosen, options: dict[str, Any]) -> Exit:
        if not options["sent"]:
            raise CommandError("--send wants --sent FILE, so that nobody gets the mail twice")
        terminal = Terminal(self.stdout, self.style, options["yes"])
        with announcing.sent_log(options["sent"]) as log:
            left = sum(not log.is_done(one) for one in chosen())
            count = min(left, options["limit"] or left)
            if count:
                terminal.ensure_sure(f"Write to {count:,} people?")
            waiting = (one for one in chosen() if not log.is_done(one))
            counts = self._send_all(islice(waiting, count), count, log, options)
            self.stdout.write(
                f"{counts['sent']:,} sent, {counts['failed']:,} failed, {left - count:,} are left."
            )
        return Exit.INCOMPLETE if counts["failed"] else Exit.DONE

    def _send_all(
        self, waiting: Iterator[Recipient], count: int, log: SentLog, options: dict[str, Any]
    ) -> Counter[str]:
        counts: Counter[str] = Counter()
        for number, recipient in enumerate(waiting):
            if number and number % options["batch_size"] == 0:
                self.stdout.write(f"{number:,} of {count:,}")
                self.stdout.flush()
                time.sleep(options["pause"])
            fault = announcing.send(recipient, options["url"], log)
            counts["failed" if fault else "sent"] += 1
            if fault:
                self.stdout.write(self.style.WARNING(f"{mask(recipient.email)}: {type(fault).__name__}"))
        return counts
