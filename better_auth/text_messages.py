"""Text messages to telephones: handed to the host's sender after the commit, beside the answer.

A slow gateway delays no request, and its speed does not tell whether a number is known.
"""

from __future__ import annotations

import logging
import time

from django.db import transaction
from django.utils.module_loading import import_string

from better_auth.conf import auth_settings
from better_auth.mail import Message, Outbox

logger = logging.getLogger("better_auth.text_messages")

VERIFY = "verify_phone_number"
RESET = "reset_password"


class TextOutbox(Outbox):
    """A bounded queue with one sender thread, as mails have."""

    def _deliver(self, message: Message, not_before: float) -> None:
        time.sleep(max(0.0, not_before - time.monotonic()))
        try:
            import_string(auth_settings.phone_number.sender or "")(
                phone_number=message.to, code=message.context["code"], purpose=message.template
            )
        except Exception as fault:  # every gateway has failures of its own
            logger.error("text %s to %s failed: %s", message.template, mask(message.to), type(fault).__name__)
        finally:
            with self._lock:
                self._waiting -= 1


outbox = TextOutbox()


def can_be_sent() -> bool:
    return bool(auth_settings.phone_number.sender)


def send_code(purpose: str, *, to: str, code: str) -> None:
    """Queue a message once the surrounding transaction has committed."""
    message = Message(purpose, to, {"code": code})
    transaction.on_commit(lambda: outbox.put(message), robust=True)


def mask(number: str) -> str:
    """``…42``: enough to find a line, not enough to call."""
    return f"…{number[-2:]}"
