"""Ask for another e-mail address. Source: core.md, section 4, "POST /change-email"."""

from __future__ import annotations

from django.db import transaction

from better_auth import legacy, rate_limits, sessions, users, verifications
from better_auth.conf import auth_settings
from better_auth.errors import BadRequest, ErrorCode
from better_auth.events import Client, EmailChanged, EmailChangeRequested, publish
from better_auth.features.email_verification import links
from better_auth.storage.records import UserRecord


def change_email(
    user: UserRecord, *, new_email: str, callback_url: str | None, client: Client
) -> UserRecord | None:
    """Mail the link that makes the change; the user as changed where it was made at once.

    An address that is taken is answered as one that is free, and nothing is mailed.
    """
    new_email = users.normalize_email(new_email)
    _ensure_possible(user, new_email)
    rate_limits.ensure_mail_rate(new_email)
    rules = auth_settings.user
    is_at_once = not user.email_verified and rules.change_email_unverified_at_once
    # Whom a link must first prove, nobody needs to ask about.
    if users.find_by_email(new_email) or (is_at_once and legacy.find_waiting(new_email)):
        links.issue_token(email=user.email, user_id=user.id, update_to=new_email)
        return None
    if is_at_once:
        return _change_at_once(user, new_email=new_email, callback_url=callback_url, client=client)
    with transaction.atomic():
        publish(EmailChangeRequested(client=client, subject_id=user.id))
        if user.email_verified and rules.change_email_confirmation:
            links.mail_change_confirmation(user, new_email=new_email, callback_url=callback_url)
        else:
            links.mail_change(user, new_email=new_email, callback_url=callback_url)
    return None


def _ensure_possible(user: UserRecord, new_email: str) -> None:
    rules = auth_settings.user
    if not rules.change_email:
        raise BadRequest(ErrorCode.CHANGE_EMAIL_DISABLED)
    if new_email == user.email:
        raise BadRequest(message="Email is the same")
    at_once = rules.change_email_unverified_at_once and not user.email_verified
    if not auth_settings.email_verification.enabled and not at_once:
        raise BadRequest(message="Verification email isn't enabled")


def _change_at_once(
    user: UserRecord, *, new_email: str, callback_url: str | None, client: Client
) -> UserRecord | None:
    try:
        with transaction.atomic():
            changed = users.update(user, email=new_email)
            verifications.revoke_resets(subject=user.id)
            sessions.refresh_copies(user)
            publish(EmailChanged(client=client, subject_id=user.id))
            if auth_settings.email_verification.enabled:
                links.mail_verification(changed, callback_url=callback_url)
    except users.EmailTaken:
        return None
    return changed
