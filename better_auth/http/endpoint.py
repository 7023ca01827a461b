"""``@endpoint``: one operation of the protocol, from request to reply.

The order of the checks is the protocol's (core.md, section 0): disabled path, rate limit, media type and
JSON, origin and callback URLs, schema, session, and then the rule itself. Whatever goes wrong becomes the
protocol's error here and nowhere else. Most operations are served as DRF views; the reads that every request
of every client makes are plain Django views, which cost a fifth.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from functools import cached_property, lru_cache
from typing import Any

from django.core.exceptions import ObjectDoesNotExist, TooManyFieldsSent
from django.core.signals import got_request_exception
from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError
from django.http import HttpRequest
from django.utils.module_loading import import_string

from better_auth import clock, rate_limits
from better_auth.authentication.credentials import Credentials, SessionEnded
from better_auth.authentication.pipeline import authenticate, authenticate_leniently
from better_auth.authentication.principal import Principal
from better_auth.conf import auth_settings
from better_auth.errors import (
    AuthError,
    BadRequest,
    ErrorCode,
    Forbidden,
    NotFound,
    ServerError,
    ServiceUnavailable,
    Unauthorized,
)
from better_auth.events import AuthMethod, Client, ImpersonationRefused, observe, publish
from better_auth.http import anonymous_session, bodies, cookies, known_keys, origin
from better_auth.http.credentials import from_request
from better_auth.http.enrolment_first import ensure_enrolled
from better_auth.http.fields import UNDEFINED, Body
from better_auth.http.reply import Reply, error_reply
from better_auth.sessions import IssuedSession
from better_auth.storage.records import SessionRecord, UserRecord

logger = logging.getLogger("better_auth.http")

# In the environment or scope of a request that is counted already; no header can have this name.
RATE_COUNTED = "better_auth.rate_counted"


class Access(Enum):
    """Who may call. Upstream's two kinds of signed-in callers are one here: both ask the store."""

    ANYONE = auto()
    SIGNED_IN = auto()
    FRESH = auto()


@dataclass(frozen=True, slots=True)
class Operation:
    """An endpoint and what must hold before its rule is called.

    ``is_offered``: whether the settings in force have it at all; where not, nobody can tell it from a path
    that there never was. ``takes_legacy``: a credential of a former system will do, too, behind which there
    is no session of ours. ``needs_row``: a session that has no row, as an API key's, will not do.
    ``changes_credentials``: what only users themselves may do, not who impersonates them.
    """

    method: str
    path: str
    handler: Callable[[Call], Reply]
    access: Access = Access.ANYONE
    body: type[Body] | None = None
    optional_body: bool = False
    query: type[Body] | None = None
    accepts_form: bool = False
    guards_login: bool = False
    reads_body: bool = True
    renews: bool = True
    needs_row: bool = False
    is_hot: bool = False
    takes_legacy: bool = False
    changes_credentials: bool = False
    aliases: tuple[str, ...] = ()
    is_offered: Callable[[], bool] | None = None

    @property
    def name(self) -> str:
        return self.handler.__name__


