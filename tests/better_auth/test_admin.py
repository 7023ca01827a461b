"""The admin site: what operators see, what they can do, and what nobody sees or does there.

Written for every way to have users; ``test_admin_hosts.py`` runs it on each.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from better_auth import clock, sessions, users
from better_auth.events import AuthMethod, SignedIn, publish
from better_auth.events import Client as Device
from better_auth.models import Account, AuditEntry, Session, Verification
from better_auth.providers import documents
from better_auth.storage.records import UserRecord, carrier_model, has_user_row
from tests.scripted_provider import CLIENT_SECRET, ScriptedProvider, serving

OPERATOR = "operator@example.com"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
needs_user_row = pytest.mark.skipif(not has_user_row(), reason="the host adds and deletes its users")
needs_profile = pytest.mark.skipif(has_user_row(), reason="there are no profiles")


def page(model: Any, kind: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{kind}", args=args)


def user_list() -> str:
    return page(carrier_model(), "changelist")


def user_page(user: UserRecord) -> str:
    return page(carrier_model(), "change", user.key)


def enter(email: str, **flags: bool) -> Client:
    """Signed in to the admin site as a new user."""
    user = users.create(email=email, name="Olga")
    rows = get_user_model()._default_manager.filter(pk=user.key)
    rows.update(is_staff=True, **flags)
    client = Client(headers={"user-agent": "operator's browser"})
    client.force_login(rows.get())
    return client


@pytest.fixture
def operator(db: None) -> Client:
    return enter(OPERATOR, is_superuser=True)


@pytest.fixture
def clerk(db: None) -> Client:
    """May change users, and is no superuser."""
    client = enter("clerk@example.com")
    row = get_user_model()._default_manager.get(pk=the_user("clerk@example.com").key)
    model = carrier_model()._meta
    names = [f"view_{model.model_name}", f"change_{model.model_name}", "view_session", "delete_session"]
    row.user_permissions.set(Permission.objects.filter(codename__in=names))
    return client


def the_user(email: str) -> UserRecord:
    found = users.find_by_email(email)
    assert found is not None
    return found


def issue(user: UserRecord, *, times: int = 1, ago: timedelta = timedelta(0)) -> list[Session]:
    device = Device(ip_address="192.0.2.7", user_agent=FIREFOX)
    made = [sessions.issue(user, client=device, method=AuthMethod.PASSWORD).session.id for _ in range(times)]
    if ago:
        Session.objects.filter(pk__in=made).update(expires_at=clock.now() - ago)
    return list(Session.objects.filter(pk__in=made))


def act(client: Client, where: str, action: str, *keys: Any) -> str:
    """Run an action on rows of a list; the page that follows."""
    response = client.post(where, {"action": action, "_selected_action": list(keys)}, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def form_of(response: Any) -> dict[str, Any]:
    """What a browser would send if nothing were changed."""
    values: dict[str, Any] = {}
    for name, field in response.context["adminform"].form.fields.items():
        bound = response.context["adminform"].form[name]
        value = bound.value()
        if hasattr(field.widget, "decompress") and not hasattr(field, "queryset"):
            for index, part in enumerate(field.widget.decompress(value)):
                values[f"{name}_{index}"] = part if part is not None else ""
        elif value not in (None, False):
            values[name] = value
    return values


def change(client: Client, user: UserRecord, **changes: Any) -> Any:
    """Open the user's page, type, save."""
    opened = client.get(user_page(user))
    sent = {**form_of(opened), **changes}
    return client.post(user_page(user), {name: value for name, value in sent.items() if value is not None})


def entries(**lookup: Any) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(**lookup).order_by("id"))


def people(make_user: Callable[..., UserRecord], number: int) -> list[UserRecord]:
    return [make_user(f"person{index}@example.com") for index in range(number)]


def fill(made: list[UserRecord]) -> None:
    for user in made:
        issue(user)
        publish(SignedIn(subject_id=user.id, actor_id=user.id, details={"n": 1}))


def lists() -> Iterator[str]:
    yield user_list()
    for model in (Session, Account, AuditEntry):
        yield page(model, "changelist")


