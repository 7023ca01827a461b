from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

SQLITE = """
CREATE TRIGGER welcome AFTER INSERT ON better_auth_users
BEGIN INSERT INTO welcome_voucher (owner_id) VALUES (NEW.id); END
"""
POSTGRESQL = """
CREATE FUNCTION welcome() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO welcome_voucher (owner_id) VALUES (NEW.id); RETURN NULL; END $$;
CREATE TRIGGER welcome AFTER INSERT ON better_auth_users FOR EACH ROW EXECUTE FUNCTION welcome()
"""


def make_trigger(apps: object, editor: object) -> None:
    editor.execute(SQLITE if editor.connection.vendor == "sqlite" else POSTGRESQL)  # type: ignore[attr-defined]


class Migration(migrations.Migration):
    initial = True

    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name="Voucher",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.RunPython(make_trigger, migrations.RunPython.noop),
    ]
