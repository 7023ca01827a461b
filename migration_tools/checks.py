"""System checks of what a migration needs; ``better_auth.checks`` has those of the core."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Warning, register

from better_auth.conf import auth_settings
from migration_tools.lazy.verifiers import HTTP, SQL, Unusable, policy_for, verifier_for

REMEDIES = {
    "VERIFIER": "Set MIGRATION.VERIFIER to 'http', 'sql' or the dotted path of a callable.",
    "URL": "Set MIGRATION.URL to the endpoint; MIGRATION.PLAIN_HTTP allows http within a network of yours.",
    "SECRET": "Set MIGRATION.SECRET to 32 or more random characters, here and at the endpoint.",
    "CA_FILE": "Name a file of certificates in PEM, or leave MIGRATION.CA_FILE unset.",
    "DSN": "Set MIGRATION.DSN as --dsn of migrate_users.",
    "MAPPING": "See docs/migration/README.md, 'Mapping files'.",
}


@register()
def check_verifier(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Whoever can't be asked would fail each sign-in of those who wait there."""
    rules = auth_settings.migration
    if rules.mode == "off":
        return []
    try:
        verifier_for(rules)
        policy_for(rules)
    except Unusable as problem:
        return [Error(str(problem), hint=REMEDIES[problem.key], id="migration_tools.E001")]
    return []


@register()
def check_finder(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    rules = auth_settings.migration
    if rules.mode == "off" or rules.finder or rules.verifier in (HTTP, SQL, None):
        return []
    text = "Nobody can say whether an address waits in the legacy system: anybody may sign up with it."
    hint = "Set MIGRATION.FINDER to a callable (email) -> record or None; resets need it, too."
    return [Warning(text, hint=hint, id="migration_tools.W001")]