def test_no_list_asks_more_of_the_database_for_more_rows(
    operator: Client, make_user: Callable[..., UserRecord]
) -> None:
    counts: list[list[int]] = []
    fill(people(make_user, 5))
    for _ in range(2):
        counts.append([])
        for where in lists():
            with CaptureQueriesContext(
                connection,
            ) as queries:
                assert operator.get(where).status_code == 200
            counts[-1].append(len(queries))
        fill([make_user(f"more{index}@example.com") for index in range(45)] if len(counts) == 1 else [])
    assert counts[0] == counts[1]
    assert max(counts[0]) <= 12


def test_no_page_shows_a_secret(operator: Client, make_user: Callable[..., UserRecord]) -> None:
    user = make_user(two_factor_enabled=True)
    session = issue(user)[0]
    account = Account.objects.create(
        user_id=user.key,
        provider_id="google",
        account_id="117",
        access_token="access-secret",
        refresh_token="refresh-secret",
        id_token="id-secret",
        password="password-secret",
    )
    encoded = get_user_model()._default_manager.get(pk=user.key).password
    entry = AuditEntry.objects.create(event_type="sign_in", success=True, subject_id=user.id)
    details = [user_page(user), page(Session, "change", session.pk), page(Account, "change", account.pk)]
    html = "".join(
        operator.get(where).content.decode()
        for where in (*lists(), *details, page(AuditEntry, "change", entry.pk))
    )
    assert "117" in html
    for secret in (session.token_hash, encoded, encoded.rpartition("$")[2], "-secret", 'name="password'):
        assert secret not in html
    assert f"Set ({encoded.partition('$')[0]})" in html


def test_verifications_are_nobodys_to_look_at() -> None:
    assert not admin.site.is_registered(Verification)


def test_a_session_is_shown_in_words(operator: Client, make_user: Callable[..., UserRecord]) -> None:
    session = issue(make_user())[0]
    html = operator.get(page(Session, "changelist")).content.decode()
    for text in ("ann@example.com", "Firefox on Linux", "192.0.2.7", "password"):
        assert text in html
    detail = operator.get(page(Session, "change", session.pk)).content.decode()
    assert user_page(the_user("ann@example.com")) in detail
    assert FIREFOX in detail


def test_sessions_are_told_apart_by_state(operator: Client, make_user: Callable[..., UserRecord]) -> None:
    user = make_user()
    living, dead = issue(user)[0], issue(user, ago=timedelta(hours=1))[0]
    shown = operator.get(page(Session, "changelist"), {"state": "expired"}).context["cl"].result_list
    assert [row.pk for row in shown] == [dead.pk]
    shown = operator.get(page(Session, "changelist"), {"state": "living"}).context["cl"].result_list
    assert [row.pk for row in shown] == [living.pk]
    shown = operator.get(page(Session, "changelist"), {"q": "ann@example"}).context["cl"].result_list
    assert len(shown) == 2


def test_a_revoked_session_is_gone_and_the_operator_is_on_record(
    operator: Client, make_user: Callable[..., UserRecord], browser: Any
) -> None:
    user = make_user()
    browser.sign_in()
    session = Session.objects.get(user_id=user.key)
    html = act(operator, page(Session, "changelist"), "revoke", session.pk)
    assert "Revoked 1 session." in html
    assert browser.session() is None
    entry = entries(event_type="session_revoked")[0]
    assert (entry.actor_id, entry.subject_id, entry.session_id) == (
        the_user(OPERATOR).id,
        user.id,
        session.pk,
    )
    assert entry.user_agent == "operator's browser"


def test_all_sessions_of_the_selected_users_end(
    operator: Client, make_user: Callable[..., UserRecord]
) -> None:
    ann, bob, eve = (make_user(f"{name}@example.com") for name in ("ann", "bob", "eve"))
    issue(ann, times=2), issue(bob), issue(eve)
    html = act(operator, user_list(), "revoke_sessions", ann.key, bob.key)
    assert "Ended 3 sessions of 2 users." in html
    assert [row.user_id for row in Session.objects.all()] == [eve.key]
    told = {
        (row.actor_id, row.subject_id, row.details["count"]) for row in entries(event_type="sessions_revoked")
    }
    assert told == {(the_user(OPERATOR).id, ann.id, 2), (the_user(OPERATOR).id, bob.id, 1)}


