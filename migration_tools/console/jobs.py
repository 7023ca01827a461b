"""From the options of a command to the job that they ask for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from migration_tools import mapping
from migration_tools.console.told import Job
from migration_tools.policy import OnConflict, policy_from
from migration_tools.runner import Selection
from migration_tools.sources import BUILT_IN, find_source
from migration_tools.sources.source import Source, Told

# A run that is resumed must be told the same of these.
KEPT_OPTIONS = (
    *("input", "also", "mapping", "where", "only_emails", "limit", "on_conflict", "trust_verified"),
    "watermark",
)
# Of transactions that were open when the last run looked, unless --overlap says otherwise.
OVERLAP_MINUTES = 10


def job_from(options: Mapping[str, Any]) -> Job:
    """Raises ``CommandError``, ``SourceFault``, ``MappingFault``, ``UnusablePolicy``."""
    if not options["source"]:
        raise CommandError(f"--source is wanted: {', '.join(BUILT_IN)}, or a dotted path")
    kind = find_source(options["source"])
    file = mapping.load(options["mapping"]) if options["mapping"] else None
    watermark = options["watermark"] or (file.source.get("watermark") if file else None)
    _ensure_watermark_possible(options, kind, watermark)
    also = files_in(options["also"] or [])
    source = kind(Told(options["input"], options["dsn"], file, options["where"], also, watermark))
    name = options["name"] or kind.default_name or options["source"].rpartition(".")[2]
    if len(name) > 64:
        raise CommandError("--name: at most 64 characters")
    return Job(
        source=source,
        name=name,
        kind=options["source"],
        policy=policy_from(
            source.policy(),
            on_conflict=OnConflict(options["on_conflict"]),
            trusts=kind.is_trusted or options["trust_verified"],
        ),
        selection=Selection(options["limit"], emails_in(options["only_emails"])),
        batch_size=options["batch_size"],
        jobs=options["jobs"],
        is_strict=options["strict"],
        report=options["report"],
        options={
            name: value
            for name in KEPT_OPTIONS
            if (value := watermark if name == "watermark" else options[name])
        },
        overlap=timedelta(minutes=options["overlap"] or OVERLAP_MINUTES),
        mapping_digest=_digest(options["mapping"]),
    )


def _ensure_watermark_possible(options: Mapping[str, Any], kind: type[Source], watermark: str | None) -> None:
    if watermark and not kind.has_watermark:
        raise CommandError(
            f"--watermark: {options['source']} is read as a whole, and what came before is recognised: "
            "a watermark is for sources that are databases"
        )
    if options["overlap"] and not watermark:
        raise CommandError("--overlap goes with --watermark, or with a watermark in the mapping, only")


def _digest(path: str | None) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16] if path else ""


def default_name(source: str | None) -> str | None:
    """What the journal calls a source that was given no name."""
    if source is None:
        return None
    return find_source(source).default_name or source.rpartition(".")[2]


def files_in(told: Sequence[str]) -> dict[str, str]:
    """What ``--also NAME=FILE`` names. Raises ``CommandError``."""
    files: dict[str, str] = {}
    for one in told:
        name, _, path = one.partition("=")
        if not name or not path:
            raise CommandError(f"--also wants NAME=FILE, not {one!r}")
        if files.setdefault(name, path) != path:
            raise CommandError(f"--also: {name} is told twice")
    return files


def emails_in(path: str | None) -> frozenset[str] | None:
    """The addresses of ``--only-emails``, in lower case; None without a file. Raises ``CommandError``."""
    if path is None:
        return None
    try:
        with open(path, encoding="utf-8-sig") as file:
            found = frozenset(line.strip().lower() for line in file if line.strip())
    except (OSError, UnicodeDecodeError) as problem:
        raise CommandError(f"--only-emails: {problem}") from None
    if not found:
        raise CommandError(f"--only-emails: {path} holds no address")
    return found
