"""WSGI applications to measure against: one that does nothing, and ours without some of its work."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def bare(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """The same answer as get-session, from nowhere: what the web server itself costs."""
    start_response("200 OK", BARE_HEADERS)
    return [BARE_BODY]


def _without_audit(application: Any) -> Any:
    from better_auth import sessions
    from better_auth.events import committed, observers, recorded

    recorded.disconnect(dispatch_uid="better_auth.audit")
    committed.disconnect(dispatch_uid="better_auth.metrics.events")
    observers.clear()
    sessions.token_digest = lambda token: token  # type: ignore[attr-defined]
    return application


_answer = os.environ.get("BENCH_ANSWER")
if _answer:
    BARE_BODY = Path(_answer).read_bytes()
    BARE_HEADERS = [
        ("Content-Type", "application/json"),
        ("Cache-Control", "no-store"),
        ("Pragma", "no-cache"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("X-Frame-Options", "DENY"),
        ("Content-Length", str(len(BARE_BODY))),
    ]
else:
    from config.wsgi import application

    without_audit = _without_audit(application)
