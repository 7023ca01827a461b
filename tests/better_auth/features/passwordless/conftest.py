"""What the tests of links and codes have in common."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

CODE = re.compile(r"^(\d{4,})$", re.MULTILINE)
Mailed = Callable[[], str]


def code_in(mail: Any) -> str:
    """The code of a mail's text, which stands on a line of its own."""
    (found,) = CODE.findall(mail.body)
    assert found in mail.alternatives[0][0]
    return str(found)


@pytest.fixture
def mailed_code(commits: None, mails: Callable[[], list[Any]]) -> Mailed:
    """The code of the newest mail."""
    return lambda: code_in(mails()[-1])
