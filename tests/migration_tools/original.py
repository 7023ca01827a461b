"""The database of a Better Auth server, as far as tests need its tables."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from tests.migration_tools.legacy_databases import Legacy

SCHEMA = """
CREATE TABLE "user" (id TEXT PRIMARY KEY, name TEXT, email TEXT, "emailVerified" BOOLEAN, image TEXT,
    "createdAt" TIMESTAMP, "updatedAt" TIMESTAMP);
CREATE TABLE session (id TEXT PRIMARY KEY, "expiresAt" TIMESTAMP, token TEXT, "createdAt" TIMESTAMP,
    "updatedAt" TIMESTAMP, "ipAddress" TEXT, "userAgent" TEXT, "userId" TEXT, "activeOrganizationId" TEXT,
    "activeTeamId" TEXT);
CREATE TABLE account (id TEXT PRIMARY KEY, "accountId" TEXT, "providerId" TEXT, "userId" TEXT, scope TEXT,
    password TEXT, "createdAt" TIMESTAMP);
CREATE TABLE organization (id TEXT PRIMARY KEY, name TEXT, slug TEXT, logo TEXT, metadata TEXT,
    "createdAt" TIMESTAMP);
CREATE TABLE member (id TEXT PRIMARY KEY, "organizationId" TEXT, "userId" TEXT, role TEXT,
    "createdAt" TIMESTAMP);
CREATE TABLE invitation (id TEXT PRIMARY KEY, "organizationId" TEXT, email TEXT, role TEXT, "teamId" TEXT,
    status TEXT, "expiresAt" TIMESTAMP, "createdAt" TIMESTAMP, "inviterId" TEXT);
CREATE TABLE team (id TEXT PRIMARY KEY, name TEXT, "organizationId" TEXT, "createdAt" TIMESTAMP,
    "updatedAt" TIMESTAMP);
CREATE TABLE "teamMember" (id TEXT PRIMARY KEY, "teamId" TEXT, "userId" TEXT, "createdAt" TIMESTAMP);
CREATE TABLE "organizationRole" (id TEXT PRIMARY KEY, "organizationId" TEXT, role TEXT, permission TEXT,
    "createdAt" TIMESTAMP, "updatedAt" TIMESTAMP);
"""


class Original(Legacy):
    """The old server's database, and the command that brings it."""

    @property
    def told(self) -> list[str]:
        return ["--source", "better-auth", "--dsn", self.dsn]

    def join(self, row_id: str, place: str, user: str, role: str = "member") -> None:
        told = {"id": row_id, "organizationId": place, "userId": user, "role": role, "createdAt": at(-5)}
        self.insert("member", **told)


def at(days: int = 0) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).replace(tzinfo=None).isoformat(timespec="milliseconds")


def fill(there: Original) -> None:
    for name in ("ann", "bob", "cleo"):
        row = {"id": name, "name": name.title(), "email": f"{name}@example.org", "emailVerified": True}
        there.insert("user", **row, createdAt=at(-30), updatedAt=at(-30))
    session = {"id": "s-1", "token": "ann-token", "userId": "ann", "ipAddress": "", "userAgent": ""}
    session |= {"createdAt": at(-1), "updatedAt": at(-1), "expiresAt": at(7)}
    there.insert("session", **session, activeOrganizationId="org-1", activeTeamId="team-1")
    told = {"name": "Acme", "slug": "acme", "metadata": '{"plan":"pro"}', "createdAt": at(-20)}
    there.insert("organization", id="org-1", **told)
    there.join("member-1", "org-1", "ann", "owner")
    there.join("member-2", "org-1", "bob", "admin,auditor")
    there.join("member-3", "org-1", "who never comes")
    invitation = {"organizationId": "org-1", "email": "Dan@Example.org", "role": "member", "inviterId": "bob"}
    invitation |= {"status": "pending", "expiresAt": at(2), "createdAt": at(-1), "teamId": "team-1"}
    there.insert("invitation", id="invitation-1", **invitation)
    there.insert("team", id="team-1", name="Builders", organizationId="org-1", createdAt=at(-19))
    there.insert("teamMember", id="tm-1", teamId="team-1", userId="ann", createdAt=at(-19))
    permission = json.dumps({"member": ["create"]})
    role = {"id": "role-1", "organizationId": "org-1", "role": "auditor", "permission": permission}
    there.insert("organizationRole", **role, createdAt=at(-19))
