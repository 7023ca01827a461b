"""Sign up with e-mail and password. Source: core.md, section 2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from better_auth import accounts, hooks, legacy, passwords, users
from better_auth.conf import auth_settings
from better_auth.errors import BadRequest, ErrorCode, Unprocessable
from better_auth.events import AuthMethod, Client, SignedUp, publish
from better_auth.features.email_password import claims
from better_auth.features.email_verification import codes, links
from better_auth.features.email_verification.codes import CodeKind
from better_auth.legacy import Waiting
from better_auth.sessions import IssuedSession
from better_auth.sign_in import complete_sign_in
from better_auth.storage.records import UserRecord
from better_auth.usernames import Code as UsernameCode


@dataclass(frozen=True, slots=True)
class SignUpOutcome:
    """``issued`` is None where signing up does not sign in."""

    user: UserRecord
    issued: IssuedSession | None = None


def sign_up_with_email(
    *,
    email: str,
    name: str,
    password: str,
    image: str | None,
    columns: dict[str, Any],
    remember: bool,
    callback_url: str | None,
    client: Client,
) -> SignUpOutcome:
    """Make the user and, unless the settings say otherwise, sign them in; ``columns``: what else is kept.

    An address that is taken is told (422); where signing up does not sign in, it is not: the answer is that
    of a success, and takes as long. A user name that is taken is told in any case (400). Of two sign-ups at
    once one wins. An address whose account waits in the legacy system is taken; where the answer does not
    tell, its mailbox gets a link that claims that account.
    """
    rules = auth_settings.email_password
    if not rules.enabled or rules.disable_sign_up:
        raise BadRequest(ErrorCode.EMAIL_PASSWORD_SIGN_UP_DISABLED)
    _ensure_name_is_free(columns.get("username"))
    passwords.ensure_acceptable(password, email=email, name=name)
    if not _hides_users() and users.find_by_email(email):
        raise Unprocessable(ErrorCode.USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL)
    columns = {"email": email, "name": name, "image": image, **columns}
    waiting = legacy.find_waiting(users.normalize_email(email))
    if waiting and not users.find_by_email(email):
        return _answer_for_waiting(waiting, columns, password, client)
    encoded = passwords.hash_password(password)
    try:
        return _create(columns, encoded, remember, callback_url, client)
    except users.EmailTaken:
        if _hides_users():
            return SignUpOutcome(users.imagine(**columns))
        raise Unprocessable(ErrorCode.USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL) from None
    except users.ColumnTaken:  # by a sign-up of the same moment
        raise BadRequest(UsernameCode.USERNAME_IS_ALREADY_TAKEN) from None


def _ensure_name_is_free(username: str | None) -> None:
    if username and users.find_by_unique("username", username):
        raise BadRequest(UsernameCode.USERNAME_IS_ALREADY_TAKEN)


def _hides_users() -> bool:
    rules = auth_settings.email_password
    return rules.require_email_verification or not rules.auto_sign_in


def _answer_for_waiting(
    waiting: Waiting, columns: dict[str, Any], password: str, client: Client
) -> SignUpOutcome:
    if not _hides_users():
        raise Unprocessable(ErrorCode.USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL)
    passwords.hash_password(password)  # what a sign-up costs
    claims.offer_at_sign_up(waiting, columns["email"], client=client)
    return SignUpOutcome(users.imagine(**columns))


def _create(
    columns: dict[str, Any], encoded: str, remember: bool, callback_url: str | None, client: Client
) -> SignUpOutcome:
    with transaction.atomic():
        hooks.before_sign_up(
            email=columns["email"], name=columns["name"], fields=columns["additional_fields"], client=client
        )
        user = users.create(**columns, encoded_password=encoded)
        accounts.ensure_credential(user)
        publish(SignedUp(client=client, subject_id=user.id, method=AuthMethod.PASSWORD))
        hooks.after_sign_up(user, client=client)
        if links.are_sent_on_sign_up():
            links.mail_verification(user, callback_url=callback_url)
        if codes.are_sent_on_sign_up():
            kind = CodeKind.EMAIL_VERIFICATION
            codes.send(kind, to=user.email, name=user.name, user_id=user.id, client=client)
        if _hides_users():
            return SignUpOutcome(user)
        outcome = complete_sign_in(user, method=AuthMethod.PASSWORD, client=client, remember=remember)
        return SignUpOutcome(user, outcome if isinstance(outcome, IssuedSession) else None)
