"""Django's admin with the site that asks operators for a one-time password."""

from __future__ import annotations

from django.contrib.admin.apps import AdminConfig


class OneTimePasswordAdminConfig(AdminConfig):
    """Stands in INSTALLED_APPS for ``django.contrib.admin`` where ``BETTER_AUTH_ADMIN_OTP`` is true."""

    default = False
    default_site = "config.admin_site.OneTimePasswordAdminSite"
