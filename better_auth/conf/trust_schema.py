"""The settings of zero trust; a part of ``schema``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from better_auth.conf.declaring import setting


@dataclass(frozen=True, slots=True)
class ZeroTrustSettings:
    mode: Literal["enforce", "report"] = setting(
        "enforce",
        "``report``: everybody is let through, and the audit log tells who would not have been.",
        env="BETTER_AUTH_ZERO_TRUST_MODE",
    )
    public: tuple[str, ...] = setting(
        (),
        "Paths for everybody, beside those of ours: ``/about/``, ``/blog/**``.",
        env="BETTER_AUTH_ZERO_TRUST_PUBLIC",
    )
    policies: tuple[Mapping[str, Any], ...] = setting(
        (), "What each path wants: ``{paths, methods, policy}``, the first that fits (docs/zero-trust.md)."
    )
    default: Mapping[str, Any] = setting(
        {}, "The policy of every other path that is not public; empty: somebody who is signed in."
    )
