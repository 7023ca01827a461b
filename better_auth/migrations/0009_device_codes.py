"""Requests of devices that are approved elsewhere (RFC 8628)."""

from django.db import migrations, models

import better_auth.clock
import better_auth.crypto.identifiers


class Migration(migrations.Migration):
    dependencies = [("better_auth", "0008_two_factor")]

    operations = [
        migrations.CreateModel(
            name="DeviceCode",
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
                ("device_code_hash", models.CharField(max_length=64)),
                ("user_code_hash", models.CharField(max_length=64)),
                ("claimed_by", models.CharField(blank=True, default="", max_length=255)),
                ("status", models.CharField(default="pending", max_length=16)),
                ("client_id", models.CharField(max_length=255)),
                ("scope", models.TextField(blank=True, default="")),
                ("polling_interval", models.PositiveIntegerField()),
                ("last_polled_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=better_auth.clock.now)),
                ("expires_at", models.DateTimeField(db_index=True)),
            ],
            options={
                "db_table": "better_auth_device_codes",
                "constraints": [
                    models.UniqueConstraint(fields=("device_code_hash",), name="better_auth_device_code"),
                    models.UniqueConstraint(fields=("user_code_hash",), name="better_auth_device_user_code"),
                ],
            },
        ),
    ]
