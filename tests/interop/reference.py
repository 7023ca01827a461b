"""The reference server, in a Node process of its own."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.run_conformance import DEFAULT_SUITE, install_libraries
from tests.server import CHECKOUT

SCRIPT = Path(__file__).with_name("reference.mjs")
ON_POSTGRESQL = Path(__file__).with_name("reference_on_postgresql.mjs")
# Where the original's libraries are together with a driver for PostgreSQL.
WITH_POSTGRESQL = CHECKOUT / "tests" / "bench" / "reference"
ANSWER_SECONDS = 60


class Reference:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def ask(self, operation: str, **members: Any) -> Any:
        """Call one of the operations of ``reference.mjs``."""
        requests, answers = self._process.stdin, self._process.stdout
        assert requests is not None
        assert answers is not None
        requests.write(json.dumps({"operation": operation, **members}).encode() + b"\n")
        requests.flush()
        ready, _, _ = select.select([answers], [], [], ANSWER_SECONDS)
        assert ready, f"no answer to {operation} within {ANSWER_SECONDS} s"
        answer = json.loads(answers.readline() or b'{"error": "the process has ended"}')
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def request(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        return self.ask("request", method=method, path=path, body=body, **more)


def ensure_node() -> None:
    """Without Node.js these tests are skipped; in CI its lack is a failure."""
    if shutil.which("node") and shutil.which("npm"):
        return
    reason = "Node.js with npm is not on the PATH"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def running_reference(database_url: str | None = None) -> Iterator[Reference]:
    """In memory, or on PostgreSQL."""
    ensure_node()
    script, folder = (ON_POSTGRESQL, WITH_POSTGRESQL) if database_url else (SCRIPT, DEFAULT_SUITE)
    install_libraries(folder)
    process = subprocess.Popen(
        # Code that is given as an argument finds its libraries from the working directory.
        ["node", "--input-type=module", "--eval", script.read_text()],
        cwd=folder,
        env={
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            **({"DATABASE_URL": database_url} if database_url else {}),
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        with process:
            yield Reference(process)
            assert process.stdin is not None
            process.stdin.close()  # the script ends with its input
            process.wait(90)
    finally:
        process.kill()
