"""A real Prometheus (Debian's package) that scrapes one server, and answers queries."""

from __future__ import annotations

import contextlib
import json
import re
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import STDOUT
from typing import Any

from tests.conformance.run_conformance import child
from tests.server import wait_for

Labels = Mapping[str, str]


@dataclass(frozen=True)
class Prometheus:
    """Where it listens."""

    url: str

    def query(self, expression: str) -> list[tuple[Labels, float]]:
        """The present value of each series that the expression gives."""
        result = self._get("query", query=expression)["result"]
        return [(series["metric"], float(series["value"][1])) for series in result]

    def value(self, expression: str) -> float | None:
        """The only value; None where there is no series yet."""
        found = self.query(expression)
        assert len(found) <= 1, found
        return found[0][1] if found else None

    def targets(self) -> list[dict[str, Any]]:
        active: list[dict[str, Any]] = self._get("targets")["activeTargets"]
        return active

    def _get(self, path: str, **query: str) -> Any:
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(url, timeout=10) as answer:
            told = json.load(answer)
        assert told["status"] == "success", told
        return told["data"]


@contextlib.contextmanager
def running_prometheus(folder: Path, *, scrapes: str, token: str) -> Iterator[Prometheus]:
    """Scraping the server at this address every second with the token; nothing of it is left at the end."""
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [
            {
                "job_name": "better-auth",
                "authorization": {"credentials": token},
                "static_configs": [{"targets": [urllib.parse.urlsplit(scrapes).netloc]}],
            }
        ],
    }
    file, log = folder / "prometheus.yml", folder / "prometheus.log"
    file.write_text(json.dumps(config))  # YAML takes JSON
    command = [
        "prometheus",
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--web.listen-address=127.0.0.1:0",
    ]
    with log.open("w") as output, child(command, cwd=folder, stdout=output, stderr=STDOUT) as process:

        def address() -> str | None:
            assert process.poll() is None, log.read_text()
            told = log.read_text()
            found = re.search(r'"Listening on" address=(127\.0\.0\.1:\d+)', told)
            return found[1] if found and "Server is ready to receive web requests" in told else None

        yield Prometheus(f"http://{wait_for(address, 'Prometheus to be ready')}")
