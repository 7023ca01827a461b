"""How often somebody may try: by address and route, and by account whatever the address.

Source: security-rules.md, section 3. A refusal is 429 with ``X-Retry-After``, in the protocol's words.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import derive_key
from better_auth.errors import TooManyRequests
from better_auth.events import Client
from better_auth.storage import counters
from better_auth.storage.counters import Rule

TIGHT = Rule(3, 10)
MAILED = Rule(3, 60)
LINKED = Rule(5, 60)
# Whoever has a credential of a former system exchanges it once; several people may share an address.
EXCHANGED = Rule(20, 10)
# A service asks for each request of its own; whoever may ask has shown a secret.
INTROSPECTED = Rule(10_000, 10)
# Anybody may ask the auth proxy whether a token is good; a page does so when it is opened.
ASKED_BY_ANYBODY = Rule(60, 10)
# Short codes of devices, looked for by their owners; the protocol's rule, and one for each account.
DEVICE_LOOKED_AT = Rule(5, 1800)
BY_TELEPHONE = Rule(10, 60)
LOOKED_UP = Rule(30, 1800, sliding=True)
# The protocol's special rules: a path, or the beginning of one where it ends in a star.
PROTOCOL_RULES = {
    "/sign-in/magic-link": LINKED,
    "/magic-link/verify": LINKED,
    "/sign-in/email-otp": MAILED,
    "/sign-in*": TIGHT,
    "/sign-up*": TIGHT,
    "/change-password*": TIGHT,
    "/change-email*": TIGHT,
    "/request-password-reset": MAILED,
    "/send-verification-email": MAILED,
    "/forget-password*": MAILED,
    "/two-factor/*": TIGHT,
    "/email-otp*": MAILED,
    "/introspect": INTROSPECTED,
    "/legacy/exchange": EXCHANGED,
    "/auth-proxy/introspect": ASKED_BY_ANYBODY,
    "/device": DEVICE_LOOKED_AT,
    "/phone-number*": BY_TELEPHONE,
}
UNKNOWN_ADDRESS = "unknown-address"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A sign-in that is under way: counted as failed already, until it turns out otherwise."""

    rule: Rule
    subject: tuple[str, ...]

    def succeeded(self) -> None:
        """Take back this account's failures, of this device alone; nobody else's."""
        if auth_settings.rate_limit.is_on:
            counters.forget(self.rule, *self.subject)


def ensure_rate(path: str, client: Client) -> None:
    """Count a call of a route; ``path`` is the route's own, however the request spelled it.

    An address that can't be told shares one budget with all such. Raises ``TooManyRequests``.
    """
    if not auth_settings.rate_limit.is_on:
        return
    rule = rule_for(path)
    if rule:
        _ensure(rule, "route", path, client.ip_address or UNKNOWN_ADDRESS)


def begin_sign_in(*, account: str, client: Client, known_as: str = "") -> Attempt:
    """Count a try to sign in to an account that may not exist; ``account`` is the normalised address, or what
    else it was named by, and ``known_as`` then the address.

    No change of address gets past it. A device that signed in to this account before has a budget of its
    own, so strangers can't lock the owner out. Raises ``TooManyRequests``.
    """
    limits = auth_settings.rate_limit
    rule = Rule(limits.failed_sign_ins, limits.failed_sign_ins_window, sliding=True)
    device = client.device_id if knows_account(client, known_as or account) else ""
    subject = ("account", _digest(account), device)
    if limits.is_on:
        _ensure(rule, *subject)
    return Attempt(rule, subject)


def ensure_mail_rate(address: str) -> None:
    """So many links and codes for one mailbox, whoever asks for them. Raises ``TooManyRequests``."""
    limits = auth_settings.rate_limit
    if limits.is_on:
        _ensure(Rule(limits.mails, limits.mails_window, sliding=True), "mailbox", _digest(address))


def ensure_code_look_ups(user_id: str) -> None:
    """So many look-ups of short codes for one account, from wherever. Raises ``TooManyRequests``."""
    if auth_settings.rate_limit.is_on:
        _ensure(LOOKED_UP, "code-look-up", user_id)


def rule_for(path: str) -> Rule | None:
    """The rule of a route: the settings', the protocol's, or the default; None where it is exempt."""
    for line in auth_settings.rate_limit.rules:
        pattern, _, limit = line.rpartition(" ")
        if _matches(pattern.strip(), path):
            return parse_rule(limit)
    special = next((rule for pattern, rule in PROTOCOL_RULES.items() if _matches(pattern, path)), None)
    return special or Rule(auth_settings.rate_limit.max, auth_settings.rate_limit.window)


def parse_rule(text: str) -> Rule | None:
    """``3/10``: three in ten seconds; ``off``: none. Raises ``ValueError``."""
    if text == "off":
        return None
    limit, slash, window = text.partition("/")
    rule = Rule(int(limit), int(window)) if slash else None
    if rule is None or rule.limit < 1 or rule.window < 1:
        raise ValueError(f"{text!r} is no limit; write 3/10 for three in ten seconds, or off")
    return rule


def account_tag(device_id: str, account: str) -> str:
    """Proof, for the device's cookie, that it signed in to this account."""
    key = derive_key(auth_settings.secret, "known-device")
    return hmac.new(key, f"{device_id}|{account}".encode(), hashlib.sha256).hexdigest()[:24]


def knows_account(client: Client, account: str) -> bool:
    return bool(client.device_id) and account_tag(client.device_id, account) in client.device_accounts


def _ensure(rule: Rule, *subject: str) -> None:
    seconds = counters.hit(rule, *subject)
    if seconds:
        raise TooManyRequests(retry_after=seconds)


def _matches(pattern: str, path: str) -> bool:
    return path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern


def _digest(text: str) -> str:
    """Addresses are not written into Redis."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]
