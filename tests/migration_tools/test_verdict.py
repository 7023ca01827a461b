"""GO or NOT YET: which findings stand in the way, and which don't."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from migration_tools.rehearsal.dumps import Digest, differences
from migration_tools.rehearsal.findings import Failure, Findings, Kills, Undone
from migration_tools.rehearsal.verdict import judge, limit

OUTCOMES = {"created": 9, "linked": 0, "updated": 0, "unchanged": 0, "skipped": 0}
OUTCOMES |= {"conflict": 0, "invalid": 0, "failed": 0}
EQUAL = Undone(15, 70, (), 0, False)


def findings(**more: Any) -> Findings:
    """Of a rehearsal in which all went well."""
    told = {"read": 9, "outcomes": OUTCOMES, "unknown_hash": 0, "reasons": {}, "places": {}, "warnings": {}}
    good = Findings("jsonl", "auth", "scratch", 7, 0, 0, False, told, told, None, Kills((3, 5), 0, ()))
    good.verified, good.undone = {"equal": 9}, [EQUAL, EQUAL]
    return replace(good, **more)


def codes(found: Findings, **accepted: float) -> list[str]:
    verdict = judge(found, {name.replace("_", "-"): number for name, number in accepted.items()})
    assert verdict.is_go == (not verdict.obstacles)
    assert all(one.advice for one in verdict.obstacles)
    return [one.code for one in verdict.obstacles]


def test_when_all_went_well_it_may_go() -> None:
    assert codes(findings()) == []


def report(**more: Any) -> dict[str, Any]:
    return {**findings().run, **more}


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"failure": Failure("Migration", 3, "the database failed")}, "stage-failed"),
        ({"promised": report(outcomes={**OUTCOMES, "created": 8})}, "dry-run-differs"),
        (
            {"kills": Kills((3,), 0, ("better_auth_users: 9 rows undisturbed, 8 after the kills",))},
            "kills-differ",
        ),
        ({"verified": {"equal": 8}}, "drift"),
        ({"verified": {"equal": 8, "changed-there": 1}}, "drift"),
        ({"verified": {"equal": 9, "gone-there": 1}}, "drift"),
        (
            {"undone": [EQUAL, replace(EQUAL, differences=("users: 0 rows before, 1 after",))]},
            "rollback-differs",
        ),
        ({"undone": [replace(EQUAL, kept=1)]}, "rollback-differs"),
        ({"run": report(reasons={"email-case": 2})}, "email-case"),
        ({"run": report(unknown_hash=2, warnings={"ambiguous-hash": 2})}, "ambiguous-hash"),
        ({"run": report(warnings={"no-hasher": 2})}, "no-hasher"),
    ],
)
def test_what_stands_in_the_way(more: dict[str, Any], code: str) -> None:
    assert codes(findings(**more)) == [code]


@pytest.mark.parametrize(
    "more",
    [
        {"verified": {"equal": 9, "not-migrated": 3, "invalid": 2, "changed-here": 0}},
        {"run": report(reasons={"email-taken": 2}, skipped_reasons={"email-taken": 2})},
        {"kills": Kills((), 5, ())},
        {"here": 4, "copied": None},
        {"is_narrowed": True},
        {"run": report(warnings={"name-cut": 3})},
    ],
)
def test_what_is_only_remarked(more: dict[str, Any]) -> None:
    assert codes(findings(**more)) == []


def test_an_address_that_is_taken_counts_where_it_was_no_rule_to_skip_it() -> None:
    run = report(reasons={"email-taken": 3}, skipped_reasons={"email-taken": 2})
    (obstacle,) = judge(findings(run=run), {}).obstacles
    assert obstacle.text == "1 stay behind: email-taken"


def test_acceptance_has_a_number() -> None:
    run = report(reasons={"email-case": 2})
    assert codes(findings(run=run), email_case=1) == ["email-case"]
    assert codes(findings(run=run), email_case=2) == []
    assert codes(findings(run=run), email_unicode=2) == ["email-case"]


def test_the_dry_run_is_judged_where_nothing_came_after_it() -> None:
    found = findings(run={}, kills=None, verified=None, undone=[], promised=report(reasons={"email-case": 2}))
    assert codes(found) == ["email-case"]


def test_an_acceptance_as_it_is_written() -> None:
    assert limit("email-case=12") == ("email-case", 12)
    assert limit("email-case")[1] > 10**9
    for text in ("", "=3", "email-case=", "email-case=many", "email-case=-1"):
        with pytest.raises(ValueError):  # noqa: PT011, the caller says what was expected
            limit(text)


def test_tables_are_told_apart_by_their_rows() -> None:
    before = {"a": Digest(1, 5), "b": Digest(2, 6), "c": Digest(3, 7)}
    after = {"a": Digest(1, 5), "b": Digest(2, 7), "d": Digest(1, 1)}
    assert differences(before, before) == []
    assert differences(before, after) == [
        "b: rows have changed",
        "c: 3 rows before, 0 after",
        "d: 0 rows before, 1 after",
    ]
