"""What to do about each thing that keeps a record, or its password, from coming along."""

from __future__ import annotations

BY_REASON = {
    "ambiguous-hash": "name its scheme in the mapping ([hash] scheme = …), see docs/migration/hashes.md",
    "already-linked": "two records of the source share one user here: decide which of them it is",
    "changed-in-source": "--on-conflict update brings what changed there",
    "deleted": 'deleted = "ban" in the mapping brings them, shut out',
    "deleted-here": "who deleted their account here stays deleted",
    "duplicate-email": "correct the addresses there, or leave out all but one of them with --where",
    "duplicate-id": "name a key that is unique there (key = … in the mapping)",
    "duplicate-identity": "two records have one identity at a provider: merge them there",
    "duplicate-username": "rename one of them there, or leave user names out of the mapping",
    "email-case": "addresses that differ by case alone are one person's: merge them there",
    "email-taken": "--on-conflict link joins those whose address is verified on both sides",
    "email-unicode": "somebody has this address in another form: correct it there",
    "email-unverified": "--trust-verified, if the source's word can be trusted; else leave them apart",
    "empty-password-hash": "their password was empty: drop the hash, they get in by a reset",
    "hash-cost-out-of-bounds": "the hash would take too long to verify: drop it, they get in by a reset",
    "identity-taken": "somebody here has that identity at the provider: find out whose it is",
    "invalid-email": "correct the addresses there, or leave the records out",
    "invalid-encoding": "write the file as UTF-8",
    "invalid-json": "one JSON object on each line (jq -c '.[]')",
    "malformed-hash": "look whether the mapping names the right scheme, salt and encoding",
    "missing-email": 'missing_email = "placeholder" in the mapping brings them without an address',
    "no-hasher": "append *better_auth.crypto.legacy_hashes.HASHERS to PASSWORD_HASHERS",
    "not-adopted": "run manage.py adopt_users first",
    "refused-by-database": "a rule of the target's own tables: look at the log of the database",
    "unknown-hash": "see docs/migration/hashes.md; without a scheme that fits they get in by a reset",
    "username-taken": "somebody here has that user name: rename one of them",
}
OTHERWISE = "correct these records there, or leave them out (--where)"


def about(reason: str) -> str:
    return BY_REASON.get(reason, OTHERWISE)
