"""``request.user.is_verified()`` for sessions of ours in which a second factor was shown, or a passkey."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django_otp.middleware import OTPMiddleware

from better_auth.authentication.principal import Principal
from better_auth.zero_trust.policies import Strength
from better_auth.zero_trust.verdicts import strength_of


@dataclass(frozen=True, slots=True)
class SessionDevice:
    """Stands for what the session remembers; it verifies nothing."""

    user_id: Any
    confirmed: bool = True


class FactorMiddleware(OTPMiddleware):  # type: ignore[misc, unused-ignore]
    """Instead of django-otp's, below ``BetterAuthMiddleware``; its devices go on working."""

    def _verify_user_sync(self, request: Any, user: Any) -> Any:
        user = super()._verify_user_sync(request, user)
        return _verified(user, getattr(request, "principal", None))

    async def _verify_user_async_via_auser(self, request: Any, auser: Any) -> Any:
        user = await super()._verify_user_async_via_auser(request, auser)
        ask = getattr(request, "aprincipal", None)
        return _verified(user, await ask() if ask else None)


def _verified(user: Any, principal: Principal | None) -> Any:
    """The principal may be another than who is signed in by Django."""
    # It is found out lazily: a comparison with None would not see that there is nobody.
    if not principal or not user.is_authenticated or user.otp_device is not None:
        return user
    is_theirs = principal.user.key == user.pk and not principal.impersonated_by
    if is_theirs and strength_of(principal) >= Strength.SECOND_FACTOR:
        user.otp_device = SessionDevice(user.pk)
    return user
