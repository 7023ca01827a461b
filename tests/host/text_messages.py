"""A host's gateway for text messages: a line for each, in a file beside the mails."""

from __future__ import annotations

import os
from pathlib import Path


def keep(*, phone_number: str, code: str, purpose: str) -> None:
    folder = Path(os.environ["MAIL_DIR"])
    folder.mkdir(exist_ok=True)
    with (folder / "texts.txt").open("a") as file:
        file.write(f"{purpose} {phone_number} {code}\n")
