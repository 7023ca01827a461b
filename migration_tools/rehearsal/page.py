"""One page to decide by, and the same for machines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from better_auth import clock
from migration_tools.console.bringing import LABELS
from migration_tools.progress import duration
from migration_tools.rehearsal.findings import Findings
from migration_tools.rehearsal.verdict import UNREADABLE, Verdict, reasons_of
from migration_tools.tally import UNKNOWN_HASH
from migration_tools.verification import Finding

MOST_REASONS = 12
WIDTH = 14
HANG = 6


def lines(findings: Findings, verdict: Verdict) -> Iterator[str]:
    """The page, line by line."""
    yield ""
    yield f"Rehearsal of {findings.source} for {findings.target}"
    yield f"on {findings.scratch}, which is gone again; {_copied(findings)}"
    yield from _records(findings)
    yield from _time(findings)
    yield from _trials(findings)
    yield ""
    yield "GO" if verdict.is_go else "NOT YET"
    for obstacle in verdict.obstacles:
        yield f"  - {obstacle.text}"
        yield f"    → {obstacle.advice}"
    if verdict.is_go:
        yield "  → migrate_users with the same options; see docs/migration/rollout.md"
    for remark in verdict.remarks:
        yield f"  · {remark}"


def as_json(findings: Findings, verdict: Verdict) -> dict[str, Any]:
    told = findings.run or findings.promised
    pace = findings.pace
    return {
        "mode": "rehearsal",
        "verdict": "go" if verdict.is_go else "not-yet",
        "at": clock.now().isoformat(),
        "source": findings.source,
        "target": findings.target,
        "seed": findings.seed,
        "users_here": findings.here,
        "rows_copied": findings.copied,
        **{
            name: told.get(name)
            for name in ("read", "outcomes", "unknown_hash", "reasons", "warnings", "places")
        },
        "pace": {**asdict(pace), "rate": pace.rate, "estimate_seconds": pace.estimate} if pace else None,
        "rollback_seconds": findings.rollback_seconds,
        "kills": asdict(findings.kills) if findings.kills else None,
        "verification": findings.verified,
        "rollbacks": [asdict(one) for one in findings.undone],
        "failure": asdict(findings.failure) if findings.failure else None,
        "obstacles": [asdict(one) for one in verdict.obstacles],
        "remarks": list(verdict.remarks),
    }


def _span(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else duration(seconds)


def _copied(findings: Findings) -> str:
    if findings.copied is None:
        return "it began empty"
    return f"it began with the users who are here ({findings.copied:,} rows)"


def _records(findings: Findings) -> Iterator[str]:
    told = findings.run or findings.promised
    if not told:
        return
    yield ""
    yield f"What becomes of {told['read']:,} records"
    for outcome, label in LABELS.items():
        if told["outcomes"].get(outcome):
            yield f"{told['outcomes'][outcome]:>{WIDTH},}  {label}"
    if told.get(UNKNOWN_HASH):
        yield f"{told[UNKNOWN_HASH]:>{WIDTH},}  of those who come, with a hash that nobody here can read"
    decided = reasons_of(findings)
    if decided:
        yield ""
        yield "To look at"
    for reason, count in sorted(decided.items(), key=lambda pair: -pair[1])[:MOST_REASONS]:
        places = told["places"].get(reason, [])
        more = ", …" if count > len(places) else ""
        kind = " (come without a password that works)" if reason in UNREADABLE else ""
        yield f"{count:>{WIDTH},}  {reason}{kind}: {', '.join(places)}{more}"
    if len(decided) > MOST_REASONS:
        yield f"{'':>{WIDTH}}  … and {len(decided) - MOST_REASONS} reasons more"


def _time(findings: Findings) -> Iterator[str]:
    pace = findings.pace
    if pace is None:
        return
    yield ""
    rate = f"{pace.rate:,.0f} a second on this machine"
    yield f"Time: {_span(pace.seconds)} for {pace.records:,} records, {rate}"
    if pace.whole > pace.records:
        yield f"  the whole source has {pace.whole:,}: about {_span(pace.estimate)}"
    if findings.rollback_seconds is not None:
        yield f"  its rollback took {_span(findings.rollback_seconds)}"


def _trials(findings: Findings) -> Iterator[str]:
    kills, verified = findings.kills, findings.verified
    if kills is not None:
        reached = ", ".join(f"{one:,}" for one in kills.reached)
        end = "another end than undisturbed" if kills.differences else "the same end as undisturbed"
        if reached:
            yield f"Kills (seed {findings.seed}): after {reached} records; resumed each time, {end}"
        else:
            yield f"Kills (seed {findings.seed}): none came in time; {end}"
    if verified is not None:
        counts = ", ".join(f"{count:,} {name}" for name, count in verified.items()) or "nothing to compare"
        drift = any(verified.get(one) for one in (Finding.CHANGED_THERE, Finding.GONE_THERE))
        yield f"Verification: {counts}{'' if drift else '; no drift'}"
    for number, one in enumerate(findings.undone, start=1):
        name = "Rollback" if number == 1 else "Rollback after the kills"
        again = ", killed and begun again" if one.was_killed else ""
        equal = "NOT equal" if one.differences or one.kept else "equal"
        yield f"{name}{again}: {equal} to before, {one.tables} tables, {one.rows:,} rows"
