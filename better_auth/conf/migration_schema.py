"""The settings of a migration that goes on while people sign in; a part of ``schema``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from better_auth.conf.declaring import setting


@dataclass(frozen=True, slots=True)
class MigrationSettings:
    mode: Literal["off", "lazy", "shadow"] = setting(
        "off",
        "``lazy``: who is not here yet is checked by the legacy system, once. ``shadow``: it decides for all "
        "who come from there, and our check is counted beside it.",
        env="BETTER_AUTH_MIGRATION_MODE",
    )
    source: str = setting(
        "legacy",
        "What the journal calls the legacy system: the ``--name`` of its ``migrate_users``.",
        env="BETTER_AUTH_MIGRATION_SOURCE",
    )
    verifier: str | None = setting(
        None,
        "Who asks it: ``http``, ``sql``, or a callable ``(email, password) -> record or None``.",
        env="BETTER_AUTH_MIGRATION_VERIFIER",
    )
    finder: str | None = setting(
        None,
        "Beside a callable verifier: ``(email) -> record or None``, for resets and sign-ups.",
        env="BETTER_AUTH_MIGRATION_FINDER",
    )
    url: str | None = setting(None, "For ``http``: the endpoint, https.", env="BETTER_AUTH_MIGRATION_URL")
    secret: str | None = setting(
        None,
        "For ``http``: signs requests and answers, at least 32 characters.",
        env="BETTER_AUTH_MIGRATION_SECRET",
    )
    plain_http: bool = setting(
        False,
        "Send passwords over http, too, in a network that nobody else is in.",
        env="BETTER_AUTH_MIGRATION_PLAIN_HTTP",
    )
    ca_file: str | None = setting(
        None,
        "For ``http``: certificates to trust instead of the usual ones.",
        env="BETTER_AUTH_MIGRATION_CA_FILE",
    )
    dsn: str | None = setting(
        None, "For ``sql``: the database, as for ``migrate_users``.", env="BETTER_AUTH_MIGRATION_DSN"
    )
    mapping: str | None = setting(
        None,
        "Mapping file: which column is what; for ``sql`` also which table.",
        env="BETTER_AUTH_MIGRATION_MAPPING",
    )
    trust_verified: bool = setting(
        False,
        "Believe the legacy system which addresses are verified.",
        env="BETTER_AUTH_MIGRATION_TRUST_VERIFIED",
    )
    timeout_ms: int = setting(
        5000, "Milliseconds that a call may take in all.", env="BETTER_AUTH_MIGRATION_TIMEOUT_MS", at_least=1
    )
    max_calls: int = setting(
        8,
        "Calls at once in one process; more get 503. Keep it below the threads of a WSGI server.",
        env="BETTER_AUTH_MIGRATION_MAX_CALLS",
        at_least=1,
    )
    breaker_failures: int = setting(
        5,
        "Failures in a row after which a process leaves the legacy system alone.",
        env="BETTER_AUTH_MIGRATION_BREAKER_FAILURES",
        at_least=1,
    )
    breaker_seconds: int = setting(
        5,
        "Seconds that it is left alone at first; twice as long after each vain probe, up to 30.",
        env="BETTER_AUTH_MIGRATION_BREAKER_SECONDS",
        at_least=1,
    )
    decoys: bool = setting(
        True,
        "A failed sign-in of somebody who is here asks about nobody, so that time does not tell who is.",
        env="BETTER_AUTH_MIGRATION_DECOYS",
    )
