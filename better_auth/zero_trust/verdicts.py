"""How far somebody may be trusted for what they ask: the rule by itself, ignorant of HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network

from better_auth.authentication.principal import Principal
from better_auth.zero_trust.policies import SHOWN_STRENGTHS, Decision, Policy, Strength

VERSION = re.compile(r"[\d._]+")


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What is known of a request beside who sends it. ``ip_address``: canonical, or empty where nobody that
    we trust tells it; ``knows_device``: the device has signed in to this account before."""

    at: datetime
    ip_address: str = ""
    user_agent: str = ""
    knows_device: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """``reason``: a stable word, for the audit log and not for the client; empty where all is well."""

    decision: Decision
    reason: str = ""


ALLOWED = Verdict(Decision.ALLOW)


def verify_trust(principal: Principal | None, facts: RequestFacts, policy: Policy) -> Verdict:
    """Whether this is enough for ``policy``. Whatever denies outdoes what asks for more; what can't be told
    counts as not given.

    Whether the session still stands is asked before (``Policy.recheck``): this looks nothing up.
    """
    if principal is None:
        return Verdict(Decision.DENY, "nobody")
    found = list(_objections(principal, facts, policy))
    denials = (one for one in found if one.decision is Decision.DENY)
    return next(denials, found[0] if found else ALLOWED)


def strength_of(principal: Principal) -> Strength:
    """The strongest that was shown: what the session began with, and what the pipeline has put on the
    principal (``factors``)."""
    shown = [*principal.factors, *([principal.session.auth_method] if principal.session else [])]
    return max((SHOWN_STRENGTHS.get(one, Strength.NONE) for one in shown), default=Strength.NONE)


def _objections(principal: Principal, facts: RequestFacts, policy: Policy) -> Iterator[Verdict]:
    if policy.credentials and principal.method not in policy.credentials:
        yield Verdict(Decision.DENY, "credentials")
    if policy.network is not None and not _is_same_network(principal, facts, policy):
        yield Verdict(policy.network, "network")
    if policy.user_agent is not None and not _is_same_user_agent(principal, facts):
        yield Verdict(policy.user_agent, "user_agent")
    if policy.device is not None and not facts.knows_device:
        yield Verdict(policy.device, "device")
    if strength_of(principal) < policy.strength:
        yield Verdict(Decision.STEP_UP, "strength")
    if policy.max_age is not None and not _is_young(principal, facts.at, policy.max_age):
        yield Verdict(Decision.STEP_UP, "age")


def _is_young(principal: Principal, at: datetime, seconds: int) -> bool:
    """Counted from the sign-in: renewals do not help."""
    session = principal.session
    return session is not None and at - session.created_at < timedelta(seconds=seconds)


def _is_same_network(principal: Principal, facts: RequestFacts, policy: Policy) -> bool:
    if principal.session is None:
        return False
    try:
        then, now = ip_address(principal.session.ip_address), ip_address(facts.ip_address)
    except ValueError:
        return False
    bits = policy.ipv4_prefix if then.version == 4 else policy.ipv6_prefix
    return now.version == then.version and now in ip_network(f"{then}/{bits}", strict=False)


def _is_same_user_agent(principal: Principal, facts: RequestFacts) -> bool:
    """Versions do not count: browsers renew themselves while people are signed in."""
    if principal.session is None:
        return False
    then, now = principal.session.user_agent, facts.user_agent[: len(principal.session.user_agent) + 64]
    return VERSION.sub("", then) == VERSION.sub("", now)