def test_users_are_banned_and_let_in_again(
    operator: Client, make_user: Callable[..., UserRecord], browser: Any
) -> None:
    user, other = make_user(), make_user("bob@example.com")
    browser.sign_in()
    own = the_user(OPERATOR)
    html = act(operator, user_list(), "ban_users", user.key, own.key)
    assert "Banned 1 user." in html
    assert "You cannot ban yourself." in html
    assert browser.session() is None
    assert browser.sign_in().json()["code"] == "BANNED_USER"
    shown = operator.get(user_list(), {"banned__exact": "1"}).context["cl"].result_list
    assert [row.pk for row in shown] == [user.key]
    html = act(operator, user_list(), "unban_users", user.key, other.key)
    assert "Lifted the ban of 1 user." in html
    assert browser.sign_in().status_code == 200
    told = [(row.event_type, row.actor_id, row.subject_id) for row in entries(event_type__contains="banned")]
    assert told == [("user_banned", own.id, user.id), ("user_unbanned", own.id, user.id)]


def test_an_operator_acts_for_a_user_and_goes_back(
    make_user: Callable[..., UserRecord], browser: Any
) -> None:
    user, boss = make_user(), make_user(OPERATOR, role="admin")
    get_user_model()._default_manager.filter(pk=boss.key).update(is_staff=True, is_superuser=True)
    browser.sign_in(OPERATOR)
    chosen = {"action": "impersonate", "_selected_action": [user.key]}
    assert browser.post(user_list(), chosen).headers["location"] == "http://testserver/"
    session = browser.session()
    assert (session["user"]["id"], session["session"]["impersonatedBy"]) == (user.id, boss.id)
    entry = entries(event_type="impersonation_started")[0]
    assert (entry.actor_id, entry.subject_id) == (boss.id, user.id)
    assert browser.api("POST", "/admin/stop-impersonating", {}).json()["user"]["id"] == boss.id


@pytest.mark.parametrize(
    "lost", [{"role": "user"}, pytest.param({"is_superuser": None}, marks=needs_user_row)]
)
def test_whoever_loses_the_right_acts_for_nobody_any_more(
    operator: Client, make_user: Callable[..., UserRecord], browser: Any, lost: dict[str, Any]
) -> None:
    user, boss = make_user(), make_user("boss@example.com", role="admin")
    get_user_model()._default_manager.filter(pk=boss.key).update(is_staff=True, is_superuser=True)
    browser.sign_in("boss@example.com")
    browser.post(user_list(), {"action": "impersonate", "_selected_action": [user.key]})
    assert browser.session()["user"]["id"] == user.id
    assert change(operator, boss, **lost).status_code == 302
    assert browser.session() is None


@pytest.mark.parametrize("number", [0, 2])
def test_an_operator_acts_for_one_at_a_time(
    operator: Client, make_user: Callable[..., UserRecord], number: int
) -> None:
    keys = [user.key for user in people(make_user, 2)][:number] or [the_user(OPERATOR).key]
    html = act(operator, user_list(), "impersonate", *keys)
    assert ("Select one user to act for." if number else "You cannot impersonate admins") in html
    assert entries(event_type="impersonation_started") == []


def test_a_clerk_does_not_act_for_users(clerk: Client, make_user: Callable[..., UserRecord]) -> None:
    user = make_user()
    act(clerk, user_list(), "impersonate", user.key)
    assert entries(event_type="impersonation_started") == []
    assert "Banned 1 user." in act(clerk, user_list(), "ban_users", user.key)


@pytest.mark.django_db(transaction=True)
def test_a_password_reset_is_mailed_and_leads_to_the_front_end(
    make_user: Callable[..., UserRecord],
    mails: Callable[[], list[Any]],
    configure: Callable[..., None],
    browser: Any,
) -> None:
    configure(EMAIL_PASSWORD={"RESET_PAGE": "/new-password"})
    operator, user = enter(OPERATOR, is_superuser=True), make_user()
    assert "Sent 1 password reset." in act(operator, user_list(), "send_password_reset", user.key)
    link = next(word for word in mails()[0].body.split() if "/reset-password/" in word)
    assert mails()[0].to == ["ann@example.com"]
    assert "/new-password?token=" in browser.get(link).headers["location"]
    entry = entries(event_type="password_reset_requested")[0]
    assert (entry.actor_id, entry.subject_id) == (the_user(OPERATOR).id, user.id)


