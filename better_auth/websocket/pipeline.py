"""The authority of the server itself: the one ``authenticate`` behind every door, and the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from django.db import close_old_connections

from better_auth import clock, rate_limits, sessions
from better_auth.authentication.credentials import (
    BearerEnded,
    Credentials,
    InvalidBearer,
    InvalidCredentials,
    SessionEnded,
)
from better_auth.authentication.pipeline import authenticate
from better_auth.authentication.principal import Principal
from better_auth.conf import auth_settings
from better_auth.errors import AuthError, ErrorCode, TooManyRequests
from better_auth.events import AuthMethod, Client
from better_auth.http import cookies, wire
from better_auth.http.origin import trusted_patterns
from better_auth.http.trusted_urls import is_trusted_origin
from better_auth.storage import shared_sessions
from better_auth.storage.local_sessions import local, name_of_user
from better_auth.storage.records import SessionRecord, UserRecord
from better_auth.storage.session_lookup import find_sessions
from better_auth.storage.subscription import subscription
from better_auth.websocket import recording
from better_auth.websocket.closing import CloseCode, Ending, Refused
from better_auth.websocket.handshake import Shown
from better_auth.websocket.host_user import LazyHostUser, Wait, select_now
from better_auth.websocket.identity import Identity, Verdict

# A browser sends these along, whatever page has opened the socket.
BY_COOKIE = (AuthMethod.SESSION, AuthMethod.LEGACY_SESSION)
# Behind these stands a session's row, which is looked up for many at once.
BY_SESSION = (AuthMethod.SESSION, AuthMethod.BEARER)
# What limits count a handshake by.
ROUTE = "/ws"
THREADS = 4
# With Redis nothing is missed; what was written past all of us is still found at last.
CALMER = 12
# An event loop that waits for a select serves nobody meanwhile.
ON_LOOP_SECONDS = 5.0
Heard = Callable[[Iterable[str] | None], None]


class Pipeline:
    """Threads are its own: a flood of handshakes takes none from the requests."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, "better-auth-sockets")
        self._heard: Heard | None = None
        # Whether code of the host's asks for its user where a select would stop the event loop.
        self._is_user_wanted = False

    async def identify(
        self, shown: Shown, *, with_row: bool, lease: Callable[[Identity | None], None]
    ) -> Identity | None:
        def work() -> Identity | None:
            identity = identify(shown, self._wait_for if with_row else None)
            lease(identity)
            if identity is not None and self._is_user_wanted:
                select_now(identity.row)
            return identity

        found: Identity | None = await self.in_thread(work)
        return found

    async def recheck(self, identities: Sequence[Identity]) -> list[Verdict]:
        verdicts: list[Verdict] = await self.in_thread(lambda: recheck(identities))
        return verdicts

    def is_current(self, identity: Identity) -> bool:
        return local.is_unchanged(identity.names, since=identity.turn)

    async def in_thread(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _with_database, work)

    def listen(self, heard: Heard) -> None:
        self._heard = heard
        if self._tell not in local.listeners:
            local.listeners.append(self._tell)
        self._hears_all()

    def check_pause(self) -> float:
        seconds = auth_settings.websocket.check_seconds
        return float(seconds * CALMER if self._hears_all() else seconds)

    def _wait_for(self, select: Callable[[], Any]) -> Any:
        """On the event loop. From now on users are selected at the handshake, so that it stops only once."""
        self._is_user_wanted = True
        return self._threads.submit(_with_database, select).result(ON_LOOP_SECONDS)

    def _hears_all(self) -> bool:
        """The first call begins to listen, in the background."""
        return shared_sessions.client() is not None and subscription.is_live()

    def note_refusal(self, shown: Shown, refusal: Refused) -> None:
        recording.note_refusal(self._threads, client_of(shown), refusal)

    def note_opening(self, shown: Shown, identity: Identity) -> None:
        if auth_settings.websocket.audit_connections:
            recording.note_opening(self._threads, client_of(shown), identity)

    def note_closing(self, shown: Shown, identity: Identity, ending: Ending | None) -> None:
        if auth_settings.websocket.audit_connections or (ending and ending.code in recording.RECORDED):
            recording.note_closing(self._threads, client_of(shown), identity, ending)

    def _tell(self, names: Iterable[str] | None) -> None:
        if self._heard is not None:
            self._heard(names)


def identify(shown: Shown, wait: Wait | None = None) -> Identity | None:
    """With the host's user, where ``wait`` says how to select it from an event loop. Raises ``Refused``. May
    ask the database."""
    try:
        rate_limits.ensure_rate(ROUTE, Client(shown.address))
    except TooManyRequests as refusal:
        text = refusal.message or ""
        raise Refused(CloseCode.TOO_MANY_CONNECTIONS, "TOO_MANY_REQUESTS", text) from None
    turn, credentials = local.turn(), credentials_of(shown)
    principal = _authenticate(credentials)
    if principal is None:
        if shown.token:
            raise Refused(CloseCode.UNAUTHORIZED, "INVALID_TOKEN", "Invalid token")
        return None
    _ensure_welcome(principal, shown)
    row = LazyHostUser(principal.user, wait) if wait else None
    return identity_of(principal, credentials, turn=turn, row=row)


def credentials_of(shown: Shown) -> Credentials:
    """What was shown for this socket outdoes the cookie that came along."""
    names = auth_settings.api_keys.headers
    key = next(filter(None, (shown.headers.get(name.lower()) for name in names)), None)
    jar = {} if shown.any_kind and shown.token else cookies.parse(shown.headers.get("cookie", ""))
    token, header_token = shown.token, shown.header_token
    if token.startswith("Token "):  # as REST framework's clients write it
        token, header_token = "", token.removeprefix("Token ").strip()
    return Credentials(
        cookies=jar,
        bearer=token or None,
        api_key=None if shown.any_kind and shown.token else key,
        client=client_of(shown),
        renew=False,
        any_kind=shown.any_kind,
        header_token=header_token,
    )


