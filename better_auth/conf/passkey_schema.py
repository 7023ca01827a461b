"""The settings of passkeys; a part of ``schema``. Source: passwordless.md, section 8."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from better_auth.conf.declaring import setting

Demand = Literal["required", "preferred", "discouraged"]


@dataclass(frozen=True, slots=True)
class PasskeySettings:
    rp_id: str | None = setting(
        None,
        "Domain that passkeys are bound to, for good; unset: the host of BASE_URL. "
        "A parent domain lets all its subdomains share them.",
        env="BETTER_AUTH_PASSKEY_RP_ID",
    )
    rp_name: str | None = setting(
        None, "Name that devices show; unset: APP_NAME.", env="BETTER_AUTH_PASSKEY_RP_NAME"
    )
    origin: tuple[str, ...] = setting(
        (),
        "The only origins whose pages, or apps (``android:apk-key-hash:…``), may use passkeys; "
        "unset: the trusted origin that the request comes from.",
        env="BETTER_AUTH_PASSKEY_ORIGIN",
    )
    user_verification: Demand = setting(
        "preferred",
        "Whether the device must ask who is there, by PIN, finger or face; "
        "``required`` refuses answers of devices that did not.",
        env="BETTER_AUTH_PASSKEY_USER_VERIFICATION",
    )
    resident_key: Demand = setting(
        "preferred",
        "Whether the device should keep the passkey so that it can be found without a name.",
        env="BETTER_AUTH_PASSKEY_RESIDENT_KEY",
    )
    require_session: bool = setting(
        True,
        "Passkeys are registered by who has signed in lately; off: also by whom RESOLVE_USER names.",
        env="BETTER_AUTH_PASSKEY_REQUIRE_SESSION",
    )
    resolve_user: str | None = setting(
        None,
        "Callable ``(*, context, client) -> {'id', 'name', 'display_name'} or None``: "
        "whom a passkey without a session is for.",
    )
    after_registration: str | None = setting(
        None,
        "Callable ``(*, user, context, client) -> str or None``, before a new passkey is kept: "
        "may refuse, or give the id of the user it is for.",
    )
