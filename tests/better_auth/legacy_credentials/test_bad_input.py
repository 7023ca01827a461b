"""What somebody may try with a token of the former system, or of ours: refused with a code, never a 500."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.db import transaction
from django.test import Client

from better_auth import access_tokens, clock, users
from better_auth.authentication.credentials import Credentials, InvalidCredentials
from better_auth.authentication.pipeline import authenticate, authenticate_leniently
from better_auth.conf import auth_settings
from better_auth.errors import ErrorCode
from better_auth.storage.records import UserRecord
from migration_tools.models import MigrationRecord
from tests.conftest import ApiClient
from tests.host.legacy_credentials import (
    ISSUER,
    SECRET,
    SIMPLE_SECRET,
    auth_token,
    bring,
    old_session,
    service_jwt,
    simple_jwt,
)

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.host.urls"),
    pytest.mark.usefixtures("beside"),
]
Configure = Callable[..., None]
DOORS = ("/api/auth/get-session", "/why", "/drf/open", "/drf/signed-in")


@pytest.fixture(autouse=True)
def _here(ann: UserRecord) -> None:
    bring("4711", ann)


def code_of(token: str) -> str | None:
    """Why it is refused; asserts that every door refuses it. None where it is taken."""
    try:
        principal = authenticate(Credentials(bearer=token))
    except InvalidCredentials as refusal:
        code = refusal.code.name if refusal.code else ""
    else:
        return None if principal else "nobody"
    if all(32 < ord(one) < 127 for one in token):
        answers = [Client(headers={"authorization": f"Bearer {token}"}).get(door) for door in DOORS]
        assert [one.status_code for one in answers] in ([401, 200, 401, 401], [200, 200, 401, 401])
        assert answers[1].json()["principal"] is None
    return code


def compact(header: Any, claims: Any, signature: bytes = b"") -> str:
    """Whatever the parts are."""
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def hmac_signed(header: Any, claims: Any, secret: bytes) -> str:
    head = compact(header, claims).rpartition(".")[0]
    signature = hmac.digest(secret, head.encode(), "sha256")
    return f"{head}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def test_the_good_ones_are_good() -> None:
    assert code_of(service_jwt("4711")) is None
    assert code_of(service_jwt(4711)) is None
    assert code_of(simple_jwt("4711")) is None
    assert code_of(simple_jwt(4711)) is None


class TestKeys:
    def test_signed_with_our_secrets(self, configure: Configure) -> None:
        configure(JWT={"SECRET": "shared-with-services-0123456789-abcdefgh"})
        for secret in (auth_settings.secret, str(auth_settings.jwt.secret)):
            for token in (service_jwt("4711", secret=secret), simple_jwt("4711", secret=secret)):
                assert code_of(token) in ("LEGACY_TOKEN_INVALID", "UNAUTHORIZED")

    def test_ours_signed_with_theirs(self, ann: UserRecord, configure: Configure) -> None:
        """Claims of ours mean nothing under a key of theirs: their user id is the journal's to know."""
        configure(JWT={"SECRET": "shared-with-services-0123456789-abcdefgh"})
        now = int(clock.timestamp())
        claims = {"sub": ann.id, "iat": now, "exp": now + 60}
        ours = {"iss": access_tokens.issuer(), "aud": access_tokens.audience()}
        for header in ({"alg": "HS256"}, {"alg": "HS256", "kid": "shared-secret"}):
            assert code_of(hmac_signed(header, {**claims, **ours}, SECRET.encode())) in (
                "LEGACY_TOKEN_INVALID",
                "UNAUTHORIZED",
            )
        assert code_of(service_jwt(ann.id)) == "LEGACY_USER_NOT_MIGRATED"

    def test_one_schemes_token_under_the_others_secret(self) -> None:
        assert code_of(service_jwt("4711", secret=SIMPLE_SECRET)) == "LEGACY_TOKEN_INVALID"
        assert code_of(simple_jwt("4711", secret=SECRET)) == "LEGACY_TOKEN_INVALID"

    def test_ours_go_on(self, browser: ApiClient, ann: UserRecord) -> None:
        browser.sign_in()
        for token in (
            browser.api("GET", "/token").json()["token"],
            browser.api("POST", "/token", {"format": "opaque"}).json()["access_token"],
            browser.session()["session"]["token"],
        ):
            assert code_of(token) is None

    @pytest.mark.parametrize("secret", ["", "x", SECRET.upper(), SECRET[:-1]])
    def test_another_secret(self, secret: str) -> None:
        claims = {"sub": "4711", "exp": int(clock.timestamp()) + 60, "iss": ISSUER, "aud": "old-api"}
        assert code_of(hmac_signed({"alg": "HS256"}, claims, secret.encode())) == "LEGACY_TOKEN_INVALID"


