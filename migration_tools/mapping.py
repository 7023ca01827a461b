"""Mapping files: how rows of any other shape become users (docs/migration/README.md, "Mapping files").

TOML or JSON. Each field of a user is told by a *rule*: a column (``"mail"``, in JSON also a path,
``"profile.mail"``; ``"!active"`` for its opposite), several columns to be joined by a blank
(``["first", "last"]``), a constant (``true``, ``{value = "…"}``) or a comparison
(``{column = "status", equals = "blocked"}``, or ``in = […]``).
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from better_auth.conf.loading import nearest
from migration_tools import neutral
from migration_tools.mapping_shapes import wrong_shape
from migration_tools.records import LegacyAccount, LegacyUser, Refused
from migration_tools.values import text_of, truth_of

Row = Mapping[str, Any]
Rule = Callable[[Row], Any]

FIELDS = frozenset({*neutral.TEXTS, *neutral.TRUTHS, *neutral.MOMENTS, *neutral.LISTS, *neutral.EXTRAS})
HASH_KEYS = frozenset(
    {"column", "scheme", "scheme_column", "salt_column", "iterations_column", "encoding", "salt_encoding"}
    | {"salt", "salt_position", "iterations", "digest", "pepper_env", "pepper_position", "password_encoding"}
    | {"rounds", "format", "inner", "key", "key_column", "params"}
)
SOURCE_KEYS = frozenset(
    {"table", "query", "where", "watermark", "verify", "csv", "tables", "columns", "parameters"}
)
POLICY_KEYS = frozenset(
    {"trust_email_verified", "missing_email", "deleted", "role_names", "group_names", "staff", "superuser"}
    | {"keep_ids", "providers"}
)
OWN_KEYS = frozenset({"key", "zone", "hash", "accounts", "metadata"})
KEYS = FIELDS | SOURCE_KEYS | POLICY_KEYS | OWN_KEYS


class MappingFault(Exception):
    """The mapping file can't be used; the message says where and why."""


@dataclass(frozen=True)
class MappingFile:
    """``key``: the rule for the external id; ``rules``: by field of the neutral record."""

    key: Rule | None
    rules: Mapping[str, Rule]
    hash: Mapping[str, Any]
    accounts: tuple[tuple[Rule, Rule], ...]
    metadata: Mapping[str, Rule]
    zone: tzinfo | None
    source: Mapping[str, Any]
    policy: Mapping[str, Any]
    columns: frozenset[str]
    key_column: str | None = None
    email_column: str | None = None
    unseen: set[str] = field(default_factory=set)

    @property
    def makes_users(self) -> bool:
        """Whether the file says how rows become users, and not only where they are or what is to be done."""
        return self.key is not None

    def user_from(self, row: Row) -> LegacyUser:
        """The user that the row tells of. Raises ``Refused``."""
        if not isinstance(row, Mapping):
            raise Refused("invalid-record", "not an object")
        if self.unseen:
            self.unseen.difference_update(_paths(row, self.unseen))
        if self.key is None:
            return neutral.user_from(row, self.zone)
        values: dict[str, Any] = {"external_id": self.key(row)}
        for name, rule in self.rules.items():
            value = rule(row)
            if value is not None and value != "":
                values[name] = value
        if self.hash:
            values["password"] = _password(self.hash, row)
        if self.metadata:
            found = {name: rule(row) for name, rule in self.metadata.items()}
            values["metadata"] = {name: value for name, value in found.items() if value is not None}
        user = neutral.user_from(values, self.zone)
        if self.accounts:
            user.accounts = tuple(_accounts(self.accounts, row))
        return user


