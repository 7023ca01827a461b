"""For Django's own sign-in, such as the admin site's: our passwords, limits, bans and events."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from better_auth import clock, passwords, rate_limits, users
from better_auth.errors import AuthError
from better_auth.events import AuthMethod, Client, SignedIn, SignInFailed, publish
from better_auth.http.credentials import from_request


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
        except AuthError as refusal:
            raise PermissionDenied(str(refusal)) from None
        user = users.find_by_login(typed)
        proven = passwords.verify(password, user)
        if not proven or user is None or user.is_shut_out(clock.now()):
            reason = "shut_out" if proven else "wrong_password" if user else "unknown_user"
            details = {"reason": reason, "door": "django"}
            subject = user.id if user else ""
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
