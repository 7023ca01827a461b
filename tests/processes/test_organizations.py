"""Organizations in one moment, over two server processes: the last owner stays, and nothing happens twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.server import Answer, Call, RunningServer, new_email

MANY = 12
MEMBERSHIP_LIMIT = 5
ONLY_OWNER = "YOU_CANNOT_LEAVE_THE_ORGANIZATION_AS_THE_ONLY_OWNER"


@pytest.fixture(scope="module")
def limited() -> Iterator[RunningServer]:
    """Two processes over one database, where organizations are small."""
    with RunningServer(
        processes=2,
        BETTER_AUTH_ORGANIZATION_MEMBERSHIP_LIMIT=str(MEMBERSHIP_LIMIT),
        BETTER_AUTH_ORGANIZATION_INVITATION_LIMIT="6",
        BETTER_AUTH_ORGANIZATION_LIMIT="2",
        BETTER_AUTH_RATE_LIMIT_ENABLED="false",
    ) as running:
        yield running


@dataclass
class Somebody:
    server: RunningServer
    email: str
    id: str
    cookie: str

    def request(self, path: str, **body: Any) -> Call:
        return Call("POST", f"/organization{path}", body, self.cookie)

    def post(self, path: str, **body: Any) -> Any:
        answer = self.server.call("POST", f"/organization{path}", body, cookie=self.cookie)
        assert answer.status == 200, answer
        return answer.json


def somebody(server: RunningServer, name: str = "ann") -> Somebody:
    email = new_email(name)
    answer = server.sign_up(email)
    return Somebody(server, email, answer.json["user"]["id"], answer.session_cookie)


def founded(who: Somebody) -> Any:
    return who.post("/create", name="Acme", slug=new_email("slug"))


def joined(inviter: Somebody, role: str) -> Somebody:
    guest = somebody(inviter.server, role)
    invitation = inviter.post("/invite-member", email=guest.email, role=role)
    guest.post("/accept-invitation", invitationId=invitation["id"])
    return guest


def codes(answers: list[Answer]) -> list[str]:
    """``200`` or the refusal's code, sorted."""
    assert all(one.status in (200, 400, 403) for one in answers), answers
    return sorted("200" if one.status == 200 else one.json["code"] for one in answers)


def owners(server: RunningServer, organization_id: str) -> int:
    return int(
        server.database.value(
            "SELECT count(*) FROM better_auth_members WHERE organization_id = %s AND role = 'owner'",
            organization_id,
        )
    )


@pytest.mark.parametrize("round_", range(3))
def test_two_owners_leave_at_once_and_one_stays(limited: RunningServer, round_: int) -> None:
    ann = somebody(limited)
    acme = founded(ann)
    crew = [ann, joined(ann, "owner"), joined(ann, "owner")]
    answers = limited.at_once([one.request("/leave", organizationId=acme["id"]) for one in crew])
    assert codes(answers) == ["200", "200", ONLY_OWNER]
    assert owners(limited, acme["id"]) == 1


@pytest.mark.parametrize("round_", range(3))
def test_two_owners_remove_each_other_and_one_stays(limited: RunningServer, round_: int) -> None:
    ann = somebody(limited)
    acme = founded(ann)
    bob = joined(ann, "owner")
    answers = limited.at_once(
        [
            ann.request("/remove-member", organizationId=acme["id"], memberIdOrEmail=bob.email),
            bob.request("/remove-member", organizationId=acme["id"], memberIdOrEmail=ann.email),
        ]
    )
    assert codes(answers) == ["200", "MEMBER_NOT_FOUND"]
    assert owners(limited, acme["id"]) == 1


@pytest.mark.parametrize("round_", range(3))
def test_two_owners_step_down_at_once_and_one_stays(limited: RunningServer, round_: int) -> None:
    ann = somebody(limited)
    acme = founded(ann)
    bob = joined(ann, "owner")
    ids = dict(
        limited.database.rows(
            "SELECT user_id, id FROM better_auth_members WHERE organization_id = %s", acme["id"]
        )
    )
    answers = limited.at_once(
        [
            one.request("/update-member-role", organizationId=acme["id"], memberId=ids[one.id], role="member")
            for one in (ann, bob)
        ]
    )
    assert codes(answers) == ["200", "YOU_CANNOT_LEAVE_THE_ORGANIZATION_WITHOUT_AN_OWNER"]
    assert owners(limited, acme["id"]) == 1


