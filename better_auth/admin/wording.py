"""How the pages put things: devices, moments and numbers in few words."""

from __future__ import annotations

from datetime import datetime

from django.utils import formats, timezone
from django.utils.html import format_html

# The first that occurs wins: most browsers claim to be others as well.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
LONGEST = 40


def device(user_agent: str) -> str:
    """``Firefox on Linux``; of a program its first words, as they came."""
    browser = next((name for mark, name in BROWSERS if mark in user_agent), None)
    system = next((name for mark, name in SYSTEMS if mark in user_agent), None)
    if browser and system:
        return f"{browser} on {system}"
    start = user_agent.strip()
    return start if len(start) <= LONGEST else start[: LONGEST - 1] + "…"


def moment(at: datetime | None, *, seconds: bool = False) -> str:
    """``2026-11-20 21:26`` in the site's time zone, short enough for a column."""
    if at is None:
        return "-"
    text = formats.date_format(timezone.localtime(at), "Y-m-d H:i:s" if seconds else "Y-m-d H:i")
    return format_html('<span class="nowrap">{}</span>', text)


def counted(number: int, noun: str) -> str:
    """``1 session``, ``2 sessions``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
