"""Reset a forgotten password by a mailed link. Source: core.md, section 5."""

from __future__ import annotations

from django.db import transaction

from better_auth import accounts, mail, passwords, rate_limits, sessions, users, verifications
from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import new_reset_token
from better_auth.errors import BadRequest, ErrorCode
from better_auth.events import Client, PasswordReset, PasswordResetRequested, publish
from better_auth.features.email_password import claims
from better_auth.storage.records import UserRecord
from better_auth.verifications import Purpose


def request_password_reset(*, email: str, redirect_to: str, client: Client, actor_id: str = "") -> None:
    """Mail a link, if the address is known; nobody learns whether it is.

    Several links may be out at once; the first one used voids them all. ``actor_id`` is the operator who
    sends it, where it was not asked for by the user. For somebody whose account waits in the legacy system
    the link claims it.
    """
    rules = auth_settings.email_password
    if not rules.reset_enabled:
        raise BadRequest(ErrorCode.RESET_PASSWORD_DISABLED)
    rate_limits.ensure_mail_rate(users.normalize_email(email))
    token = new_reset_token()
    user = users.find_by_email(email)
    if user is None:
        _pretend(token, expires_in=rules.reset_expires_in, client=client)
        claims.offer(email, redirect_to=redirect_to, client=client)
        return
    with transaction.atomic():
        verifications.issue(
            purpose=Purpose.RESET_PASSWORD, token=token, subject=user.id, expires_in=rules.reset_expires_in
        )
        publish(PasswordResetRequested(client=client, subject_id=user.id, actor_id=actor_id))
        url = mail.link(f"/reset-password/{token}", callbackURL=redirect_to)
        minutes = rules.reset_expires_in // 60
        mail.send("better_auth/email/reset_password", to=user.email, name=user.name, url=url, minutes=minutes)


def _pretend(token: str, *, expires_in: int, client: Client) -> None:
    """Write what a link for a user writes, and keep nothing but the record: the answer takes as long."""
    with transaction.atomic():
        verifications.issue(purpose=Purpose.RESET_PASSWORD, token=token, subject="", expires_in=expires_in)
        verifications.revoke(purpose=Purpose.RESET_PASSWORD, subject="")
        publish(PasswordResetRequested(client=client, details={"reason": "unknown_user"}))


def is_reset_token(token: str) -> bool:
    return verifications.find(purpose=Purpose.RESET_PASSWORD, token=token) is not None


def reset_password(*, token: str | None, new_password: str, client: Client) -> None:
    """Spend the token and set the password. A password that is refused leaves the token usable.

    Of any number of parallel tries one gets through. Every other link for a reset is void afterwards.
    """
    if not token:
        raise BadRequest(ErrorCode.INVALID_TOKEN)
    passwords.ensure_length(new_password)
    waiting = verifications.find(purpose=Purpose.RESET_PASSWORD, token=token)
    if waiting is None:
        raise BadRequest(ErrorCode.INVALID_TOKEN)
    is_claim = claims.CLAIM in waiting.payload
    person = claims.find(waiting) if is_claim else users.find_by_id(waiting.subject)
    if person is None:
        raise BadRequest(ErrorCode.USER_NOT_FOUND)
    passwords.ensure_acceptable(new_password, email=person.email, name=person.name)
    encoded = passwords.hash_password(new_password)
    with transaction.atomic():
        if verifications.consume(purpose=Purpose.RESET_PASSWORD, token=token) is None:
            raise BadRequest(ErrorCode.INVALID_TOKEN)
        verifications.revoke_proofs(subject=waiting.subject)
        user = (
            _set(person, encoded) if isinstance(person, UserRecord) else person.take(encoded, client=client)
        )
        if user is None:
            raise BadRequest(ErrorCode.USER_NOT_FOUND)
        if auth_settings.email_password.revoke_sessions_on_reset:
            sessions.revoke_all(user)
        sessions.announce(user)
        publish(PasswordReset(client=client, subject_id=user.id))


def _set(user: UserRecord, encoded: str) -> UserRecord:
    accounts.ensure_credential(user)
    passwords.set_password(user, encoded)
    return user
