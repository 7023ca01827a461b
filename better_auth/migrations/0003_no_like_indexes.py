"""PostgreSQL: away with the indexes for LIKE that Django makes beside those of unique and related text columns.

Nobody searches ids, digests or addresses by their beginnings, and they are a third of what an insert costs.
"""

from django.db import migrations

TABLES = (
    "better_auth_users",
    "better_auth_user_profiles",
    "better_auth_accounts",
    "better_auth_sessions",
    "better_auth_verification_tokens",
    "better_auth_jwks",
    "better_auth_refresh_tokens",
)


def drop(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema() "
            "AND tablename = ANY(%s) AND indexname LIKE '%%\\_like'",
            [list(TABLES)],
        )
        names = [name for (name,) in cursor.fetchall()]
    for name in names:
        schema_editor.execute(f"DROP INDEX IF EXISTS {schema_editor.quote_name(name)}")


class Migration(migrations.Migration):
    dependencies = [("better_auth", "0002_signing_keys_and_refresh_tokens")]

    operations = [migrations.RunPython(drop, migrations.RunPython.noop)]
