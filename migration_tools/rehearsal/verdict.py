"""GO or NOT YET, and why. Pure: findings in, reasons out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import inf

from migration_tools.checking import NO_HASHER
from migration_tools.planning import Outcome
from migration_tools.rehearsal.advice import about
from migration_tools.rehearsal.findings import Findings
from migration_tools.tally import UNKNOWN_HASH
from migration_tools.verification import Finding

BROUGHT = (Outcome.CREATED, Outcome.LINKED, Outcome.UPDATED, Outcome.UNCHANGED)
UNREADABLE = ("unknown-hash", "ambiguous-hash", NO_HASHER)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """``code``: for scripts, and for ``--accept`` where it is a reason of records; ``advice``: what next."""

    code: str
    text: str
    advice: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """``remarks``: nothing to stop for, and good to know."""

    obstacles: tuple[Obstacle, ...]
    remarks: tuple[str, ...]

    @property
    def is_go(self) -> bool:
        return not self.obstacles


def judge(findings: Findings, accepted: Mapping[str, float]) -> Verdict:
    """``accepted``: how many records may stay behind, or come without a password, for each reason."""
    looks: list[Callable[[Findings], Iterator[Obstacle]]] = [
        _what_failed,
        _broken_promises,
        _what_kills_did,
        _drift,
        _what_was_not_undone,
    ]
    obstacles = [one for look in looks for one in look(findings)]
    obstacles += _records_left_behind(findings, accepted)
    return Verdict(tuple(obstacles), tuple(_remarks(findings, accepted)))


def _what_failed(findings: Findings) -> Iterator[Obstacle]:
    failure = findings.failure
    if failure:
        text = f"{failure.stage} ended with exit code {failure.code}: {failure.told}"
        yield Obstacle("stage-failed", text, "put right what it says, and rehearse again")


def _broken_promises(findings: Findings) -> Iterator[Obstacle]:
    promised, kept = findings.promised.get("outcomes"), findings.run.get("outcomes")
    if promised and kept and promised != kept:
        differing = ", ".join(
            f"{name} {promised[name]:,} → {kept[name]:,}" for name in promised if promised[name] != kept[name]
        )
        text = f"the run did something else than the dry run said: {differing}"
        yield Obstacle("dry-run-differs", text, "does the source change while it is read? Rehearse on a copy")


def _what_kills_did(findings: Findings) -> Iterator[Obstacle]:
    if findings.kills and findings.kills.differences:
        text = f"after kills and --resume the end was another one: {'; '.join(findings.kills.differences)}"
        advice = f"does the source change while it is read? Else report it, with --seed {findings.seed}"
        yield Obstacle("kills-differ", text, advice)


def _drift(findings: Findings) -> Iterator[Obstacle]:
    if findings.verified is None:
        return
    outcomes, verified = findings.run.get("outcomes", {}), findings.verified
    found = sum(verified.get(one, 0) for one in (Finding.EQUAL, Finding.CHANGED_HERE, Finding.CHANGED_THERE))
    missing = sum(outcomes.get(one, 0) for one in BROUGHT) - found
    changed = verified.get(Finding.CHANGED_THERE, 0)
    gone = verified.get(Finding.GONE_THERE, 0)
    parts = [
        *([f"{missing:,} who were brought are not found"] if missing > 0 else []),
        *([f"{changed:,} differ from the source"] if changed else []),
        *([f"{gone:,} are not in the source any more"] if gone else []),
    ]
    if parts:
        advice = "look at migrate_users --verify; --on-conflict update brings what changed there"
        yield Obstacle("drift", f"verification found drift: {', '.join(parts)}", advice)


def _what_was_not_undone(findings: Findings) -> Iterator[Obstacle]:
    for one in findings.undone:
        if one.differences or one.kept:
            told = [*one.differences, *([f"{one.kept:,} users taken for changed"] if one.kept else [])]
            text = f"the rollback did not give back what was: {'; '.join(told)}"
            advice = "do signal receivers or triggers of the project write rows for new users?"
            yield Obstacle("rollback-differs", text, advice)
            return


def _records_left_behind(findings: Findings, accepted: Mapping[str, float]) -> Iterator[Obstacle]:
    counts = reasons_of(findings)
    for reason, count in sorted(counts.items(), key=lambda pair: -pair[1]):
        if count > accepted.get(reason, 0):
            lot = "come without a password that works" if reason in UNREADABLE else "stay behind"
            allowed = f", {accepted[reason]:,.0f} accepted" if reason in accepted else ""
            text = f"{count:,} {lot}: {reason}{allowed}"
            yield Obstacle(reason, text, f"{about(reason)}; or --accept {reason}={count}")


def reasons_of(findings: Findings) -> dict[str, int]:
    """Records that somebody must decide about, by reason. Who is skipped is so by a rule that was chosen."""
    told = findings.run or findings.promised
    skipped, warnings = told.get("skipped_reasons", {}), told.get("warnings", {})
    counts = {reason: count - skipped.get(reason, 0) for reason, count in told.get("reasons", {}).items()}
    # A warning also stands with records that stay behind.
    most = {NO_HASHER: sum(told.get("outcomes", {}).get(one, 0) for one in BROUGHT)}
    for reason in UNREADABLE:
        counts[reason] = min(warnings.get(reason, 0), most.get(reason, told.get(UNKNOWN_HASH, 0)))
    return {reason: count for reason, count in counts.items() if count}


def _remarks(findings: Findings, accepted: Mapping[str, float]) -> Iterator[str]:
    told = findings.run or findings.promised
    counts = reasons_of(findings)
    for reason, allowed in accepted.items():
        count = counts.get(reason, 0)
        if 0 < count <= allowed:
            yield f"accepted: {count:,} with {reason}"
        elif not count:
            yield f"accepted, and not met with: {reason}"
    for reason, count in told.get("skipped_reasons", {}).items():
        yield f"skipped: {count:,} with {reason} ({about(reason)})"
    if findings.copied is None and findings.here:
        yield f"conflicts with the {findings.here:,} users who are here were not looked for: --copy-users"
    if findings.kills and findings.kills.late:
        yield f"{findings.kills.late} kills came too late: there was too little to do"
    if findings.is_narrowed:
        yield "only part of the source was tried"


def limit(text: str) -> tuple[str, float]:
    """``REASON`` or ``REASON=N``. Raises ``ValueError``."""
    reason, is_limited, number = text.partition("=")
    if not reason or (is_limited and not number.isdecimal()):
        raise ValueError(text)
    return reason, int(number) if is_limited else inf
