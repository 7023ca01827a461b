"""The lifecycle of sessions, and the only writer of them.

A token is shown to whoever signs in and rests nowhere: rows and caches hold its SHA-256. Other sessions of
a user are named by a *handle*, which can revoke them and opens nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import models, transaction

from better_auth import clock, hooks
from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import new_session_token, token_digest
from better_auth.errors import ErrorCode, Forbidden
from better_auth.events import AuthMethod, Client
from better_auth.models import DeviceCode, DeviceCodeStatus, Session
from better_auth.storage import compiled, last_seen, revocations, verified_sessions
from better_auth.storage.compiled import CompiledSelect
from better_auth.storage.records import SessionRecord, UserRecord, session_record
from better_auth.storage.remembered import Remembered
from better_auth.storage.session_lookup import find_session

UNREMEMBERED_SECONDS = 86400
HANDLE_PREFIX = "sid_"
USER_AGENT_LENGTH = 1024
_digests: Remembered[str] = Remembered()


@dataclass(frozen=True, slots=True)
class Keepsake:
    """Something that the client keeps for us, signed, in a cookie of this name; for so many ``seconds``, or
    None: as long as the browser runs. With no seconds at all it is to be forgotten."""

    name: str
    value: str = field(default="", repr=False)
    seconds: int | None = 0


@dataclass(frozen=True, slots=True)
class IssuedSession:
    """A session on its way to the client.

    ``remember``: whether the cookie outlives the browser; None leaves it as the client's cookies have it.
    """

    session: SessionRecord
    user: UserRecord
    token: str = field(repr=False)
    remember: bool | None = None
    keepsakes: tuple[Keepsake, ...] = ()


@dataclass(frozen=True, slots=True)
class ResumedSession:
    """``renewed``: its life was prolonged just now, so the client's cookie must be too."""

    session: SessionRecord
    user: UserRecord
    renewed: bool


def issue(
    user: UserRecord,
    *,
    client: Client,
    method: AuthMethod,
    remember: bool | None = True,
    expires_in: int | None = None,
    **columns: Any,
) -> IssuedSession:
    """Start a session: a week, or a day where it should not be remembered, or ``expires_in`` seconds.

    Raises ``Forbidden`` for a banned, inactive or deleted user, whatever the way in.
    """
    now = clock.now()
    if user.is_shut_out(now):
        raise Forbidden(ErrorCode.BANNED_USER, auth_settings.user.banned_message)
    hooks.before_session(user, method=method, client=client)
    token = new_session_token()
    usual = UNREMEMBERED_SECONDS if remember is False else auth_settings.session.expires_in
    seconds = expires_in or usual
    row = Session(
        user_id=user.key,
        token_hash=token_digest(token),
        created_at=now,
        updated_at=now,
        expires_at=now + timedelta(seconds=seconds),
        last_seen_at=now,
        ip_address=client.ip_address,
        user_agent=client.user_agent[:USER_AGENT_LENGTH],
        auth_method=method,
        **columns,
    )
    compiled.insert(row)
    session = session_record(row, user_id=user.id)
    hooks.after_session(user, session, client=client)
    return IssuedSession(session, user, token, remember)


def resume(
    token: str, *, renew: bool = True, read_only: bool = False, from_store: bool = False
) -> ResumedSession | None:
    """The living session of this token, or None. A dead one is deleted on the way, unless ``read_only``.

    With ``renew`` a session that is due gets its full life back, by one guarded UPDATE: of any number of
    parallel requests one writes, and all go on with the same session. What is remembered of the session
    serves while nothing is to be done about it; with ``from_store`` the database is asked in any case.
    """
    return resume_by_digest(token_digest(token), renew=renew, read_only=read_only, from_store=from_store)


def resume_by_digest(
    token_hash: str, *, renew: bool = True, read_only: bool = False, from_store: bool = False
) -> ResumedSession | None:
    """The same, for whoever holds something else that stands for the session: a refresh token."""
    now = clock.now()
    renew = renew and not read_only
    found = _find(token_hash, now, renew=renew, from_store=from_store)
    if found is None:
        return None
    session, user = found
    if _is_over(session, now):
        if not read_only:
            _delete([session.id], user)
        return None
    if user.is_shut_out(now):
        return None
    if auth_settings.session.idle_timeout_minutes:
        last_seen.touch(session.id, stored=session.last_seen_at, now=now)
    if not renew or not is_due(session, now):
        return ResumedSession(session, user, renewed=False)
    return _renew(session, user, now)