def test_two_admins_invite_one_person(limited: RunningServer) -> None:
    ann = somebody(limited)
    acme = founded(ann)
    admin, email = joined(ann, "admin"), new_email("guest")
    calls = [
        who.request("/invite-member", organizationId=acme["id"], email=email, role="member")
        for who in (ann, admin) * (MANY // 2)
    ]
    told = codes(limited.at_once(calls))
    assert told == ["200", *["USER_IS_ALREADY_INVITED_TO_THIS_ORGANIZATION"] * (MANY - 1)]


def test_an_invitation_is_accepted_once(limited: RunningServer) -> None:
    ann, guest = somebody(limited), somebody(limited, "guest")
    acme = founded(ann)
    invitation = ann.post("/invite-member", email=guest.email, role="member")
    calls = [guest.request("/accept-invitation", invitationId=invitation["id"])] * MANY
    assert codes(limited.at_once(calls)) == ["200", *["INVITATION_NOT_FOUND"] * (MANY - 1)]
    count = "SELECT count(*) FROM better_auth_members WHERE organization_id = %s AND user_id = %s"
    assert limited.database.value(count, acme["id"], guest.id) == 1


def test_accepted_and_canceled_at_once_it_is_one_of_them(limited: RunningServer) -> None:
    ann, guest = somebody(limited), somebody(limited, "guest")
    acme = founded(ann)
    invitation = ann.post("/invite-member", email=guest.email, role="member")
    answers = limited.at_once(
        [
            guest.request("/accept-invitation", invitationId=invitation["id"]),
            guest.request("/reject-invitation", invitationId=invitation["id"]),
        ]
    )
    assert codes(answers) == ["200", "INVITATION_NOT_FOUND"]
    status = limited.database.value(
        "SELECT status FROM better_auth_invitations WHERE id = %s", invitation["id"]
    )
    count = "SELECT count(*) FROM better_auth_members WHERE organization_id = %s AND user_id = %s"
    assert limited.database.value(count, acme["id"], guest.id) == (1 if status == "accepted" else 0)


def test_no_more_join_than_there_is_room_for(limited: RunningServer) -> None:
    ann = somebody(limited)
    acme = founded(ann)
    guests = [somebody(limited, "guest") for _ in range(6)]
    ids = [ann.post("/invite-member", email=one.email, role="member")["id"] for one in guests]
    calls = [
        guest.request("/accept-invitation", invitationId=one) for guest, one in zip(guests, ids, strict=True)
    ]
    full = MEMBERSHIP_LIMIT - 1
    assert codes(limited.at_once(calls)) == [
        *["200"] * full,
        *["ORGANIZATION_MEMBERSHIP_LIMIT_REACHED"] * (6 - full),
    ]
    count = "SELECT count(*) FROM better_auth_members WHERE organization_id = %s"
    assert limited.database.value(count, acme["id"]) == MEMBERSHIP_LIMIT


def test_no_more_are_invited_than_may_wait(limited: RunningServer) -> None:
    ann = somebody(limited)
    founded(ann)
    calls = [ann.request("/invite-member", email=new_email("guest"), role="member") for _ in range(MANY)]
    assert codes(limited.at_once(calls)) == [*["200"] * 6, *["INVITATION_LIMIT_REACHED"] * (MANY - 6)]


def test_a_slug_is_given_once_and_a_user_founds_so_many(limited: RunningServer) -> None:
    slug = new_email("slug")
    people = [somebody(limited) for _ in range(4)]
    told = codes(limited.at_once([one.request("/create", name="Acme", slug=slug) for one in people]))
    assert told == ["200", *["ORGANIZATION_ALREADY_EXISTS"] * 3]
    ann = somebody(limited)
    calls = [ann.request("/create", name="Acme", slug=new_email("slug")) for _ in range(6)]
    limit = "YOU_HAVE_REACHED_THE_MAXIMUM_NUMBER_OF_ORGANIZATIONS"
    assert codes(limited.at_once(calls)) == ["200", "200", *[limit] * 4]


def test_every_process_sees_which_organization_a_session_is_in(limited: RunningServer) -> None:
    ann = somebody(limited)

    def seen(process: int) -> Any:
        answer = limited.call("GET", "/get-session", cookie=ann.cookie, process=process)
        return answer.json["session"]["activeOrganizationId"]

    assert [seen(0), seen(1)] == [None, None]
    acme = founded(ann)
    assert seen(0) == acme["id"]
    if "REDIS_URL" in limited.site.settings:  # else the other process asks again after some seconds
        assert seen(1) == acme["id"]
