"""Sign in without a name. Source: passwordless.md, section 5."""

from __future__ import annotations

from django.db import transaction
from django.utils.module_loading import import_string

from better_auth import hooks, users
from better_auth.addresses import is_email
from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import LOWER_ALPHANUMERIC, random_string
from better_auth.errors import BadRequest, ErrorCode, ServerError
from better_auth.events import AuthMethod, Client, SignedUp, publish
from better_auth.features.anonymous.errors import Code
from better_auth.sign_in import SignInOutcome, complete_sign_in
from better_auth.storage.records import UserRecord

NAME = "Anonymous"
# Reserved by RFC 2606: no mail goes there.
PLACEHOLDER_DOMAIN = "anonymous.placeholder.invalid"


def is_on() -> bool:
    return "anonymous" in auth_settings.features


def sign_in_anonymously(*, caller: UserRecord | None, client: Client) -> SignInOutcome:
    """Make a user of whom nothing is known, and a session for them.

    Raises ``ANONYMOUS_USERS_CANNOT_SIGN_IN_AGAIN_ANONYMOUSLY``; where the host's address is none or taken,
    ``INVALID_EMAIL_FORMAT`` or ``FAILED_TO_CREATE_USER``.
    """
    if caller is not None and caller.anonymous:
        raise BadRequest(Code.ANONYMOUS_USERS_CANNOT_SIGN_IN_AGAIN_ANONYMOUSLY)
    email, name = _new_email(), _new_name()
    try:
        with transaction.atomic():
            hooks.before_sign_up(email=email, name=name, fields={}, client=client)
            user = users.create(email=email, name=name, anonymous=True)
            publish(SignedUp(client=client, subject_id=user.id, method=AuthMethod.ANONYMOUS))
            hooks.after_sign_up(user, client=client)
            return complete_sign_in(user, method=AuthMethod.ANONYMOUS, client=client)
    except users.EmailTaken:
        raise ServerError(ErrorCode.FAILED_TO_CREATE_USER) from None


def _new_email() -> str:
    rules = auth_settings.anonymous
    if rules.generate_random_email:
        email = import_string(rules.generate_random_email)()
        if not isinstance(email, str) or not is_email(email):
            raise BadRequest(Code.INVALID_EMAIL_FORMAT)
        return email
    local = random_string(32, LOWER_ALPHANUMERIC)
    domain = rules.email_domain_name
    return f"temp-{local}@{domain}" if domain else f"{local}@{PLACEHOLDER_DOMAIN}"


def _new_name() -> str:
    path = auth_settings.anonymous.generate_name
    return str(import_string(path)()) if path else NAME
