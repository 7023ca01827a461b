"""Every hot look-up and every clean-up has an index: PostgreSQL says so itself, through ``EXPLAIN``."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from better_auth import (
    accounts,
    clock,
    device_codes,
    passkeys,
    passwords,
    refresh_tokens,
    sessions,
    users,
    verifications,
)
from better_auth.events import AuthMethod, Client
from better_auth.models import (
    Account,
    AuditEntry,
    DeviceCode,
    RefreshToken,
    Session,
    SigningKey,
    Verification,
)
from better_auth.storage import session_lookup
from better_auth.storage.records import UserRecord
from better_auth.verifications import Purpose

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL explains its plans so"),
]
LOOKS_UP = ("SELECT", "UPDATE", "DELETE")


@pytest.fixture(autouse=True)
def _indexes_preferred(db: None) -> None:
    """On small tables reading everything is cheaper; a look-up that has no index still shows."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")


@pytest.fixture
def ann(make_user: Callable[..., UserRecord]) -> UserRecord:
    return make_user()


def statements_of(run: Callable[[], Any]) -> list[str]:
    """The look-ups that ``run`` sends to the database."""
    with CaptureQueriesContext(connection) as captured:
        run()
    found = [one["sql"] for one in captured.captured_queries if one["sql"].startswith(LOOKS_UP)]
    assert found
    return found


def scans_of(statement: str) -> list[dict[str, Any]]:
    """Each table access of the plan."""
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (FORMAT JSON) " + statement.replace("%", "%%"), [])
        (answer,) = cursor.fetchone()
    found = []
    waiting = [(json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]]
    while waiting:
        node = waiting.pop()
        waiting += node.get("Plans", [])
        if node["Node Type"].endswith("Scan"):
            found.append(node)
    return found


def ensure_indexed(statement: str, *columns: str) -> None:
    """Every table is entered by an index, and one of these entries is by just these columns."""
    scans = scans_of(statement)
    assert scans, statement
    conditions = [scan.get("Index Cond", "") for scan in scans]
    assert all(conditions), f"{statement}\n{json.dumps(scans, indent=1)}"
    assert any(all(column in one for column in columns) for one in conditions), conditions


def test_a_look_up_without_an_index_is_noticed(ann: UserRecord) -> None:
    (statement,) = statements_of(lambda: list(Session.objects.filter(user_agent="x")))
    with pytest.raises(AssertionError):
        ensure_indexed(statement, "user_agent")


def test_a_session_by_its_token() -> None:
    (statement,) = statements_of(lambda: session_lookup.find_session("0" * 64))
    ensure_indexed(statement, "token_hash")


def test_the_sessions_of_a_user(ann: UserRecord) -> None:
    (statement,) = statements_of(lambda: sessions.list_active(ann))
    ensure_indexed(statement, "user_id")


def test_a_session_by_its_handle(ann: UserRecord) -> None:
    issued = sessions.issue(ann, client=Client(), method=AuthMethod.PASSWORD)
    (statement,) = statements_of(lambda: sessions.find_owned(ann, sessions.handle_of(issued.session)))
    ensure_indexed(statement, "user_id")


def test_the_renewal_and_the_end_of_a_session(ann: UserRecord) -> None:
    issued = sessions.issue(ann, client=Client(), method=AuthMethod.PASSWORD)
    for change in (
        lambda: sessions.update(issued.session, user_agent="x"),
        lambda: sessions.revoke(issued.session, ann),
    ):
        for statement in statements_of(change):
            ensure_indexed(statement, "id")


def test_the_end_of_all_sessions_of_a_user(ann: UserRecord) -> None:
    in_names_of_others, approvals, *own = statements_of(lambda: sessions.revoke_all(ann))
    ensure_indexed(in_names_of_others, "impersonated_by")
    ensure_indexed(approvals, "expires_at")
    assert own
    for statement in own:
        ensure_indexed(statement, "user_id")


def test_a_passkey_by_its_credential_and_those_of_a_user(ann: UserRecord) -> None:
    (by_credential,) = statements_of(lambda: passkeys.find_by_credential("AQID"))
    ensure_indexed(by_credential, "credential_id")
    (of_user,) = statements_of(lambda: passkeys.list_for(ann))
    ensure_indexed(of_user, "user_id")


def test_expired_sessions() -> None:
    (statement,) = statements_of(lambda: list(Session.objects.filter(expires_at__lte=clock.now())))
    ensure_indexed(statement, "expires_at")


