from django.db import migrations, models

import better_auth.clock
import better_auth.crypto.identifiers


class Migration(migrations.Migration):
    dependencies = [
        ("better_auth", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="RefreshToken",
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
                ("session_hash", models.CharField(max_length=64)),
                ("owns_session", models.BooleanField(default=False)),
                ("selector_hash", models.CharField(max_length=64, unique=True)),
                ("token_hash", models.CharField(max_length=64)),
                ("previous_hash", models.CharField(blank=True, default="", max_length=64)),
                ("created_at", models.DateTimeField(default=better_auth.clock.now)),
                ("rotated_at", models.DateTimeField(blank=True, null=True)),
                ("expires_at", models.DateTimeField(db_index=True)),
            ],
            options={
                "db_table": "better_auth_refresh_tokens",
            },
        ),
        migrations.CreateModel(
            name="SigningKey",
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
                ("alg", models.CharField(max_length=16)),
                ("crv", models.CharField(blank=True, max_length=16, null=True)),
                ("public_key", models.TextField()),
                ("private_key", models.TextField()),
                ("replaces", models.CharField(max_length=255, unique=True)),
                ("created_at", models.DateTimeField(default=better_auth.clock.now)),
                ("signs_from", models.DateTimeField()),
                ("expires_at", models.DateTimeField(db_index=True)),
            ],
            options={
                "db_table": "better_auth_jwks",
            },
        ),
    ]
