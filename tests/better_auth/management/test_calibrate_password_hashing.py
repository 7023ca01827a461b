"""What the command proposes for Argon2id on this machine."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command


def proposed(target_ms: int) -> tuple[int, int]:
    out = StringIO()
    call_command("calibrate_password_hashing", f"--target-ms={target_ms}", stdout=out)
    memory = re.search(r"BETTER_AUTH_ARGON2_MEMORY_COST=(\d+)", out.getvalue())
    passes = re.search(r"BETTER_AUTH_ARGON2_TIME_COST=(\d+)", out.getvalue())
    assert memory is not None
    assert passes is not None
    return int(memory[1]), int(passes[1])


def test_never_less_than_owasp_asks_for() -> None:
    assert proposed(1) == (19456, 2)


def test_more_time_allows_more() -> None:
    memory, passes = proposed(2000)
    assert memory * passes > 19456 * 2


def test_no_time_at_all_is_refused() -> None:
    with pytest.raises(CommandError, match="at least 1"):
        call_command("calibrate_password_hashing", "--target-ms=0")
