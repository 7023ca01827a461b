"""Passkeys."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import better_auth.clock
import better_auth.crypto.identifiers


class Migration(migrations.Migration):
    dependencies = [
        ("better_auth", "0006_impersonating_sessions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Passkey",
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
                ("name", models.TextField(blank=True, null=True)),
                ("public_key", models.TextField()),
                ("credential_id", models.CharField(max_length=1364)),
                ("counter", models.BigIntegerField(default=0)),
                ("device_type", models.CharField(max_length=16)),
                ("backed_up", models.BooleanField(default=False)),
                ("transports", models.CharField(blank=True, max_length=255, null=True)),
                ("aaguid", models.CharField(blank=True, max_length=36, null=True)),
                ("created_at", models.DateTimeField(blank=True, default=better_auth.clock.now, null=True)),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="better_auth_passkeys",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "better_auth_passkeys",
                "constraints": [
                    models.UniqueConstraint(fields=["credential_id"], name="better_auth_passkey_credential"),
                ],
            },
        ),
    ]
