"""Providers of identities: what is asked of them, and how. Knows no user and no request of ours."""

from __future__ import annotations

import warnings

# The library brings one for OpenID 2 along, which speaks of its own age each time a process starts.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import social_core.strategy  # noqa: F401