@dataclass
class Call:
    """One request, as a rule's endpoint sees it: validated members and, on demand, the caller."""

    operation: Operation
    request: HttpRequest
    path: Mapping[str, str]
    credentials: Credentials
    body: dict[str, Any] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    session_ended: bool = False

    @property
    def client(self) -> Client:
        """Where the request came from; once it is known who calls, also who acts in their name."""
        principal = vars(self).get("principal")
        impersonator_id = principal.impersonated_by if principal else None
        client = self.credentials.client
        return replace(client, impersonator_id=impersonator_id) if impersonator_id else client

    @cached_property
    def principal(self) -> Principal | None:
        """Who calls, if anybody; the cookie of a dead session is noted, so that the reply expires it.

        Raises ``TWO_FACTOR_REQUIRED`` for somebody who must set one up first.
        """
        try:
            principal = authenticate_leniently(known_keys.as_counted(self.request, self.credentials))
        except SessionEnded:
            self.session_ended = True
            return None
        if principal is not None:
            ensure_enrolled(self.operation.path, principal)
        return principal

    @cached_property
    def key_holder(self) -> Principal | None:
        """Whose API key was shown, also where keys are no sessions; else who calls."""
        shown = from_request(self.request).api_key
        if self.credentials.api_key or not shown:
            return self.principal
        credentials = Credentials(api_key=shown, client=self.client)
        return authenticate(known_keys.as_counted(self.request, credentials))

    def ensure_principal(self) -> Principal:
        """Raises ``Unauthorized``."""
        if self.principal is None:
            raise Unauthorized(ErrorCode.UNAUTHORIZED)
        return self.principal

    def ensure_row(self) -> None:
        """Raises ``Unauthorized`` where the caller's session has no row: it is an API key's."""
        if self.ensure_principal().method is AuthMethod.API_KEY:
            raise Unauthorized(ErrorCode.UNAUTHORIZED)

    @property
    def user(self) -> UserRecord:
        return self.ensure_principal().user

    @property
    def session(self) -> SessionRecord:
        session = self.ensure_principal().session
        if session is None:
            raise Unauthorized(ErrorCode.UNAUTHORIZED)
        return session

    def redelivered(
        self, *, user: UserRecord | None = None, session: SessionRecord | None = None
    ) -> IssuedSession:
        """The caller's own session, to be handed out again after it or its user has changed."""
        principal = self.ensure_principal()
        return IssuedSession(session or self.session, user or principal.user, principal.token or "")


def endpoint(method: str, path: str, **demands: Any) -> Callable[[Callable[[Call], Reply]], Operation]:
    """Declare an operation; ``demands`` are fields of ``Operation``, ``path`` has Django's ``<str:name>``."""

    def declare(handler: Callable[[Call], Reply]) -> Operation:
        return Operation(method=method, path=path, handler=handler, **demands)

    return declare


def operations_in(*modules: Any) -> list[Operation]:
    """All operations that these modules declare."""
    return [value for module in modules for value in vars(module).values() if isinstance(value, Operation)]


def answer(operation: Operation, request: HttpRequest, path: Mapping[str, str]) -> Reply:
    """Run an operation. Never raises: every failure is a reply."""
    if is_disabled(operation):
        return Reply(body="Not Found", status=404, content_type="text/plain")
    if operation.is_offered and not operation.is_offered():
        return not_found()
    started = time.perf_counter()
    # Endpoints act on sessions: a bearer token without one counts as none, as upstream has it.
    call = Call(operation, request, path, _shown(operation, request))
    try:
        _prepare(call)
        reply = operation.handler(call)
    except AuthError as refusal:
        reply = error_reply(refusal)
    except (OperationalError, InterfaceError) as fault:
        logger.error("%s %s: the database failed: %s", operation.method, operation.path, type(fault).__name__)
        reply = error_reply(ServiceUnavailable(retry_after=2))
    except (IntegrityError, ObjectDoesNotExist):
        # What the rule had read was deleted or taken meanwhile; asked again, it sees that and refuses.
        logger.exception("%s %s met a change made at the same time", operation.method, operation.path)
        reply = error_reply(ServiceUnavailable(retry_after=1))
    except Exception:  # a defect of ours or of the host's code: the client gets no trace of it
        logger.exception("%s %s failed", operation.method, operation.path)
        got_request_exception.send(sender=None, request=request)
        reply = error_reply(ServerError(ErrorCode.INTERNAL_SERVER_ERROR))
    reply = _deliver(call, reply)
    observe("duration", operation.name, value=time.perf_counter() - started)
    return reply


def _shown(operation: Operation, request: HttpRequest) -> Credentials:
    return from_request(
        request,
        renew=operation.renews,
        from_store=not operation.is_hot,
        for_session=True,
        takes_legacy=operation.takes_legacy,
    )


def is_disabled(operation: Operation) -> bool:
    disabled = auth_settings.disabled_paths
    paths = (path.partition("/<")[0] for path in (operation.path, *operation.aliases))
    return bool(disabled) and any(path in disabled for path in paths)


