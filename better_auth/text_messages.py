"""Text messages to telephones: handed to the host's sender after the commit, beside the answer.

A slow gateway delays no request, and its speed does not tell whether a number is known.
"""

from __future__ import annotations

from functools import partial

from django.db import transaction
from django.utils.module_loading import import_string

from better_auth.conf import auth_settings
from better_auth.mail import Outbox

VERIFY = "verify_phone_number"
RESET = "reset_password"
# Beside that of the mails: neither waits for the other.
outbox = Outbox()


def can_be_sent() -> bool:
    return bool(auth_settings.phone_number.sender)


def send_code(purpose: str, *, to: str, code: str) -> None:
    """Queue a message once the surrounding transaction has committed."""
    name, deliver = f"text {purpose} to {mask(to)}", partial(_deliver, purpose, to, code)
    transaction.on_commit(lambda: outbox.run(name, deliver), robust=True)


def mask(number: str) -> str:
    """``…42``: enough to find a line, not enough to call."""
    return f"…{number[-2:]}"


def _deliver(purpose: str, number: str, code: str) -> None:
    sender = import_string(auth_settings.phone_number.sender or "")
    sender(phone_number=number, code=code, purpose=purpose)
