"""What migrations tell the audit log. The entries of a run outlive its rollback."""

from __future__ import annotations

from better_auth.events import Event


class MigrationStarted(Event):
    type = "migration_started"


class MigrationResumed(Event):
    type = "migration_resumed"


class MigrationStopped(Event):
    type = "migration_stopped"
    success = False


class MigrationFinished(Event):
    type = "migration_finished"


class MigrationRolledBack(Event):
    type = "migration_rolled_back"


class UserMigrated(Event):
    """One by one, by a sign-in or a reset; a run's users are counted in its own events."""

    type = "user_migrated"


class RollbackClosed(Event):
    type = "migration_rollback_closed"
