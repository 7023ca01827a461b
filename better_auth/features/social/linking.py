"""Link an identity to whoever is signed in. Source: core.md, section 6, "POST /link-social"."""

from __future__ import annotations

from django.db import transaction

from better_auth import accounts, sessions
from better_auth.accounts import IdentityTaken
from better_auth.conf import auth_settings
from better_auth.errors import AuthError, Conflict, ErrorCode, ExpectationFailed, Unauthorized
from better_auth.events import Client
from better_auth.features.social.flows import LinkIntent
from better_auth.features.social.resolving import (
    Unresolved,
    add_account,
    address_of,
    is_vouched_for,
    kept_tokens,
    take_over,
)
from better_auth.providers.records import Identity
from better_auth.storage.records import UserRecord

# How the callback calls a refusal.
REASONS = {
    ErrorCode.SOCIAL_ACCOUNT_ALREADY_LINKED: "account already linked to different user",
    ErrorCode.LINKING_DIFFERENT_EMAILS_NOT_ALLOWED: "email does not match",
}


def link_identity(user: UserRecord, identity: Identity, *, client: Client) -> None:
    """Link, or keep the newest tokens where it is linked to them already.

    Raises ``SOCIAL_ACCOUNT_ALREADY_LINKED`` for somebody else's identity, ``LINKING_NOT_ALLOWED`` where the
    provider does not vouch for the address, ``LINKING_DIFFERENT_EMAILS_NOT_ALLOWED``, ``LINKING_FAILED``.
    """
    rules = auth_settings.account
    owner = accounts.find_owner(identity.provider_id, identity.profile.subject)
    if owner and owner[1] != user.key:
        raise Conflict(ErrorCode.SOCIAL_ACCOUNT_ALREADY_LINKED)
    if owner:
        accounts.keep_tokens(owner[0].id, kept_tokens(identity.tokens), scopes=_scopes(owner[0], identity))
    else:
        if not is_vouched_for(identity) or not rules.linking:
            raise Unauthorized(ErrorCode.LINKING_NOT_ALLOWED)
        if address_of(identity.profile) != user.email and not rules.allow_different_emails:
            raise Unauthorized(ErrorCode.LINKING_DIFFERENT_EMAILS_NOT_ALLOWED)
        try:
            add_account(user, identity, client=client)
        except IdentityTaken:
            raise ExpectationFailed(ErrorCode.LINKING_FAILED) from None
    if rules.update_user_info_on_link:
        take_over(user, identity.profile)


def finish_link(intent: LinkIntent, identity: Identity, *, client: Client) -> None:
    """The same at the end of a flow; the session that began it must still live. Raises ``Unresolved``."""
    found = sessions.find_living_by_id(intent.session_id, from_store=True)
    if found is None or found[1].id != intent.user_id:
        raise Unresolved("unable to link account")
    try:
        with transaction.atomic():
            link_identity(found[1], identity, client=client)
    except AuthError as refusal:
        reason = REASONS.get(refusal.code, "unable to link account")  # type: ignore[call-overload]
        raise Unresolved(reason) from None


def _scopes(account: accounts.AccountRecord, identity: Identity) -> tuple[str, ...]:
    """Both: what was granted before still is."""
    return tuple(dict.fromkeys((*account.scopes, *identity.tokens.scopes)))
