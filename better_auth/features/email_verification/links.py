"""The mailed links of e-mail verification and change: stateless signed tokens.

Source: storage-and-crypto.md, "E-mail verification JWT".
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from better_auth import mail
from better_auth.conf import auth_settings
from better_auth.crypto.jose import ExpiredToken, InvalidToken, sign_hs256, verify_hs256
from better_auth.errors import ErrorCode
from better_auth.features.email_verification import codes
from better_auth.features.email_verification.codes import CodeKind
from better_auth.storage.records import UserRecord

CONFIRM_CHANGE = "change-email-confirmation"
VERIFY_CHANGE = "change-email-verification"
# Our own claim; whoever proves the address afterwards has asked for nothing.
FROM_UNPROVEN = "unproven"


class LinkRefused(Exception):
    """``code`` says why; the endpoint redirects with it or answers 401."""

    def __init__(self, code: ErrorCode) -> None:
        super().__init__(code.value)
        self.code = code


@dataclass(frozen=True, slots=True)
class Link:
    """What a token claims: ``update_to`` only for a change of address; ``is_from_unproven``: that was asked
    for by somebody who had not proven the present one."""

    email: str
    update_to: str | None
    request_type: str | None
    user_id: str | None
    is_from_unproven: bool = False


def are_sent_on_sign_up() -> bool:
    rules = auth_settings.email_verification
    wanted = rules.send_on_sign_up
    if wanted is None:
        wanted = auth_settings.email_password.require_email_verification
    return rules.enabled and wanted


def issue_token(
    *,
    email: str,
    user_id: str | None,
    update_to: str | None = None,
    request_type: str | None = None,
    is_proven: bool = True,
) -> str:
    """A signed token, good for ``EMAIL_VERIFICATION.EXPIRES_IN`` seconds."""
    now = int(time.time())
    claims: dict[str, Any] = {"email": email.lower()}
    if update_to:
        claims["updateTo"] = update_to.lower()
    if request_type:
        claims["requestType"] = request_type
    if user_id:
        claims["userId"] = user_id
    if not is_proven:
        claims[FROM_UNPROVEN] = True
    claims |= {"iat": now, "exp": now + auth_settings.email_verification.expires_in}
    return sign_hs256(claims, secret=auth_settings.secret)


def read_token(token: str) -> Link:
    """Raises ``LinkRefused``."""
    try:
        claims = verify_hs256(token, secret=auth_settings.secret, now=time.time())
    except ExpiredToken:
        raise LinkRefused(ErrorCode.TOKEN_EXPIRED) from None
    except InvalidToken:
        raise LinkRefused(ErrorCode.INVALID_TOKEN) from None
    email = claims.get("email")
    others = [claims.get(name) for name in ("updateTo", "requestType", "userId")]
    if not isinstance(email, str) or any(not isinstance(one, str | None) for one in others):
        raise LinkRefused(ErrorCode.INVALID_TOKEN)
    update_to, request_type, user_id = others
    is_from_unproven = claims.get(FROM_UNPROVEN) is True
    return Link(email, update_to, request_type, user_id, is_from_unproven)


def mail_verification(user: UserRecord, *, callback_url: str | None) -> None:
    """Mail the user the link that proves their address, or a code where the settings prefer those."""
    if codes.replace_links():
        codes.send(CodeKind.EMAIL_VERIFICATION, to=user.email, name=user.name, user_id=user.id)
        return
    token = issue_token(email=user.email, user_id=user.id)
    _mail("verify_email", to=user.email, user=user, token=token, callback_url=callback_url)


def pretend_verification(email: str) -> None:
    """What it costs to mail one to somebody, for an address that gets none."""
    if codes.replace_links():
        codes.pretend(CodeKind.EMAIL_VERIFICATION, email.lower())
    else:
        issue_token(email=email, user_id=None)


def mail_change(user: UserRecord, *, new_email: str, callback_url: str | None) -> None:
    """Mail the new address the link that makes the change."""
    token = issue_token(
        email=user.email,
        user_id=user.id,
        update_to=new_email,
        request_type=VERIFY_CHANGE,
        is_proven=user.email_verified,
    )
    _mail(
        "change_email", to=new_email, user=user, token=token, callback_url=callback_url, new_email=new_email
    )


def mail_change_confirmation(user: UserRecord, *, new_email: str, callback_url: str | None) -> None:
    """Mail the present address the link that lets the change begin."""
    token = issue_token(email=user.email, user_id=user.id, update_to=new_email, request_type=CONFIRM_CHANGE)
    _mail(
        "confirm_email_change",
        to=user.email,
        user=user,
        token=token,
        callback_url=callback_url,
        new_email=new_email,
    )


def _mail(
    template: str, *, to: str, user: UserRecord, token: str, callback_url: str | None, new_email: str = ""
) -> None:
    mail.send(
        f"better_auth/email/{template}",
        to=to,
        name=user.name,
        email=user.email,
        new_email=new_email,
        url=mail.link("/verify-email", token=token, callbackURL=callback_url or "/"),
        minutes=auth_settings.email_verification.expires_in // 60,
    )
