"""Reads every import of a source tree and holds it against the table in docs/architecture.md.

A line of ``LAYERS`` may import the lines below it, and itself only within one unit (a module of the root,
or a folder of ``features``). Imports inside functions and behind ``TYPE_CHECKING`` count like any other.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

CORE = "better_auth"
SATELLITES = ("organizations", "apikeys", "migration_tools")
PACKAGES = (CORE, *SATELLITES, "config")

# From the top to the ground.
LAYERS: tuple[tuple[str, frozenset[str]], ...] = (
    (
        "doors",
        frozenset(
            {
                "admin",
                "apps",
                "auth_proxy",
                "backends",
                "checks",
                "cors",
                "device_page",
                "drf",
                "dual_comparison",
                "front_door",
                "health",
                "management",
                "metrics",
                "middleware",
                "otp",
                "signals",
                "simplejwt",
                "urls",
                "websocket",
                "well_known",
                "zero_trust",
            }
        ),
    ),
    ("endpoints", frozenset()),  # features/*/{endpoints,delivery}.py
    ("rules and transport", frozenset({"features", "http"})),
    ("sign_in", frozenset({"sign_in", "unproven_access"})),
    ("authentication", frozenset({"authentication"})),
    ("credentials of a former system", frozenset({"legacy_credentials"})),
    (
        "lifecycles",
        frozenset(
            {
                "access_tokens",
                "account_notices",
                "accounts",
                "adopted_keys",
                "adoption",
                "arrivals",
                "factor_requirements",
                "factors",
                "device_codes",
                "legacy",
                "mail",
                "password_strength",
                "passkeys",
                "passwords",
                "rate_limits",
                "reauthentication",
                "reencryption",
                "refresh_tokens",
                "roles",
                "sessions",
                "signing_keys",
                "text_messages",
                "users",
                "verifications",
            }
        ),
    ),
    (
        "what lifecycles share",
        frozenset({"additional_fields", "hashing", "hooks", "phone_numbers", "usernames"}),
    ),
    ("providers of identities", frozenset({"providers"})),
    ("storage", frozenset({"storage"})),
    ("models", frozenset({"models"})),
    # Without models: a service that trusts another auth server has none of our tables.
    ("the resource server", frozenset({"resource_server"})),
    ("the auth server's client", frozenset({"auth_server"})),
    (
        "foundation",
        frozenset(
            {
                "addresses",
                "authorization_header",
                "bounded",
                "clock",
                "conf",
                "crypto",
                "either_way",
                "errors",
                "events",
                "kept_json",
                "one_by_one",
                "paced_log",
                "sealing",
            }
        ),
    ),
)
RANK = {unit: rank for rank, (_, units) in enumerate(LAYERS) for unit in units}
ENDPOINTS_RANK = 1
EDGE_MODULES = ("endpoints", "delivery")

# Imports within one layer, each for a reason.
SIDEWAYS = {
    ("account_notices", "mail"): "a notice is a mail",
    ("access_tokens", "signing_keys"): "a signed token is signed, and verified, by the keys of the moment",
    ("text_messages", "mail"): "one kind of queue stands before slow senders",
    ("legacy", "passwords"): "where nobody else is asked, our own check stands alone",
    ("password_strength", "passwords"): "the estimate shows what the policy holds against a password",
    ("factor_requirements", "roles"): "some roles must have a second factor",
    ("reauthentication", "legacy"): "the password may wait in the system that the user comes from",
    ("reauthentication", "passwords"): "it is a check of the password, with its limit and its record",
    ("reauthentication", "rate_limits"): "guesses count against the account",
    ("sealing", "conf"): "the settings say which keys there are",
    ("sealing", "crypto"): "what they do is written there, pure",
    ("conf", "crypto"): "without a secret of its own, one is derived from Django's",
    ("otp", "zero_trust"): "how strong a session is, is told there",
    ("apps", "checks"): "importing the checks registers them",
    ("device_page", "zero_trust"): "the page is for everybody, and asks for a session itself",
    ("apps", "websocket"): "the same, of its settings",
    ("apps", "zero_trust"): "the same, of its policies",
}
# Its users may have no Django; what it needs of the server it asks over the network.
STANDS_ALONE = "client"
OPEN_TO_FEATURES = "features.email_verification"  # every feature may mail a link of verification
# ``users``: Django's own signals carry the host's row. ``storage``: the audit log is written on hot paths.
OBSERVABILITY_MAY_IMPORT = {"clock", "events", "models", "observability", "storage", "users"}
# The app's start connects the receivers; the page of the metrics shows what they counted.
MAY_IMPORT_OBSERVABILITY = {"apps", "metrics"}


def offences(root: Path) -> list[str]:
    """One sentence for each import below ``root`` that the table does not allow."""
    found = []
    for package in PACKAGES:
        for file in sorted((root / package).rglob("*.py")):
            if "migrations" in file.relative_to(root).parts:
                continue
            module = _module_name(file, root)
            for line, target in _imports(file, root):
                if target.startswith("."):
                    found.append(f"{module}:{line} has a relative import")
                    continue
                reason = _refusal(module, target)
                if reason:
                    found.append(f"{module}:{line} imports {target}: {reason}")
    return found


def _refusal(module: str, target: str) -> str | None:
    """Why ``module`` may not import ``target``; None where it may."""
    source_package, target_package = module.split(".")[0], target.split(".")[0]
    if target_package == "tests":
        return "nothing imports the tests"
    if target_package not in PACKAGES:
        return None
    if source_package == "config":
        return None
    if target_package == "config":
        return "only the project knows its configuration"
    if source_package != target_package:
        return _refusal_between_packages(module, source_package, target_package)
    return _refusal_in_core(module, target) if source_package == CORE else None


def _refusal_between_packages(module: str, source: str, target: str) -> str | None:
    if source == CORE:
        return "the core names no satellite"
    if target in SATELLITES and (module, target) != ("apikeys.ownership", "organizations"):
        return "satellites do not know each other"
    return None


def _refusal_in_core(module: str, target: str) -> str | None:
    source_unit, target_unit = _unit(module), _unit(target)
    if "" in (source_unit, target_unit):
        return None  # the package itself: its version, no module
    if STANDS_ALONE in (source_unit, target_unit):
        return None if source_unit == target_unit else "the client and the server have nothing in common"
    if source_unit == "observability":
        return None if target_unit in OBSERVABILITY_MAY_IMPORT else "receivers know events and rows only"
    if target_unit == "observability":
        is_allowed = source_unit in MAY_IMPORT_OBSERVABILITY
        return None if is_allowed else "only the app's start connects receivers"
    for unit in (source_unit, target_unit):
        if unit.split(".")[0] not in RANK:
            return f"{unit} has no place in the table"
    source_rank, target_rank = _rank(module), _rank(target)
    if source_unit == target_unit:
        return "a rule does not know its endpoints" if source_rank > target_rank else None
    if source_rank < target_rank:
        return None
    if source_rank > target_rank:
        return f"{LAYERS[source_rank][0]} may not import {LAYERS[target_rank][0]}"
    if source_unit.startswith("features.") and target_unit == OPEN_TO_FEATURES and not _is_edge(target):
        return None
    return (
        None if (source_unit, target_unit) in SIDEWAYS else f"{source_unit} and {target_unit} are neighbours"
    )


def _unit(module: str) -> str:
    parts = module.split(".")[1:]
    if not parts:
        return ""
    return ".".join(parts[:2]) if parts[0] == "features" and len(parts) > 1 else parts[0]


def _rank(module: str) -> int:
    return ENDPOINTS_RANK if _is_edge(module) else RANK[_unit(module).split(".")[0]]


def _is_edge(module: str) -> bool:
    parts = module.split(".")
    return len(parts) > 3 and parts[1] == "features" and parts[3] in EDGE_MODULES


def _module_name(file: Path, root: Path) -> str:
    parts = file.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(file: Path, root: Path) -> Iterator[tuple[int, str]]:
    """Line and module of each import; ``from a import b`` is ``a.b`` where that is a module."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            for name in node.names:
                path = root.joinpath(*base.split("."), name.name)
                is_module = path.is_dir() or path.with_suffix(".py").exists()
                yield node.lineno, f"{base}.{name.name}" if is_module else base