class TestAlgorithms:
    def claims(self) -> dict[str, Any]:
        now = int(clock.timestamp())
        return {"sub": "4711", "iat": now, "exp": now + 300, "iss": ISSUER, "aud": "old-api"}

    @pytest.mark.parametrize("name", ["none", "None", "NONE", "", None, "HS1", ["HS256"], {"a": 1}, 256])
    def test_none_and_others(self, name: Any) -> None:
        header = {"typ": "JWT", "alg": name}
        assert code_of(compact(header, self.claims())) == "LEGACY_TOKEN_INVALID"
        assert code_of(hmac_signed(header, self.claims(), SECRET.encode())) == "LEGACY_TOKEN_INVALID"

    def test_no_algorithm_at_all(self) -> None:
        assert code_of(hmac_signed({"typ": "JWT"}, self.claims(), SECRET.encode())) == "LEGACY_TOKEN_INVALID"

    def test_one_that_is_not_listed(self) -> None:
        assert code_of(service_jwt("4711", algorithm="HS512")) == "LEGACY_TOKEN_INVALID"

    @pytest.mark.parametrize("member", ["crit", "jku", "jwk", "x5u", "x5c", "zip"])
    def test_a_header_that_names_its_own_key(self, member: str) -> None:
        token = hmac_signed({"alg": "HS256", member: ["x"]}, self.claims(), SECRET.encode())
        assert code_of(token) == "LEGACY_TOKEN_INVALID"

    def test_a_public_key_is_no_secret(self, configure: Configure, tmp_path: Any) -> None:
        """RS256 to HS256: everybody knows the public key."""
        private = generate_private_key(public_exponent=65537, key_size=2048)
        pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        path = tmp_path / "old.pem"
        path.write_bytes(pem)
        configure(DUAL_AUTH={"JWT": {"SECRET": None, "KEYS": str(path), "ALGORITHMS": ["RS256", "HS256"]}})
        assert code_of(jwt.encode(self.claims(), private, "RS256")) is None
        for secret in (pem, pem.strip(), SECRET.encode(), b""):
            token = hmac_signed({"alg": "HS256", "typ": "JWT"}, self.claims(), secret)
            assert code_of(token) == "LEGACY_TOKEN_INVALID"


