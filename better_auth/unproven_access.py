"""What somebody holds who signed up with another's address, and never proved it: nothing, once it is proven.

Else they would wait in the account of whoever the address belongs to. Source: passwordless.md, "Promotion of
unverified accounts"; attacks.md, A14.
"""

from __future__ import annotations

from better_auth import accounts, device_codes, passkeys, passwords, sessions, users, verifications
from better_auth.events import AuthMethod, Client, UnprovenAccessRevoked, publish
from better_auth.storage.records import UserRecord


def revoke(user: UserRecord, *, method: AuthMethod, client: Client) -> None:
    """Take away every way into the account, and whatever is open or on its way. In the caller's transaction,
    under the user's lock; what other apps have given out goes by the event."""
    accounts.delete_all(user)
    passwords.forget(user)
    passkeys.remove_all(user)
    device_codes.delete_claimed_by(user)
    if user.phone_number:  # a code to it would sign in
        users.update(user, phone_number=None, phone_number_verified=None)
    count = sessions.revoke_all(user)
    verifications.revoke_all(subject=user.id)
    publish(
        UnprovenAccessRevoked(client=client, subject_id=user.id, method=method, details={"sessions": count})
    )
