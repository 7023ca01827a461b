"""``/sign-in/anonymous`` and ``/delete-anonymous-user``. Source: passwordless.md, section 5."""

from __future__ import annotations

from better_auth.features.anonymous import deletion
from better_auth.features.anonymous.sign_in import is_on, sign_in_anonymously
from better_auth.http import wire
from better_auth.http.endpoint import Access, Call, endpoint
from better_auth.http.reply import Reply
from better_auth.sign_in import SignInChallenge


@endpoint("POST", "/sign-in/anonymous", guards_login=True, is_offered=is_on)
def sign_in_anonymous(call: Call) -> Reply:
    caller = call.principal.user if call.principal else None
    outcome = sign_in_anonymously(caller=caller, client=call.client)
    if isinstance(outcome, SignInChallenge):
        return Reply(outcome.body, clears_session=True, keepsakes=outcome.keepsakes)
    return Reply({"token": outcome.token, "user": wire.user_object(outcome.user)}, session=outcome)


@endpoint(
    "POST",
    "/delete-anonymous-user",
    access=Access.SIGNED_IN,
    needs_row=True,
    changes_credentials=True,
    is_offered=is_on,
)
def delete_anonymous_user(call: Call) -> Reply:
    deletion.delete_anonymous_user(call.user, client=call.client)
    return Reply({"success": True}, clears_session=True)
