"""Second factors, and what sessions remember of them."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import better_auth.clock
import better_auth.crypto.identifiers


class Migration(migrations.Migration):
    dependencies = [
        ("better_auth", "0007_passkeys"),
    ]

    operations = [
        migrations.AddField(
            model_name="session",
            name="second_factor",
            field=models.CharField(blank=True, default="", max_length=32),
        ),
        migrations.CreateModel(
            name="TwoFactor",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=better_auth.crypto.identifiers.new_id,
                        editable=False,
                        max_length=255,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("secret", models.TextField(blank=True, default="")),
                ("digits", models.PositiveSmallIntegerField(default=6)),
                ("period", models.PositiveSmallIntegerField(default=30)),
                ("algorithm", models.CharField(default="SHA1", max_length=16)),
                ("verified", models.BooleanField(default=False)),
                ("last_step", models.BigIntegerField(blank=True, null=True)),
                ("failed_count", models.PositiveIntegerField(default=0)),
                ("locked_until", models.DateTimeField(blank=True, null=True)),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=better_auth.clock.now)),
                ("updated_at", models.DateTimeField(default=better_auth.clock.now)),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="better_auth_two_factor",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "better_auth_two_factors",
            },
        ),
        migrations.CreateModel(
            name="BackupCode",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("digest", models.CharField(max_length=64)),
                (
                    "two_factor",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="backup_codes",
                        to="better_auth.twofactor",
                    ),
                ),
            ],
            options={
                "db_table": "better_auth_backup_codes",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("two_factor", "digest"), name="better_auth_backup_code_once"
                    )
                ],
            },
        ),
    ]
