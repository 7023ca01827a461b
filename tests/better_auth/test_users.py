"""The lifecycle of users, where the user row is ours; and what both ways share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User as StockUser
from django.db import IntegrityError, connection, transaction

from better_auth import accounts, clock, users
from better_auth.models import Account, AuthColumns, Session, UserProfile
from better_auth.models import User as OwnUser
from better_auth.storage.records import UserRecord, user_record
from tests.conftest import ApiClient, FrozenTime

pytestmark = pytest.mark.django_db


def test_create_fills_what_is_not_given(frozen_time: FrozenTime) -> None:
    ann = users.create(email=" Ann@Example.COM ", name="Ann")
    assert (ann.email, ann.name, ann.role) == ("ann@example.com", "Ann", "user")
    assert (ann.email_verified, ann.image, ann.banned, ann.is_active) == (False, None, False, True)
    assert ann.created_at == ann.updated_at == frozen_time.now
    row = users.row_of(ann)
    assert (row.is_staff, row.is_superuser, row.has_usable_password()) == (False, False, False)


def test_ids_are_ordered_by_time(frozen_time: FrozenTime) -> None:
    made = []
    for number in range(20):
        made.append(users.create(email=f"u{number}@example.com", name="").id)
        frozen_time.advance(milliseconds=2)
    assert len(set(made)) == 20


def test_ids_from_elsewhere_are_kept() -> None:
    ann = users.create(email="ann@example.com", name="Ann", id="TwdIQZ8yNJg8mMmGRoQ8")
    assert (ann.id, ann.key) == ("TwdIQZ8yNJg8mMmGRoQ8", "TwdIQZ8yNJg8mMmGRoQ8")
    assert users.find_by_id("TwdIQZ8yNJg8mMmGRoQ8") == ann


def test_role_of_new_users_is_a_setting(configure: Callable[..., None]) -> None:
    configure(USER={"DEFAULT_ROLE": "guest"})
    assert users.create(email="ann@example.com", name="Ann").role == "guest"
    assert users.imagine(email="ann@example.com", name="Ann", image=None).role == "guest"


@pytest.mark.parametrize("email", ["ann@example.com", "ANN@example.com", " Ann@Example.com "])
def test_an_address_belongs_to_one_user(email: str) -> None:
    users.create(email="ann@example.com", name="Ann")
    with pytest.raises(users.EmailTaken):
        users.create(email=email, name="Eve")
    assert [user.name for user in get_user_model().objects.all()] == ["Ann"]


def test_the_database_itself_refuses_a_second_address() -> None:
    users.create(email="ann@example.com", name="Ann")
    with pytest.raises(IntegrityError), transaction.atomic():
        OwnUser.objects.create(email="ann@example.com")


def test_another_conflict_is_not_taken_for_the_address() -> None:
    users.create(email="ann@example.com", name="Ann", id="one")
    with pytest.raises(IntegrityError):
        users.create(email="bob@example.com", name="Bob", id="one")


def test_find() -> None:
    ann = users.create(email="ann@example.com", name="Ann")
    assert users.find_by_email("ANN@Example.com") == users.find_by_id(ann.id) == users.get(ann) == ann
    assert users.find_by_email("nobody@example.com") is None
    assert users.find_by_id("nobody") is None


def test_an_accent_makes_another_address() -> None:
    users.create(email="kate@example.com", name="Kate")
    assert users.find_by_email("kàte@example.com") is None


def test_update_touches_updated_at(frozen_time: FrozenTime) -> None:
    ann = users.create(email="ann@example.com", name="Ann")
    frozen_time.advance(seconds=1)
    changed = users.update(ann, name="Anna", image="x", email="Anna@Example.com")
    assert (changed.name, changed.image, changed.email) == ("Anna", "x", "anna@example.com")
    assert (changed.created_at, changed.updated_at) == (ann.created_at, frozen_time.now)
    assert users.get(ann) == changed


def test_an_update_to_a_taken_address_changes_nothing() -> None:
    ann = users.create(email="ann@example.com", name="Ann")
    users.create(email="bob@example.com", name="Bob")
    with pytest.raises(users.EmailTaken):
        users.update(ann, name="Anna", email="BOB@example.com")
    assert users.get(ann) == ann


def test_a_sign_in_is_noted_without_a_change_of_the_user() -> None:
    ann = users.create(email="ann@example.com", name="Ann")
    users.note_sign_in(ann, method="password")
    assert users.get(ann) == ann
    assert users.row_of(ann).last_auth_method == "password"


def test_delete_takes_sessions_and_accounts_along(make_user: Callable[..., UserRecord]) -> None:
    ann, bob = make_user(), make_user("bob@example.com")
    for email in ("ann@example.com", "bob@example.com"):
        ApiClient().sign_in(email)
    users.delete(ann)
    assert users.find_by_id(ann.id) is None
    assert [row.user_id for row in Session.objects.all()] == [bob.id]
    assert [row.user_id for row in Account.objects.all()] == [bob.id]


def test_an_imagined_user_looks_like_a_new_one_and_is_nowhere(frozen_time: FrozenTime) -> None:
    real = users.create(email="ann@example.com", name="Ann", image="x")
    imagined = users.imagine(email="Bob@Example.com", name="Ann", image="x")
    differing = {"key", "id", "email"}
    fields = [name for name in UserRecord.__dataclass_fields__ if name not in differing]
    assert [getattr(imagined, name) for name in fields] == [getattr(real, name) for name in fields]
    assert imagined.email == "bob@example.com"
    assert len(imagined.id) == len(real.id)
    assert users.find_by_email("bob@example.com") is None


@pytest.mark.parametrize(
    ("columns", "is_shut_out"),
    [
        ({}, False),
        ({"banned": True}, True),
        ({"banned": True, "ban_expires": 60}, True),
        ({"banned": True, "ban_expires": 0}, False),
        ({"banned": True, "ban_expires": -60}, False),
        ({"is_active": False}, True),
        ({"deleted_at": -60}, True),
    ],
)
def test_who_is_shut_out(frozen_time: FrozenTime, columns: dict[str, Any], is_shut_out: bool) -> None:
    now = frozen_time.now
    for name in ("ban_expires", "deleted_at"):
        if name in columns:
            columns = {**columns, name: clock.from_epoch_ms(clock.epoch_ms(now) + columns[name] * 1000)}
    assert users.create(email="ann@example.com", name="Ann", **columns).is_shut_out(now) is is_shut_out


def test_credential_account_is_made_once(make_user: Callable[..., UserRecord]) -> None:
    ann = make_user()
    for _ in range(3):
        accounts.ensure_credential(ann)
    (account,) = accounts.list_for(ann)
    assert (account.provider_id, account.account_id, account.user_id) == ("credential", ann.id, ann.id)


def test_two_users_never_share_an_identity(make_user: Callable[..., UserRecord]) -> None:
    ann, bob = make_user(), make_user("bob@example.com")
    Account.objects.create(user_id=ann.key, provider_id="google", account_id="subject-1")
    with pytest.raises(IntegrityError), transaction.atomic():
        Account.objects.create(user_id=bob.key, provider_id="google", account_id="subject-1")


def test_django_makes_operators() -> None:
    operator = OwnUser.objects.create_superuser("Op@Example.com", "a password of an operator")
    assert (operator.email, operator.is_staff, operator.is_superuser, operator.role) == (
        "op@example.com",
        True,
        True,
        "admin",
    )
    assert OwnUser.objects.get_by_natural_key("OP@example.com") == operator
    assert ApiClient().sign_in("op@example.com", "a password of an operator").status_code == 200


# The second way, a profile beside a host's user, has settings of its own; this can be seen from here.


def test_a_profile_carries_all_that_the_user_row_carries() -> None:
    shared = {field.name for field in AuthColumns._meta.get_fields()} | {"email"}
    assert shared <= {field.name for field in UserProfile._meta.get_fields()}
    assert shared <= {field.name for field in OwnUser._meta.get_fields()}


def test_a_record_is_the_same_either_way(frozen_time: FrozenTime) -> None:
    now = frozen_time.now
    columns = {"name": "Ann", "email": "ann@example.com", "created_at": now, "updated_at": now}
    row = user_record(OwnUser(id="u1", **columns))
    profile = UserProfile(public_id="u1", **columns)
    profile._state.fields_cache["user"] = StockUser(pk=7, username="ann")
    beside = user_record(profile)
    assert (beside.key, beside.id, row.key) == (7, "u1", "u1")
    fields = [name for name in UserRecord.__dataclass_fields__ if name != "key"]
    assert [getattr(beside, name) for name in fields] == [getattr(row, name) for name in fields]


def test_addresses_and_public_ids_of_profiles_are_unique() -> None:
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, UserProfile._meta.db_table)
    unique = [set(one["columns"]) for one in constraints.values() if one["unique"]]
    assert {"email"} in unique
    assert {"public_id"} in unique
