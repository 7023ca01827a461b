"""System checks of passkeys: each has an id and says what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.core.checks import CheckMessage, Error, register

from better_auth.conf import auth_settings
from better_auth.features.passkey.ceremonies import rp_id

# Letters or the punycode of others, and no address.
DOMAIN = re.compile(r"(?!.*\.\d+$)(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
APP_ORIGIN = "android:apk-key-hash:"


@register()
def check_passkeys(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """A domain that no browser would bind a passkey to, and pages that could never use one."""
    rules, found = auth_settings.passkey, list[CheckMessage]()
    if rules.rp_id and not DOMAIN.fullmatch(rules.rp_id):
        hint = "Write the domain alone, in lower case: example.com, without a scheme or a port; no address."
        found.append(Error(f"PASSKEY.RP_ID {rules.rp_id!r} is no domain.", hint=hint, id="better_auth.E060"))
    for origin in rules.origin:
        if not origin.startswith(APP_ORIGIN) and not _is_page_of(rp_id(), origin):
            hint = f"Write https://{rp_id()}, a subdomain of it, or the {APP_ORIGIN}… of an app."
            text = f"PASSKEY.ORIGIN {origin!r} can't use passkeys of {rp_id()}."
            found.append(Error(text, hint=hint, id="better_auth.E061"))
    return found


def _is_page_of(domain: str, origin: str) -> bool:
    try:
        parts = urlsplit(origin)
        host = parts.hostname or ""
    except ValueError:
        return False
    is_origin = parts.scheme in ("http", "https") and origin == f"{parts.scheme}://{parts.netloc}".lower()
    return is_origin and f".{host}".endswith(f".{domain}")
