"""``auth_settings``: the typed settings, read at call time.

``auth_settings.session.expires_in`` is read from ``settings.BETTER_AUTH["SESSION"]["EXPIRES_IN"]``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from better_auth.conf.loading import InvalidSettings, from_environment, load, merge
from better_auth.conf.schema import BetterAuthSettings
from better_auth.crypto.identifiers import derive_key

__all__ = ["BetterAuthSettings", "InvalidSettings", "auth_settings", "from_environment", "load", "merge"]


def _derived_secret() -> str:
    """Without a secret of our own, one that follows from Django's; never that one itself, so that nothing
    signed for one purpose is valid for the other."""
    return derive_key(settings.SECRET_KEY, "better-auth-secret").hex()


class CurrentSettings:
    """Stands for the settings in force; rebuilt when a test overrides ``BETTER_AUTH``."""

    _loaded: BetterAuthSettings | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loaded or self.load(), name)

    def load(self) -> BetterAuthSettings:
        """Read the settings now. Raises ``ImproperlyConfigured`` listing every mistake."""
        try:
            loaded = load(getattr(settings, "BETTER_AUTH", {}))
        except InvalidSettings as mistakes:
            raise ImproperlyConfigured("settings.BETTER_AUTH can't be used:\n" + str(mistakes)) from None
        self._loaded = loaded if loaded.secret else replace(loaded, secret=_derived_secret())
        return self._loaded

    def forget(self) -> None:
        self._loaded = None


# Typed as what it stands for, so that editors and mypy know every key.
auth_settings: BetterAuthSettings = CurrentSettings()  # type: ignore[assignment]


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting == "BETTER_AUTH":
        auth_settings.forget()  # type: ignore[attr-defined]


setting_changed.connect(_forget, dispatch_uid="better_auth.conf")
