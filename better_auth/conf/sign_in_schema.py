"""The settings of several sessions on a device, and of ways to sign in beside the password; a part of
``schema``."""

from __future__ import annotations

from dataclasses import dataclass

from better_auth.conf.declaring import setting


@dataclass(frozen=True, slots=True)
class MultiSessionSettings:
    maximum_sessions: int = setting(
        5,
        "Sessions of different users that one device keeps at once.",
        env="BETTER_AUTH_MULTI_SESSION_MAXIMUM",
        at_least=1,
    )