def find_living(token_hash: str, *, from_store: bool = False) -> tuple[SessionRecord, UserRecord] | None:
    """The session with this digest if it is neither over nor its user shut out, as for reads; it counts as
    used. With ``from_store`` the database is asked."""
    if from_store:
        resumed = resume_by_digest(token_hash, renew=False, read_only=True, from_store=True)
        return (resumed.session, resumed.user) if resumed else None
    found, now = verified_sessions.find(token_hash), clock.now()
    if found is None or not is_steady(found.session, found.user, now, renew=False):
        return None
    return (found.session, found.user) if use(found.session, now) else None


def find_living_by_id(
    session_id: str, *, from_store: bool = False
) -> tuple[SessionRecord, UserRecord] | None:
    """The same by the id of its row, which tokens carry as ``sid``: a row's digest never changes."""
    token_hash = _digests.find(session_id, lambda: _digest_of(session_id))
    return find_living(token_hash, from_store=from_store) if token_hash else None


def is_steady(session: SessionRecord, user: UserRecord, now: datetime, *, renew: bool = True) -> bool:
    """Neither over, nor shut out, nor (where it may be renewed) due: it can be shown as it is."""
    return not (_is_over(session, now) or user.is_shut_out(now) or (renew and is_due(session, now)))


def due_at(session: SessionRecord) -> datetime:
    """When the session, not idle and its user not shut out, is due for a renewal or over. Nothing prolongs
    one in which an administrator acts for the user."""
    rules = auth_settings.session
    if rules.disable_refresh or session.impersonated_by:
        return session.expires_at
    renewal = session.expires_at - timedelta(seconds=rules.expires_in - rules.update_age)
    return min(session.expires_at, renewal)


def use(session: SessionRecord, now: datetime) -> bool:
    """Note that the session is in use; False where it was left idle for too long."""
    if not auth_settings.session.idle_timeout_minutes:
        return True
    if _is_idle(session, now):
        return False
    last_seen.touch(session.id, stored=session.last_seen_at, now=now)
    return True


def is_due(session: SessionRecord, now: datetime) -> bool:
    """Time for a renewal: ``update_age`` has passed since the last one.

    Source: sessions-and-cookies.md, section 3.
    """
    if auth_settings.session.disable_refresh or session.impersonated_by:
        return False
    return due_at(session) <= now


def list_active(user: UserRecord, *, with_impersonation: bool = False) -> list[SessionRecord]:
    """Living sessions of the user, oldest first; those in which an administrator acts for them only where
    wanted."""
    rows = Session.objects.filter(user_id=user.key, expires_at__gt=clock.now())
    if not with_impersonation:
        rows = rows.filter(impersonated_by__isnull=True)
    return [session_record(row, user_id=user.id) for row in rows.order_by("created_at", "id")]


def handle_of(session: SessionRecord) -> str:
    """Names a session to its owner without giving its token away."""
    return HANDLE_PREFIX + session.id


def find_owned(user: UserRecord, token_or_handle: str) -> SessionRecord | None:
    """A session of this user, by its token or by its handle."""
    row = Session.objects.filter(_named(token_or_handle), user_id=user.key).first()
    return session_record(row, user_id=user.id) if row else None


def find(token_or_handle: str) -> tuple[SessionRecord, UserRecord] | None:
    """A session of anybody's with its user, living or not, by its token or by its handle."""
    digests = Session.objects.filter(_named(token_or_handle)).values_list("token_hash", flat=True)
    digest = digests.first()
    return find_session(digest) if digest else None


def update(session: SessionRecord, **columns: Any) -> SessionRecord | None:
    """Change columns; None where the session has ended meanwhile.

    ``additional_fields`` are merged under a lock, so that two changes at once both stay.
    """
    changed = {**columns, "updated_at": clock.now()}
    with transaction.atomic():
        row = Session.objects.select_for_update().filter(pk=session.id).first()
        if row is None:
            return None
        if "additional_fields" in changed:
            changed["additional_fields"] = {**row.additional_fields, **changed["additional_fields"]}
        Session.objects.filter(pk=session.id).update(**changed)
    verified_sessions.forget_session(session.token_hash, of=session.user_key)
    return replace(session, **changed)


