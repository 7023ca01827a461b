"""The exchange: what is shown is proven, spent and answered by a session, all or nothing."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from better_auth import clock, users
from better_auth.authentication import beside
from better_auth.conf import auth_settings
from better_auth.events import Client
from better_auth.legacy_credentials.proving import Proof, fingerprint
from better_auth.legacy_credentials.schemes import METHODS
from better_auth.legacy_credentials.shown import Shown
from better_auth.models import LegacyExchange
from better_auth.sign_in import SignInChallenge, SignInOutcome, complete_sign_in

# Nothing that a token says of its end is worth more than these.
LONGEST_KEPT = timedelta(days=3650)


def exchange(shown: Shown, *, client: Client) -> SignInOutcome:
    """A session for an access or refresh token, a token of REST framework or a session of Django's.

    Of any number of tries with one credential, at once or later, one gets a session. A gate that wants more
    (a second factor) is asked first, and then nothing is spent. Raises ``LegacyRefused``.
    """
    proof = beside.prove_for_exchange(shown, client=client)
    with transaction.atomic():
        users.lock(proof.user)  # a ban or rollback that is under way comes first, or ends the session
        proof = beside.prove_user_again(proof, client=client)
        row = _spend(shown, proof, client)
        outcome = complete_sign_in(proof.user, method=METHODS[proof.scheme], client=client)
        if isinstance(outcome, SignInChallenge):
            row.delete()
    if not isinstance(outcome, SignInChallenge):
        beside.note_exchange(proof, client=client)
    return outcome


def _spend(shown: Shown, proof: Proof, client: Client) -> LegacyExchange:
    """The unique digest decides: whoever comes second waits for the first one's commit, and is refused."""
    row = LegacyExchange(
        token_hash=fingerprint(shown),
        scheme=proof.scheme,
        user_public_id=proof.user.id,
        expires_at=_ends_at(proof),
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        raise beside.exchanged_before(proof, client=client) from None
    return row


def _ends_at(proof: Proof) -> datetime | None:
    """With an hour to spare beyond the leeway. None for what lives in the former system's database: it may
    prolong a session that was exchanged."""
    seconds = proof.times.get("exp")
    if seconds is None or proof.claims is None:
        return None
    now, spare = clock.now(), 3600 + auth_settings.dual_auth.leeway
    left = min(max(seconds - now.timestamp(), 0.0), LONGEST_KEPT.total_seconds())
    return now + timedelta(seconds=left + spare)
