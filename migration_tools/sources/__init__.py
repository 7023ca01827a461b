"""Where users come from. Each source is a small class that gives a stream of ``Read``.

``--source`` names one of ``BUILT_IN``, an entry point of the group ``django_better_auth.sources``, or a
dotted path. A source of your own inherits ``Source`` and needs only ``read``.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points

from better_auth.conf.loading import nearest
from migration_tools.sources.source import Source, SourceFault

BUILT_IN = {
    "jsonl": "migration_tools.sources.json_lines.JsonLines",
    "csv": "migration_tools.sources.csv_rows.CsvRows",
    "sql": "migration_tools.sources.sql_rows.SqlRows",
    "django": "migration_tools.sources.django_users.DjangoUsers",
    "better-auth": "migration_tools.sources.better_auth_database.BetterAuthDatabase",
    "auth0": "migration_tools.sources.auth0.Auth0Export",
    "keycloak": "migration_tools.sources.keycloak.KeycloakRealm",
    "cognito": "migration_tools.sources.cognito.CognitoUsers",
    "clerk": "migration_tools.sources.clerk.ClerkUsers",
    "workos": "migration_tools.sources.workos.WorkosUsers",
    "supabase": "migration_tools.sources.supabase.SupabaseUsers",
    "firebase": "migration_tools.sources.firebase.FirebaseExport",
    "authjs": "migration_tools.sources.authjs.AuthJs",
    "devise": "migration_tools.sources.devise.Devise",
    "laravel": "migration_tools.sources.laravel.Laravel",
    "wordpress": "migration_tools.sources.wordpress.WordPress",
    "kratos": "migration_tools.sources.kratos.KratosIdentities",
    "supertokens": "migration_tools.sources.supertokens.SuperTokensUsers",
    "ldap": "migration_tools.sources.ldap.LdapEntries",
    "aspnet-identity": "migration_tools.sources.aspnet_identity.AspNetIdentity",
}
ENTRY_POINTS = "django_better_auth.sources"


def find_source(name: str) -> type[Source]:
    """The class behind a name. Raises ``SourceFault`` with the names there are."""
    path = BUILT_IN.get(name)
    if path is None:
        plugged = next(iter(entry_points(group=ENTRY_POINTS, name=name)), None)
        path = plugged.value.replace(":", ".") if plugged else name
    module, _, attribute = path.rpartition(".")
    if not module:
        known = sorted({*BUILT_IN, *(one.name for one in entry_points(group=ENTRY_POINTS))})
        raise SourceFault(f"there is no source {name!r}{nearest(name, known)}; there are: {', '.join(known)}")
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as problem:
        raise SourceFault(f"the source {name!r} can't be imported: {problem}") from None
    if not (isinstance(found, type) and issubclass(found, Source)):
        raise SourceFault(f"{path} is no source: it does not inherit migration_tools.sources.Source")
    return found


__all__ = ["BUILT_IN", "Source", "SourceFault", "find_source"]
