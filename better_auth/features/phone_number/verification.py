"""Prove a number by the code that was sent to it, and sign in or sign up by that.

Source: passwordless.md, section 3.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import transaction
from django.utils.module_loading import import_string

from better_auth import hooks, phone_numbers, sessions, text_messages, users
from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import LOWER_ALPHANUMERIC, random_string
from better_auth.errors import AuthError, BadRequest, ErrorCode, ServerError
from better_auth.events import AuthMethod, Client, PhoneNumberVerified, SignedUp, publish
from better_auth.features.phone_number import codes
from better_auth.phone_numbers import Code
from better_auth.sign_in import SignInOutcome, complete_sign_in
from better_auth.storage.records import UserRecord
from better_auth.verifications import CodeOutcome, Purpose

logger = logging.getLogger("better_auth.hooks")

# Reserved by RFC 2606: no mail goes there.
PLACEHOLDER_DOMAIN = "phone-number.placeholder.invalid"


class NotImplementedHere(AuthError):
    status = 501


@dataclass(frozen=True, slots=True)
class Verified:
    """``outcome``: of the sign-in, None where no session was wanted."""

    user: UserRecord
    outcome: SignInOutcome | None = None


def send_code(number: str) -> None:
    """Raises ``SEND_OTP_NOT_IMPLEMENTED`` where the settings name no sender, ``INVALID_PHONE_NUMBER``."""
    if not text_messages.can_be_sent():
        raise NotImplementedHere(Code.SEND_OTP_NOT_IMPLEMENTED)
    phone_numbers.ensure_valid(number)
    codes.send(number, purpose=Purpose.PHONE_CODE, subject=number)


def ensure_code(number: str, code: str, *, client: Client) -> None:
    """Spend the code for this number, or have the host's own service judge it. Raises as ``codes`` does."""
    phone_numbers.ensure_valid(number)
    attempt = codes.begin(number, client=client)
    verifier = auth_settings.phone_number.verifier
    if not verifier:
        codes.ensure_right(code, purpose=Purpose.PHONE_CODE, subject=number, client=client)
    elif not import_string(verifier)(phone_number=number, code=code):
        codes.refuse(CodeOutcome.WRONG, client=client)
    attempt.succeeded()


def change_own_number(user: UserRecord, number: str, *, client: Client) -> UserRecord:
    """Give a number that was proven to somebody who is signed in. Raises ``PHONE_NUMBER_EXIST``."""
    try:
        return _write(user, number, client=client)
    except users.ColumnTaken:
        raise BadRequest(Code.PHONE_NUMBER_EXIST) from None


def verify(
    number: str, *, read_fields: Callable[[], dict[str, Any]], wants_session: bool, client: Client
) -> Verified:
    """Mark a number that was proven, and sign its user in; with ``SIGN_UP_ON_VERIFICATION`` a number that is
    nobody's makes a user, with the additional fields that ``read_fields`` gives.

    Raises ``FAILED_TO_UPDATE_USER`` for a number that is nobody's.
    """
    user = users.find_by_unique("phone_number", number)
    if user is not None:
        user = _write(user, number, client=client)
    elif auth_settings.phone_number.sign_up_on_verification:
        user = _sign_up(number, fields=read_fields(), client=client)
    else:
        raise ServerError(Code.FAILED_TO_UPDATE_USER)
    if not wants_session:
        return Verified(user)
    return Verified(user, complete_sign_in(user, method=AuthMethod.PHONE_CODE, client=client))


def _write(user: UserRecord, number: str, *, client: Client) -> UserRecord:
    with transaction.atomic():
        changed = users.update(user, phone_number=number, phone_number_verified=True)
        sessions.refresh_copies(changed)
        _announce(changed, client=client, is_new=user.phone_number != number)
    return changed


def _sign_up(number: str, *, fields: dict[str, Any], client: Client) -> UserRecord:
    rules = auth_settings.phone_number
    email = (
        str(import_string(rules.temporary_email)(number))
        if rules.temporary_email
        else f"{random_string(32, LOWER_ALPHANUMERIC)}@{PLACEHOLDER_DOMAIN}"
    )
    name = str(import_string(rules.temporary_name)(number)) if rules.temporary_name else number
    try:
        with transaction.atomic():
            hooks.before_sign_up(email=email, name=name, fields=fields, client=client)
            user = users.create(
                email=email,
                name=name,
                phone_number=number,
                phone_number_verified=True,
                additional_fields=fields,
            )
            publish(SignedUp(client=client, subject_id=user.id, method=AuthMethod.PHONE_CODE))
            hooks.after_sign_up(user, client=client)
            _announce(user, client=client, is_new=True)
            return user
    except (users.EmailTaken, users.ColumnTaken):  # another request with the same number was quicker
        raise ServerError(ErrorCode.FAILED_TO_CREATE_USER) from None


def _announce(user: UserRecord, *, client: Client, is_new: bool) -> None:
    publish(PhoneNumberVerified(client=client, subject_id=user.id, details={"is_new": is_new}))
    path = auth_settings.phone_number.on_verification
    if path:
        transaction.on_commit(partial(_tell_host, path, user, client), robust=True)


def _tell_host(path: str, user: UserRecord, client: Client) -> None:
    try:
        import_string(path)(user=user, phone_number=user.phone_number, client=client)
    except Exception:  # the host's code may fail in any way, and the number is proven
        logger.exception("PHONE_NUMBER.ON_VERIFICATION (%s) failed", path)
