"""Codes for the day when the telephone is gone: each is good for once."""

from __future__ import annotations

from better_auth import factors
from better_auth.errors import BadRequest, Unauthorized
from better_auth.events import BackupCodesReplaced, Client, publish
from better_auth.factors import Factors
from better_auth.features.two_factor import verification
from better_auth.features.two_factor.errors import Code
from better_auth.features.two_factor.verification import Factor, Passed, Verifier
from better_auth.storage.records import UserRecord


def verify_backup_code(who: Verifier, code: str, *, trust_device: bool, without_session: bool) -> Passed:
    """Sign in with a backup code, which is gone then, or spend one while signed in.

    With ``without_session`` a sign-in ends there: the code was right, and that is all. Raises
    ``INVALID_BACKUP_CODE``, ``BACKUP_CODES_NOT_ENABLED``, and what ``verification.begin_guess`` does.
    """
    found = factors.find(who.user)
    if found is None or not found.has_authenticator:
        raise BadRequest(Code.BACKUP_CODES_NOT_ENABLED)
    verification.begin_guess(who, found, Factor.BACKUP_CODE)

    def spend() -> None:
        if not factors.spend_backup_code(found, code):
            raise _NoSuchCode

    try:
        return verification.accept(
            who,
            found,
            Factor.BACKUP_CODE,
            spend=spend,
            trust_device=trust_device,
            without_session=without_session,
        )
    except _NoSuchCode:
        error = Unauthorized(Code.INVALID_BACKUP_CODE)
        raise verification.refused(who, found, Factor.BACKUP_CODE, error, "wrong_code") from None


def replace_backup_codes(user: UserRecord, found: Factors, *, client: Client) -> list[str]:
    """New ones, to be shown once; the old ones are void."""
    codes = factors.new_backup_codes()
    factors.replace_backup_codes(found, codes)
    publish(BackupCodesReplaced(client=client, subject_id=user.id, details={"count": len(codes)}))
    return codes


class _NoSuchCode(Exception):
    """Never was, or was used before."""
