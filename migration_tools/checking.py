"""The rules that a record must keep on its own, whatever else is in the source or the target. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from importlib.util import find_spec
from typing import Any

import orjson
from django.contrib.auth.hashers import get_hashers_by_algorithm

from better_auth.addresses import LONGEST_EMAIL, is_email
from better_auth.crypto.hash_limits import AmbiguousHash, HashTooCostly, MalformedHash, UnknownAlgorithm
from better_auth.crypto.legacy_hashes import from_legacy
from better_auth.models import MigrationStatus
from migration_tools.factors import Factors, factors_of
from migration_tools.policy import Policy
from migration_tools.providers import provider_of
from migration_tools.records import LegacyAccount, LegacyUser, Refused

LONGEST_NAME = 1000
LONGEST_USERNAME = 255
LONGEST_IMAGE = 2048
LARGEST_METADATA = 65_536
E164 = re.compile(r"\+[1-9]\d{6,14}")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\s]")
PLACEHOLDER_DOMAIN = "placeholder.invalid"
DELETED = "migrated:deleted"
DISABLED = "migrated:disabled"
NO_HASHER = "no-hasher"


@dataclass(slots=True)
class Checked:
    """A user who may come, as far as the record alone can tell.

    ``email``: as it will be stored; ``folded``: the form in which two addresses are the same to a person's
    eye; ``password``: Django's encoding; ``columns``: those of ``AuthColumns`` but for the address.
    """

    external_id: str
    raw_email: str
    email: str
    folded: str
    password: str | None = field(repr=False)
    columns: dict[str, Any]
    accounts: tuple[LegacyAccount, ...]
    user: LegacyUser
    warnings: list[str] = field(default_factory=list)
    is_deleted: bool = False
    has_unknown_hash: bool = False
    # Not the source's hash, but one that was made here when the password was typed.
    is_password_ours: bool = False
    # Told by another way than the source's rows, so that the two can't be compared.
    is_summary: bool = False
    factors: Factors | None = None

    @property
    def content_hash(self) -> str:
        """Empty where nothing could be compared with it."""
        return "" if self.is_summary else content_hash(self.user)

    @property
    def email_verified(self) -> bool:
        return bool(self.columns["email_verified"])


@dataclass(slots=True)
class Keys:
    """By what two records of one input can stand in each other's way."""

    external_id: str
    raw_email: str
    email: str
    folded: str
    username: str | None
    phone_number: str | None
    identities: list[tuple[str, str]]
    is_deleted: bool


def keys_of(user: LegacyUser, policy: Policy) -> Keys:
    """Raises ``Refused`` for a record that has no keys; whether it may come ``check`` tells."""
    email, folded = _address(user, policy, [])
    phone = user.phone_number
    return Keys(
        external_id=user.external_id,
        raw_email=user.email or "",
        email=email,
        folded=folded,
        username=user.username.lower() if user.username else None,
        phone_number=phone if phone and E164.fullmatch(phone) else None,
        identities=[_identity(one, policy) for one in user.accounts],
        is_deleted=user.deleted_at is not None,
    )


def _identity(account: LegacyAccount, policy: Policy) -> tuple[str, str]:
    return policy.providers.get(account.provider) or provider_of(account.provider), account.subject


def check(user: LegacyUser, policy: Policy) -> Checked:
    """Raises ``Refused``."""
    warnings = list(user.warnings)
    email, folded = _address(user, policy, warnings)
    has_unknown_hash, password = _password(user, warnings)
    is_deleted = user.deleted_at is not None
    return Checked(
        external_id=user.external_id,
        raw_email=user.email or "",
        email=email,
        folded=folded,
        password=password,
        columns=_columns(user, policy, warnings, is_pending=password is None),
        accounts=_accounts(user, policy, warnings),
        user=user,
        warnings=warnings,
        is_deleted=is_deleted,
        has_unknown_hash=has_unknown_hash,
        factors=factors_of(user.extra, warnings) if user.extra else None,
    )


