from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("migration_tools", "0003_kept_factors"),
    ]

    operations = [
        migrations.AddField(
            model_name="migrationrun",
            name="watermark",
            field=models.JSONField(blank=True, default=dict),
        ),
    ]
