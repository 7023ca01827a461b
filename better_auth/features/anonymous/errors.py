"""The codes of this feature. Source: passwordless.md, section 5."""

from __future__ import annotations

from enum import Enum


class Code(Enum):
    ANONYMOUS_USERS_CANNOT_SIGN_IN_AGAIN_ANONYMOUSLY = "Anonymous users cannot sign in again anonymously"
    INVALID_EMAIL_FORMAT = "Email was not generated in a valid format"
    DELETE_ANONYMOUS_USER_DISABLED = "Deleting anonymous users is disabled"
    USER_IS_NOT_ANONYMOUS = "User is not anonymous"