class TestSubjects:
    @pytest.mark.parametrize(
        "subject",
        [
            None,
            "",
            " ",
            " 4711",
            "4711\n",
            "4711\x00",
            "\x00",
            True,
            4711.0,
            10**40,
            -(2**70),
            ["4711"],
            {"id": "4711"},
            "x" * 256,
            "4711" * 5000,
        ],
        ids=lambda one: repr(one)[:20],
    )
    def test_of_another_type(self, subject: Any) -> None:
        claims = {"sub": subject, "iat": 1, "exp": 4e9, "iss": ISSUER, "aud": "old-api"}
        expected = ("LEGACY_TOKEN_INVALID", "UNAUTHORIZED")  # too long to be read at all
        assert code_of(hmac_signed({"alg": "HS256"}, claims, SECRET.encode())) in expected

    @pytest.mark.parametrize("subject", ["04711", "4711.0", "+4711", "0", "-1", "\u0664\u0667\u0661\u0661"])
    def test_in_another_spelling_it_is_another_one(self, subject: str) -> None:
        assert code_of(service_jwt(subject)) == "LEGACY_USER_NOT_MIGRATED"

    def test_an_address_says_nothing(self, make_user: Callable[..., UserRecord]) -> None:
        """A user of the former system whose address belongs to somebody else by now."""
        make_user("bob@example.com", id="4712")
        token = service_jwt("4712", email="bob@example.com", username="bob@example.com")
        assert code_of(token) == "LEGACY_USER_NOT_MIGRATED"
        assert code_of(service_jwt("bob@example.com", email="bob@example.com")) == "LEGACY_USER_NOT_MIGRATED"

    def test_a_name_that_looks_like_an_id(self, make_user: Callable[..., UserRecord]) -> None:
        """H2: only the claim that the settings name counts."""
        make_user("eve@example.com", username="4711")
        assert code_of(service_jwt(None, user_id="4711", username="4711")) == "LEGACY_TOKEN_INVALID"
        principal = authenticate(Credentials(bearer=service_jwt("4711", username="eve")))
        assert principal is not None
        assert principal.user.email == "ann@example.com"

    def test_another_systems_ids_are_its_own(self, configure: Configure) -> None:
        configure(DUAL_AUTH={"JWT": {"SOURCE": "somewhere-else"}})
        assert code_of(service_jwt("4711")) == "LEGACY_USER_NOT_MIGRATED"
        assert code_of(simple_jwt("4711")) is None

    @pytest.mark.parametrize("state", ["pending", "failed", "skipped"])
    def test_who_has_not_come(self, state: str) -> None:
        MigrationRecord.objects.update(state=state)
        assert code_of(service_jwt("4711")) == "LEGACY_USER_NOT_MIGRATED"


class TestClaims:
    @pytest.mark.parametrize(
        "claims",
        [
            {"iss": "https://evil.example"},
            {"iss": None},
            {"iss": [ISSUER]},
            {"aud": None},
            {"aud": "other"},
            {"aud": []},
            {"exp": None},
            {"exp": "soon"},
            {"exp": True},
            {"exp": 1e999},
            {"iat": "now"},
            {"nbf": 4e9},
            {"iat": 4e9},
        ],
        ids=str,
    )
    def test_for_others_or_out_of_time(self, claims: dict[str, Any]) -> None:
        now = int(clock.timestamp())
        good = {"sub": "4711", "iat": now, "exp": now + 300, "iss": ISSUER, "aud": "old-api"}
        given = {name: one for name, one in {**good, **claims}.items() if one is not None}
        assert code_of(hmac_signed({"alg": "HS256"}, given, SECRET.encode())) == "LEGACY_TOKEN_INVALID"

    @pytest.mark.parametrize("times", [{"exp": 1e18}, {"iat": -1e18}, {"exp": 2**62, "iat": 0.5}])
    def test_times_that_are_no_dates(self, times: dict[str, Any]) -> None:
        token = service_jwt("4711", **times)
        answer = Client(headers={"authorization": f"Bearer {token}"}).get("/api/auth/get-session")
        assert answer.json()["user"]["email"] == "ann@example.com"

    @pytest.mark.parametrize("claims", ["null", "[]", "1", '"x"', "{", "{}", "\u00ff"])
    def test_claims_that_are_none(self, claims: str) -> None:
        head = base64.urlsafe_b64encode(b'{"alg":"HS256"}').rstrip(b"=")
        body = head + b"." + base64.urlsafe_b64encode(claims.encode("latin-1")).rstrip(b"=")
        signature = base64.urlsafe_b64encode(hmac.new(SECRET.encode(), body, hashlib.sha256).digest())
        assert code_of((body + b"." + signature.rstrip(b"=")).decode()) == "LEGACY_TOKEN_INVALID"

    def test_a_refresh_token_is_no_access_token(self, configure: Configure) -> None:
        assert code_of(simple_jwt("4711", kind="refresh")) == "LEGACY_TOKEN_INVALID"
        assert code_of(simple_jwt("4711", kind="sliding")) == "LEGACY_TOKEN_INVALID"
        assert code_of(simple_jwt("4711", token_type=None)) == "LEGACY_TOKEN_INVALID"
        configure(DUAL_AUTH={"JWT": {"TYPE_CLAIM": "typ"}})
        assert code_of(service_jwt("4711", typ="access")) is None
        assert code_of(service_jwt("4711", typ="refresh")) == "LEGACY_TOKEN_INVALID"


