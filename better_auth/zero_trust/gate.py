"""One request before the gate: which policy is its, who calls, and what the verdict is."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import Resolver404, ResolverMatch, resolve

from better_auth import clock, rate_limits
from better_auth.authentication.credentials import InvalidCredentials
from better_auth.authentication.pipeline import authenticate_leniently
from better_auth.authentication.principal import Principal
from better_auth.bounded import Bounded
from better_auth.conf import auth_settings
from better_auth.errors import AuthError, ErrorCode, Forbidden, Unauthorized
from better_auth.events import Client, TrustRefused, observe, publish
from better_auth.http import handover, known_keys
from better_auth.http.credentials import from_request
from better_auth.zero_trust import policies
from better_auth.zero_trust.policies import Decision, Policy, Rules
from better_auth.zero_trust.public import is_declared_public, our_own
from better_auth.zero_trust.verdicts import RequestFacts, Verdict, verify_trust

# Whoever goes on knocking fills no table: the same refusal is written down once in so many seconds.
QUIET_SECONDS = 60.0
_written: Bounded[float] = Bounded(10_000)


@dataclass(frozen=True, slots=True)
class Gate:
    """By the settings at the time it was built."""

    rules: Rules
    ours: tuple[str, ...]

    @classmethod
    def by_settings(cls) -> Gate:
        return cls(policies.read(auth_settings.zero_trust), tuple(our_own()))

    def policy_for(self, path: str, method: str, match: ResolverMatch | None) -> Policy | None:
        """None where everybody may pass. The policies of the settings come first: what they name is not
        made public by a view, nor by being ours."""
        for rule in self.rules.rules:
            if rule.fits(path, method):
                return rule.policy if policies.is_plain(path) else rule.policy or self.rules.default
        is_public = policies.is_plain(path) and (
            any(policies.matches(one, path) for one in (*self.rules.public, *self.ours))
            or (match is not None and is_declared_public(match, method))
        )
        return None if is_public else self.rules.default


def match_of(request: HttpRequest) -> ResolverMatch | None:
    try:
        return resolve(request.path_info, getattr(request, "urlconf", None))
    except Resolver404:
        return None


def ensure_trusted(request: HttpRequest, policy: Policy, match: ResolverMatch | None) -> None:
    """Raises ``UNAUTHORIZED`` (401), ``STEP_UP_REQUIRED`` or ``ACCESS_DENIED`` (403), and nothing where
    ``ZERO_TRUST.MODE`` is ``report``; who was refused and why stands in the audit log. Whoever must set up a
    second factor first is refused in any case (``TWO_FACTOR_REQUIRED``, 403)."""
    credentials = from_request(request, renew=handover.is_heard(request), from_store=policy.recheck)
    principal: Principal | None = None
    refused: InvalidCredentials | None = None
    try:
        if policy.recheck:  # what is known may have been remembered
            principal = authenticate_leniently(known_keys.as_counted(request, credentials))
        else:
            principal = known_keys.find(request, credentials) or authenticate_leniently(credentials)
    except InvalidCredentials as refusal:
        refused = refusal if refusal.code is not ErrorCode.UNAUTHORIZED else None
    known_keys.keep(request, credentials, principal or refused)  # the view must not count it again
    if principal is not None:
        handover.tell(request, principal)
        if principal.must_enrol:
            raise Forbidden(ErrorCode.TWO_FACTOR_REQUIRED)
    verdict = verify_trust(principal, _facts(principal, credentials.client), policy)
    observe("trust_verdict", verdict.decision, verdict.reason)
    if verdict.decision is Decision.ALLOW:
        return
    if principal is not None:
        _write_down(principal, credentials.client, verdict, request.method or "", match)
    if auth_settings.zero_trust.mode == "enforce":
        raise refused or _refusal(principal, verdict)  # a spent key has a code of its own


def _facts(principal: Principal | None, client: Client) -> RequestFacts:
    knows = principal is not None and rate_limits.knows_account(client, principal.user.email)
    return RequestFacts(clock.now(), client.ip_address, client.user_agent, knows_device=knows)


def _refusal(principal: Principal | None, verdict: Verdict) -> AuthError:
    if principal is None:
        return Unauthorized(ErrorCode.UNAUTHORIZED, headers={"WWW-Authenticate": 'Bearer realm="api"'})
    is_step_up = verdict.decision is Decision.STEP_UP
    return Forbidden(ErrorCode.STEP_UP_REQUIRED if is_step_up else ErrorCode.ACCESS_DENIED)


def _write_down(
    principal: Principal, client: Client, verdict: Verdict, method: str, match: ResolverMatch | None
) -> None:
    route = match.route if match else ""
    session_id = principal.session.id if principal.session else ""
    told = "\0".join((principal.user.id, session_id, method, route, verdict.decision, verdict.reason))
    digest, now = hashlib.sha256(told.encode()).digest()[:16], time.monotonic()
    written = _written.get(digest)
    if written is not None and now - written < QUIET_SECONDS:
        return
    _written.put(digest, now)
    details = {
        "decision": str(verdict.decision),
        "reason": verdict.reason,
        "route": route,
        "request": method,
        "enforced": auth_settings.zero_trust.mode == "enforce",
    }
    publish(
        TrustRefused(
            client=client,
            subject_id=principal.user.id,
            session_id=session_id,
            method=principal.method,
            details=details,
        )
    )


def forget() -> None:
    """As in a new process."""
    _written.clear()
