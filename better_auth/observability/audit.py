"""Each event becomes a row of the audit log, in the transaction of the change that it tells of."""

from __future__ import annotations

from typing import Any

from better_auth.events import Event, recorded
from better_auth.models import AuditEntry
from better_auth.storage import compiled


def record(*, event: Event, **kwargs: Any) -> None:
    compiled.insert(
        AuditEntry(
            event_type=event.type,
            auth_method=event.method or "",
            success=event.success,
            actor_id=event.actor_id or event.subject_id,
            subject_id=event.subject_id,
            session_id=event.session_id,
            ip_address=event.client.ip_address,
            user_agent=event.client.user_agent,
            details=dict(event.details),
        )
    )


def connect() -> None:
    recorded.connect(record, dispatch_uid="better_auth.audit")