def reissue(session: SessionRecord, user: UserRecord, *, client: Client, **columns: Any) -> IssuedSession:
    """Another session in the place of this one, which ends: with a new token, and what was chosen in it."""
    kept = {
        "active_organization_id": session.active_organization_id,
        "active_team_id": session.active_team_id,
        "additional_fields": dict(session.additional_fields),
        "second_factor": session.second_factor,
        "impersonated_by": session.impersonated_by,
    }
    with transaction.atomic():
        revoke(session, user)
        method = AuthMethod(session.auth_method) if session.auth_method else AuthMethod.SESSION
        return issue(user, client=client, method=method, remember=None, **(kept | columns))


def revoke(session: SessionRecord, user: UserRecord) -> bool:
    """End one session; False where it had ended already."""
    return _delete([session.id], user) > 0


def revoke_all(user: UserRecord, *, keep: SessionRecord | None = None) -> int:
    """End all sessions of the user, but ``keep`` where given, and those in which they act for others; devices
    that they have approved, and that have not come for their session yet, get none.

    The number of their own.
    """
    end_impersonations(user)
    _end_approvals(user)
    rows = Session.objects.filter(user_id=user.key)
    if keep is None:
        revocations.mark_user(user.id)
        return rows.delete()[0]
    return _delete(rows.exclude(pk=keep.id).values_list("pk", flat=True), user)


def _end_approvals(user: UserRecord) -> None:
    """Else whoever had a session for a moment would get another one out of it, after it was revoked."""
    living = DeviceCode.objects.filter(expires_at__gt=clock.now())
    living.filter(claimed_by=user.id, status=DeviceCodeStatus.APPROVED).delete()


def end_impersonations(administrator: UserRecord) -> None:
    """Sessions in which this user acts in the names of others."""
    rows = Session.objects.filter(impersonated_by=administrator.id)
    doomed = list(rows.values_list("pk", flat=True))
    if doomed:
        for one in doomed:
            revocations.mark_session(one)
        Session.objects.filter(pk__in=doomed).delete()


def refresh_copies(user: UserRecord) -> None:
    """The user has changed: signed copies in cookies that show the former state are void."""
    revocations.mark_user(user.id)


def announce(user: UserRecord) -> None:
    """Something about the user has changed that no record shows, such as the password: whoever watches their
    sessions hears of it."""
    verified_sessions.forget_user(user.key)


def _named(token_or_handle: str) -> models.Q:
    named = models.Q(token_hash=token_digest(token_or_handle))
    if token_or_handle.startswith(HANDLE_PREFIX):
        named |= models.Q(pk=token_or_handle.removeprefix(HANDLE_PREFIX))
    return named


def _digest_of(session_id: str) -> tuple[str, tuple[str]] | None:
    row = CompiledSelect(Session, "id", ("token_hash",)).first(session_id)
    return (row[0], (row[0],)) if row else None


def _delete(ids: Iterable[str], user: UserRecord) -> int:
    doomed = list(ids)
    for one in doomed:
        revocations.mark_session(one)
    return Session.objects.filter(pk__in=doomed, user_id=user.key).delete()[0]


def _find(
    token_hash: str, now: datetime, *, renew: bool, from_store: bool
) -> tuple[SessionRecord, UserRecord] | None:
    """Remembered or not; but whatever looks over or due is decided by what the database has now."""
    if from_store:
        return find_session(token_hash)
    remembered = verified_sessions.find(token_hash)
    if remembered is None:
        return None
    if remembered.is_read_now or is_steady(remembered.session, remembered.user, now, renew=renew):
        return remembered.session, remembered.user
    return find_session(token_hash)


def _is_over(session: SessionRecord, now: datetime) -> bool:
    return session.expires_at <= now or _is_idle(session, now)


def _is_idle(session: SessionRecord, now: datetime) -> bool:
    minutes = auth_settings.session.idle_timeout_minutes
    if not minutes:
        return False
    seen = [moment for moment in (session.last_seen_at, last_seen.seen_here(session.id)) if moment]
    silence = now - max(seen, default=session.updated_at)
    return silence > timedelta(minutes=minutes, seconds=last_seen.GRACE_SECONDS)


def _renew(session: SessionRecord, user: UserRecord, now: datetime) -> ResumedSession | None:
    expires_at = now + timedelta(seconds=auth_settings.session.expires_in)
    won = Session.objects.filter(pk=session.id, expires_at=session.expires_at).update(
        expires_at=expires_at, updated_at=now
    )
    if won:
        verified_sessions.forget_session(session.token_hash, of=session.user_key)
        return ResumedSession(replace(session, expires_at=expires_at, updated_at=now), user, renewed=True)
    again = find_session(session.token_hash)  # another request was first, or the session was revoked
    return ResumedSession(*again, renewed=True) if again else None