def content_hash(user: LegacyUser) -> str:
    """What was read, so that a later run sees what changed. Sessions come and go and do not count; neither
    does how often a passkey was used."""
    content = (
        *(user.external_id, user.email, user.email_verified, user.name, user.image, user.username),
        *(user.phone_number, user.phone_number_verified, user.created_at, user.disabled, user.ban_reason),
        *(user.ban_expires, user.deleted_at, user.password, user.accounts, user.roles, user.groups),
        *(user.is_staff, user.is_superuser, user.metadata, _unused(user.extra)),
    )
    written = orjson.dumps(content, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return blake2b(written, digest_size=16).hexdigest()


def _unused(extra: Mapping[str, Any]) -> Mapping[str, Any]:
    """Without the counters of passkeys."""
    told = extra.get("passkeys")
    if not isinstance(told, list):
        return extra
    passkeys = [{**one, "counter": None} if isinstance(one, dict) else one for one in told]
    return {**extra, "passkeys": passkeys}


def _address(user: LegacyUser, policy: Policy, warnings: list[str]) -> tuple[str, str]:
    raw = (user.email or "").strip()
    if raw:
        return address_of(raw, warnings)
    if not policy.placeholder_emails:
        raise Refused(
            "missing-email", "no address: missing_email = 'placeholder' in the mapping brings such users"
        )
    warnings.append("placeholder-email")
    name = blake2b(user.external_id.encode(), digest_size=16).hexdigest()
    made = f"{name}@{PLACEHOLDER_DOMAIN}"
    return made, made


def address_of(raw: str, warnings: list[str]) -> tuple[str, str]:
    """As stored and as compared. Raises ``Refused``; never quotes the address."""
    if is_email(raw):
        lower = raw.lower()
        return lower, lower
    local, at, domain = raw.rpartition("@")
    if not at or raw.isascii() or len(raw) > LONGEST_EMAIL or "@" in local or CONTROL.search(raw):
        raise Refused("invalid-email", "the address is none")
    try:
        ascii_domain = domain.encode("idna").decode().lower()
    except UnicodeError:
        raise Refused("invalid-email", "the address has a domain that can't be") from None
    # Letters, digits, and the marks that go with letters: not every script has them in one character.
    plain = "".join("a" if ord(one) > 127 and unicodedata.category(one)[0] in "LMN" else one for one in local)
    if not is_email(f"{plain}@{ascii_domain}"):
        raise Refused("invalid-email", "the address is none")
    warnings.append("address-not-ascii")
    return raw.lower(), f"{unicodedata.normalize('NFKC', local).casefold()}@{ascii_domain}"


def folded_form(stored: str) -> str:
    """As compared, of an address that is stored here."""
    try:
        return address_of(stored, [])[1]
    except Refused:
        return stored


def _password(user: LegacyUser, warnings: list[str]) -> tuple[bool, str | None]:
    if user.password is None:
        return False, None
    try:
        encoded = from_legacy(user.password.scheme, user.password.hash, user.password.params)
    except (AmbiguousHash, UnknownAlgorithm) as problem:
        warnings.append(problem.reason)
        return True, None
    except (MalformedHash, HashTooCostly) as problem:
        raise Refused(problem.reason, f"scheme {user.password.scheme[:40]}") from None
    if not _can_verify(encoded.partition("$")[0]):
        warnings.append(NO_HASHER)
    return False, encoded


def _can_verify(algorithm: str) -> bool:
    """A host's project may lack the hashers, or the package that one of them needs."""
    if algorithm not in get_hashers_by_algorithm():
        return False
    return not algorithm.startswith("bcrypt") or _has_bcrypt()


@cache
def _has_bcrypt() -> bool:
    return find_spec("bcrypt") is not None


def _columns(user: LegacyUser, policy: Policy, warnings: list[str], *, is_pending: bool) -> dict[str, Any]:
    is_verified = user.email_verified and policy.trusts and bool(user.email)
    columns: dict[str, Any] = {
        "name": _cut(user.name, LONGEST_NAME, "name-cut", warnings),
        "email_verified": is_verified,
        "image": _image(user.image, warnings),
        "additional_fields": _metadata(user),
        "migration_status": MigrationStatus.PENDING if is_pending else MigrationStatus.MIGRATED,
    }
    if user.created_at:
        columns["created_at"] = columns["updated_at"] = user.created_at
    if user.updated_at:
        columns["updated_at"] = user.updated_at
    if user.username:
        if len(user.username) > LONGEST_USERNAME:
            raise Refused("invalid-username", f"the user name is longer than {LONGEST_USERNAME} characters")
        columns["username"], columns["display_username"] = user.username.lower(), user.username
    if user.phone_number:
        if E164.fullmatch(user.phone_number):
            columns["phone_number"] = user.phone_number
            columns["phone_number_verified"] = user.phone_number_verified and policy.trusts
        else:
            warnings.append("phone-not-e164")
    roles = [policy.role_names[role] for role in user.roles if role in policy.role_names]
    if roles:
        columns["role"] = ",".join(dict.fromkeys(roles))
    _shut_out(columns, user)
    return columns


def _shut_out(columns: dict[str, Any], user: LegacyUser) -> None:
    if user.deleted_at is not None:
        columns |= {"banned": True, "ban_reason": DELETED, "deleted_at": user.deleted_at}
    elif user.disabled:
        columns |= {
            "banned": True,
            "ban_reason": user.ban_reason or DISABLED,
            "ban_expires": user.ban_expires,
        }


def _metadata(user: LegacyUser) -> dict[str, Any]:
    if not user.metadata:
        return {}
    try:
        written = orjson.dumps(user.metadata, default=str)
    except TypeError:
        raise Refused("invalid-value", "metadata can't be written as JSON") from None
    if len(written) > LARGEST_METADATA:
        raise Refused("metadata-too-large", f"metadata is larger than {LARGEST_METADATA} bytes")
    if b"\\u0000" in written:
        raise Refused("invalid-text", "metadata holds a NUL character")
    metadata: dict[str, Any] = orjson.loads(written)
    return metadata


def _image(image: str | None, warnings: list[str]) -> str | None:
    if not image:
        return None
    if len(image) > LONGEST_IMAGE or not image.startswith(("https://", "http://", "/")):
        warnings.append("image-dropped")
        return None
    return image


def _cut(text: str, limit: int, warning: str, warnings: list[str]) -> str:
    if len(text) <= limit:
        return text
    warnings.append(warning)
    return text[:limit]


def _accounts(user: LegacyUser, policy: Policy, warnings: list[str]) -> tuple[LegacyAccount, ...]:
    found: dict[tuple[str, str], LegacyAccount] = {}
    for one in user.accounts:
        provider, _ = _identity(one, policy)
        named = LegacyAccount(provider, one.subject, one.issuer, one.scope, one.created_at, one.tokens)
        found.setdefault((provider, one.subject), named)
    if len(found) < len(user.accounts):
        warnings.append("account-twice")
    return tuple(found.values())
