"""Passkeys of other systems sign in here, and a rollback takes them along."""

from __future__ import annotations

import io
import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command

from better_auth import users
from better_auth.events import PasskeyRemoved, publish
from better_auth.models import Passkey
from migration_tools.models import KeptFactors
from tests.authenticator import Authenticator, base64url
from tests.conftest import ORIGIN, ApiClient
from tests.migration_tools.conftest import Migrate, person
from tests.migration_tools.original import Original, at

pytestmark = pytest.mark.django_db
TABLE = """
CREATE TABLE passkey (id TEXT PRIMARY KEY, name TEXT, "publicKey" TEXT, "userId" TEXT, "credentialID" TEXT,
    counter INTEGER, "deviceType" TEXT, "backedUp" BOOLEAN, transports TEXT, "createdAt" TIMESTAMP,
    aaguid TEXT)
"""


@pytest.fixture
def device() -> Authenticator:
    """One that has signed in at the other system before."""
    device = Authenticator(ORIGIN)
    device.counter = 4
    return device


def enter(device: Authenticator) -> Any:
    """A sign-in here, in a browser that knows nobody."""
    browser = ApiClient()
    options = browser.api("GET", "/passkey/generate-authenticate-options").json()
    answer = browser.api("POST", "/passkey/verify-authentication", {"response": device.authenticate(options)})
    return answer.json()["user"]["email"] if answer.status_code == 200 else answer.json()["code"]


def plain(device: Authenticator, **more: Any) -> dict[str, Any]:
    """The neutral form."""
    key = b64encode(device.cose_key).decode()
    return {"credential_id": device.credential_id, "public_key": key, "counter": device.counter, **more}


def registration(device: Authenticator) -> dict[str, Any]:
    """A whole answer to creation options, as django-allauth keeps it."""
    return device.register({"challenge": "x", "user": {"id": ""}})


