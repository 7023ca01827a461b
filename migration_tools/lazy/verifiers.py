"""Which verifier the settings name, and what may be wrong with that."""

from __future__ import annotations

import math
import ssl
from urllib.parse import urlsplit

from better_auth.conf.migration_schema import MigrationSettings
from migration_tools import mapping
from migration_tools.lazy.answers import Verifier
from migration_tools.lazy.callables import Callables
from migration_tools.lazy.http_endpoint import HttpEndpoint
from migration_tools.lazy.sql_database import SqlDatabase
from migration_tools.mapping import MappingFault, MappingFile
from migration_tools.policy import OnConflict, Policy, UnusablePolicy, policy_from
from migration_tools.sources.source import SourceFault

HTTP, SQL = "http", "sql"
SHORTEST_SECRET = 32
LEAST_VARIETY = 10
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Unusable(Exception):
    """A setting of ``MIGRATION`` that can't be used: ``key``, and a sentence with what to do."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"MIGRATION.{key}: {problem}")
        self.key = key


def verifier_for(rules: MigrationSettings) -> Verifier:
    """Connects to nothing. Raises ``Unusable``."""
    name = rules.verifier
    if name == HTTP:
        return _http(rules)
    if name == SQL:
        return _sql(rules)
    if not name or "." not in name:
        told = f"{name!r} is none" if name else "is not set"
        raise Unusable("VERIFIER", f"{told}: 'http', 'sql', or the dotted path of a callable")
    return Callables(name, rules.finder)


def mapping_for(rules: MigrationSettings) -> MappingFile | None:
    """Raises ``Unusable``."""
    try:
        return mapping.load(rules.mapping) if rules.mapping else None
    except MappingFault as problem:
        raise Unusable("MAPPING", str(problem)) from None


def policy_for(rules: MigrationSettings) -> Policy:
    """How people who come one by one are treated: as the mapping file says. Raises ``Unusable``."""
    file = mapping_for(rules)
    try:
        told = file.policy if file else {}
        return policy_from(told, on_conflict=OnConflict.SKIP, trusts=rules.trust_verified)
    except UnusablePolicy as problem:
        raise Unusable("MAPPING", str(problem)) from None


def _http(rules: MigrationSettings) -> Verifier:
    url, secret = rules.url or "", rules.secret or ""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.fragment:
        raise Unusable("URL", "wants https://host/path, without name and password")
    is_clear = parts.scheme == "http" and parts.hostname not in LOOPBACK
    if is_clear and not rules.plain_http:
        raise Unusable("URL", "passwords would go over the network in the clear: serve https")
    if len(secret) < SHORTEST_SECRET or len(set(secret)) < LEAST_VARIETY:
        raise Unusable("SECRET", "is missing or can be guessed: openssl rand -base64 32")
    try:
        return HttpEndpoint(url, secret, timeout=rules.timeout_ms / 1000, ca_file=rules.ca_file)
    except (OSError, ssl.SSLError):
        raise Unusable("CA_FILE", "holds no certificates that can be read") from None


def _sql(rules: MigrationSettings) -> Verifier:
    file = mapping_for(rules)
    if file is None:
        raise Unusable("MAPPING", "is not set: which table, and which column is what")
    if not rules.dsn:
        raise Unusable("DSN", "is not set: postgresql://…, mysql://…, sqlite:///… or an alias of DATABASES")
    try:
        return SqlDatabase(rules.dsn, file, timeout=math.ceil(rules.timeout_ms / 1000))
    except SourceFault as problem:
        key = "DSN" if "--dsn" in str(problem) else "MAPPING"
        raise Unusable(key, str(problem).removeprefix("--dsn: ")) from None
