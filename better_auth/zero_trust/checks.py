"""System checks of the policies; ``better_auth.checks`` has those of the core."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern

from better_auth.conf import auth_settings
from better_auth.zero_trust import policies
from better_auth.zero_trust.policies import Rule

OURS = "better_auth.zero_trust.middleware.ZeroTrustMiddleware"
PRINCIPALS = "better_auth.middleware.BetterAuthMiddleware"
# A segment that nobody has, for a wildcard of a pattern.
SAMPLE = "\ue000"


@register(Tags.security)
def check_policies(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    hint = "See the examples in docs/zero-trust.md; the server does not start with a policy that is unclear."
    found = policies.read(auth_settings.zero_trust)
    return [Error(problem, hint=hint, id="better_auth.E040") for problem in found.problems]


@register(Tags.security)
def check_middleware(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Policies that nobody keeps protect nothing."""
    order, rules = list(settings.MIDDLEWARE), auth_settings.zero_trust
    is_wanted = bool(rules.policies or rules.default or rules.public)
    text = ""
    if OURS not in order:
        text = "ZERO_TRUST has policies, but nothing keeps them." if is_wanted else ""
    elif PRINCIPALS not in order or order.index(PRINCIPALS) > order.index(OURS):
        text = "The zero trust middleware prolongs no session: who calls is found out below it."
    hint = f"Put {OURS!r} into MIDDLEWARE, below {PRINCIPALS!r}."
    return [Warning(text, hint=hint, id="better_auth.W020")] if text else []


@register(Tags.urls)
def check_patterns(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """A pattern with a slip of the pen leaves the path that was meant to the default."""
    if OURS not in settings.MIDDLEWARE:
        return []
    found = policies.read(auth_settings.zero_trust)
    routes = [_sample(route) for route in _routes(get_resolver())]
    named = [one for rule in found.rules for one in rule.patterns]
    hint = "Patterns are whole paths: /billing/ is not /billing, and /billing/** is all that is below it."
    messages: list[CheckMessage] = [
        Warning(f"ZERO_TRUST: no URL fits {pattern!r}.", hint=hint, id="better_auth.W021")
        for pattern in dict.fromkeys([*named, *found.public])
        if not any(_may_meet(_sample(pattern), route) for route in routes)
    ]
    for number, rule in enumerate(found.rules):
        if any(_covers(former, rule) for former in found.rules[:number]):
            text = f"ZERO_TRUST.POLICIES[{number}] is never reached: one before it fits all its paths."
            hint = "The first that fits is taken: put the special ones before the general ones."
            messages.append(Warning(text, hint=hint, id="better_auth.W022"))
    return messages


@register(Tags.security)
def check_devices(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    found = policies.read(auth_settings.zero_trust)
    wants = any(one.policy and one.policy.device for one in found.rules) or found.default.device
    if wants and not auth_settings.rate_limit.is_on:
        hint = "Set RATE_LIMIT.ENABLED: its cookie is what a known device is known by."
        text = "A policy of ZERO_TRUST asks for a known device, but no device is ever known."
        return [Warning(text, hint=hint, id="better_auth.W023")]
    return []


def _covers(former: Rule, rule: Rule) -> bool:
    has_methods = not former.methods or (rule.methods and rule.methods <= former.methods)
    return bool(has_methods) and all(
        any(_is_within(one, wide) for wide in former.patterns) for one in rule.patterns
    )


def _is_within(narrow: str, wide: str) -> bool:
    """Whether ``wide`` fits all that ``narrow`` does: tried with what its wildcards may stand for."""
    fillings = ("", SAMPLE, f"{SAMPLE}/{SAMPLE}")
    return all(
        policies.matches(wide, narrow.replace("**", many).replace("*", one))
        for many in fillings
        for one in fillings[:2]
    )


def _routes(resolver: URLResolver, before: str = "/") -> Iterator[str]:
    """Every URL as a pattern; a regular expression is anything behind what it begins with."""
    for one in resolver.url_patterns:
        route = before + _as_pattern(one.pattern)
        if isinstance(one, URLPattern):
            yield route
        else:
            yield from _routes(one, route)


def _as_pattern(pattern: Any) -> str:
    text = str(pattern)
    if isinstance(pattern, RoutePattern):
        return re.sub(r"<(?:(\w+):)?\w+>", lambda found: "**" if found[1] == "path" else "*", text)
    plain = re.match(r"\^?([\w/-]*)", text)
    return f"{plain[1] if plain else ''}**"


def _sample(pattern: str) -> list[str]:
    return re.findall(r"\*\*|\*|.", pattern, re.DOTALL)


def _may_meet(one: list[str], other: list[str]) -> bool:
    """Whether there is a path that both patterns fit. Each pair of positions is looked at once."""
    seen: set[tuple[int, int]] = set()
    waiting = [(0, 0)]
    while waiting:
        here = waiting.pop()
        if here in seen:
            continue
        seen.add(here)
        at, beside = here
        if at == len(one) and beside == len(other):
            return True
        left = one[at] if at < len(one) else ""
        right = other[beside] if beside < len(other) else ""
        waiting += _steps(left, right, at, beside)
    return False


def _steps(left: str, right: str, at: int, beside: int) -> Iterator[tuple[int, int]]:
    if left.startswith("*"):
        yield at + 1, beside  # it stands for nothing more
    if right.startswith("*"):
        yield at, beside + 1
    if left and right:
        if left.startswith("*") and not right.startswith("*") and (left == "**" or right != "/"):
            yield at, beside + 1
        elif right.startswith("*") and not left.startswith("*") and (right == "**" or left != "/"):
            yield at + 1, beside
        elif left == right and not left.startswith("*"):
            yield at + 1, beside + 1