@pytest.mark.usefixtures("frozen_time")
class TestClocks:
    @pytest.mark.parametrize("claim", ["iat", "nbf"])
    def test_two_minutes_ahead(self, claim: str, configure: Configure) -> None:
        now = int(clock.timestamp())
        token = service_jwt("4711", **{claim: now + 119, "exp": now + 300})
        assert code_of(token) == "LEGACY_TOKEN_INVALID"
        configure(DUAL_AUTH={"LEEWAY": 120})
        assert code_of(token) is None

    def test_two_minutes_behind(self, configure: Configure) -> None:
        token = service_jwt("4711", exp=int(clock.timestamp()) - 119)
        assert code_of(token) == "LEGACY_TOKEN_EXPIRED"
        configure(DUAL_AUTH={"LEEWAY": 120})
        assert code_of(token) is None

    def test_half_a_minute_is_nothing(self) -> None:
        now = int(clock.timestamp())
        assert code_of(service_jwt("4711", iat=now + 28, exp=now + 300)) is None
        assert code_of(service_jwt("4711", exp=now - 28)) is None

    def test_a_token_that_was_good_expires(self, frozen_time: Any) -> None:
        token = service_jwt("4711")
        assert code_of(token) is None
        frozen_time.advance(seconds=331)
        assert code_of(token) == "LEGACY_TOKEN_EXPIRED"


class TestCutover:
    @pytest.fixture
    def shown(self) -> list[Credentials]:
        session = {"sessionid": old_session("4711")}
        tokens = (service_jwt("4711"), simple_jwt("4711"), auth_token("4711"))
        return [*(Credentials(bearer=one) for one in tokens), Credentials(cookies=session)]

    @pytest.mark.parametrize(
        ("cutover", "told"),
        [
            ("2020-02-03T04:05:00+00:00", "2020-02-03 04:05 UTC"),
            ("2020-02-03T04:05:00+02:00", "2020-02-03 02:05 UTC"),
        ],
    )
    def test_the_answer_names_the_date(
        self, shown: list[Credentials], configure: Configure, cutover: str, told: str
    ) -> None:
        """H14."""
        configure(DUAL_AUTH={"CUTOVER": cutover})
        for credentials in shown:
            with pytest.raises(InvalidCredentials) as refusal:
                authenticate(credentials)
            assert refusal.value.code is ErrorCode.LEGACY_TOKENS_ENDED
            assert told in str(refusal.value.message)

    def test_it_falls_in_the_middle_of_a_day(
        self, shown: list[Credentials], configure: Configure, frozen_time: Any
    ) -> None:
        at = frozen_time.now
        configure(DUAL_AUTH={"CUTOVER": at.isoformat()})
        frozen_time.advance(seconds=-1)
        assert [authenticate(one) is not None for one in shown] == [True] * 4
        frozen_time.advance(seconds=1)
        for one in shown:
            with pytest.raises(InvalidCredentials):
                authenticate(one)

    @pytest.mark.parametrize("cutover", ["soon", "2999-01-01", "2999-01-01T00:00:00", "", "9" * 50])
    def test_a_date_that_cannot_be_read_lets_nobody_in(self, configure: Configure, cutover: str) -> None:
        configure(DUAL_AUTH={"CUTOVER": cutover})
        assert code_of(service_jwt("4711")) == "LEGACY_TOKENS_ENDED"

    def test_our_own_sessions_go_on(self, configure: Configure, browser: ApiClient) -> None:
        configure(DUAL_AUTH={"CUTOVER": "2020-02-03T04:05:00+00:00"})
        browser.sign_in()
        browser.cookies["sessionid"] = old_session("4711")
        assert browser.session()["user"]["email"] == "ann@example.com"


