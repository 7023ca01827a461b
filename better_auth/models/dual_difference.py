"""How often both systems agreed and differed about who calls: a row for each day, route and reason."""

from __future__ import annotations

from django.db import models

from better_auth import clock

# The reason of rows that tell of no difference.
AGREE = "agree"


class DualDifference(models.Model):
    """``our_user`` and ``former_user``: ids of users here, of the last request that was counted. No token,
    no address and no value of a claim."""

    id = models.BigAutoField(primary_key=True)
    day = models.DateField()
    route = models.CharField(max_length=255)
    method = models.CharField(max_length=16)
    reason = models.CharField(max_length=32)
    detail = models.CharField(max_length=128, blank=True, default="")
    our_status = models.PositiveSmallIntegerField()
    former_status = models.PositiveSmallIntegerField()
    count = models.PositiveBigIntegerField(default=0)
    our_user = models.CharField(max_length=255, blank=True, default="")
    former_user = models.CharField(max_length=255, blank=True, default="")
    last_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "better_auth_dual_differences"
        constraints = [
            models.UniqueConstraint(
                fields=["day", "route", "method", "reason", "detail", "our_status", "former_status"],
                name="better_auth_dual_difference",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.method} {self.route}: {self.reason}"