def load(path: str) -> MappingFile:
    """Read a mapping file. Raises ``MappingFault``."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        content = json.loads(text) if path.endswith(".json") else tomllib.loads(text)
    except OSError as problem:
        raise MappingFault(f"{path}: {problem.strerror}") from None
    except ValueError as problem:
        raise MappingFault(f"{path}: {problem}") from None
    try:
        return parse(content)
    except MappingFault as problem:
        raise MappingFault(f"{path}: {problem}") from None


def parse(content: Any) -> MappingFile:
    """The mapping of a parsed file. Raises ``MappingFault``."""
    if not isinstance(content, Mapping):
        raise MappingFault("is no table of keys")
    for name in content:
        if name not in KEYS:
            raise MappingFault(f"unknown key {name!r}{nearest(name, sorted(KEYS))}")
    problem = wrong_shape(content)
    if problem:
        raise MappingFault(problem)
    columns: set[str] = set()

    def rule(name: str, told: Any) -> Rule:
        return _rule(name, told, columns)

    key = rule("key", content["key"]) if "key" in content else None
    if key is None and (FIELDS | {"hash", "accounts"}) & content.keys():
        raise MappingFault("fields are mapped, but not the key: key = the column of the user's id")
    metadata = content.get("metadata", {})
    if isinstance(metadata, list):
        metadata = {name: name for name in metadata}
    return MappingFile(
        key=key,
        rules={name: rule(name, content[name]) for name in sorted(FIELDS & content.keys())},
        hash=_hash_of(content.get("hash", {}), columns),
        accounts=tuple(_account_rules(content.get("accounts", []), rule)),
        metadata={name: rule(f"metadata.{name}", told) for name, told in metadata.items()},
        zone=_zone(content.get("zone")),
        source={name: content[name] for name in SOURCE_KEYS & content.keys()},
        policy={name: content[name] for name in POLICY_KEYS & content.keys()},
        columns=frozenset(columns),
        key_column=content["key"] if isinstance(content.get("key"), str) else None,
        email_column=content["email"] if isinstance(content.get("email"), str) else None,
        unseen=set(columns),
    )


def _rule(name: str, told: Any, columns: set[str]) -> Rule:
    if isinstance(told, bool | int | float):
        return lambda row: told
    if isinstance(told, str) and told:
        path = told.removeprefix("!")
        columns.add(path)
        read = _reader(path)
        return (lambda row: _opposite(read(row), name)) if told.startswith("!") else read
    if isinstance(told, list) and told and all(isinstance(one, str) and one for one in told):
        columns.update(told)
        readers = [_reader(path) for path in told]
        if name in neutral.LISTS:
            return lambda row: [value for value in (read(row) for read in readers) if value]
        return lambda row: _joined([read(row) for read in readers], name)
    if isinstance(told, Mapping):
        return _table_rule(name, told, columns)
    raise MappingFault(f"{name}: wants a column, a list of columns, a constant or a comparison")


def _table_rule(name: str, told: Mapping[str, Any], columns: set[str]) -> Rule:
    if told.keys() == {"value"}:
        constant = told["value"]
        return lambda row: constant
    column = told.get("column")
    if isinstance(column, str) and column and told.keys() in ({"column", "equals"}, {"column", "in"}):
        columns.add(column)
        read = _reader(column)
        wanted = told.get("in", [told.get("equals")])
        if isinstance(wanted, list):
            texts = {str(one) for one in wanted}
            return lambda row: _text_for_comparison(read(row)) in texts
    raise MappingFault(f"{name}: a table has value, or column with equals or in")


def _text_for_comparison(value: Any) -> str:
    return value.strip() if isinstance(value, str) else str(value)


def _reader(path: str) -> Rule:
    if "." not in path:
        return lambda row: row.get(path)
    parts = path.split(".")

    def read(row: Row) -> Any:
        if path in row:
            return row[path]
        value: Any = row
        for part in parts:
            if not isinstance(value, Mapping):
                return None
            value = value.get(part)
        return value

    return read


def _paths(row: Row, wanted: set[str]) -> list[str]:
    return [path for path in wanted if path in row or ("." in path and path.split(".")[0] in row)]


def _opposite(value: Any, name: str) -> bool | None:
    return None if value is None else not truth_of(value, name)


def _joined(values: list[Any], name: str) -> str:
    texts = [(text_of(value, name) or "").strip() for value in values]
    return " ".join(text for text in texts if text)


def _hash_of(told: Any, columns: set[str]) -> Mapping[str, Any]:
    if not isinstance(told, Mapping):
        raise MappingFault("hash: wants a table of keys")
    if not told:
        return {}
    for name in told:
        if name not in HASH_KEYS:
            raise MappingFault(f"hash: unknown key {name!r}{nearest(name, sorted(HASH_KEYS))}")
    if not told.get("column") or not (told.get("scheme") or told.get("scheme_column")):
        raise MappingFault("hash: wants column and scheme (or scheme_column)")
    columns.update(str(told[name]) for name in told if name == "column" or name.endswith("_column"))
    return dict(told)


def _password(told: Mapping[str, Any], row: Row) -> dict[str, Any] | None:
    stored = _reader(told["column"])(row)
    if stored is None or stored == "":
        return None
    params = {
        name: value
        for name, value in {**told.get("params", {}), **told}.items()
        if name not in ("column", "scheme", "params") and not name.endswith("_column")
    }
    for name in ("salt", "iterations", "key"):
        if f"{name}_column" in told:
            params[name] = _as_text(_reader(told[f"{name}_column"])(row))
    if isinstance(stored, bytes | bytearray | memoryview):
        stored, params["encoding"] = bytes(stored).hex(), "hex"
    scheme = _reader(told["scheme_column"])(row) if "scheme_column" in told else told["scheme"]
    # CHAR(n) columns are filled up with blanks.
    return {"scheme": text_of(scheme, "scheme"), "hash": str(stored).rstrip(" "), "params": params}


def _as_text(value: Any) -> Any:
    return bytes(value).hex() if isinstance(value, bytes | bytearray | memoryview) else value


def _account_rules(told: Any, rule: Callable[[str, Any], Rule]) -> Iterator[tuple[Rule, Rule]]:
    if not isinstance(told, list):
        raise MappingFault("accounts: wants a list of tables with provider and subject")
    for one in told:
        if not isinstance(one, Mapping) or not {"provider", "subject"} == one.keys():
            raise MappingFault("accounts: each wants provider and subject")
        provider = one["provider"]
        if isinstance(provider, str):  # a name; a column is told by {column = "…"}
            provider = {"value": provider}
        elif isinstance(provider, Mapping) and provider.keys() == {"column"}:
            provider = provider["column"]
        yield rule("accounts.provider", provider), rule("accounts.subject", one["subject"])


def _accounts(rules: tuple[tuple[Rule, Rule], ...], row: Row) -> Iterator[LegacyAccount]:
    for provider, subject in rules:
        found = text_of(subject(row), "subject")
        if found:
            yield neutral.account_from({"provider": provider(row), "subject": found})


def _zone(told: Any) -> tzinfo | None:
    if told is None:
        return None
    try:
        return ZoneInfo(told)
    except (ValueError, OSError, TypeError, KeyError):
        raise MappingFault(f"zone: {told!r} is no time zone, such as UTC or Europe/Berlin") from None