@pytest.mark.parametrize(
    ("settings_part", "words"),
    [
        ({}, "set EMAIL_PASSWORD.RESET_PAGE"),
        ({"RESET_PAGE": "https://elsewhere.example/new"}, "not trusted"),
        ({"RESET_PAGE": "/new", "RESET_ENABLED": False}, "switched off"),
    ],
)
def test_a_reset_that_would_lead_nowhere_is_not_sent(
    operator: Client,
    make_user: Callable[..., UserRecord],
    mails: Callable[[], list[Any]],
    configure: Callable[..., None],
    settings_part: dict[str, Any],
    words: str,
) -> None:
    configure(EMAIL_PASSWORD=settings_part)
    assert words in act(operator, user_list(), "send_password_reset", make_user().key)
    assert mails() == []
    assert entries(event_type="password_reset_requested") == []


def test_operators_cannot_flood_a_mailbox(
    operator: Client, make_user: Callable[..., UserRecord], configure: Callable[..., None]
) -> None:
    configure(EMAIL_PASSWORD={"RESET_PAGE": "/new"}, RATE_LIMIT={"ENABLED": True, "MAILS": 1})
    user = make_user("flooded@example.com")
    assert "Sent 1 password reset." in act(operator, user_list(), "send_password_reset", user.key)
    html = act(operator, user_list(), "send_password_reset", user.key)
    assert "Not sent to 1 user: no address, or too many mails lately (flooded@example.com)." in html


@pytest.mark.parametrize("model", [Session, Account, AuditEntry])
def test_records_are_read_only_even_for_superusers(
    operator: Client, make_user: Callable[..., UserRecord], model: Any
) -> None:
    fill([make_user()])
    row = model.objects.all()[0]
    assert operator.get(page(model, "add")).status_code == 403
    assert operator.post(page(model, "add"), {}).status_code == 403
    assert operator.post(page(model, "change", row.pk), {"_save": "1"}).status_code == 403
    assert operator.post(page(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    everything = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    operator.post(page(model, "changelist"), everything)
    assert model.objects.filter(pk=row.pk).exists()
    assert "deletelink" not in operator.get(page(model, "change", row.pk)).content.decode()


def test_an_audit_entry_tells_who_and_what(operator: Client, make_user: Callable[..., UserRecord]) -> None:
    user = make_user()
    publish(SignedIn(subject_id=user.id, actor_id=the_user(OPERATOR).id, details={"why": "<b>test</b>"}))
    entry = entries()[-1]
    html = operator.get(page(AuditEntry, "change", entry.pk)).content.decode()
    assert "ann@example.com" in html
    assert OPERATOR in html
    assert "&quot;why&quot;: &quot;&lt;b&gt;test&lt;/b&gt;&quot;" in html
    users.delete(user)
    html = operator.get(page(AuditEntry, "changelist")).content.decode()
    assert user.id in html  # the user is gone, the entry is not


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"event_type": "sign_in"}, 2),
        ({"event_type": "sign_out"}, 0),
        ({"success__exact": "0"}, 1),
        ({"auth_method": "password"}, 1),
        ({"q": "the-session"}, 1),
        ({"q": "203.0.113.9"}, 1),
        ({"q": "the-sess"}, 0),
    ],
)
def test_the_audit_log_is_filtered_and_searched(operator: Client, query: dict[str, str], found: int) -> None:
    AuditEntry.objects.create(
        event_type="sign_in", success=True, auth_method="password", session_id="the-session"
    )
    AuditEntry.objects.create(event_type="sign_in", success=False, ip_address="203.0.113.9")
    shown = operator.get(page(AuditEntry, "changelist"), query)
    assert shown.status_code == 200
    assert len(shown.context["cl"].result_list) == found


def test_a_user_leads_to_their_sessions_and_history(
    operator: Client, make_user: Callable[..., UserRecord]
) -> None:
    ann, bob = make_user(), make_user("bob@example.com")
    fill([ann, bob])
    html = operator.get(user_page(ann)).content.decode()
    for model, query in ((Session, f"user__exact={ann.key}"), (AuditEntry, f"subject_id__exact={ann.id}")):
        link = f"{page(model, 'changelist')}?{query}"
        assert link in html
        assert len(operator.get(link).context["cl"].result_list) == 1


