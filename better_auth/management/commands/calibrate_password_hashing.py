"""``manage.py calibrate_password_hashing``: what Argon2id may cost on this machine."""

from __future__ import annotations

import time
from statistics import median
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from better_auth.conf import auth_settings
from better_auth.crypto.password_hashers import Argon2idHasher

# OWASP's least: 19 MiB and 2 passes. More memory hurts an attacker more than more passes do.
MEMORY_STEPS_KIB = (19456, 32768, 47104, 65536, 98304, 131072)
TIME_STEPS = (2, 3, 4)
ROUNDS = 3


class Command(BaseCommand):
    help = "Measure Argon2id on this machine and propose the highest cost within a time per sign-in."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--target-ms", type=int, default=100, help="time for one hash (default: 100)")

    def handle(self, *args: Any, target_ms: int, **options: Any) -> None:
        if target_ms < 1:
            raise CommandError("--target-ms must be at least 1")
        rules = auth_settings.password
        now = self._measure(rules.argon2_memory_cost, rules.argon2_time_cost)
        present = f"memory {rules.argon2_memory_cost} KiB, passes {rules.argon2_time_cost}"
        self.stdout.write(f"In force: {present}: {now:.0f} ms for one hash.\n")
        best = (MEMORY_STEPS_KIB[0], TIME_STEPS[0])
        for memory in MEMORY_STEPS_KIB:
            for passes in TIME_STEPS:
                milliseconds = self._measure(memory, passes)
                fits = milliseconds <= target_ms
                self.stdout.write(
                    f"{'  ' if fits else '! '}{memory:>7} KiB  {passes} passes  {milliseconds:6.0f} ms"
                )
                if fits:
                    best = (memory, passes)
                else:
                    break
        self.stdout.write(f"\nWithin {target_ms} ms for one hash:")
        self.stdout.write(
            f"  BETTER_AUTH_ARGON2_MEMORY_COST={best[0]}\n  BETTER_AUTH_ARGON2_TIME_COST={best[1]}"
        )
        self.stdout.write("Present passwords go on working and are upgraded at the next sign-in.")

    def _measure(self, memory: int, passes: int) -> float:
        """Median milliseconds of one hash."""
        hasher = type("Measured", (Argon2idHasher,), {"memory_cost": memory, "time_cost": passes})()
        times = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            hasher.encode("correct horse battery staple", hasher.salt())
            times.append((time.perf_counter() - start) * 1000)
        return median(times)
