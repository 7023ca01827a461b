"""Mail: rendered from templates, sent after the commit, beside the answer.

A slow or broken mail server neither delays nor fails a request, nor does its speed tell whether an address
exists. Templates: ``<app>/email/<name>.{subject.txt,txt,html}``.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string
from django.utils.module_loading import import_string

from better_auth.conf import auth_settings

logger = logging.getLogger("better_auth.mail")

# The answer goes first: rendering a mail beside it would slow it, and tell that there is one to send.
HEAD_START_SECONDS = 0.1


URI_COMPONENT = "-_.!~*'()"
LONGEST_GREETED_NAME = 60
LIKE_AN_ADDRESS = re.compile(r"[/:@\\]|\w\.\w|www")


@dataclass(frozen=True, slots=True)
class Message:
    """``template``: path without its endings, such as ``better_auth/email/reset_password``."""

    template: str
    to: str
    context: Mapping[str, Any] = field(repr=False)


class Outbox:
    """A bounded queue with one sender thread."""

    def __init__(self) -> None:
        self._executor: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()
        self._waiting = 0

    def put(self, message: Message) -> None:
        """Queue the message; one that finds the queue full is dropped, with a log line."""
        name = f"mail {message.template} to {mask(message.to)}"
        self.run(name, lambda: import_string(auth_settings.mail.sender)(message))

    def run(self, name: str, deliver: Callable[[], object]) -> None:
        """Queue whatever hands a message over; ``name`` is for the log, and names no secret."""
        with self._lock:
            if self._waiting >= auth_settings.mail.max_queued:
                logger.error("%s dropped: %d are waiting already", name, self._waiting)
                return
            self._waiting += 1
            self._executor = self._executor or ThreadPoolExecutor(1, thread_name_prefix="better-auth-mail")
        self._executor.submit(self._deliver, name, deliver, time.monotonic() + HEAD_START_SECONDS)

    def wait(self) -> None:
        """Return when everything that is queued now has been handed over."""
        if self._executor:
            self._executor.submit(lambda: None).result()

    def _deliver(self, name: str, deliver: Callable[[], object], not_before: float) -> None:
        time.sleep(max(0.0, not_before - time.monotonic()))
        try:
            deliver()
        except Exception as fault:  # a host's sender and every mail backend have failures of their own
            logger.error("%s failed: %s", name, type(fault).__name__)
        finally:
            with self._lock:
                self._waiting -= 1


outbox = Outbox()


def send(template: str, *, to: str, name: str = "", **context: Any) -> None:
    """Queue a mail once the surrounding transaction has committed. ``name``: whom it greets."""
    greeted = name if is_fit_to_greet(name) else ""
    message = Message(template, to, {"app_name": auth_settings.app_name, "name": greeted, **context})
    transaction.on_commit(lambda: outbox.put(message), robust=True)


def hand_over(path: str, /, **message: Any) -> None:
    """Give a message to a callable of the host's, as mails are sent: after the commit, beside the answer."""
    transaction.on_commit(lambda: outbox.run(path, lambda: import_string(path)(**message)), robust=True)


def send_with_django(message: Message) -> None:
    """Render the three templates and hand the mail to Django's e-mail backend."""
    subject, text, html = rendered(message)
    # RFC 3834: no machine need answer.
    mail = EmailMultiAlternatives(
        subject, text, to=[message.to], headers={"Auto-Submitted": "auto-generated"}
    )
    mail.attach_alternative(html, "text/html")
    mail.send()


def rendered(message: Message) -> tuple[str, str, str]:
    """Subject, text and HTML."""
    context = dict(message.context)
    subject = " ".join(render_to_string(f"{message.template}.subject.txt", context).split())
    text, html = (render_to_string(f"{message.template}.{kind}", context) for kind in ("txt", "html"))
    return subject, text, html


def link(path: str, **query: str) -> str:
    """An address below the public origin, never that of a request; encoded as ``encodeURIComponent`` does."""
    text = "&".join(f"{name}={quote(value, safe=URI_COMPONENT)}" for name, value in query.items())
    return f"{auth_settings.base_url}{auth_settings.base_path}{path}?{text}"


def is_fit_to_greet(name: str) -> bool:
    """Anybody can sign up with anybody's address: a name that reads like an advertisement or an address of
    the web stays out of the mail that a stranger then gets."""
    return len(name) <= LONGEST_GREETED_NAME and not LIKE_AN_ADDRESS.search(name)


def mask(email: str) -> str:
    """``a…@example.com``: enough to find a line, not enough to harvest an address."""
    local, _, domain = email.partition("@")
    return f"{local[:1]}…@{domain}"
