"""Users, in one of two ways (docs/architecture.md, "Two ways to have users").

A new project has our user row, or its own that inherits ``AbstractBetterAuthUser``. A project that already
runs on another user model keeps it, untouched, and gets a ``UserProfile`` beside each user. Both carry the
same columns, ``AuthColumns``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models

from better_auth import clock
from better_auth.crypto.identifiers import new_id

ID_LENGTH = 255
EMAIL_LENGTH = 320


class MigrationStatus(StrEnum):
    """Of a user who came from another system. ``PENDING``: without a password, which waits there."""

    PENDING = "pending"
    MIGRATED = "migrated"


class AuthColumns(models.Model):
    """What the protocol keeps of a user, for all features, switched on or not."""

    name = models.TextField(blank=True, default="")
    email_verified = models.BooleanField(default=False)
    email_verified_at = models.DateTimeField(null=True, blank=True)
    image = models.TextField(null=True, blank=True)
    username = models.CharField(max_length=255, unique=True, null=True, blank=True)
    display_username = models.CharField(max_length=255, null=True, blank=True)
    phone_number = models.CharField(max_length=64, unique=True, null=True, blank=True)
    phone_number_verified = models.BooleanField(null=True, blank=True)
    # Not named is_anonymous, which Django's users have as a property.
    anonymous = models.BooleanField(default=False, db_column="is_anonymous")
    role = models.CharField(max_length=255, null=True, blank=True)
    banned = models.BooleanField(default=False)
    ban_reason = models.TextField(null=True, blank=True)
    ban_expires = models.DateTimeField(null=True, blank=True)
    two_factor_enabled = models.BooleanField(default=False)
    last_auth_method = models.CharField(max_length=64, blank=True, default="")
    migration_status = models.CharField(max_length=32, blank=True, default="")
    additional_fields = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    updated_at = models.DateTimeField(default=clock.now)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


class UserManager(BaseUserManager["AbstractBetterAuthUser"]):
    def get_by_natural_key(self, username: str | None) -> AbstractBetterAuthUser:
        return self.get(email=(username or "").lower())

    def create_user(self, email: str, password: str | None = None, **columns: Any) -> AbstractBetterAuthUser:
        user = self.model(email=email.lower(), **columns)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(
        self, email: str, password: str | None = None, **columns: Any
    ) -> AbstractBetterAuthUser:
        columns = {"is_staff": True, "is_superuser": True, "role": "admin"} | columns
        return self.create_user(email, password, **columns)


class AbstractBetterAuthUser(AuthColumns, AbstractBaseUser, PermissionsMixin):
    """Base of our user and of a host's own.

    The primary key is text, so that ids from other systems can be kept; ours are ordered by time.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    email = models.EmailField(max_length=EMAIL_LENGTH, unique=True)
    # Wider than Django's 128 characters: hashes from other systems are kept as they are.
    password = models.CharField(max_length=512)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.email

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name


class User(AbstractBetterAuthUser):
    class Meta(AbstractBetterAuthUser.Meta):
        db_table = "better_auth_users"
        swappable = "AUTH_USER_MODEL"
        verbose_name = "user"


class UserProfile(AuthColumns):
    """What is missing on a user model that can't be changed; unused where the user row is ours.

    ``public_id`` is the id on the wire. ``email`` is normalised and unique, which stock users' addresses
    are not; it is null where the host's user has none.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="better_auth_profile"
    )
    public_id = models.CharField(max_length=ID_LENGTH, unique=True)
    email = models.EmailField(max_length=EMAIL_LENGTH, unique=True, null=True)

    class Meta:
        db_table = "better_auth_user_profiles"

    def __str__(self) -> str:
        return self.email or self.public_id
