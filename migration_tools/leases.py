"""Which process is at a run. A lease ends when its time is up, or as soon as its holder is known to be
dead."""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

LEASE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Lease:
    token: str = field(repr=False)
    holder: str

    @classmethod
    def of_this_process(cls) -> Lease:
        return cls(secrets.token_hex(16), holder_name(os.getpid()))


def holder_name(pid: int) -> str:
    """Host, process namespace, process id and the moment that the process began: never given twice."""
    return f"{_machine()}|{pid}|{_began(pid) or ''}"


def is_dead(holder: str) -> bool:
    """Whether the holder is a process of this machine that is no more. Of other machines nobody can tell."""
    machine, _, rest = holder.partition("|")
    pid, _, began = rest.partition("|")
    if machine != _machine() or not pid.isdigit():
        return False
    now = _began(int(pid))
    if now is None:
        return not _exists(int(pid))
    return now != began


def is_over(holder: str, until: datetime | None, now: datetime) -> bool:
    return until is None or until <= now or is_dead(holder)


def _machine() -> str:
    """Containers may share a host's name and not its processes."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return f"{socket.gethostname()[:128]}/{namespace}"


def _began(pid: int) -> str | None:
    """In ticks since the machine started; None where the system does not tell, or there is no such
    process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in ("Z", "X") else fields[18]


def _exists(pid: int) -> bool:
    if Path("/proc/self/stat").exists():
        return False  # the process would have been there
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