GARBAGE = [
    *("x", "a.b.c", "\u00e9.\u00e9.\u00e9", "\ud800.a.b", "x" * 65536, "." * 65536, "..", "e30.e30.AA"),
    *("a." * 32768, f"{'x' * 8000}.y.z", "x.y", "%2E.%2E.%2E", "0" * 40, "g" * 40, "at_" + "x" * 85),
    *("eyJhbGciOiJIUzI1NiJ9..", "eyJhbGciOiJIUzI1NiJ9.e30.", "e30." + "A" * 4000 + ".AA"),
]


@pytest.mark.parametrize("token", GARBAGE, ids=lambda one: repr(one)[:16])
def test_garbage(token: str) -> None:
    assert code_of(token) in ("UNAUTHORIZED", "LEGACY_TOKEN_INVALID")
    for place in (Credentials(header_token=token), Credentials(cookies={"sessionid": token})):
        with suppress(InvalidCredentials):
            assert authenticate(place) is None


@pytest.mark.parametrize(
    "headers", [{"authorization": f"Token {'x' * 65536}"}, {"cookie": "sessionid=\u00e9"}]
)
def test_garbage_in_other_places(headers: dict[str, str]) -> None:
    for door in DOORS:
        assert Client(headers=headers).get(door).status_code in (200, 401)


class TestTheFormerSystemIsAway:
    def test_nobody_knows(self, configure: Configure) -> None:
        configure(DUAL_AUTH={"AUTHTOKEN": {"TABLE": "no_such_table"}, "SESSIONS": {"DATABASE": "nowhere"}})
        with transaction.atomic():
            answer = Client(headers={"authorization": f"Token {'0' * 40}"}).get("/api/auth/get-session")
            transaction.set_rollback(True)
        assert (answer.status_code, answer.json()["code"]) == (503, "LEGACY_SYSTEM_UNAVAILABLE")
        with pytest.raises(InvalidCredentials) as refusal:
            authenticate(Credentials(cookies={"sessionid": "x" * 32}))
        assert refusal.value.code is ErrorCode.LEGACY_SYSTEM_UNAVAILABLE

    def test_a_check_that_fails(self, configure: Configure) -> None:
        configure(DUAL_AUTH={"JWT": {"IS_REVOKED": "tests.host.legacy_credentials.fail"}})
        headers = {"authorization": f"Bearer {service_jwt('4711')}"}
        for door in ("/api/auth/get-session", "/drf/open"):
            answer = Client(headers=headers).get(door)
            assert (answer.status_code, answer.json()["code"]) == (503, "LEGACY_SYSTEM_UNAVAILABLE")
        assert Client(headers=headers).get("/why").json()["refusal"] == "LEGACY_SYSTEM_UNAVAILABLE"

    def test_without_a_key_file(self, configure: Configure) -> None:
        rules = {"SECRET": None, "KEYS": "/no/such/file.json", "ALGORITHMS": ["RS256"]}
        configure(DUAL_AUTH={"JWT": rules, "SIMPLEJWT": {"ENABLED": False}})
        token = compact({"alg": "RS256", "kid": "k1"}, {"sub": "4711"}, b"x")
        assert code_of_unavailable(token) == "LEGACY_SYSTEM_UNAVAILABLE"


def code_of_unavailable(token: str) -> str | None:
    with pytest.raises(InvalidCredentials) as refusal:
        authenticate(Credentials(bearer=token))
    return refusal.value.code.name if refusal.value.code else None


def test_whoever_may_not_come_may_still_have_a_session_of_ours(browser: ApiClient) -> None:
    """At the protocol's own doors, whichever system is preferred."""
    browser.sign_in()
    headers = {"authorization": f"Bearer {service_jwt('4712')}"}
    answer = browser.get("/api/auth/get-session", headers=headers)
    assert answer.json()["user"]["email"] == "ann@example.com"


def test_nobody_is_left_half_written(ann: UserRecord) -> None:
    before = users.get(ann)
    for token in (service_jwt("4712"), service_jwt("4711", exp=1), simple_jwt("4711", secret=SECRET * 2)):
        with pytest.raises(InvalidCredentials):
            authenticate_leniently(Credentials(bearer=token))
    assert users.get(ann) == before
