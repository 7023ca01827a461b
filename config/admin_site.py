"""The admin site that asks operators for a one-time password as well."""

from __future__ import annotations

from django_otp.admin import OTPAdminSite


class OneTimePasswordAdminSite(OTPAdminSite):  # type: ignore[misc, unused-ignore]
    """Under the usual name, which everything links to."""

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