FORMS: dict[str, Callable[[Authenticator], dict[str, Any]]] = {
    "neutral": plain,
    "Auth.js": lambda device: {
        "credential_id": b64encode(device.id).decode(),
        "public_key": b64encode(device.cose_key).decode(),
        "counter": "4",
        "transports": ["internal"],
        "device_type": "singleDevice",
        "backed_up": False,
    },
    "Keycloak": lambda device: {
        "kind": "webauthn-passwordless",
        "label": "laptop",
        "aaguid": "00000000-0000-0000-0000-000000000000",
        "credentialId": device.credential_id,
        "counter": 4,
        "credentialPublicKey": base64url(device.cose_key),
    },
    "Kratos": lambda device: {
        "kind": "webauthn",
        "id": b64encode(device.id).decode(),
        "public_key": b64encode(device.cose_key).decode(),
        "authenticator": {"aaguid": "AAAAAAAAAAAAAAAAAAAAAA==", "sign_count": 4},
        "display_name": "Phone",
        "is_passwordless": True,
    },
    "django-allauth": lambda device: {
        "name": "key",
        "credential": registration(device),
        "passwordless": True,
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_a_passkey_of_a_known_form_signs_in(
    form: str, migrate: Migrate, jsonl: Callable[..., str], device: Authenticator
) -> None:
    result = migrate("--source", "jsonl", "--input", jsonl(person(1, passkeys=[FORMS[form](device)])))
    assert result.code == 0, result.output
    assert Passkey.objects.get().counter == 4
    assert enter(device) == "person1@example.org"
    assert Passkey.objects.get().counter == 5


UNUSED: dict[str, Callable[[Authenticator], Any]] = {
    "a second factor alone": lambda device: plain(device, second_factor=True),
    "Keycloak's second factor": lambda device: {**FORMS["Keycloak"](device), "kind": "webauthn"},
    "Kratos's second factor": lambda device: {**FORMS["Kratos"](device), "is_passwordless": False},
    "django-allauth's second factor": lambda device: {
        **FORMS["django-allauth"](device),
        "passwordless": False,
    },
    "a key that is none": lambda device: plain(device, public_key="cHVibGlj"),
    "an id that is none": lambda device: plain(device, credential_id="é"),
    "a counter that is none": lambda device: plain(device, counter=-1),
    "text": lambda device: "passkey",
    "nothing": lambda device: {"credential": None, "passwordless": True},
}


@pytest.mark.parametrize("form", UNUSED)
def test_what_is_no_way_in_or_not_known_is_kept_and_not_used(
    form: str, migrate: Migrate, jsonl: Callable[..., str], device: Authenticator
) -> None:
    """Whoever was asked for a password beside it there does not come in without one here."""
    result = migrate("--source", "jsonl", "--input", jsonl(person(1, passkeys=[UNUSED[form](device)])))
    assert result.code == 0, result.output
    assert not Passkey.objects.exists()
    assert KeptFactors.objects.get().passkeys == 1


def test_a_credential_that_is_somebodys_stays_theirs(
    migrate: Migrate, jsonl: Callable[..., str], device: Authenticator
) -> None:
    file = jsonl(person(1, passkeys=[plain(device)]), person(2, passkeys=[plain(device)]))
    assert migrate("--source", "jsonl", "--input", file).code == 0
    assert Passkey.objects.count() == 1
    other = jsonl(person(3, passkeys=[plain(device)]), name="other.jsonl")
    owner = Passkey.objects.get().user
    assert migrate("--source", "jsonl", "--input", other, "--name", "other").code == 0
    assert Passkey.objects.get().user == owner


def test_a_rollback_takes_them_along_also_once_they_were_used(
    migrate: Migrate, jsonl: Callable[..., str], device: Authenticator
) -> None:
    assert migrate("--source", "jsonl", "--input", jsonl(person(1, passkeys=[plain(device)]))).code == 0
    assert enter(device) == "person1@example.org"
    result = migrate("--rollback")
    assert result.code == 0, result.output
    assert "1 users deleted" in result.output
    assert enter(device) == "PASSKEY_NOT_FOUND"


def test_who_registered_one_here_is_kept_by_a_rollback(
    migrate: Migrate, jsonl: Callable[..., str], device: Authenticator
) -> None:
    assert migrate("--source", "jsonl", "--input", jsonl(person(1, passkeys=[plain(device)]))).code == 0
    user = users.find_by_email("person1@example.org")
    assert user is not None
    Passkey.objects.create(user_id=user.key, public_key="x", credential_id="own", device_type="singleDevice")
    result = migrate("--rollback")
    assert "better_auth.passkey" in json.dumps(result.report) + result.output
    assert users.find_by_email("person1@example.org") is not None
    assert Passkey.objects.count() == 2


def test_a_link_that_is_undone_leaves_what_was_here(
    migrate: Migrate, jsonl: Callable[..., str], device: Authenticator
) -> None:
    user, own = (
        users.create(email="person1@example.org", name="Here", email_verified=True),
        Authenticator(ORIGIN),
    )
    Passkey.objects.create(
        user_id=user.key,
        public_key=b64encode(own.cose_key).decode(),
        credential_id=own.credential_id,
        device_type="singleDevice",
    )
    file = jsonl(person(1, email_verified=True, passkeys=[plain(device), plain(own)]))
    told = ("--source", "jsonl", "--input", file, "--on-conflict", "link", "--trust-verified")
    assert migrate(*told).code == 0
    assert enter(device) == enter(own) == "person1@example.org"
    assert migrate("--rollback").code == 0
    assert enter(device) == "PASSKEY_NOT_FOUND"
    assert enter(own) == "person1@example.org"


def test_an_update_follows_the_source_and_not_what_was_removed_here(
    migrate: Migrate, jsonl: Callable[..., str], device: Authenticator
) -> None:
    gone, late = Authenticator(ORIGIN), Authenticator(ORIGIN)
    file = jsonl(person(1, passkeys=[plain(device), plain(gone)]))
    assert migrate("--source", "jsonl", "--input", file).code == 0
    Passkey.objects.filter(credential_id=device.credential_id).delete()
    jsonl(person(1, passkeys=[plain(device), plain(late)]))
    again = ("--source", "jsonl", "--input", file, "--resume", "--on-conflict", "update")
    assert migrate(*again).code == 0
    assert set(Passkey.objects.values_list("credential_id", flat=True)) == {late.credential_id}
    assert migrate("--rollback").code == 0
    assert set(Passkey.objects.values_list("credential_id", flat=True)) == {gone.credential_id}


def test_using_a_passkey_there_is_no_change_of_its_user(
    migrate: Migrate, jsonl: Callable[..., str], device: Authenticator
) -> None:
    file = jsonl(person(1, passkeys=[plain(device)]))
    assert migrate("--source", "jsonl", "--input", file).code == 0
    device.counter = 9
    jsonl(person(1, passkeys=[plain(device)]))
    result = migrate("--source", "jsonl", "--input", file, "--resume")
    assert result.report["outcomes"] == {"unchanged": 1} or result.report["outcomes"]["unchanged"] == 1


def test_one_that_was_registered_at_a_better_auth_server_signs_in(
    original: Original, migrate: Migrate, device: Authenticator
) -> None:
    original.run(TABLE)
    row = {"id": "p-1", "userId": "ann", "name": "Laptop", "counter": 4, "deviceType": "multiDevice"}
    row |= {"publicKey": b64encode(device.cose_key).decode(), "credentialID": device.credential_id}
    original.insert("passkey", **row, backedUp=True, transports="internal,hybrid", createdAt=at(-3))
    bad = {"id": "p-2", "userId": "ann", "counter": 0, "deviceType": "singleDevice", "backedUp": False}
    original.insert("passkey", **bad, publicKey="", credentialID="", createdAt=at(-3))
    result = migrate(*original.told)
    assert result.code == 0, result.output
    shown = Passkey.objects.get()
    assert (shown.name, shown.device_type, shown.backed_up) == ("Laptop", "multiDevice", True)
    assert (shown.transports, shown.counter) == ("internal,hybrid", 4)
    assert enter(device) == "ann@example.org"


def test_what_was_only_kept_comes_into_use(
    migrate: Migrate, jsonl: Callable[..., str], device: Authenticator
) -> None:
    """By an earlier release; and never again for who has removed one here."""
    assert migrate("--source", "jsonl", "--input", jsonl(person(1, passkeys=[plain(device)]))).code == 0
    Passkey.objects.all().delete()

    def told(*arguments: str) -> str:
        out = io.StringIO()
        call_command("use_kept_factors", *arguments, stdout=out)
        return out.getvalue()

    assert "1 passkeys would sign in here" in told("--dry-run")
    assert not Passkey.objects.exists()
    assert "1 passkeys sign in here" in told("--source", "jsonl")
    assert enter(device) == "person1@example.org"
    assert "0 passkeys sign in here" in told()
    user = users.find_by_email("person1@example.org")
    assert user is not None
    Passkey.objects.all().delete()
    publish(PasskeyRemoved(subject_id=user.id))
    assert "0 passkeys sign in here" in told()
