import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("migration_tools", "0004_watermark"),
    ]

    operations = [
        migrations.CreateModel(
            name="BroughtRow",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("source", models.CharField(max_length=64)),
                ("kind", models.CharField(max_length=16)),
                ("row_id", models.CharField(max_length=255)),
                ("mark", models.CharField(max_length=32)),
                (
                    "run",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="brought_rows",
                        to="migration_tools.migrationrun",
                    ),
                ),
            ],
            options={
                "db_table": "migration_brought_rows",
                "indexes": [models.Index(fields=["run", "kind"], name="migration_brought_row_run")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=["source", "kind", "row_id"], name="migration_brought_row_once"
                    )
                ],
            },
        ),
    ]
