"""JWTs and opaque access tokens at the doors for host code: they speak for the user, never for a session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from better_auth import sessions, users
from better_auth.authentication.credentials import BearerEnded, Credentials, InvalidBearer
from better_auth.authentication.pipeline import authenticate, authenticate_leniently
from better_auth.events import AuthMethod
from better_auth.models import RefreshToken
from better_auth.storage.records import SessionRecord, UserRecord
from tests.conftest import ApiClient

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.host.urls")]
Configure = Callable[..., None]
KINDS = {"jwt": AuthMethod.JWT, "jwt of a session": AuthMethod.JWT, "opaque": AuthMethod.ACCESS_TOKEN}


@pytest.fixture
def ann(make_user: Callable[..., UserRecord]) -> UserRecord:
    return make_user()


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def token(browser: ApiClient, ann: UserRecord, kind: str) -> str:
    browser.sign_in()
    if kind == "jwt":
        return str(browser.api("GET", "/token").json()["token"])
    form = "opaque" if kind == "opaque" else "jwt"
    return str(browser.api("POST", "/token", {"format": form}).json()["access_token"])


def get(path: str, token: str) -> Any:
    return Client(headers={"authorization": f"Bearer {token}"}).get(path)


def test_it_says_who_calls(ann: UserRecord, token: str, kind: str) -> None:
    principal = authenticate(Credentials(bearer=token))
    assert principal is not None
    assert (principal.user, principal.session, principal.method) == (ann, None, KINDS[kind])
    assert not principal.renewed
    assert principal.token is None


@pytest.mark.parametrize("path", ["/whoami", "/whoami-async", "/drf/open", "/drf/signed-in"])
def test_all_doors_agree(ann: UserRecord, token: str, kind: str, path: str) -> None:
    answer = get(path, token)
    assert answer.status_code == 200
    assert answer.json() == {"principal": ann.email, "method": KINDS[kind], "user": ann.email}
    assert not answer.cookies


def test_it_is_never_fresh(token: str) -> None:
    assert get("/drf/fresh", token).status_code == 403


def test_for_a_session_it_counts_as_none(token: str, kind: str, browser: ApiClient) -> None:
    """As upstream: a bearer with another signature is passed over, a bare one that is unknown is not."""
    cookies = {name: morsel.value for name, morsel in browser.cookies.items()}
    both = Credentials(bearer=token, cookies=cookies, for_session=True)
    if kind == "opaque":
        with pytest.raises(BearerEnded):
            authenticate_leniently(both)
        return
    principal = authenticate_leniently(both)
    assert principal is not None
    assert principal.method is AuthMethod.SESSION
    with pytest.raises(InvalidBearer):
        authenticate(Credentials(bearer=token, for_session=True))


@pytest.mark.parametrize("ending", ["ban", "deletion", "inactive"])
def test_who_is_out_is_refused_everywhere(ann: UserRecord, token: str, ending: str) -> None:
    assert get("/drf/signed-in", token).status_code == 200
    if ending == "ban":
        users.update(ann, banned=True)
    elif ending == "deletion":
        users.delete(ann)
    else:
        row = users.row_of(ann)
        row.is_active = False
        row.save()
    with pytest.raises(InvalidBearer):
        authenticate(Credentials(bearer=token))
    assert get("/whoami", token).json()["principal"] is None
    answer = get("/drf/open", token)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="api"')


def test_signing_out_ends_what_names_the_session(ann: UserRecord, token: str, kind: str) -> None:
    sessions.revoke_all(ann)
    if kind == "jwt":  # as upstream has it: it speaks for the user, and lives its quarter of an hour
        assert authenticate(Credentials(bearer=token)) is not None
        return
    with pytest.raises(InvalidBearer):
        authenticate(Credentials(bearer=token))


def test_a_switched_off_feature_takes_no_jwt(token: str, kind: str, configure: Configure) -> None:
    configure(FEATURES=["bearer"])
    if kind == "opaque":
        assert authenticate(Credentials(bearer=token)) is not None
        return
    with pytest.raises(InvalidBearer):
        authenticate(Credentials(bearer=token))


def test_an_opaque_token_ends_with_its_family(ann: UserRecord, token: str, kind: str) -> None:
    RefreshToken.objects.all().delete()
    if kind == "opaque":
        with pytest.raises(InvalidBearer):
            authenticate(Credentials(bearer=token))
    else:
        assert authenticate(Credentials(bearer=token)) is not None


def test_what_was_made_for_somebody_else_is_refused(
    browser: ApiClient, ann: UserRecord, configure: Configure
) -> None:
    configure(HOOKS={"JWT_CLAIMS": f"{__name__}.for_the_shop"})
    browser.sign_in()
    token = browser.api("GET", "/token").json()["token"]
    with pytest.raises(InvalidBearer):
        authenticate(Credentials(bearer=token))


def for_the_shop(*, user: UserRecord, session: SessionRecord) -> dict[str, Any]:
    return {"aud": "shop"}


def test_refusals_are_counted(monkeypatch: pytest.MonkeyPatch, token: str, kind: str) -> None:
    seen: list[tuple[str, ...]] = []
    monkeypatch.setattr("better_auth.events.observers", [lambda one: seen.append((one.name, *one.labels))])
    authenticate(Credentials(bearer=token))
    forged = token[:-6] + "AAAAAA"
    with pytest.raises(InvalidBearer):
        authenticate(Credentials(bearer=forged))
    scheme = "access_token" if kind == "opaque" else "jwt"
    assert ("token_validation", scheme, "accepted") in seen
    assert ("token_validation", scheme, "refused") in seen
