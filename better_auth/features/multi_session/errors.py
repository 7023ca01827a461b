"""The codes of this feature. Source: jwt-bearer-multisession.md, section 3."""

from __future__ import annotations

from enum import Enum


class Code(Enum):
    INVALID_SESSION_TOKEN = "Invalid session token"
