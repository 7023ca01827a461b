"""What a path wants of whoever calls: data of the settings, read once, with every mistake named."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any

from better_auth.conf.loading import nearest
from better_auth.events import AuthMethod

PUBLIC = "public"
HTTP_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
RULE_KEYS = ("paths", "methods", "policy")
EXAMPLE = "{'paths': ['/billing/**'], 'policy': {'max_age': 3600}}"


class Strength(IntEnum):
    """What somebody has proven themselves with, from the weakest. ``NONE``: nothing that we know of."""

    NONE = 0
    PASSWORD = 1
    SECOND_FACTOR = 2
    PASSKEY = 3


class Decision(StrEnum):
    ALLOW = "allow"
    STEP_UP = "step_up"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Policy:
    """``max_age``: seconds since the sign-in; ``credentials``: the only ones that serve; ``network``,
    ``user_agent``, ``device``: what follows where they are not those of the sign-in; ``recheck``: whether the
    database is asked each time if the session still stands."""

    max_age: int | None = None
    strength: Strength = Strength.NONE
    credentials: frozenset[str] = frozenset()
    network: Decision | None = None
    user_agent: Decision | None = None
    device: Decision | None = None
    ipv4_prefix: int = 24
    ipv6_prefix: int = 48
    recheck: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """``methods``: empty for all, those that nobody has heard of among them; ``policy``: None for
    everybody."""

    patterns: tuple[str, ...]
    methods: frozenset[str]
    policy: Policy | None

    def fits(self, path: str, method: str) -> bool:
        return (not self.methods or method in self.methods) and any(
            matches(one, path) for one in self.patterns
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """In the order of the settings; ``problems``: one sentence for each mistake, and what has one is left
    out."""

    rules: tuple[Rule, ...]
    default: Policy
    public: tuple[str, ...]
    problems: tuple[str, ...]


class Mistake(ValueError):
    """In a policy; the message says where and why."""


def read(settings: Any) -> Rules:
    """The rules of the group ``ZERO_TRUST``."""
    problems: list[str] = []
    rules = []
    for number, told in enumerate(settings.policies):
        try:
            rules.append(_rule(told))
        except Mistake as mistake:
            problems.append(f"ZERO_TRUST.POLICIES[{number}]: {mistake}")
    default = Policy()
    try:
        default = _policy(settings.default)
    except Mistake as mistake:
        problems.append(f"ZERO_TRUST.DEFAULT: {mistake}")
    public = []
    for pattern in settings.public:
        try:
            public.append(_pattern(pattern))
        except Mistake as mistake:
            problems.append(f"ZERO_TRUST.PUBLIC: {mistake}")
    return Rules(tuple(rules), default, tuple(public), tuple(problems))


def matches(pattern: str, path: str) -> bool:
    """``*`` stands for anything within a segment of the path, ``**`` for anything at all."""
    return _regex(pattern).fullmatch(path) is not None


def is_plain(path: str) -> bool:
    """Nothing in it that another server might read otherwise than we do."""
    return not re.search(r"//|\\|/\.{1,2}(/|$)|[\x00-\x1f\x7f]", path)


_compiled: dict[str, re.Pattern[str]] = {}


def _regex(pattern: str) -> re.Pattern[str]:
    found = _compiled.get(pattern)
    if found is None:
        parts = (
            {"**": ".*", "*": "[^/]*"}.get(part, re.escape(part)) for part in re.split(r"(\*\*|\*)", pattern)
        )
        found = _compiled[pattern] = re.compile("".join(parts), re.DOTALL)
    return found


def _rule(told: Mapping[str, Any]) -> Rule:
    _ensure_known(told, RULE_KEYS)
    paths, policy = told.get("paths"), told.get("policy")
    if not _are_texts(paths) or not paths:
        raise Mistake(f"paths wants a list of patterns: {EXAMPLE}")
    if policy is None:
        raise Mistake(f"policy is missing: {EXAMPLE}, or 'public'")
    if policy != PUBLIC and not isinstance(policy, Mapping):
        raise Mistake("policy is either a dictionary or 'public'")
    patterns = tuple(_pattern(one) for one in paths)
    return Rule(patterns, _methods(told.get("methods")), None if policy == PUBLIC else _policy(policy))


def _methods(told: Any) -> frozenset[str]:
    """Whoever may GET may ask for the HEAD alone, and what is kept from the one is kept from the other."""
    if told is None:
        return frozenset()
    if not _are_texts(told) or not told:
        raise Mistake("methods wants a list: ['POST', 'DELETE']")
    for one in told:
        if one not in HTTP_METHODS:
            raise Mistake(f"methods: {one!r} is none{nearest(one, list(HTTP_METHODS))}")
    return frozenset({*told, *(["HEAD"] if "GET" in told else [])})


def _pattern(told: str) -> str:
    if not told.startswith("/") or "***" in told or not is_plain(told):
        raise Mistake(f"{told!r} is no pattern: it begins with a slash, as in '/billing/**'")
    return told


def _policy(told: Mapping[str, Any]) -> Policy:
    _ensure_known(told, Policy.__slots__)
    return Policy(**{name: _value(name, value) for name, value in told.items()})


def _value(name: str, value: Any) -> Any:
    if name == "recheck" and isinstance(value, bool):
        return value
    if name == "max_age" and type(value) is int and value > 0:
        return value
    if name in LONGEST_PREFIX and type(value) is int and 1 <= value <= LONGEST_PREFIX[name]:
        return value
    if name == "strength" and isinstance(value, str) and value in STRENGTHS:
        return STRENGTHS[value]
    if name in ("network", "user_agent", "device") and value in REFUSALS:
        return Decision(value)
    if name == "credentials" and _are_texts(value) and value:
        known = [str(one) for one in AuthMethod]
        for one in value:
            if one not in known:
                raise Mistake(f"credentials: {one!r} are none{nearest(one, known)}")
        return frozenset(value)
    raise Mistake(f"{name} wants {WANTED[name]}")


def _ensure_known(told: Mapping[str, Any], known: Sequence[str]) -> None:
    for name in told:
        if name not in known:
            raise Mistake(f"unknown key {name!r}{nearest(str(name), list(known))}")


def _are_texts(told: Any) -> bool:
    return isinstance(told, list | tuple) and all(isinstance(one, str) for one in told)


STRENGTHS = {one.name.lower(): one for one in Strength if one}
# A device that was held, by whomever, proves no more than a password does.
SHOWN_STRENGTHS = {**STRENGTHS, str(AuthMethod.SECURITY_KEY): Strength.PASSWORD}
REFUSALS = (Decision.STEP_UP, Decision.DENY)
# IPv6 addresses are kept as their /64, so a longer prefix would compare nothing.
LONGEST_PREFIX = {"ipv4_prefix": 32, "ipv6_prefix": 64}
WANTED = {
    "recheck": "True or False",
    "max_age": "a number of seconds",
    "ipv4_prefix": "a number of bits up to 32",
    "ipv6_prefix": "a number of bits up to 64",
    "strength": f"one of {', '.join(STRENGTHS)}",
    "network": "'step_up' or 'deny'",
    "user_agent": "'step_up' or 'deny'",
    "device": "'step_up' or 'deny'",
    "credentials": f"a list of {', '.join(AuthMethod)}",
}