def client_of(shown: Shown) -> Client:
    return Client(shown.address, shown.user_agent)


def identity_of(principal: Principal, credentials: Credentials, *, turn: int, row: Any) -> Identity:
    user, session = principal.user, principal.session
    ends = [_number((principal.claims or {}).get("exp"))]
    by_session = session is not None and principal.method in BY_SESSION
    if session is not None and by_session:
        ends.append(session.expires_at.timestamp())
    return Identity(
        user_id=user.id,
        principal=principal,
        method=str(principal.method),
        names=_names_of(principal),
        good_until=min((one for one in ends if one is not None), default=None),
        user=wire.user_object(user),
        session=_session_object(session) if session is not None else None,
        row=row,
        is_renewable=by_session or principal.method == AuthMethod.API_KEY,
        credentials=credentials,
        turn=turn,
    )


def recheck(identities: Sequence[Identity]) -> list[Verdict]:
    """One query for all sessions; whatever else was shown is asked about anew."""
    turn, now = local.turn(), clock.now()
    hashes = {one.principal.session.token_hash for one in identities if _has_row(one)}
    found = find_sessions(list(hashes))
    verdicts, again = [], dict[str, Verdict]()
    for one in identities:
        if _has_row(one):
            key = one.principal.session.token_hash
            if key not in again or again[key].identity is not None:
                again[key] = _judge(one, found.get(key), now, turn)
            verdicts.append(again[key])
        else:
            verdicts.append(_ask_again(one, turn))
    return verdicts


def _authenticate(credentials: Credentials) -> Principal | None:
    """None for nobody, and for the cookie of a session that is over, which a browser sends along."""
    try:
        return authenticate(credentials)
    except (InvalidBearer, BearerEnded):
        raise Refused(CloseCode.UNAUTHORIZED, "INVALID_TOKEN", "Invalid token") from None
    except SessionEnded:
        return None
    except InvalidCredentials as refusal:
        raise _refusal_of(refusal) from None


def _refusal_of(refusal: AuthError) -> Refused:
    close = CloseCode.UNAVAILABLE if refusal.status >= 500 else CloseCode.UNAUTHORIZED
    if refusal.status == TooManyRequests.status:
        close = CloseCode.TOO_MANY_CONNECTIONS
    code = refusal.code.name if refusal.code else "UNAUTHORIZED"
    return Refused(close, code, refusal.message or "Unauthorized")


def _ensure_welcome(principal: Principal, shown: Shown) -> None:
    """Raises ``Refused``: no page of somebody else's may open a socket by its visitor's cookie."""
    methods = auth_settings.websocket.methods
    if methods and principal.method not in methods:
        text = "This kind of credential opens no socket"
        raise Refused(CloseCode.UNAUTHORIZED, "METHOD_NOT_ALLOWED", text)
    if principal.method in BY_COOKIE and not is_trusted_origin(shown.origin, trusted_patterns()):
        raise Refused(CloseCode.POLICY, "INVALID_ORIGIN", "Invalid origin")
    if principal.must_enrol:
        code = ErrorCode.TWO_FACTOR_REQUIRED
        raise Refused(CloseCode.POLICY, code.name, code.value)


def _names_of(principal: Principal) -> tuple[str, ...]:
    own = name_of_user(principal.user.key)
    session = principal.session
    if session is not None and principal.method in BY_SESSION:
        return (session.token_hash, own)
    session_id = (principal.claims or {}).get("sid")
    behind = sessions.find_living_by_id(str(session_id)) if session_id else None
    return (own, *principal.names, *((behind[0].token_hash,) if behind else ()))


def _session_object(session: SessionRecord) -> dict[str, Any]:
    """Without its token, which the client has and nobody else needs."""
    shown = wire.session_object(session, token="")
    return {name: value for name, value in shown.items() if name != "token"}


def _has_row(identity: Identity) -> bool:
    return identity.principal.session is not None and identity.method in BY_SESSION


def _judge(
    identity: Identity, found: tuple[SessionRecord, UserRecord] | None, now: Any, turn: int
) -> Verdict:
    if found is None:
        is_late = identity.good_until is not None and identity.good_until <= now.timestamp()
        return Verdict(None, "expired" if is_late else "revoked")
    session, user = found
    if user.is_shut_out(now):
        return Verdict(None, "shut_out")
    if not sessions.is_steady(session, user, now, renew=False):
        return Verdict(None, "expired")
    before = identity.principal
    if (before.session, before.user) == (session, user):
        return Verdict(identity)
    principal = replace(before, session=session, user=user)
    return Verdict(identity_of(principal, identity.credentials, turn=turn, row=identity.row))


def _ask_again(identity: Identity, turn: int) -> Verdict:
    credentials: Credentials = identity.credentials
    asked = replace(credentials, from_store=True, read_only=True, is_counted=True)
    try:
        principal = authenticate(asked)
    except InvalidCredentials as refusal:
        if refusal.status >= 500 or refusal.status == TooManyRequests.status:
            return Verdict(identity)  # nobody can tell at the moment
        principal = None
    if principal is None or principal.user.id != identity.user_id:
        is_late = identity.good_until is not None and identity.good_until <= clock.timestamp()
        return Verdict(None, "expired" if is_late else "revoked")
    return Verdict(identity_of(principal, credentials, turn=turn, row=identity.row))


def _with_database(work: Callable[[], Any]) -> Any:
    close_old_connections()
    try:
        return work()
    finally:
        close_old_connections()


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
