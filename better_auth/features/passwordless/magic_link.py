"""Sign in by a mailed link. Source: passwordless.md, section 1."""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from better_auth import mail, rate_limits, users, verifications
from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import random_string, token_digest
from better_auth.errors import AuthError, ErrorCode
from better_auth.events import AuthMethod, Client, Event, SignInFailed, publish
from better_auth.features.passwordless.proven_address import Arrival, Entered, enter
from better_auth.verifications import Purpose, VerificationRecord

FEATURE = "magic_link"
TOKEN_LENGTH = 32


class MagicLinkRequested(Event):
    type = "magic_link_requested"


class LinkRefused(Exception):
    """``error`` and ``description`` go into the query of the page that people are sent to."""

    def __init__(self, error: str, description: str = "") -> None:
        super().__init__(error)
        self.error, self.description = error, description


def is_on() -> bool:
    return FEATURE in auth_settings.features


def request_magic_link(
    *, email: str, name: str, targets: Mapping[str, str], metadata: Mapping[str, Any] | None, client: Client
) -> None:
    """Mail a link, whether somebody has the address or not; links that were mailed before are void.

    ``targets``: the pages that the link leads to, as members of its query.
    """
    address = users.normalize_email(email)
    rate_limits.ensure_mail_rate(address)
    known = users.find_by_email(address)
    token = random_string(TOKEN_LENGTH, string.ascii_letters)
    rules, subject = auth_settings.magic_link, token_digest(address)
    with transaction.atomic():
        verifications.revoke(purpose=Purpose.MAGIC_LINK, subject=subject)
        verifications.issue(
            purpose=Purpose.MAGIC_LINK,
            token=token,
            subject=subject,
            expires_in=rules.expires_in,
            payload={"email": address, "name": name},
        )
        publish(MagicLinkRequested(client=client, subject_id=known.id if known else ""))
        url = mail.link("/magic-link/verify", token=token, **({"callbackURL": "/"} | dict(targets)))
        if rules.sender:
            mail.hand_over(rules.sender, email=address, url=url, token=token, metadata=metadata)
            return
        minutes = max(1, rules.expires_in // 60)
        greeted = known.name if known else name
        mail.send("better_auth/email/magic_link", to=address, name=greeted, url=url, minutes=minutes)


def verify_magic_link(token: str, *, client: Client) -> Entered:
    """Spend the link and sign in. Of any number of parallel uses one gets through.

    Raises ``LinkRefused``, also for what a host's hook refuses; a ban is told by ``Forbidden``.
    """
    try:
        with transaction.atomic():
            spent = verifications.consume(purpose=Purpose.MAGIC_LINK, token=token)
            entered = _enter(spent, client) if spent else None
    except AuthError as refusal:
        if refusal.code is ErrorCode.BANNED_USER or refusal.status >= 500:
            raise
        error = refusal.code.name if refusal.code else "failed_to_create_session"
        raise LinkRefused(error, refusal.message or "") from None
    if entered is None:
        reason = "sign_up_disabled" if spent else "invalid_token"
        publish(SignInFailed(client=client, method=AuthMethod.MAGIC_LINK, details={"reason": reason}))
        raise LinkRefused("new_user_signup_disabled" if spent else ErrorCode.INVALID_TOKEN.name)
    return entered


def _enter(spent: VerificationRecord, client: Client) -> Entered | None:
    verifications.revoke(purpose=Purpose.MAGIC_LINK, subject=spent.subject)  # of the same moment
    return enter(
        Arrival(spent.payload["email"], spent.payload["name"]),
        may_sign_up=not auth_settings.magic_link.disable_sign_up,
        method=AuthMethod.MAGIC_LINK,
        client=client,
    )
