"""Accounts that wait in the legacy system, claimed by a link that was mailed to their address.

Nobody learns from an answer that there is one: the mail alone tells, and only its reader can claim.
"""

from __future__ import annotations

from functools import partial

from django.db import transaction

from better_auth import legacy, mail, rate_limits, users, verifications
from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import new_reset_token
from better_auth.errors import TooManyRequests
from better_auth.events import Client, PasswordResetRequested, publish
from better_auth.legacy import Claim, Waiting
from better_auth.verifications import Purpose, VerificationRecord

CLAIM = "claim"


def offer(email: str, *, redirect_to: str, client: Client) -> None:
    """Beside the answer to a request for a reset: mail a link to the address, if somebody waits there."""
    address = users.normalize_email(email)
    legacy.find_later(address, partial(_mail, "reset_password", address, redirect_to, client))


def offer_at_sign_up(waiting: Waiting, email: str, *, client: Client) -> None:
    """The same for somebody who signs up, where the settings name the page that takes the new password."""
    address, page = users.normalize_email(email), auth_settings.email_password.reset_page
    if not page or not auth_settings.email_password.reset_enabled:
        return
    try:
        rate_limits.ensure_mail_rate(address)
    except TooManyRequests:  # the answer must not tell
        return
    _mail("claim_account", address, page, client, waiting)


def find(waiting: VerificationRecord) -> Claim | None:
    """The account that a link claims; None where it waits no more. Raises ``ServiceUnavailable``."""
    return legacy.find_claim(waiting.payload[CLAIM])


def _mail(template: str, address: str, redirect_to: str, client: Client, waiting: Waiting) -> None:
    rules, token = auth_settings.email_password, new_reset_token()
    with transaction.atomic():
        verifications.issue(
            purpose=Purpose.RESET_PASSWORD,
            token=token,
            subject=waiting.subject,
            expires_in=rules.reset_expires_in,
            payload={CLAIM: dict(waiting.reference)},
        )
        publish(PasswordResetRequested(client=client, details={"reason": "waits_elsewhere"}))
        url = mail.link(f"/reset-password/{token}", callbackURL=redirect_to)
        minutes = rules.reset_expires_in // 60
        mail.send(f"better_auth/email/{template}", to=address, name=waiting.name, url=url, minutes=minutes)
