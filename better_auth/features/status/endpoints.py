"""``/ok`` and ``/error``. Source: core.md, section 7."""

from __future__ import annotations

import re

from django.template.loader import render_to_string

from better_auth.conf import auth_settings
from better_auth.http.endpoint import Call, endpoint
from better_auth.http.reply import Reply, redirect
from better_auth.http.trusted_urls import with_query

ERROR_CODE = re.compile(r"['A-Za-z0-9_-]{1,100}")
LONGEST_DESCRIPTION = 500
# The page runs no script, loads nothing, and can't be framed (attacks.md, A6 and F15).
PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


@endpoint("GET", "/ok", is_hot=True)
def ok(call: Call) -> Reply:
    return Reply({"ok": True})


@endpoint("GET", "/error")
def error(call: Call) -> Reply:
    """The page for people whose link or redirect went wrong; or on to the front end's own."""
    code = call.request.GET.get("error", "")
    description = call.request.GET.get("error_description", "")[:LONGEST_DESCRIPTION]
    if not ERROR_CODE.fullmatch(code):
        code = "UNKNOWN"
    if auth_settings.error_url:
        extra = {"error_description": description} if description else {}
        return redirect(with_query(auth_settings.error_url, error=code, **extra))
    page = render_to_string(
        "better_auth/error.html",
        {
            "code": code,
            "description": description,
            "app_name": auth_settings.app_name,
        },
    )
    return Reply(
        page, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": PAGE_POLICY}
    )