@pytest.mark.parametrize("query", ["ann@example", "Ann", "ann_the_first"])
def test_users_are_found(operator: Client, make_user: Callable[..., UserRecord], query: str) -> None:
    make_user(username="ann_the_first")
    make_user("bob@example.com", name="Bob")
    shown = operator.get(user_list(), {"q": query}).context["cl"].result_list
    assert [row.email for row in shown] == ["ann@example.com"]


def test_a_changed_address_is_unproven(operator: Client, make_user: Callable[..., UserRecord]) -> None:
    user = make_user(email_verified=True, email_verified_at=clock.now())
    issue(user)
    assert change(operator, user, email=" Ann.New@Example.com ").status_code == 302
    changed = users.get(user)
    assert (changed.email, changed.email_verified) == ("ann.new@example.com", False)
    told = entries(subject_id=user.id, actor_id=the_user(OPERATOR).id)
    assert [row.event_type for row in told] == ["email_changed"]
    assert Session.objects.filter(user_id=user.key).exists()
    assert "ann.new" not in str(told[0].details)


def test_an_address_can_be_verified_by_hand(operator: Client, make_user: Callable[..., UserRecord]) -> None:
    user = make_user()
    assert change(operator, user, email_verified="on", name="Anne").status_code == 302
    assert users.get(user).email_verified
    told = entries(subject_id=user.id, actor_id=the_user(OPERATOR).id)
    assert [row.event_type for row in told] == ["email_verified", "user_updated"]
    assert told[1].details == {"fields": ["name"]}


def test_an_address_that_is_taken_is_refused(operator: Client, make_user: Callable[..., UserRecord]) -> None:
    user = make_user()
    make_user("bob@example.com")
    response = change(operator, user, email="BOB@example.com")
    assert response.status_code == 200
    assert "already exists" in response.content.decode()


def test_whoever_is_banned_is_signed_out(
    operator: Client, make_user: Callable[..., UserRecord], browser: Any
) -> None:
    user = make_user()
    browser.sign_in()
    assert change(operator, user, banned="on", ban_reason="spam").status_code == 302
    assert not Session.objects.filter(user_id=user.key).exists()
    assert browser.sign_in().status_code == 403
    assert "sessions_revoked" in [row.event_type for row in entries(subject_id=user.id)]
    assert change(operator, user, banned=None).status_code == 302
    lifted = users.get(user)
    assert (lifted.banned, lifted.ban_reason) == (False, None)
    assert browser.sign_in().status_code == 200


def test_only_superusers_hand_out_power(clerk: Client, make_user: Callable[..., UserRecord]) -> None:
    user = make_user()
    opened = clerk.get(user_page(user))
    assert not {"role", "is_staff", "is_superuser", "groups"} & set(opened.context["adminform"].form.fields)
    sent = change(clerk, user, name="Anne", role="admin", is_staff="on", is_superuser="on")
    assert sent.status_code == 302
    row = get_user_model()._default_manager.get(pk=user.key)
    assert (users.get(user).name, users.get(user).role) == ("Anne", "user")
    assert (row.is_staff, row.is_superuser) == (False, False)


@pytest.mark.parametrize("kind", ["superuser", "role"])
def test_who_has_power_is_for_superusers_to_change(
    clerk: Client, make_user: Callable[..., UserRecord], kind: str
) -> None:
    user = make_user(role="editor,admin") if kind == "role" else make_user()
    if kind == "superuser":
        get_user_model()._default_manager.filter(pk=user.key).update(is_superuser=True)
    issue(user)
    assert clerk.get(user_page(user)).status_code == 200
    assert clerk.post(user_page(user), {"email": "mine@example.com"}).status_code == 403
    html = act(clerk, user_list(), "revoke_sessions", user.key)
    assert "Left out 1 user whom only a superuser may change." in html
    assert users.get(user).email == "ann@example.com"
    assert Session.objects.filter(user_id=user.key).exists()


