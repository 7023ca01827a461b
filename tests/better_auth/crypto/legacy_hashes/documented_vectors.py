"""The vectors that docs/migration/hashes.md shows."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAGE = (Path(__file__).resolve().parents[4] / "docs/migration/hashes.md").read_text()
PASSWORD = "correct horse battery staple"
NEAR_MISSES = ("correct horse battery stapl", "Correct horse battery staple")
ENVIRONMENT = {
    "LEGACY_PEPPER": "pepper123",
    "LEGACY_SIGNER_KEY": (
        "AwoRGB8mLTQ7QklQV15lbHN6gYiPlp2kq7K5wMfO1dzj6vH4/wYNFBsiKTA3PkVMU1phaG92fYSLkpmgp661vA=="
    ),
}


@dataclass(frozen=True)
class Vector:
    format: str
    scheme: str
    params: dict[str, Any]
    stored: str
    password: str
    verified_by: str

    def __str__(self) -> str:
        return self.format


def _read(row: str) -> Vector:
    cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
    title, scheme, params, stored, verified_by = cells
    password = re.search(r"\(password `([^`]+)`\)", title)
    return Vector(
        format=title,
        scheme=scheme.strip("`"),
        params=json.loads(params.strip("`") or "{}"),
        stored=stored.strip("`"),
        password=password[1] if password else PASSWORD,
        verified_by=verified_by,
    )


def _rows() -> list[str]:
    between = PAGE.split("<!-- vectors: begin -->\n")[1].split("<!-- vectors: end -->")[0]
    return between.splitlines()[2:]


VECTORS = [_read(row) for row in _rows()]


def vector(title: str) -> Vector:
    """The row whose first column begins so."""
    return next(one for one in VECTORS if one.format.startswith(title))
