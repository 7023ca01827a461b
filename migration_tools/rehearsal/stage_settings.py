"""Django's settings for the processes of a rehearsal: the project's own, on the scratch database.

``MIGRATION_REHEARSAL`` names a file that says what differs. Every other database of the project can only be
read, nothing is mailed, and no cache or channel is shared with the servers that run.
"""

from __future__ import annotations

import json
import os
import threading
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote

from migration_tools.rehearsal import REAL_DEFAULT, VARIABLE


def _end_with_the_rehearsal() -> None:
    """Our input comes from it, and ends when it is gone, however it went."""
    while os.read(0, 1):
        pass
    os._exit(1)


threading.Thread(target=_end_with_the_rehearsal, daemon=True).start()
_told = json.loads(Path(os.environ[VARIABLE]).read_text())
_host = import_module(_told["settings"])
globals().update({name: getattr(_host, name) for name in dir(_host) if name.isupper()})


def _read_only(settings: dict[str, Any]) -> dict[str, Any] | None:
    """None where it can't be said of such a database."""
    options = {name: value for name, value in settings.get("OPTIONS", {}).items() if name != "pool"}
    engine = settings["ENGINE"]
    if "postg" in engine:  # PostGIS, too
        options["options"] = f"{options.get('options', '')} -c default_transaction_read_only=on".strip()
        return {**settings, "OPTIONS": options}
    if "mysql" in engine:
        return {**settings, "OPTIONS": {**options, "init_command": "SET SESSION TRANSACTION READ ONLY"}}
    if "lite" in engine:
        for name in ("init_command", "transaction_mode"):
            options.pop(name, None)
        name = str(settings["NAME"])
        uri = name if name.startswith("file:") else f"file:{quote(name)}?mode=ro"
        return {**settings, "NAME": uri, "OPTIONS": options}
    return None


def _databases() -> dict[str, Any]:
    found = {"default": {**_host.DATABASES[_told["alias"]], **_told["scratch"]}}
    for alias, settings in _host.DATABASES.items():
        harmless = _read_only({**settings, "NAME": _told["names"][alias]})
        if harmless is not None:
            found[REAL_DEFAULT if alias == "default" else alias] = harmless
    return found


DATABASES = _databases()
# All tables are in the one scratch database, whatever is where in earnest.
DATABASE_ROUTERS: list[str] = []
CACHES = {
    alias: {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": alias}
    for alias in {"default", *getattr(_host, "CACHES", {})}
}
CHANNEL_LAYERS = {
    alias: {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    for alias in getattr(_host, "CHANNEL_LAYERS", {})
}
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
