"""``migrate_users --status``."""

from __future__ import annotations

from migration_tools import journal, statistics
from migration_tools.console.exits import Exit
from migration_tools.console.told import Terminal
from migration_tools.statistics import SchemeAgreement, agreements, status, table


def show(terminal: Terminal, name: str | None) -> Exit:
    """How many records are in which state, and how shadow mode's two checks agree."""
    found, compared = status(name), agreements(name)
    if not (found or compared):
        terminal.say(f"Nothing {f'of {name} ' if name else ''}has been brought over yet.")
        return Exit.DONE
    for line in table(found):
        terminal.say(line)
    for kept in statistics.kept(name):
        terminal.say(kept.told())
    for one in found:
        run = journal.find_open(one.source)
        if run is not None:
            terminal.warn(journal.describe(run))
    for source in sorted({one.source for one in compared}):
        _show_agreements(terminal, source, [one for one in compared if one.source == source])
    return Exit.DONE


def _show_agreements(terminal: Terminal, source: str, found: list[SchemeAgreement]) -> None:
    width = max(6, *(len(one.scheme) for one in found))
    columns = ("agree", "accepted", "disagree", "there only", "here only", "unknown")
    last = max(one.last_at for one in found)
    terminal.say(f"\nshadow mode beside {source}, last counted on {last:%Y-%m-%d %H:%M} UTC:")
    terminal.say(f"{'scheme':<{width}}" + "".join(f"{name:>12}" for name in columns))
    for one in found:
        counts = (one.agree, one.accepted, one.disagree, one.legacy_only, one.ours_only, one.unknown)
        line = f"{one.scheme:<{width}}" + "".join(f"{count:>12,}" for count in counts)
        (terminal.warn if one.disagree else terminal.say)(line)