def test_an_account_by_its_subject_at_the_provider() -> None:
    (statement,) = statements_of(
        lambda: list(Account.objects.filter(provider_id="google", account_id="1234567890"))
    )
    ensure_indexed(statement, "provider_id", "account_id")


def test_the_accounts_of_a_user(ann: UserRecord) -> None:
    (statement,) = statements_of(lambda: accounts.list_for(ann))
    ensure_indexed(statement, "user_id")


def test_a_user_by_the_address() -> None:
    (statement,) = statements_of(lambda: users.find_by_email("ann@example.com"))
    ensure_indexed(statement, "email")


def test_a_user_by_the_id(ann: UserRecord) -> None:
    (statement,) = statements_of(lambda: users.find_by_id(ann.id))
    ensure_indexed(statement, "id")


def test_the_check_of_a_password(ann: UserRecord) -> None:
    for statement in statements_of(lambda: passwords.verify("wrong password", ann)):
        ensure_indexed(statement, "id")


def test_a_verification_by_its_digest() -> None:
    (statement,) = statements_of(lambda: verifications.find(purpose=Purpose.RESET_PASSWORD, token="x"))
    ensure_indexed(statement, "purpose", "digest")
    (statement,) = statements_of(lambda: verifications.consume(purpose=Purpose.RESET_PASSWORD, token="x"))
    ensure_indexed(statement, "purpose", "digest")


def test_the_verifications_of_a_subject() -> None:
    (statement,) = statements_of(lambda: verifications.revoke(purpose=Purpose.RESET_PASSWORD, subject="u1"))
    ensure_indexed(statement, "subject", "purpose")
    (statement,) = statements_of(lambda: verifications.revoke_all(subject="u1"))
    ensure_indexed(statement, "subject")


def test_expired_verifications() -> None:
    (statement,) = statements_of(lambda: Verification.objects.filter(expires_at__lte=clock.now()).delete())
    ensure_indexed(statement, "expires_at")


def test_a_device_code_by_either_code() -> None:
    for statement in statements_of(lambda: device_codes.find_by_user_code("ABCD")):
        ensure_indexed(statement, "user_code_hash")
    for statement in statements_of(lambda: device_codes.find_by_device_code("x")):
        ensure_indexed(statement, "device_code_hash")
    (statement,) = statements_of(lambda: DeviceCode.objects.filter(expires_at__lte=clock.now()).delete())
    ensure_indexed(statement, "expires_at")


def test_a_refresh_token_by_its_selector_and_by_its_id() -> None:
    (statement,) = statements_of(lambda: refresh_tokens.find("rt_" + "x" * 67))
    ensure_indexed(statement, "selector_hash")
    (statement,) = statements_of(lambda: refresh_tokens.find_by_id("x"))
    ensure_indexed(statement, "id")


def test_the_rotation_and_the_end_of_a_refresh_token(ann: UserRecord) -> None:
    issued = sessions.issue(ann, client=Client(), method=AuthMethod.PASSWORD)
    given = refresh_tokens.issue(issued.session)
    for statement in statements_of(lambda: refresh_tokens.rotate(given.token)):
        ensure_indexed(statement)
    for statement in statements_of(lambda: refresh_tokens.revoke(given.grant)):
        ensure_indexed(statement)


def test_a_session_that_a_token_names() -> None:
    (statement,) = statements_of(lambda: sessions.find_living_by_id("x"))
    ensure_indexed(statement, "id")


def test_refresh_tokens_and_signing_keys_past_their_time() -> None:
    for model in (RefreshToken, SigningKey):
        rows = model._default_manager.filter(expires_at__lte=clock.now())
        (statement,) = statements_of(lambda rows=rows: list(rows))
        ensure_indexed(statement, "expires_at")


@pytest.mark.parametrize("column", ["subject_id", "event_type"])
def test_the_audit_log_of_somebody_or_of_something(column: str) -> None:
    since = clock.now() - timedelta(days=1)
    (statement,) = statements_of(
        lambda: list(
            AuditEntry.objects.filter(**{column: "x"}, created_at__gte=since).order_by("-created_at")
        )
    )
    ensure_indexed(statement, column, "created_at")


def test_the_audit_log_by_time() -> None:
    (statement,) = statements_of(lambda: list(AuditEntry.objects.filter(created_at__lte=clock.now())))
    ensure_indexed(statement, "created_at")
