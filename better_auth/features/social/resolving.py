"""Which user an identity is: found, linked by a verified address, or made.

The rules keep strangers out: an address that the provider does not vouch for opens nothing, and neither does
one that nobody has proven here. Sources: core.md, "Matching rules after a provider login";
oauth-and-providers.md, section A4; attacks.md, A14, B15, C3 and C11.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from better_auth import account_notices, accounts, clock, hooks, legacy, unproven_access, users
from better_auth.accounts import IdentityTaken, ProviderTokens
from better_auth.addresses import is_email, normalize_email
from better_auth.conf import auth_settings
from better_auth.conf.social_schema import ProviderSettings
from better_auth.events import AccountLinked, AuthMethod, Client, EmailVerified, SignedUp, publish
from better_auth.features.email_verification import links
from better_auth.providers.records import Identity, Profile, Tokens
from better_auth.storage.records import UserRecord

TRIES = 2


class Unresolved(Exception):
    """``reason`` in the protocol's words, such as ``account not linked``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    @property
    def code(self) -> str:
        """As the error page gets it."""
        return self.reason.replace(" ", "_")


@dataclass(frozen=True, slots=True)
class Resolved:
    user: UserRecord
    is_new: bool = False


def address_of(profile: Profile) -> str | None:
    """The profile's address as we keep it; None where there is none, or none that could get mail."""
    return normalize_email(profile.email) if profile.email and is_email(profile.email) else None


def kept_tokens(tokens: Tokens) -> ProviderTokens:
    return ProviderTokens(
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        id_token=tokens.id_token,
        access_token_expires_at=tokens.access_token_expires_at,
        refresh_token_expires_at=tokens.refresh_token_expires_at,
    )


def is_vouched_for(identity: Identity) -> bool:
    """Whether the provider's word for the address is taken."""
    is_trusted = identity.provider_id in auth_settings.account.trusted_providers
    return is_trusted or identity.profile.email_verified


def resolve(
    identity: Identity,
    *,
    rules: ProviderSettings,
    requests_sign_up: bool,
    callback_url: str,
    client: Client,
) -> Resolved:
    """The user of this identity. Raises ``Unresolved``, and whatever the host's hooks refuse with.

    Two sign-ins at once with a new identity make one user: the one that comes late looks again.
    """
    email = address_of(identity.profile)
    if email is None:
        raise Unresolved("email not found")
    may_sign_up = not rules.disable_sign_up and (requests_sign_up or not rules.disable_implicit_sign_up)
    for left in reversed(range(TRIES)):
        try:
            with transaction.atomic():
                resolved = _resolve(identity, email, rules, may_sign_up=may_sign_up, client=client)
            break
        except (IdentityTaken, users.EmailTaken):
            if not left:
                raise Unresolved("unable to create user") from None
    _ensure_verified(resolved, rules, callback_url)
    return resolved


def _resolve(
    identity: Identity, email: str, rules: ProviderSettings, *, may_sign_up: bool, client: Client
) -> Resolved:
    owner = accounts.find_owner(identity.provider_id, identity.profile.subject)
    if owner:
        user = users.find_by_key(owner[1])
        if user is None:
            raise Unresolved("unable to link account")
        if auth_settings.account.update_on_sign_in:
            accounts.keep_tokens(owner[0].id, kept_tokens(identity.tokens))
    else:
        user = users.find_by_email(email)
        if user is None:
            if not may_sign_up:
                raise Unresolved("signup disabled")
            return Resolved(_sign_up(identity, email, client), is_new=True)
        user = _link(user, identity, client)
    user = _verified(user, identity.profile, email, client)
    if rules.override_user_info_on_sign_in:
        user = _overridden(user, identity.profile, email)
    return Resolved(user)


def _link(user: UserRecord, identity: Identity, client: Client) -> UserRecord:
    """To the user who has the same address, where both sides have proven it."""
    rules = auth_settings.account
    if (
        not is_vouched_for(identity)
        or (rules.require_local_email_verified and not user.email_verified)
        or not rules.linking
        or not rules.implicit_linking
    ):
        raise Unresolved("account not linked")
    if not user.email_verified:
        users.lock(user)
        user = users.get(user)
    if not user.email_verified:
        unproven_access.revoke(user, method=AuthMethod.SOCIAL, client=client)
    add_account(user, identity, client=client)
    return take_over(user, identity.profile) if rules.update_user_info_on_link else user


def add_account(user: UserRecord, identity: Identity, *, client: Client) -> None:
    """Link, say so, and mail the owner. Raises ``IdentityTaken``."""
    with transaction.atomic():
        accounts.link(
            user,
            provider_id=identity.provider_id,
            account_id=identity.profile.subject,
            tokens=kept_tokens(identity.tokens),
            scopes=identity.tokens.scopes,
            issuer=identity.issuer,
        )
        details = {"provider": identity.provider_id}
        publish(AccountLinked(client=client, subject_id=user.id, method=AuthMethod.SOCIAL, details=details))
        account_notices.tell_added(user, provider_id=identity.provider_id)


def take_over(user: UserRecord, profile: Profile) -> UserRecord:
    """Name and image as the provider has them; never the address."""
    told: dict[str, Any] = {"name": profile.name, "image": profile.image}
    changes = {name: value for name, value in told.items() if value}
    return users.update(user, **changes) if changes else user


def _sign_up(identity: Identity, email: str, client: Client) -> UserRecord:
    """Only what a profile may tell: no role, no field of ours (B15)."""
    if legacy.find_waiting(email):
        raise Unresolved("account not linked")  # somebody has this address in the former system
    profile = identity.profile
    hooks.before_sign_up(email=email, name=profile.name, fields={}, client=client)
    user = users.create(
        email=email,
        name=profile.name,
        image=profile.image,
        email_verified=profile.email_verified,
        email_verified_at=clock.now() if profile.email_verified else None,
    )
    accounts.link(
        user,
        provider_id=identity.provider_id,
        account_id=profile.subject,
        tokens=kept_tokens(identity.tokens),
        scopes=identity.tokens.scopes,
        issuer=identity.issuer,
    )
    details = {"provider": identity.provider_id}
    publish(SignedUp(client=client, subject_id=user.id, method=AuthMethod.SOCIAL, details=details))
    hooks.after_sign_up(user, client=client)
    return user


def _verified(user: UserRecord, profile: Profile, email: str, client: Client) -> UserRecord:
    if not profile.email_verified or user.email_verified or email != user.email:
        return user
    user = users.update(user, email_verified=True, email_verified_at=clock.now())
    publish(EmailVerified(client=client, subject_id=user.id, method=AuthMethod.SOCIAL))
    return user


def _overridden(user: UserRecord, profile: Profile, email: str) -> UserRecord:
    user = take_over(user, profile)
    if email == user.email:
        return user
    try:
        return users.update(user, email=email, email_verified=profile.email_verified)
    except users.EmailTaken:
        return user  # somebody else's: the profile is taken over, the address is not


def _ensure_verified(resolved: Resolved, rules: ProviderSettings, callback_url: str) -> None:
    """``REQUIRE_EMAIL_VERIFICATION`` of the provider; the link is mailed as the settings have it."""
    user, mails = resolved.user, auth_settings.email_verification
    if user.email_verified:
        return
    on_sign_up = mails.send_on_sign_up
    if on_sign_up is None:
        on_sign_up = rules.require_email_verification
    wanted = on_sign_up if resolved.is_new else rules.require_email_verification and mails.send_on_sign_in
    if wanted and mails.enabled:
        links.mail_verification(user, callback_url=callback_url)
    if rules.require_email_verification:
        raise Unresolved("email not verified")
