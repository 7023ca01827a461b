"""Follow a mailed link: prove an address, or change it. Source: core.md, section 5."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from better_auth import clock, rate_limits, sessions, users, verifications
from better_auth.authentication.principal import Principal
from better_auth.conf import auth_settings
from better_auth.errors import BadRequest, ErrorCode
from better_auth.events import AuthMethod, Client, EmailChanged, EmailVerified, publish
from better_auth.features.email_verification import links
from better_auth.features.email_verification.links import Link, LinkRefused
from better_auth.sessions import IssuedSession
from better_auth.sign_in import complete_sign_in
from better_auth.storage.records import UserRecord


@dataclass(frozen=True, slots=True)
class VerificationOutcome:
    """``user``: as changed, None where nothing is to be shown; ``issued``: a session to hand out;
    ``awaits_link``: nothing has changed yet, another link was mailed."""

    user: UserRecord | None = None
    issued: IssuedSession | None = None
    awaits_link: bool = False


def request_verification_email(*, email: str, callback_url: str | None, caller: UserRecord | None) -> None:
    """Mail a new link. Signed in, one is told what is wrong; nobody else learns anything of the address."""
    if not auth_settings.email_verification.enabled:
        raise BadRequest(ErrorCode.VERIFICATION_EMAIL_NOT_ENABLED)
    rate_limits.ensure_mail_rate(users.normalize_email(email))
    if caller:
        if caller.email != users.normalize_email(email):
            raise BadRequest(ErrorCode.EMAIL_MISMATCH)
        if caller.email_verified:
            raise BadRequest(ErrorCode.EMAIL_ALREADY_VERIFIED)
        links.mail_verification(caller, callback_url=callback_url)
        return
    user = users.find_by_email(email)
    if user is None or user.email_verified:
        links.pretend_verification(email)
        return
    links.mail_verification(user, callback_url=callback_url)


def verify_email(
    token: str, *, callback_url: str | None, caller: Principal | None, client: Client
) -> VerificationOutcome:
    """Do what the link was mailed for. Raises ``LinkRefused``."""
    link = links.read_token(token)
    if link.update_to:
        return _change_email(link, link.update_to, callback_url=callback_url, caller=caller, client=client)
    user = users.find_by_email(link.email)
    if user is None:
        raise LinkRefused(ErrorCode.USER_NOT_FOUND)
    if link.user_id and link.user_id != user.id:
        raise LinkRefused(ErrorCode.INVALID_TOKEN)
    if user.email_verified:
        return VerificationOutcome()
    with transaction.atomic():
        user = users.update(user, email_verified=True, email_verified_at=clock.now())
        sessions.refresh_copies(user)
        publish(EmailVerified(client=client, subject_id=user.id, method=AuthMethod.EMAIL_LINK))
    return VerificationOutcome(issued=_sign_in(user, caller=caller, client=client))


def _sign_in(user: UserRecord, *, caller: Principal | None, client: Client) -> IssuedSession | None:
    if not auth_settings.email_verification.auto_sign_in:
        return None
    own = _own_session(user, caller)
    if own:
        return own
    outcome = complete_sign_in(user, method=AuthMethod.EMAIL_LINK, client=client)
    return outcome if isinstance(outcome, IssuedSession) else None


def _change_email(
    link: Link, new_email: str, *, callback_url: str | None, caller: Principal | None, client: Client
) -> VerificationOutcome:
    if not link.user_id:
        raise LinkRefused(ErrorCode.INVALID_TOKEN)
    user = users.find_by_id(link.user_id)
    if user is None:
        raise LinkRefused(ErrorCode.USER_NOT_FOUND)
    if user.email != link.email or (link.is_from_unproven and user.email_verified):
        raise LinkRefused(ErrorCode.INVALID_TOKEN)
    if caller and caller.user.id != user.id:
        raise LinkRefused(ErrorCode.INVALID_USER)
    if link.request_type == links.CONFIRM_CHANGE:
        links.mail_change(user, new_email=new_email, callback_url=callback_url)
        return VerificationOutcome(awaits_link=True)
    keeps_verified = link.request_type == links.VERIFY_CHANGE
    verified = user.email_verified and keeps_verified
    try:
        with transaction.atomic():
            changed = users.update(user, email=new_email, email_verified=verified)
            verifications.revoke_resets(subject=user.id)
            sessions.refresh_copies(user)
            publish(EmailChanged(client=client, subject_id=user.id, method=AuthMethod.EMAIL_LINK))
            if not keeps_verified:
                links.mail_verification(changed, callback_url=callback_url)
    except users.EmailTaken:
        raise LinkRefused(ErrorCode.INVALID_TOKEN) from None
    return VerificationOutcome(changed, _own_session(changed, caller))


def _own_session(user: UserRecord, caller: Principal | None) -> IssuedSession | None:
    """The caller's session with the user as they are now, where it is theirs."""
    if caller is None or caller.user.id != user.id or caller.session is None:
        return None
    return IssuedSession(caller.session, user, caller.token or "")
