"""``/passkey/list-user-passkeys``, ``update-passkey`` and ``delete-passkey`` (passwordless.md, section 8)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from better_auth.models import Account, AuditEntry, Passkey
from better_auth.storage.records import UserRecord
from tests.authenticator import Authenticator
from tests.better_auth.features.passkey.conftest import PasskeyClient
from tests.conftest import ORIGIN, FrozenTime
from tests.protocol import answered, refusal

pytestmark = pytest.mark.django_db
Entries = Callable[..., list[AuditEntry]]
NOT_FOUND = {"code": "PASSKEY_NOT_FOUND", "message": "Passkey not found"}


@pytest.fixture
def own(browser: PasskeyClient, ann: UserRecord, device: Authenticator) -> Any:
    """A passkey of Ann's, as the server shows it."""
    return browser.register(device, name="Old").json()


@pytest.fixture
def thief(
    browser: PasskeyClient, new_browser: Callable[..., PasskeyClient], make_user: Callable[..., UserRecord]
) -> PasskeyClient:
    make_user("bob@example.com")
    other = new_browser()
    other.sign_in("bob@example.com")
    return other


def delete(browser: PasskeyClient, passkey_id: Any) -> Any:
    return browser.api("POST", "/passkey/delete-passkey", {"id": passkey_id})


def rename(browser: PasskeyClient, passkey_id: Any, name: Any) -> Any:
    return browser.api("POST", "/passkey/update-passkey", {"id": passkey_id, "name": name})


def test_it_is_renamed(browser: PasskeyClient, own: Any, entries: Entries) -> None:
    assert answered(rename(browser, own["id"], " New ")) == (200, {"passkey": {**own, "name": "New"}})
    (entry,) = entries("passkey_renamed", success=True)
    assert entry.details == {"passkey": own["id"]}


@pytest.mark.usefixtures("commits")
def test_the_owner_is_told_by_mail(
    browser: PasskeyClient,
    ann: UserRecord,
    device: Authenticator,
    mails: Callable[[], list[Any]],
    configure: Callable[..., None],
) -> None:
    """They may be the first to learn that somebody else did it."""
    passkey = browser.register(device, name="cheap-pills.example").json()
    delete(browser, passkey["id"])
    added, removed = mails()
    assert (added.to, removed.to) == ([ann.email], [ann.email])
    assert "you can sign in to Better Auth with a passkey as well" in added.body
    assert "no longer sign in to Better Auth with one of your passkeys" in removed.body
    assert "cheap-pills" not in added.body + removed.body
    configure(ACCOUNT={"NOTIFY": False})
    delete(browser, browser.register(Authenticator(ORIGIN)).json()["id"])
    assert len(mails()) == 2


@pytest.mark.parametrize("name", ["", "   ", None, 7, "a\x00", "n" * 1001])
def test_a_bad_name_is_refused(browser: PasskeyClient, own: Any, name: Any) -> None:
    response = rename(browser, own["id"], name)
    assert (response.status_code, response.json()["code"]) == (400, "VALIDATION_ERROR")


def test_it_is_deleted(browser: PasskeyClient, own: Any, device: Authenticator, entries: Entries) -> None:
    assert answered(delete(browser, own["id"])) == (200, {"status": True})
    assert browser.listed() == []
    assert answered(browser.enter(device)) == (401, NOT_FOUND)
    (entry,) = entries("passkey_removed", success=True)
    assert entry.details == {"passkey": own["id"]}


def test_an_old_session_deletes_too(frozen_time: FrozenTime, browser: PasskeyClient, own: Any) -> None:
    """As the protocol has it: a passkey that was stolen can be removed at once."""
    frozen_time.advance(days=2)
    assert answered(delete(browser, own["id"])) == (200, {"status": True})


def test_somebody_elses_is_neither_shown_nor_changed(
    browser: PasskeyClient, thief: PasskeyClient, own: Any
) -> None:
    """Attack A8."""
    assert thief.listed() == []
    assert answered(delete(thief, own["id"])) == (401, None)
    wanted = {
        "code": "YOU_ARE_NOT_ALLOWED_TO_REGISTER_THIS_PASSKEY",
        "message": "You are not allowed to register this passkey",
    }
    assert answered(rename(thief, own["id"], "Mine")) == (401, wanted)
    assert browser.listed() == [own]


