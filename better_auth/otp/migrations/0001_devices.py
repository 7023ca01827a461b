"""FactorDevice stands over the table of TwoFactor and makes none."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="FactorDevice",
            fields=[
                ("id", models.CharField(editable=False, max_length=255, primary_key=True, serialize=False)),
                ("confirmed", models.BooleanField(db_column="verified", default=False)),
            ],
            options={
                "db_table": "better_auth_two_factors",
                "managed": False,
            },
        ),
    ]
