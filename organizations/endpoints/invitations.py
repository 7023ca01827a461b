"""Invitations. Source: organization.md, section 6."""

from __future__ import annotations

from better_auth.errors import BadRequest, Unauthorized
from better_auth.http.endpoint import Access, Call
from better_auth.http.fields import Body, StrictBoolean, StrictText
from better_auth.http.reply import Reply
from organizations import answering, people, reading, wire
from organizations import invitations as rules
from organizations.access_control import split_roles
from organizations.fields import Id, TextOrTexts
from organizations.invitations import Wish
from organizations.operation import caller, chosen_organization, operation


class InviteBody(Body):
    email = StrictText()
    role = TextOrTexts()
    organizationId = Id(required=False)
    resend = StrictBoolean(required=False)
    teamId = TextOrTexts(required=False)


@operation(
    "POST",
    "/invite-member",
    access=Access.SIGNED_IN,
    body=InviteBody,
    aliases=("/organization/invite",),
)
def invite_member(call: Call) -> Reply:
    body = call.body
    wish = Wish(
        email=body["email"],
        roles=split_roles(body["role"]),
        team_ids=[one for one in body.get("teamId", []) if one],
        resend=body.get("resend", False),
    )
    invitation = rules.invite_member(call.user, chosen_organization(call), wish, client=call.client)
    return Reply(wire.invitation_object(invitation))


class InvitationQuery(Body):
    id = Id()


@operation("GET", "/get-invitation", query=InvitationQuery)
def get_invitation(call: Call) -> Reply:
    user = caller(call, Unauthorized(message="Not authenticated"))
    found = rules.find_for_recipient(user, call.query["id"])
    shown = {
        **wire.invitation_object(found),
        "organizationName": found.organization.name,
        "organizationSlug": found.organization.slug,
        "inviterEmail": people.person_of(found, "inviter").email,
    }
    return Reply(shown)


class InvitationBody(Body):
    invitationId = Id()


@operation("POST", "/accept-invitation", access=Access.SIGNED_IN, body=InvitationBody)
def accept_invitation(call: Call) -> Reply:
    accepted = answering.accept_invitation(
        call.user, call.session, call.body["invitationId"], client=call.client
    )
    return Reply(
        {
            "invitation": wire.invitation_object(accepted.invitation),
            "member": wire.member_object(accepted.member),
        },
        session=call.redelivered(session=accepted.session) if accepted.enters_team else None,
    )


@operation("POST", "/reject-invitation", access=Access.SIGNED_IN, body=InvitationBody)
def reject_invitation(call: Call) -> Reply:
    rejected = answering.reject_invitation(call.user, call.body["invitationId"], client=call.client)
    return Reply({"invitation": wire.invitation_object(rejected), "member": None})


@operation("POST", "/cancel-invitation", access=Access.SIGNED_IN, body=InvitationBody)
def cancel_invitation(call: Call) -> Reply:
    canceled = rules.cancel_invitation(call.user, call.body["invitationId"], client=call.client)
    return Reply(wire.invitation_object(canceled))


class InvitationsQuery(Body):
    organizationId = Id(required=False)


@operation("GET", "/list-invitations", access=Access.SIGNED_IN, query=InvitationsQuery)
def list_invitations(call: Call) -> Reply:
    member = rules.list_invitations(call.user, chosen_organization(call))
    return Reply([wire.invitation_object(row) for row in reading.invitations_for(member)])


@operation("GET", "/list-user-invitations")
def list_user_invitations(call: Call) -> Reply:
    """An address in the query is for calls on the server, which ask the rule itself."""
    if call.request.GET.get("email"):
        raise BadRequest(message="User email cannot be passed for client side API calls.")
    user = caller(call, BadRequest(message="Missing session headers, or email query parameter."))
    found = rules.list_for_user(user)
    return Reply(
        [{**wire.invitation_object(row), "organizationName": row.organization.name} for row in found]
    )
