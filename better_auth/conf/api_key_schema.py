"""The settings of API keys; a part of ``schema``. Beside the edge the app ``apikeys`` alone reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from better_auth.conf.declaring import setting


@dataclass(frozen=True, slots=True)
class ApiKeySettings:
    """They are the configuration ``default``; each of ``configurations`` takes from it what it leaves out."""

    headers: tuple[str, ...] = setting(
        ("x-api-key",), "Headers that carry a key, tried in this order.", env="BETTER_AUTH_API_KEY_HEADERS"
    )
    bearer: bool = setting(
        False, "Take keys from ``Authorization: Bearer``, too.", env="BETTER_AUTH_API_KEY_BEARER"
    )
    enable_session: bool = setting(
        False,
        "At the protocol's own endpoints a key is a session of its owner.",
        env="BETTER_AUTH_API_KEY_SESSIONS",
    )
    references: Literal["user", "organization"] = setting(
        "user", "What keys belong to.", env="BETTER_AUTH_API_KEY_REFERENCES"
    )
    default_key_length: int = setting(
        64,
        "Letters after the prefix; at the endpoints shorter keys are refused unseen.",
        env="BETTER_AUTH_API_KEY_LENGTH",
        at_least=32,
    )
    default_prefix: str | None = setting(
        None, "Prefix of keys that are made without one.", env="BETTER_AUTH_API_KEY_PREFIX"
    )
    min_prefix_length: int = setting(
        1, "Shortest prefix.", env="BETTER_AUTH_API_KEY_MIN_PREFIX_LENGTH", at_least=1
    )
    max_prefix_length: int = setting(
        32, "Longest prefix, up to 64.", env="BETTER_AUTH_API_KEY_MAX_PREFIX_LENGTH", at_least=1
    )
    require_name: bool = setting(False, "Every key needs a name.", env="BETTER_AUTH_API_KEY_REQUIRE_NAME")
    min_name_length: int = setting(1, "Shortest name.", env="BETTER_AUTH_API_KEY_MIN_NAME_LENGTH", at_least=1)
    max_name_length: int = setting(
        32, "Longest name, up to 255.", env="BETTER_AUTH_API_KEY_MAX_NAME_LENGTH", at_least=1
    )
    enable_metadata: bool = setting(
        False, "Owners may keep an object of their own with a key.", env="BETTER_AUTH_API_KEY_METADATA"
    )
    default_expires_in: int | None = setting(
        None,
        "Seconds that a key lives if its maker does not say; unset: for good.",
        env="BETTER_AUTH_API_KEY_EXPIRES_IN",
        at_least=1,
    )
    custom_expiry: bool = setting(
        True, "Owners may say how long a key lives.", env="BETTER_AUTH_API_KEY_CUSTOM_EXPIRY"
    )
    min_expires_in_days: int = setting(
        1, "Shortest life that an owner may choose, in days.", env="BETTER_AUTH_API_KEY_MIN_DAYS", at_least=0
    )
    max_expires_in_days: int = setting(
        365, "Longest life that an owner may choose, in days.", env="BETTER_AUTH_API_KEY_MAX_DAYS", at_least=1
    )
    rate_limit_enabled: bool = setting(
        True,
        "Keys have a limit of their own; false passes all of them over.",
        env="BETTER_AUTH_API_KEY_LIMIT",
    )
    rate_limit_window_ms: int = setting(
        86_400_000,
        "Milliseconds without an allowed use after which a new key's count starts anew.",
        env="BETTER_AUTH_API_KEY_LIMIT_WINDOW_MS",
        at_least=1,
    )
    rate_limit_max: int = setting(
        10, "Uses of a new key in that time.", env="BETTER_AUTH_API_KEY_LIMIT_MAX", at_least=1
    )
    start_length: int = setting(
        6,
        "First characters, prefix included, by which a key can be told apart; 0 keeps none.",
        env="BETTER_AUTH_API_KEY_START_LENGTH",
        at_least=0,
    )
    default_permissions: Mapping[str, Any] = setting({}, "Permissions of new keys: resource to actions.")
    rotation_overlap: int = setting(
        86400,
        "Seconds that the old key of a rotation is good for, if the request does not say.",
        env="BETTER_AUTH_API_KEY_ROTATION_OVERLAP",
        at_least=0,
    )
    usage_days: int = setting(
        90, "Days for which daily counts of uses are kept.", env="BETTER_AUTH_API_KEY_USAGE_DAYS", at_least=1
    )
    configurations: Mapping[str, Any] = setting(
        {}, "Further configurations: ``configId`` to such settings, but HEADERS, BEARER and USAGE_DAYS."
    )

    def references_of(self, config_id: str) -> str | None:
        """What keys of this configuration belong to, or None where there is no such configuration."""
        if config_id == "default":
            return self.references
        own = self.configurations.get(config_id)
        return own.get("REFERENCES", self.references) if isinstance(own, Mapping) else None

    @property
    def opens_sessions(self) -> bool:
        """Whether keys of some configuration are sessions of their owners."""
        others = (one for one in self.configurations.values() if isinstance(one, Mapping))
        return self.enable_session or any(one.get("ENABLE_SESSION") for one in others)
