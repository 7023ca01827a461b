"""Headers of every answer, and cookies as they are written; needs no model."""

from __future__ import annotations

from dataclasses import dataclass
from http.cookies import Morsel
from typing import Any

from django.http import HttpResponse

# What a browser must not do with an answer (attacks.md, B39 and F15).
SAFETY_HEADERS = {
    "Cache-Control": "no-store",
    "Pragma": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True, slots=True)
class Cookie:
    """``header``: the whole ``Set-Cookie`` value, in the protocol's order of attributes."""

    name: str
    value: str
    header: str


def add_cookie(response: HttpResponse, cookie: Cookie) -> None:
    response.cookies[cookie.name] = _ExactMorsel.of(cookie)


class _ExactMorsel(Morsel[str]):
    """Django's cookie jar writes attributes in its own order; this one keeps ours."""

    header: str

    @classmethod
    def of(cls, cookie: Cookie) -> _ExactMorsel:
        morsel = cls()
        morsel.set(cookie.name, cookie.value, cookie.value)
        morsel.header = cookie.header
        return morsel

    def output(self, attrs: Any = None, header: str = "Set-Cookie:") -> str:
        return f"{header} {self.header}" if header else self.header

    def OutputString(self, attrs: Any = None) -> str:
        return self.header