@pytest.mark.parametrize("passkey_id", ["1", "nothing", "", "x" * 5000])
def test_one_that_is_not_there(browser: PasskeyClient, own: Any, passkey_id: str) -> None:
    assert answered(delete(browser, passkey_id)) == (404, NOT_FOUND)
    assert answered(rename(browser, passkey_id, "x")) == (404, NOT_FOUND)


@pytest.mark.parametrize("passkey_id", [1, None, ["a"], "a\x00"])
def test_an_id_that_is_none(browser: PasskeyClient, own: Any, passkey_id: Any) -> None:
    assert delete(browser, passkey_id).json()["code"] == "VALIDATION_ERROR"


def test_nobody_is_asked_to_sign_in(browser: PasskeyClient, db: None) -> None:
    for response in (
        delete(browser, "x"),
        rename(browser, "x", "y"),
        browser.api("GET", "/passkey/list-user-passkeys"),
    ):
        assert answered(response) == (401, refusal("UNAUTHORIZED"))


def test_who_acts_in_somebodys_name_deletes_none(
    browser: PasskeyClient, own: Any, make_user: Callable[..., UserRecord]
) -> None:
    make_user("ada@example.com", role="admin")
    browser.sign_in("ada@example.com")
    browser.api("POST", "/admin/impersonate-user", {"userId": own["userId"]})
    assert delete(browser, own["id"]).json()["code"] == "NOT_ALLOWED_WHILE_IMPERSONATING"


class TestTheLastWayIn:
    """Somebody without a password or a provider comes in by their passkeys alone."""

    @pytest.fixture(autouse=True)
    def _without_accounts(self, own: Any, configure: Callable[..., None]) -> None:
        configure(FEATURES=["bearer", "passkey"])
        Account.objects.all().delete()

    def test_it_stays(self, browser: PasskeyClient, own: Any) -> None:
        assert answered(delete(browser, own["id"])) == (400, refusal("FAILED_TO_UNLINK_LAST_ACCOUNT"))
        assert browser.listed() == [own]

    def test_one_of_two_goes(self, browser: PasskeyClient, own: Any) -> None:
        other = browser.register(Authenticator(ORIGIN)).json()
        assert answered(delete(browser, own["id"])) == (200, {"status": True})
        assert answered(delete(browser, other["id"])) == (400, refusal("FAILED_TO_UNLINK_LAST_ACCOUNT"))

    @pytest.mark.parametrize("feature", ["magic_link", "email_otp"])
    def test_it_goes_where_a_mail_signs_in(
        self, browser: PasskeyClient, own: Any, configure: Callable[..., None], feature: str
    ) -> None:
        configure(FEATURES=["bearer", "passkey", feature])
        assert answered(delete(browser, own["id"])) == (200, {"status": True})

    def test_it_goes_where_the_settings_say_so(
        self, browser: PasskeyClient, own: Any, configure: Callable[..., None]
    ) -> None:
        configure(ACCOUNT={"ALLOW_UNLINKING_ALL": True})
        assert answered(delete(browser, own["id"])) == (200, {"status": True})


@pytest.mark.django_db(transaction=True)
def test_of_two_last_ones_one_stays_though_both_go_at_once(
    browser: PasskeyClient,
    own: Any,
    new_browser: Callable[..., PasskeyClient],
    configure: Callable[..., None],
) -> None:
    configure(FEATURES=["bearer", "passkey"])
    other = browser.register(Authenticator(ORIGIN)).json()
    Account.objects.all().delete()
    barrier, answers = threading.Barrier(2), list[Any]()

    def run(passkey_id: str) -> None:
        client = new_browser()
        client.cookies = browser.cookies.copy()
        barrier.wait()
        answers.append(delete(client, passkey_id).status_code)
        connection.close()

    threads = [threading.Thread(target=run, args=(one["id"],)) for one in (own, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Passkey.objects.count() == 1
    assert answers.count(200) == 1
    assert set(answers) <= {200, 400, 503}
