"""The form at the door of an admin site: whoever has a second factor is asked for it here, too.

Without it the most powerful pages would be the ones that a password alone opens. A project with
``BETTER_AUTH_ADMIN_OTP`` has django-otp's form instead, which asks everybody.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin import AdminSite
from django.contrib.admin.forms import AdminAuthenticationForm

from better_auth import factor_requirements, users
from better_auth.errors import AuthError
from better_auth.events import Client
from better_auth.features.two_factor import beside_password
from better_auth.http.credentials import from_request
from better_auth.storage.records import UserRecord

LONGEST = 64


class OperatorSignInForm(AdminAuthenticationForm):
    code = forms.CharField(
        label="One-time code",
        required=False,
        max_length=LONGEST,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "text"}),
    )
    error_messages = AdminAuthenticationForm.error_messages | {
        "code_missing": "Enter a code of your authenticator app, or a backup code, beside your password.",
        "code_mailed": "A code is on its way to your mailbox. Enter it beside your password.",
        "code_wrong": "That code is wrong, used or too old, or there were too many: wait a while, then try "
        "the next one.",
        "factor_required": "Your role needs a second factor. Set one up in the application, then sign in "
        "there or here.",
    }

    def confirm_login_allowed(self, user: Any) -> None:
        """The password was right. Raises ``ValidationError`` unless what it takes beside it was shown."""
        super().confirm_login_allowed(user)
        record = users.find_by_key(user.pk)
        if record is None:
            return
        if beside_password.is_wanted(record):
            self._ensure_factor(record)
        elif factor_requirements.is_required(record):
            raise self._refusal("factor_required")

    def _ensure_factor(self, user: UserRecord) -> None:
        client = from_request(self.request).client if self.request else Client()
        code = self.cleaned_data.get("code", "").strip()
        if code:
            if not beside_password.show(user, code, client=client, door="django"):
                raise self._refusal("code_wrong")
        elif beside_password.mails_codes(user):
            try:
                beside_password.mail_code(user, client=client)
            except AuthError as refusal:
                raise forms.ValidationError(str(refusal)) from None
            raise self._refusal("code_mailed")
        else:
            raise self._refusal("code_missing")

    def _refusal(self, code: str) -> forms.ValidationError:
        return forms.ValidationError(self.error_messages[code], code=code)


def ask_for_factors(site: AdminSite) -> None:
    """Let the sign-in page of this site ask for second factors; a form that the host has chosen stays."""
    if site.login_form is None and site.login_template is None:
        site.login_form = OperatorSignInForm
        site.login_template = "better_auth/admin/login.html"
