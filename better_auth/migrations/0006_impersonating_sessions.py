"""Sessions in which an administrator acts for somebody are found by the administrator: they end with theirs."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("better_auth", "0005_dual_differences")]

    operations = [
        migrations.AddIndex(
            model_name="session",
            index=models.Index(
                condition=models.Q(("impersonated_by__isnull", False)),
                fields=["impersonated_by"],
                name="auth_session_impersonator",
            ),
        ),
    ]
