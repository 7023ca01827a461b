"""HTTP only, as production serves it: several processes behind one proxy."""

from __future__ import annotations

import gc
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.core.wsgi import get_wsgi_application

_django = get_wsgi_application()

from better_auth import front_door  # noqa: E402, it needs the apps loaded

application = front_door.wsgi(_django)

# What is loaded by now stays: collections need not walk through it again and again.
gc.freeze()
