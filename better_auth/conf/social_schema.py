"""The settings of sign-in with providers; a part of ``schema``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from better_auth.conf.declaring import setting


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """Which identities may belong to one user. Source: core.md, sections 6 and 10."""

    linking: bool = setting(
        True, "Users may have accounts at providers linked to them.", env="BETTER_AUTH_ACCOUNT_LINKING"
    )
    implicit_linking: bool = setting(
        True,
        "Signing in with a provider links it to the user who has the same verified address.",
        env="BETTER_AUTH_IMPLICIT_LINKING",
    )
    trusted_providers: tuple[str, ...] = setting(
        (),
        "Providers whose word for an address is taken even where they do not call it verified.",
        env="BETTER_AUTH_TRUSTED_PROVIDERS",
    )
    require_local_email_verified: bool = setting(
        True,
        "Nothing is linked by itself to a user whose address is not verified here: somebody else may have "
        "signed up with it.",
        env="BETTER_AUTH_LINKING_REQUIRES_VERIFIED",
    )
    allow_different_emails: bool = setting(
        False,
        "Whoever is signed in may link an account with another address.",
        env="BETTER_AUTH_LINKING_DIFFERENT_EMAILS",
    )
    update_user_info_on_link: bool = setting(
        False, "Linking takes name and image over from the provider.", env="BETTER_AUTH_LINKING_UPDATES_USER"
    )
    update_on_sign_in: bool = setting(
        True, "Each sign-in keeps the newest tokens of the provider.", env="BETTER_AUTH_ACCOUNT_UPDATES"
    )
    allow_unlinking_all: bool = setting(
        False, "The last way to sign in can be removed.", env="BETTER_AUTH_ALLOW_UNLINKING_ALL"
    )
    notify: bool = setting(
        True, "Mail the owner when a way to sign in is added or removed.", env="BETTER_AUTH_ACCOUNT_NOTICES"
    )


@dataclass(frozen=True, slots=True)
class SocialSettings:
    providers: Mapping[str, Any] = field(
        default_factory=dict,
        repr=False,  # with their secrets
        metadata={
            "doc": "The providers: id to its settings (docs/social.md).",
            "env": None,
            "at_least": None,
        },
    )
    timeout_ms: int = setting(
        5000,
        "Milliseconds that one call to a provider may take.",
        env="BETTER_AUTH_SOCIAL_TIMEOUT_MS",
        at_least=100,
    )


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """One entry of ``SOCIAL.PROVIDERS``. The secret is in no ``repr``."""

    client_id: str = setting("", "Our name at the provider.")
    further_client_ids: tuple[str, ...] = setting(
        (), "Names of other applications of ours, whose ID tokens are taken as well."
    )
    client_secret: str = field(default="", repr=False, metadata={"doc": "Our secret there.", "env": None})
    backend: str | None = setting(
        None, "A backend of social-core, by its name or dotted path, where the id is not its name."
    )
    discovery_url: str | None = setting(
        None, "Of an OpenID provider: ``…/.well-known/openid-configuration``."
    )
    issuer: str | None = setting(None, "Who must have issued ID tokens; unset: as discovered.")
    authorization_url: str | None = setting(None, "Where people are sent, instead of the provider's own.")
    token_url: str | None = setting(None, "Where codes are exchanged, instead of the provider's own.")
    userinfo_url: str | None = setting(None, "Where profiles are read, instead of the provider's own.")
    jwks_url: str | None = setting(None, "Where keys of ID tokens are published, instead of its own.")
    redirect_uri: str | None = setting(None, "Where the provider sends people back; unset: our callback.")
    tenant: str | None = setting(None, "Microsoft: the tenant; unset: ``common``.")
    scopes: tuple[str, ...] = setting((), "Asked for beside the provider's usual ones.")
    disable_default_scopes: bool = setting(False, "Ask for ``SCOPES`` only.")
    prompt: str | None = setting(None, "``login``, ``consent``, ``select_account`` …")
    access_type: str | None = setting(None, "Google: ``offline`` for a refresh token.")
    display: str | None = setting(None, "``page``, ``popup`` …")
    hosted_domain: str | None = setting(None, "Google: the one domain, or ``*`` for any, that may sign in.")
    response_mode: str | None = setting(None, "``query`` or ``form_post``.")
    authorization_params: Mapping[str, Any] = setting({}, "Further parameters of the way there.")
    token_params: Mapping[str, Any] = setting({}, "Further parameters of the exchange.")
    pkce: bool | None = setting(None, "Send a code challenge; unset: as the provider takes it.")
    authentication: Literal["auto", "post", "basic"] = setting(
        "auto", "How the secret is shown; ``auto``: in the body, where the provider does not ask otherwise."
    )
    disable_sign_up: bool = setting(False, "Nobody becomes a user by it.")
    disable_implicit_sign_up: bool = setting(False, "Only who asks to sign up (``requestSignUp``) does.")
    disable_id_token_sign_in: bool = setting(False, "No sign-in by an ID token that a client shows.")
    require_email_verification: bool = setting(False, "No session before the address is verified.")
    override_user_info_on_sign_in: bool = setting(False, "Each sign-in takes the profile over.")
    map_profile: str | None = setting(
        None, "Callable ``(profile) -> dict`` with ``name``, ``email``, ``email_verified`` or ``image``."
    )
    options: Mapping[str, Any] = setting({}, "Settings that the backend of social-core has of its own.")
