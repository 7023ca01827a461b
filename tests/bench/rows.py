"""What is measured against what, and how much of it is wanted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench import api_keys, legacy_tokens, sessions
from tests.bench.loads import Measured, Window, ensure_right, no_cookies, one_cookie, press
from tests.bench.servers import KEPT_MEMORY, PATH, SERVER_CORE, Target, ours, pinned, prepared_site, reference
from tests.server import CHECKOUT, PASSWORD

FROM_REDIS = {"BETTER_AUTH_SESSION_CACHE_SECONDS": "0"}
FROM_DATABASE = {**FROM_REDIS, "BETTER_AUTH_SESSION_CACHE_SHARED_SECONDS": "0"}
SIGN_IN = "/api/auth/sign-in/email"
TOKEN = "/api/auth/token"
# Enough to keep the core busy; what is under way at the end of a window is lost to its count.
SIGN_IN_CONNECTIONS = 4
# The server has one core, so one hash at a time is all that it can do; the others wait for their turn.
ONE_CORE = {"BETTER_AUTH_PASSWORD_MAX_CONCURRENT": "1"}


@dataclass(frozen=True)
class Pace:
    """Seconds and numbers: of the warm-up of each side, of the windows, of the large table."""

    reference_warm_up: float = 100
    warm_up: float = 5
    windows: int = 6
    seconds: float = 4
    sign_in_seconds: float = 6
    many: int = 1_000_000
    few: int = 10_000


QUICK = Pace(reference_warm_up=5, warm_up=2, windows=2, seconds=2, sign_in_seconds=5, many=50_000)


@dataclass(frozen=True)
class Row:
    """``of``: the figure that is compared, ``rate`` (more is better), ``p50`` or ``cpu`` (less is better)."""

    key: str
    work: str
    ours: Measured
    peer: Measured
    wanted: float
    at_least: bool = True
    of: str = "rate"

    @property
    def ratio(self) -> float:
        return self.ours.median(self.of) / self.peer.median(self.of)

    @property
    def is_reached(self) -> bool:
        if self.ours.failed or self.peer.failed:
            return False
        return self.ratio >= self.wanted if self.at_least else self.ratio <= self.wanted


class Bench:
    """Measures rows one after the other; each peer once."""

    def __init__(self, pace: Pace, workspace: Path, say: Callable[[str], None]) -> None:
        self.pace, self.workspace, self.say = pace, workspace, say
        self._peers: dict[str, Measured] = {}

    def original(self, mode: str) -> Measured:
        if mode not in self._peers:
            with reference(mode, self.workspace) as target:
                ensure_right(target)
                self._peers[mode] = self._measured(target, warm_up=self.pace.reference_warm_up)
        return self._peers[mode]

    def warm_wsgi(self) -> Row:
        with prepared_site() as site, ours(site, "WSGI, remembered") as target:
            mine = self._measured(one_cookie(target))
        return Row("warm-wsgi", "get-session, remembered, WSGI", mine, self.original("cookie"), 10)

    def warm_asgi(self) -> Row:
        with prepared_site() as site, ours(site, "ASGI, remembered", interface="asgi") as target:
            mine = self._measured(one_cookie(target))
        return Row("warm-asgi", "get-session, remembered, `make run`", mine, self.original("cookie"), 6)

    def bare(self) -> Row:
        answer = self.workspace / "answer"
        with prepared_site() as site, ours(site, "WSGI, remembered") as target:
            answer.write_bytes(_body_of(target))
            with ours(
                site, "bare granian", application="tests.bench.applications:bare", BENCH_ANSWER=str(answer)
            ) as floor:
                mine, peer = self._in_turn(one_cookie(target), one_cookie(floor))
        return Row("bare", "get-session, remembered, against bare granian", mine, peer, 0.4)

    def redis(self) -> Row:
        with prepared_site(redis=True) as site, ours(site, "WSGI, from Redis", **FROM_REDIS) as target:
            mine = self._measured(target)
        return Row("redis", "get-session, from Redis", mine, self.original("redis"), 1.5)

    def cold(self) -> Row:
        with prepared_site() as site, ours(site, "WSGI, from PostgreSQL", **FROM_DATABASE) as target:
            mine = self._measured(target)
        return Row("cold", "get-session, from PostgreSQL", mine, self.original("pg"), 1.5)

    def mint(self) -> Row:
        with prepared_site() as site, ours(site, "GET /token, WSGI") as target:
            mine = self._measured(one_cookie(target), path=TOKEN)
        with reference("jwt", self.workspace) as target:
            peer = self._measured(target, warm_up=self.pace.reference_warm_up, path=TOKEN)
        return Row("mint", "a JWT of a session, EdDSA", mine, peer, 8)

    def sign_in(self) -> Row:
        with prepared_site() as site, ours(site, "sign-in", **ONE_CORE) as target:
            load = _signing_in(target)
            self._press_sign_in(load, self.pace.warm_up)
            mine, alone = [], []
            for _ in range(self.pace.windows):
                mine.append(self._press_sign_in(load, self.pace.sign_in_seconds))
                alone.append(_hash_alone(self.pace.sign_in_seconds))
        peer = Measured("the hash alone", tuple(alone))
        return self._told(
            Row("sign-in", "sign-in, against its hash alone", self._all("sign-in", mine), peer, 0.9)
        )

    def overhead(self) -> Row:
        without = "tests.bench.applications:without_audit"
        with (
            prepared_site() as site,
            ours(site, "sign-in", **ONE_CORE) as target,
            ours(site, "sign-in without", application=without, **ONE_CORE) as other,
        ):
            loads = [_signing_in(target), _signing_in(other)]
            windows: tuple[list[Window], list[Window]] = ([], [])
            for load in loads:
                self._press_sign_in(load, self.pace.warm_up)
            for _ in range(self.pace.windows * 2):
                for load, taken in zip(loads, windows, strict=True):
                    taken.append(self._press_sign_in(load, self.pace.sign_in_seconds))
        mine, peer = self._all("sign-in", windows[0]), self._all("without all three", windows[1])
        return self._told(
            Row("overhead", "sign-in with audit, hashed tokens, metrics", mine, peer, 1.05, False, "cpu")
        )

    def size(self) -> Row:
        few, many = self.pace.few, self.pace.many
        with (
            prepared_site(count=few) as small,
            prepared_site(count=many) as large,
            ours(large, f"{many:,} sessions", **FROM_DATABASE) as target,
            ours(small, f"{few:,} sessions", **FROM_DATABASE) as other,
        ):
            mine, peer = self._in_turn(target, other)
        return Row("size", f"get-session, {many:,} sessions against {few:,}", mine, peer, 1.2, False, "p50")

    def verify(self) -> Row:
        windows: dict[str, list[Window]] = {"verify": [], "bare": []}
        for _ in range(self.pace.windows):
            for what, taken in windows.items():
                taken.append(_in_process(what, self.pace.seconds))
        mine = Measured("in a service", tuple(windows["verify"]))
        peer = Measured("the signature alone", tuple(windows["bare"]))
        return self._told(Row("verify", "a JWT of another server, verified here", mine, peer, 0.75))

    def introspected(self) -> Row:
        windows = tuple(_in_process("cached", self.pace.seconds) for _ in range(self.pace.windows))
        promised = Measured("as promised", (Window(20_000, 50, 50, 50, 50, 1, 0),))
        mine = Measured("in a service", windows)
        return self._told(
            Row("introspected", "an opaque token that was asked about", mine, promised, 1, False, "cpu")
        )

    def api_key(self) -> Row:
        with prepared_site() as site, ours(site, "x-api-key, WSGI") as target:
            mine = self._measured(api_keys.planted(target, site, count=1000))
        with reference("api-key", self.workspace) as target:
            peer = self._measured(target, warm_up=self.pace.reference_warm_up)
        return Row("api-key", "get-session by an API key without limits", mine, peer, 5)

    def api_key_size(self) -> Row:
        few, many = 100, 100_000
        with (
            prepared_site(count=10, taken=10) as small,
            prepared_site(count=10, taken=10) as large,
            ours(large, f"{many:,} keys", **FROM_DATABASE) as target,
            ours(small, f"{few:,} keys", **FROM_DATABASE) as other,
        ):
            mine, peer = self._in_turn(
                api_keys.planted(target, large, count=many), api_keys.planted(other, small, count=few)
            )
        return Row("api-key-size", f"an API key of {many:,} against {few:,}", mine, peer, 1.2, False, "p50")

    def api_key_verified(self) -> Row:
        windows = tuple(
            _loop([sys.executable, "-m", "tests.bench.api_keys", str(self.pace.seconds)])
            for _ in range(self.pace.windows)
        )
        promised = Measured("as promised", (Window(33_333, 30, 30, 30, 30, 1, 0),))
        mine = Measured("in the process", windows)
        return self._told(
            Row("api-key-verified", "an API key, remembered, no limits", mine, promised, 1, False, "cpu")
        )

    def dual(self) -> Row:
        with (
            prepared_site() as site,
            ours(site, "with dual authentication", **legacy_tokens.SETTINGS) as target,
            ours(site, "without") as other,
        ):
            mine, peer = self._in_turn(one_cookie(target), one_cookie(other))
        work = "get-session, remembered, with dual authentication"
        return Row("dual", work, mine, peer, 1.02, False, "cpu")

    def legacy_jwt(self) -> Row:
        windows: dict[str, list[Window]] = {"check": [], "bare": []}
        with prepared_site() as site:
            environ = site.environment(**legacy_tokens.SETTINGS)
            for _ in range(self.pace.windows):
                for what, taken in windows.items():
                    command = [
                        sys.executable,
                        "-m",
                        "tests.bench.legacy_tokens",
                        what,
                        str(self.pace.seconds),
                    ]
                    taken.append(_loop(command, environ))
        mine = Measured("in the pipeline", tuple(windows["check"]))
        peer = Measured("PyJWT alone", tuple(windows["bare"]))
        return self._told(Row("legacy-jwt", "a JWT of a former system that came before", mine, peer, 0.75))

    def statements(self) -> dict[str, int]:
        with prepared_site(count=10, taken=10) as site:
            return sessions.count_statements(site)

    def _measured(self, target: Target, *, warm_up: float | None = None, path: str = PATH) -> Measured:
        ensure_right(target)
        press(target, warm_up or self.pace.warm_up, path=path)
        windows = [press(target, self.pace.seconds, path=path) for _ in range(self.pace.windows)]
        return self._all(target.name, windows, say=True)

    def _in_turn(self, one: Target, other: Target) -> tuple[Measured, Measured]:
        """Windows of both in turn, so that what else goes on on the machine meets both."""
        taken: dict[str, list[Window]] = {one.name: [], other.name: []}
        for target in (one, other):
            ensure_right(target)
            press(target, self.pace.warm_up)
        for _ in range(self.pace.windows):
            for target in (one, other):
                taken[target.name].append(press(target, self.pace.seconds))
        first, second = (self._all(name, windows, say=True) for name, windows in taken.items())
        return first, second

    def _all(self, name: str, windows: list[Window], *, say: bool = False) -> Measured:
        measured = Measured(name, tuple(windows))
        if say:
            self._say(measured)
        return measured

    def _told(self, row: Row) -> Row:
        self._say(row.ours)
        self._say(row.peer)
        return row

    def _say(self, measured: Measured) -> None:
        rate, p50, cpu = (measured.median(figure) for figure in ("rate", "p50", "cpu"))
        share, failed = measured.median("share"), measured.failed
        line = (
            f"  {measured.name:28} {rate:9,.1f} a second, median {p50 / 1000:6.2f} ms, {cpu:8,.0f} µs of CPU"
        )
        self.say(f"{line} ({share:4.0%} of the core)" + (f", {failed} FAILED" if failed else ""))

    def _press_sign_in(self, target: Target, seconds: float) -> Window:
        body = json.dumps({"email": sessions.EMAIL, "password": PASSWORD})
        window = press(target, seconds, path=SIGN_IN, body=body, connections=SIGN_IN_CONNECTIONS)
        time.sleep(0.5)  # what wrk left in the middle comes to its end
        return window


ROWS: dict[str, Callable[[Bench], Row]] = {
    "warm-wsgi": Bench.warm_wsgi,
    "warm-asgi": Bench.warm_asgi,
    "bare": Bench.bare,
    "redis": Bench.redis,
    "cold": Bench.cold,
    "mint": Bench.mint,
    "sign-in": Bench.sign_in,
    "overhead": Bench.overhead,
    "size": Bench.size,
    "verify": Bench.verify,
    "introspected": Bench.introspected,
    "api-key": Bench.api_key,
    "api-key-size": Bench.api_key_size,
    "api-key-verified": Bench.api_key_verified,
    "dual": Bench.dual,
    "legacy-jwt": Bench.legacy_jwt,
}


def _signing_in(target: Target) -> Target:
    return Target(target.name, target.url, target.pid, no_cookies(target.cookies.parent), target.email)


def _body_of(target: Target) -> bytes:
    import http.client
    from urllib.parse import urlsplit

    address = urlsplit(target.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port)
    cookie = (target.cookies.parent / "cookie").read_text().strip()
    connection.request("GET", PATH, headers={"Cookie": cookie})
    return connection.getresponse().read()


HASH = """
import sys, time
import argon2
hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
encoded, until, count = hasher.hash(sys.argv[1]), time.perf_counter() + float(sys.argv[2]), 0
begun, spent = time.perf_counter(), time.process_time()
while time.perf_counter() < until:
    hasher.verify(encoded, sys.argv[1])
    count += 1
print(count, time.perf_counter() - begun, time.process_time() - spent)
"""


def _hash_alone(seconds: float) -> Window:
    """Nothing but the hash of a sign-in, over and over, on the servers' core."""
    time.sleep(0.2)
    return _loop([sys.executable, "-c", HASH, PASSWORD, str(seconds)])


def _in_process(what: str, seconds: float) -> Window:
    """What ``tests.bench.tokens`` does, on the servers' core."""
    return _loop([sys.executable, "-m", "tests.bench.tokens", what, str(seconds)])


def _loop(command: list[str], environ: Mapping[str, str] = os.environ) -> Window:
    """A process that tells how often it did something, in how many seconds, and what they cost."""
    done = subprocess.run(
        [*pinned(SERVER_CORE), *command],
        cwd=CHECKOUT,
        env={**environ, **KEPT_MEMORY},
        capture_output=True,
        text=True,
        check=True,
    )
    count, took, spent = (float(figure) for figure in done.stdout.split())
    each = took / count * 1e6
    return Window(count / took, each, each, each, spent / count * 1e6, spent / took, 0)