def test_an_operator_without_the_permission_cannot_revoke(
    clerk: Client, make_user: Callable[..., UserRecord]
) -> None:
    row = get_user_model()._default_manager.get(pk=the_user("clerk@example.com").key)
    row.user_permissions.remove(*Permission.objects.filter(codename="delete_session"))
    session = issue(make_user())[0]
    act(clerk, page(Session, "changelist"), "revoke", session.pk)
    assert Session.objects.filter(pk=session.pk).exists()


@needs_user_row
def test_a_user_is_added_without_a_password(operator: Client) -> None:
    sent = {"email": "New@Example.com", "name": "Nora"}
    response = operator.post(page(carrier_model(), "add"), sent)
    user = the_user("new@example.com")
    assert response.headers["location"] == user_list()
    assert (user.name, user.role) == ("Nora", "user")
    assert "Not set" in operator.get(user_page(user)).content.decode()
    told = entries(subject_id=user.id)
    assert [(row.event_type, row.actor_id) for row in told] == [("user_created", the_user(OPERATOR).id)]


@needs_user_row
@pytest.mark.parametrize("at_once", [False, True])
def test_a_deleted_user_leaves_their_history(
    operator: Client, make_user: Callable[..., UserRecord], at_once: bool
) -> None:
    user = make_user()
    fill([user])
    if at_once:
        sent = {"action": "delete_selected", "_selected_action": [user.key], "post": "yes"}
        operator.post(user_list(), sent)
    else:
        operator.post(page(carrier_model(), "delete", user.key), {"post": "yes"})
    assert users.find_by_id(user.id) is None
    assert not Session.objects.filter(user_id=user.key).exists()
    told = [(row.event_type, row.actor_id) for row in entries(subject_id=user.id)]
    assert told == [("sign_in", user.id), ("user_deleted", the_user(OPERATOR).id)]


@needs_user_row
def test_groups_are_given_by_superusers(operator: Client, make_user: Callable[..., UserRecord]) -> None:
    user = make_user()
    permission = Permission.objects.get(codename="view_session", content_type__app_label="better_auth")
    sent = change(operator, user, is_staff="on", user_permissions=[permission.pk])
    assert sent.status_code == 302
    row = get_user_model()._default_manager.get(pk=user.key)
    assert row.has_perm("better_auth.view_session")
    told = entries(event_type="user_updated", subject_id=user.id)
    assert told[0].details == {"fields": ["is_staff", "user_permissions"]}


@needs_profile
def test_the_hosts_own_admin_still_deletes_its_users(make_user: Callable[..., UserRecord]) -> None:
    user = make_user()
    fill([user])
    clerk = enter("clerk@example.com")
    row = get_user_model()._default_manager.get(pk=the_user("clerk@example.com").key)
    row.user_permissions.set(Permission.objects.filter(codename__in=["delete_user", "view_user"]))
    response = clerk.post(page(get_user_model(), "delete", user.key), {"post": "yes"})
    assert response.status_code == 302
    assert not get_user_model()._default_manager.filter(pk=user.key).exists()


@needs_profile
def test_profiles_are_neither_added_nor_deleted_alone(
    operator: Client, make_user: Callable[..., UserRecord]
) -> None:
    user = make_user()
    assert operator.get(page(carrier_model(), "add")).status_code == 403
    assert operator.post(page(carrier_model(), "delete", user.key), {"post": "yes"}).status_code == 403
    assert users.find_by_email("ann@example.com") is not None


def test_providers_are_shown_and_asked_where_an_operator_wants_it(
    operator: Client, clerk: Client, configure: Callable[..., None]
) -> None:
    documents.forget()
    page = reverse("admin:better_auth_account_providers")
    with serving(ScriptedProvider()) as acme:
        configure(SOCIAL={"PROVIDERS": {"acme": acme.settings(), "down": {"CLIENT": "c"}}})
        shown = operator.get(page).content.decode()
        assert ("acme" in shown, "Not asked" in shown, CLIENT_SECRET in shown) == (True, True, False)
        assert "unknown key; did you mean CLIENT_ID?" in html.unescape(shown)
        assert acme.calls == []
        assert "Ready" in operator.post(page).content.decode()
        acme.published = []
        assert "its key set is empty" in operator.post(page).content.decode()
    assert clerk.get(page).status_code == 403
    accounts_page = operator.get(reverse("admin:better_auth_account_changelist")).content.decode()
    assert page in accounts_page