def not_found() -> Reply:
    """An unknown path or a wrong method: 404 without a body or its type (security-rules.md, section 5)."""
    return replace(error_reply(NotFound()), content_type="")


def _prepare(call: Call) -> None:
    operation, request = call.operation, call.request
    if not _is_counted(request):
        rate_limits.ensure_rate(operation.path, call.client)
    is_safe = operation.method in origin.SAFE_METHODS
    reads_body = operation.reads_body and not is_safe
    raw = bodies.read(request, accepts_form=operation.accepts_form) if reads_body else UNDEFINED
    query = _query(request)
    if not is_safe:
        origin.ensure_origin(request)
        origin.ensure_trusted_urls(raw, query)
    if call.credentials.api_key:
        _ = call.principal  # a key that is bad is refused wherever it is shown, and each call is a use of it
    if operation.body and not (raw is UNDEFINED and operation.optional_body):
        call.body = operation.body.parse(raw)
    if operation.query:
        call.query = operation.query.parse(query, place="query")
    if operation.access is not Access.ANYONE:
        _ensure_access(call)
    if operation.changes_credentials:
        ensure_themselves(call)
    if operation.guards_login:
        origin.ensure_no_cross_site_form(request)


def _is_counted(request: HttpRequest) -> bool:
    """By the front door, which then left the request to Django."""
    return RATE_COUNTED in (getattr(request, "scope", None) or request.META)


def _ensure_access(call: Call) -> None:
    principal = call.ensure_principal()
    if call.operation.access is Access.FRESH and not principal.is_fresh(clock.now()):
        raise Forbidden(ErrorCode.SESSION_NOT_FRESH)
    if call.operation.needs_row:
        call.ensure_row()


def ensure_themselves(call: Call) -> None:
    """Raises ``NOT_ALLOWED_WHILE_IMPERSONATING``, and leaves an entry in the audit log."""
    principal = call.principal
    if principal is None or not principal.impersonated_by:
        return
    if not auth_settings.admin.impersonation_changes_credentials:
        publish(
            ImpersonationRefused(
                client=call.client, subject_id=principal.user.id, details={"operation": call.operation.name}
            )
        )
        raise Forbidden(ErrorCode.NOT_ALLOWED_WHILE_IMPERSONATING)


def _query(request: HttpRequest) -> dict[str, Any]:
    """Query parameters; one that is repeated is a list, which no schema of ours takes for a string."""
    try:
        given = request.GET.lists()
    except TooManyFieldsSent:
        raise BadRequest(ErrorCode.BAD_REQUEST, "Too many query parameters") from None
    return {name: values[0] if len(values) == 1 else values for name, values in given}


def _deliver(call: Call, reply: Reply) -> Reply:
    """Hand over what the caller must know of the session: one place for every change of it."""
    reply.request_path = call.operation.path
    reply.request_cookies, reply.request_bearer = call.credentials.cookies, call.credentials.bearer
    if reply.session is not None:
        deliver_session(reply.session, reply)
    elif reply.clears_session or call.session_ended:
        cookies.clear_session(reply)
        if reply.clears_session and anonymous_session.is_sign_in(call.operation.path):
            with suppress(DatabaseError):  # what waits is answered; at worst nobody is linked later
                anonymous_session.put_aside(call.principal, reply)
    elif "principal" in vars(call) and call.principal and call.principal.renewed:
        deliver_session(call.redelivered(), reply)
    cookies.keep(reply.keepsakes, reply)
    return reply


def deliver_session(issued: IssuedSession, reply: Reply) -> None:
    """Run ``SESSION_DELIVERIES``: cookies, headers, whatever a feature adds. A program that shows its API key
    with each request gets none."""
    if issued.session.auth_method == AuthMethod.API_KEY:
        return
    for deliver in _deliveries(auth_settings.session_deliveries):
        deliver(issued, reply)


@lru_cache(maxsize=8)
def _deliveries(paths: Sequence[str]) -> tuple[Callable[[IssuedSession, Reply], None], ...]:
    return tuple(import_string(path) for path in paths)
