"""Password resets that an operator sends."""

from __future__ import annotations

from better_auth.admin.people import Operator
from better_auth.conf import auth_settings
from better_auth.errors import AuthError, TooManyRequests
from better_auth.features.email_password.password_reset import request_password_reset
from better_auth.http import origin
from better_auth.storage.records import UserRecord


def find_problem() -> str | None:
    """What keeps any reset from being sent, in words for the operator."""
    rules = auth_settings.email_password
    if not rules.reset_enabled:
        return "Password resets are switched off (EMAIL_PASSWORD.RESET_ENABLED)."
    if not rules.reset_page:
        return (
            "The link would lead nowhere: set EMAIL_PASSWORD.RESET_PAGE (BETTER_AUTH_RESET_PAGE) to the page "
            "of your front end that asks for the new password."
        )
    try:
        origin.ensure_trusted_url(rules.reset_page)
    except AuthError:
        return "EMAIL_PASSWORD.RESET_PAGE lies on an origin that is not trusted: add it to TRUSTED_ORIGINS."
    return None


def send(user: UserRecord, *, operator: Operator) -> bool:
    """Mail a link; False where there is no address, or its mailbox has had enough for now."""
    if not user.email:
        return False
    page = auth_settings.email_password.reset_page or ""
    try:
        request_password_reset(
            email=user.email, redirect_to=page, client=operator.client, actor_id=operator.id
        )
    except TooManyRequests:
        return False
    return True
