"""What is registered with an admin site, and who registers the users: the host, if it wants to."""

from __future__ import annotations

from importlib import import_module

from django.apps import apps
from django.contrib.admin import AdminSite
from django.utils.module_loading import module_has_submodule

from better_auth.admin.accounts import AccountAdmin
from better_auth.admin.audit_log import AuditEntryAdmin
from better_auth.admin.passkeys import PasskeyAdmin
from better_auth.admin.sessions import SessionAdmin
from better_auth.admin.users import UserAdmin, UserProfileAdmin
from better_auth.models import Account, AuditEntry, Passkey, Session
from better_auth.storage.records import carrier_model, has_user_row

OWN_PACKAGE = "better_auth"


def register_records(site: AdminSite) -> None:
    """Sessions, accounts, passkeys and the audit log. Verifications are nobody's to look at."""
    site.register(Session, SessionAdmin)
    site.register(Account, AccountAdmin)
    site.register(Passkey, PasskeyAdmin)
    site.register(AuditEntry, AuditEntryAdmin)


def register_users(site: AdminSite) -> None:
    """The user row where it is ours, else the profile beside the host's; what is registered already stays."""
    if not site.is_registered(carrier_model()):
        site.register(carrier_model(), UserAdmin if has_user_row() else UserProfileAdmin)


def is_left_to_us() -> bool:
    """Whether the default site's users are ours to register, once all other apps have had their say.

    The other apps' admin modules are imported first, whatever their order in INSTALLED_APPS, so that a host's
    registration is not met by ``AlreadyRegistered``. One that is being imported right now is a host's that
    imported ours in order to build on it, unless its app says that it leaves users alone
    (``leaves_users_alone``), as our own satellites do.
    """
    is_building_on_ours = False
    for config in apps.get_app_configs():
        if config.name != OWN_PACKAGE and module_has_submodule(config.module, "admin"):
            module = import_module(f"{config.name}.admin")
            is_host = not getattr(config, "leaves_users_alone", False)
            is_building_on_ours |= is_host and getattr(module.__spec__, "_initializing", False)
    return not is_building_on_ours
