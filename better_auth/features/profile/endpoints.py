"""``/update-user``, ``/change-email``, ``/delete-user``, ``/list-accounts``, ``/unlink-account``."""

from __future__ import annotations

from typing import Any

from better_auth import accounts, additional_fields, phone_numbers, usernames
from better_auth.errors import BadRequest, ErrorCode, NotFound
from better_auth.features.email_verification.change_email import change_email as change_the_email
from better_auth.features.profile import delete_user as deletion
from better_auth.features.profile import unlink_account as unlinking
from better_auth.features.profile import update_user as updating
from better_auth.features.profile.delete_user import DeletionOutcome
from better_auth.http import origin, wire
from better_auth.http.endpoint import Access, Call, endpoint, ensure_themselves
from better_auth.http.fields import LONGEST_IMAGE, LONGEST_NAME, Body, StrictEmail, StrictText, is_truthy
from better_auth.http.input_fields import ensure_settable_on_user
from better_auth.http.reply import Reply, redirect


class UpdateUserBody(Body):
    shape = "record"

    name = StrictText(required=False, max_length=LONGEST_NAME, printable=True)
    image = StrictText(required=False, max_length=LONGEST_IMAGE, null=True)

    @classmethod
    def parse(cls, value: Any, *, place: str = "body") -> dict[str, Any]:
        """What is refused by name comes first, then the schema, as upstream orders it."""
        members = value if isinstance(value, dict) else {}
        if is_truthy(members.get("email")):
            members = {"email": members["email"]}
        checked = super().parse(members if isinstance(value, dict) else value, place=place)
        return {**members, **checked}


@endpoint("POST", "/update-user", access=Access.SIGNED_IN, body=UpdateUserBody)
def update_user(call: Call) -> Reply:
    if is_truthy(call.body.get("email")):
        raise BadRequest(ErrorCode.EMAIL_CAN_NOT_BE_UPDATED)
    ensure_settable_on_user(call.body)
    changes: dict[str, Any] = {name: call.body[name] for name in ("name", "image") if name in call.body}
    names = usernames.read_changes(call.body, present=call.user.username)
    numbers = phone_numbers.read_changes(call.body)
    if "username" in names or numbers:
        ensure_themselves(call)
    changes |= names | numbers
    fields = additional_fields.read_changes("user", call.body)
    if fields:
        changes["additional_fields"] = fields
    user = updating.update_user(call.user, changes=changes, client=call.client)
    return Reply({"status": True}, session=call.redelivered(user=user))


class ChangeEmailBody(Body):
    newEmail = StrictEmail()
    callbackURL = StrictText(required=False)


@endpoint(
    "POST",
    "/change-email",
    access=Access.SIGNED_IN,
    needs_row=True,
    body=ChangeEmailBody,
    changes_credentials=True,
)
def change_email(call: Call) -> Reply:
    changed = change_the_email(
        call.user,
        new_email=call.body["newEmail"],
        callback_url=call.body.get("callbackURL"),
        client=call.client,
    )
    return Reply({"status": True}, session=call.redelivered(user=changed) if changed else None)


class DeleteUserBody(Body):
    callbackURL = StrictText(required=False)
    password = StrictText(required=False)
    token = StrictText(required=False)


@endpoint(
    "POST",
    "/delete-user",
    access=Access.SIGNED_IN,
    needs_row=True,
    body=DeleteUserBody,
    changes_credentials=True,
)
def delete_user(call: Call) -> Reply:
    outcome = deletion.delete_user(
        call.ensure_principal(),
        password=call.body.get("password"),
        token=call.body.get("token"),
        callback_url=call.body.get("callbackURL"),
        client=call.client,
    )
    return _deletion_reply(outcome)


class DeletionQuery(Body):
    token = StrictText()
    callbackURL = StrictText(required=False)


@endpoint("GET", "/delete-user/callback", query=DeletionQuery, changes_credentials=True)
def delete_user_callback(call: Call) -> Reply:
    callback_url = call.query.get("callbackURL", "")
    origin.ensure_trusted_url(callback_url)
    deletion.ensure_enabled()
    if call.principal is None:
        raise NotFound(ErrorCode.FAILED_TO_GET_USER_INFO)
    outcome = deletion.delete_user_by_token(call.user, token=call.query["token"], client=call.client)
    reply = redirect(callback_url) if callback_url else _deletion_reply(outcome)
    reply.clears_session = True
    return reply


@endpoint("GET", "/list-accounts", access=Access.SIGNED_IN)
def list_accounts(call: Call) -> Reply:
    return Reply([wire.account_object(account) for account in accounts.list_for(call.user)])


class UnlinkAccountBody(Body):
    accountId = StrictText()


@endpoint(
    "POST",
    "/unlink-account",
    access=Access.FRESH,
    needs_row=True,
    body=UnlinkAccountBody,
    changes_credentials=True,
)
def unlink_account(call: Call) -> Reply:
    unlinking.unlink_account(call.user, row_id=call.body["accountId"], client=call.client)
    return Reply({"status": True})


def _deletion_reply(outcome: DeletionOutcome) -> Reply:
    is_gone = outcome is DeletionOutcome.DELETED
    return Reply({"success": True, "message": outcome.value}, clears_session=is_gone)
