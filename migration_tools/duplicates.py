"""What comes twice in one input: looked for before anything is written, so that nobody wins silently.

Hashes only (Python's own: keyed, 64 bits), in a private scratch file that spills to disk: memory stays flat
however long the input is.
"""

from __future__ import annotations

import secrets
import sqlite3

from migration_tools.checking import Checked, Keys

Hashes = tuple[list[tuple[int, int]], list[tuple[int, int, int]], list[tuple[int]]]

# Without indexes: appended to at random they would be read and written all over; sorted once at the end they
# are not.
TABLES = """
CREATE TABLE ids (key INTEGER, number INTEGER);
CREATE TABLE emails (key INTEGER, raw INTEGER, lower INTEGER);
CREATE TABLE others (key INTEGER);
"""
ADD_ID = "INSERT INTO ids VALUES (?, ?)"
ADD_EMAIL = "INSERT INTO emails VALUES (?, ?, ?)"
ADD_OTHER = "INSERT INTO others VALUES (?)"
TWICE = "GROUP BY key HAVING count(*) > 1"
FIRST_OF_IDS = f"SELECT key, min(number) FROM ids {TWICE}"  # noqa: S608
KINDS_OF_EMAILS = f"""
SELECT key, CASE WHEN min(lower) <> max(lower) THEN 2 WHEN min(raw) <> max(raw) THEN 1 ELSE 0 END
FROM emails {TWICE}
"""  # noqa: S608
OTHERS_TWICE = f"SELECT key FROM others {TWICE}"  # noqa: S608
OF_EMAILS = ("duplicate-email", "email-case", "email-unicode")
REASONS = frozenset({*OF_EMAILS, "duplicate-username", "duplicate-identity"})
# KiB of memory for the scratch file's pages, and for sorting.
CACHE = 8192


class Duplicates:
    """Fill with ``add`` for every record and ``flush`` at times, then ``close``; from then on it answers."""

    def __init__(self) -> None:
        self._salt = secrets.token_bytes(16)
        self._scratch = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._scratch.executescript(
            f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -{CACHE};" + TABLES
        )
        self._scratch.execute("BEGIN")
        self._ids: list[tuple[int, int]] = []
        self._emails: list[tuple[int, int, int]] = []
        self._others: list[tuple[int]] = []
        self._first: dict[int, int] = {}
        self._kinds: dict[int, int] = {}
        self._twice: set[int] = set()

    def add(self, number: int, keys: Keys, *, is_coming: bool) -> None:
        """``number``: of the record in the input; one that will not come takes nothing from the others."""
        salt = self._salt
        self._ids.append((hash((salt, "id", keys.external_id)), number))
        if is_coming:
            raw, lower = hash((salt, "", keys.raw_email.strip())), hash((salt, "", keys.email))
            self._emails.append((hash((salt, "email", keys.folded)), raw, lower))
            if keys.username is not None:
                self._others.append((self._key("username", keys.username),))
            if keys.phone_number is not None:
                self._others.append((self._key("phone", keys.phone_number),))
            # One that stands twice in a record is no other's.
            self._others += [(self._identity_key(*one),) for one in dict.fromkeys(keys.identities)]

    def drain(self) -> Hashes:
        """What was added, for ``absorb`` in the process that keeps the scratch file."""
        hashes = (self._ids[:], self._emails[:], self._others[:])
        for rows in (self._ids, self._emails, self._others):
            rows.clear()
        return hashes

    def absorb(self, hashes: Hashes) -> None:
        """In any order."""
        ids, emails, others = hashes
        self._ids += ids
        self._emails += emails
        self._others += others
        self.flush()

    def close(self) -> None:
        """Keep what comes twice, and let go of the rest."""
        self.flush()
        ask = self._scratch.execute
        self._first = dict(ask(FIRST_OF_IDS))
        self._kinds = dict(ask(KINDS_OF_EMAILS))
        self._twice = {key for (key,) in ask(OTHERS_TWICE)}
        self._scratch.close()

    def is_repetition(self, number: int, external_id: str) -> bool:
        """Whether an earlier record has the same id."""
        if not self._first:
            return False
        return self._first.get(self._key("id", external_id), number) != number

    def reason(self, checked: Checked) -> str | None:
        """Why another record of the input stands in the way of this one, as a reason for the report."""
        if self._kinds:
            kind = self._kinds.get(self._key("email", checked.folded))
            if kind is not None:
                return OF_EMAILS[kind]
        if not self._twice:
            return None
        username = checked.columns.get("username")
        if username is not None and self._key("username", username) in self._twice:
            return "duplicate-username"
        if any(self._identity_key(one.provider, one.subject) in self._twice for one in checked.accounts):
            return "duplicate-identity"
        return None

    def has_phone_twice(self, checked: Checked) -> bool:
        phone = checked.columns.get("phone_number")
        return bool(self._twice and phone) and self._key("phone", str(phone)) in self._twice

    def _identity_key(self, provider: str, subject: str) -> int:
        return self._key("identity", f"{provider}\0{subject}")

    def _key(self, kind: str, text: str) -> int:
        return hash((self._salt, kind, text))

    def flush(self) -> None:
        """Let the scratch file have what was added."""
        for statement, rows in ((ADD_ID, self._ids), (ADD_EMAIL, self._emails), (ADD_OTHER, self._others)):
            self._scratch.executemany(statement, rows)
            rows.clear()
