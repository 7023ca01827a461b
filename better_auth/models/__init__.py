"""Rows, and nothing but rows: the rules are in the lifecycles above."""

from better_auth.models.account import CREDENTIAL, Account
from better_auth.models.audit_entry import AuditEntry
from better_auth.models.device_code import DeviceCode, DeviceCodeStatus
from better_auth.models.dual_difference import DualDifference
from better_auth.models.legacy import LegacyExchange, LegacyUse
from better_auth.models.passkey import Passkey
from better_auth.models.refresh_token import RefreshToken
from better_auth.models.session import Session
from better_auth.models.signing_key import SigningKey
from better_auth.models.two_factor import BackupCode, TwoFactor
from better_auth.models.user import AbstractBetterAuthUser, AuthColumns, MigrationStatus, User, UserProfile
from better_auth.models.verification import Verification

__all__ = [
    "CREDENTIAL",
    "AbstractBetterAuthUser",
    "Account",
    "AuditEntry",
    "AuthColumns",
    "BackupCode",
    "DeviceCode",
    "DeviceCodeStatus",
    "DualDifference",
    "LegacyExchange",
    "LegacyUse",
    "MigrationStatus",
    "Passkey",
    "RefreshToken",
    "Session",
    "SigningKey",
    "TwoFactor",
    "User",
    "UserProfile",
    "Verification",
]
