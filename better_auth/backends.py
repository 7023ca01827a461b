"""For Django's own sign-in, such as the admin site's: our passwords, limits, bans and events."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from better_auth import clock, legacy, passwords, rate_limits, users
from better_auth.addresses import is_email
from better_auth.errors import AuthError
from better_auth.events import AuthMethod, Client, SignedIn, SignInFailed, publish
from better_auth.http.credentials import from_request
from better_auth.storage.records import UserRecord


class BetterAuthBackend(ModelBackend):
    """Put it into ``AUTHENTICATION_BACKENDS`` in place of ``ModelBackend``; permissions stay Django's.

    The name that is typed may be the e-mail address or, beside a stock user model, the user name. Too many
    failures, a ban or a deletion refuse for good, so no backend further down is asked.
    """

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> Any:
        typed = username if username is not None else kwargs.get("email")
        if not isinstance(typed, str) or not isinstance(password, str):
            return None
        client = from_request(request).client if request else Client()
        try:
            passwords.ensure_not_too_long(password)
            attempt = rate_limits.begin_sign_in(account=users.normalize_email(typed), client=client)
            known = users.find_by_login(typed)
            user = _prove(typed, password, known, client)
        except AuthError as refusal:  # too many hash, too: a form has no other word for it
            raise PermissionDenied(str(refusal)) from None
        if user is None or user.is_shut_out(clock.now()):
            reason = "shut_out" if user else "wrong_password" if known else "unknown_user"
            details = {"reason": reason, "door": "django"}
            subject = user.id if user else known.id if known else ""
            publish(
                SignInFailed(client=client, subject_id=subject, method=AuthMethod.PASSWORD, details=details)
            )
            raise PermissionDenied
        attempt.succeeded()
        details = {"door": "django"}
        publish(SignedIn(client=client, subject_id=user.id, method=AuthMethod.PASSWORD, details=details))
        return users.row_of(user)

    def get_user(self, user_id: Any) -> Any:
        """A ban or a deletion ends a Django session at its next request."""
        row = super().get_user(user_id)
        record = users.find_by_key(row.pk) if row else None
        return None if record and record.is_shut_out(clock.now()) else row


def _prove(typed: str, password: str, known: UserRecord | None, client: Client) -> UserRecord | None:
    """By the legacy system, too, where an address was typed, or somebody who is here is meant."""
    address = known.email if known else users.normalize_email(typed)
    if not is_email(address):
        return known if passwords.verify(password, known) else None
    return legacy.prove(email=address, password=password, user=known, client=client)
