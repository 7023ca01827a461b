"""What API keys tell the audit log. ``details`` name the key by its id and its public start, never more."""

from __future__ import annotations

from better_auth.events import Event


class ApiKeyCreated(Event):
    type = "api_key_created"


class ApiKeyUpdated(Event):
    type = "api_key_updated"


class ApiKeyRotated(Event):
    type = "api_key_rotated"


class ApiKeyDeleted(Event):
    type = "api_key_deleted"


class ApiKeyRefused(Event):
    """A key that we know was shown and refused. Of one key and reason a process tells once a minute."""

    type = "api_key_refused"
    success = False
