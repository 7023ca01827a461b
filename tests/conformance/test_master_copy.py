"""The suite is taken over from a master copy, never edited here: where that is at hand, both are the same."""

from __future__ import annotations

from pathlib import Path

import pytest

SUITE = Path(__file__).resolve().parent
MASTER = SUITE.parents[1].parent / "shared" / "conformance"


def judged_by(folder: Path) -> dict[str, bytes]:
    """What decides a verdict: the runner, its library and the cases."""
    files = [folder / "run.mjs", *folder.glob("lib/**/*"), *folder.glob("cases/**/*")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files if path.is_file()}


@pytest.mark.skipif(not (MASTER / "run.mjs").is_file(), reason="the master copy is not at hand")
def test_cases_and_runner_are_those_of_the_master_copy() -> None:
    ours, theirs = judged_by(SUITE), judged_by(MASTER)
    differing = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    assert differing == []


def test_lock_file_names_no_registry() -> None:
    assert '"resolved"' not in (SUITE / "package-lock.json").read_text()
