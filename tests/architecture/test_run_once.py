"""What `make test` runs once only must be the same whatever the database is."""

from __future__ import annotations

import re

import pytest

from tests.run_tests import CHECKOUT, WITHOUT_SERVICES

ASKS = re.compile(r"django_db|transactional_db|RunningServer|new_site|\bdb: None")


@pytest.mark.parametrize("path", WITHOUT_SERVICES)
def test_it_asks_no_database(path: str) -> None:
    place = CHECKOUT / path
    files = (
        [place]
        if place.is_file()
        else [file for file in place.rglob("*.py") if "node_modules" not in file.parts]
    )
    assert files
    asking = [
        file.name for file in files if file.name != "test_run_once.py" and ASKS.search(file.read_text())
    ]
    assert asking == []
