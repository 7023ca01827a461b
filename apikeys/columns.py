"""From what somebody wants of a key to the columns of its row, by the rules of its configuration.

Source: api-key.md, section 5. The order of the checks is the protocol's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from apikeys.errors import ErrorCode
from apikeys.models import NAME_LENGTH, PREFIX_LENGTH
from better_auth.conf.api_key_schema import ApiKeySettings
from better_auth.errors import BadRequest
from better_auth.kept_json import is_keepable

DAY_SECONDS = 86400
# PostgreSQL's bigint, and JSON numbers that JavaScript keeps exactly.
LARGEST = 2**53 - 1
COUNTS = ("remaining", "refill_amount", "refill_interval", "rate_limit_max", "rate_limit_time_window")
# Set as they are, by the server alone.
PLAIN = (*COUNTS, "rate_limit_enabled", "permissions", "enabled", "blocked")


def for_new_key(wanted: Mapping[str, Any], rules: ApiKeySettings, now: datetime) -> dict[str, Any]:
    """The columns of a new row. Raises ``BadRequest``."""
    if wanted.get("metadata"):
        if not rules.enable_metadata:
            raise BadRequest(ErrorCode.METADATA_DISABLED)
        _ensure_metadata(wanted["metadata"])
    _ensure_refill(wanted)
    seconds = wanted.get("expires_in")
    expires_at = _expiry(seconds, rules, now) if seconds else _default_expiry(rules, now)
    prefix = wanted.get("prefix") or rules.default_prefix
    if wanted.get("prefix"):
        _ensure_length(
            prefix or "", rules.min_prefix_length, min(rules.max_prefix_length, PREFIX_LENGTH), True
        )
    name = wanted.get("name")
    if name:
        _ensure_length(name, rules.min_name_length, min(rules.max_name_length, NAME_LENGTH), False)
    elif rules.require_name:
        raise BadRequest(ErrorCode.NAME_REQUIRED)
    columns = {
        "rate_limit_enabled": rules.rate_limit_enabled,
        "rate_limit_max": rules.rate_limit_max,
        "rate_limit_time_window": rules.rate_limit_window_ms,
        "permissions": dict(rules.default_permissions) or None,
    }
    columns |= {one: wanted[one] for one in PLAIN if wanted.get(one) is not None}
    metadata = wanted.get("metadata") or None
    return {**columns, "name": name, "prefix": prefix, "metadata": metadata, "expires_at": expires_at}


def for_change(wanted: Mapping[str, Any], rules: ApiKeySettings, now: datetime) -> dict[str, Any]:
    """The columns to change. Raises ``BadRequest``, also where there is nothing to change."""
    columns = {one: wanted[one] for one in PLAIN if one in wanted}
    if "name" in wanted:
        name = wanted["name"]
        _ensure_length(name or "", rules.min_name_length, min(rules.max_name_length, NAME_LENGTH), False)
        columns["name"] = name
    if "metadata" in wanted and rules.enable_metadata:
        if wanted["metadata"] is not None:
            _ensure_metadata(wanted["metadata"])
        columns["metadata"] = wanted["metadata"]
    if "expires_in" in wanted:
        if not rules.custom_expiry:
            raise BadRequest(ErrorCode.KEY_DISABLED_EXPIRATION)
        seconds = wanted["expires_in"]
        columns["expires_at"] = None if seconds is None else _expiry(seconds, rules, now)
    _ensure_refill(wanted)
    if not columns:
        raise BadRequest(ErrorCode.NO_VALUES_TO_UPDATE)
    return columns


def _ensure_refill(wanted: Mapping[str, Any]) -> None:
    """Amount and interval come together; the messages are crossed, as the protocol has them."""
    amount, interval = wanted.get("refill_amount"), wanted.get("refill_interval")
    if amount and not interval:
        raise BadRequest(ErrorCode.REFILL_AMOUNT_AND_INTERVAL_REQUIRED)
    if interval and not amount:
        raise BadRequest(ErrorCode.REFILL_INTERVAL_AND_AMOUNT_REQUIRED)


def _expiry(seconds: float, rules: ApiKeySettings, now: datetime) -> datetime:
    if not rules.custom_expiry:
        raise BadRequest(ErrorCode.KEY_DISABLED_EXPIRATION)
    days = seconds / DAY_SECONDS
    if days < rules.min_expires_in_days:
        raise BadRequest(ErrorCode.EXPIRES_IN_IS_TOO_SMALL)
    if not days <= rules.max_expires_in_days:
        raise BadRequest(ErrorCode.EXPIRES_IN_IS_TOO_LARGE)
    return _later(now, seconds)


def _default_expiry(rules: ApiKeySettings, now: datetime) -> datetime | None:
    seconds = rules.default_expires_in
    return None if seconds is None else _later(now, seconds)


def _later(now: datetime, seconds: float) -> datetime:
    try:
        return now + timedelta(milliseconds=round(seconds * 1000))
    except OverflowError:
        raise BadRequest(ErrorCode.EXPIRES_IN_IS_TOO_LARGE) from None


def _ensure_length(text: str, shortest: int, longest: int, is_prefix: bool) -> None:
    if not shortest <= len(text) <= longest:
        raise BadRequest(ErrorCode.INVALID_PREFIX_LENGTH if is_prefix else ErrorCode.INVALID_NAME_LENGTH)


def _ensure_metadata(metadata: object) -> None:
    if not isinstance(metadata, Mapping) or not is_keepable(metadata):
        raise BadRequest(ErrorCode.INVALID_METADATA_TYPE)
