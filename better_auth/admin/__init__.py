"""Users, sessions, accounts and the audit log in Django's admin site; found there by autodiscovery.

A host with an admin site of its own calls ``register_records``, ``register_users`` and ``ask_for_factors``
with it. A host whose ``admin.py`` imports from here, to subclass ``better_auth.admin.users.UserAdmin``,
registers the users itself.
"""

from __future__ import annotations

from django.contrib import admin

from better_auth.admin.registration import is_left_to_us, register_records, register_users
from better_auth.admin.sign_in_form import ask_for_factors

__all__ = ["ask_for_factors", "register_records", "register_users"]

register_records(admin.site)
ask_for_factors(admin.site)
if is_left_to_us():
    register_users(admin.site)
