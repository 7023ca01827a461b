"""Each system check of credentials of the former system: what sets it off, and what keeps it quiet."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.checks import run_checks
from django.core.checks.registry import registry

from better_auth.conf import auth_settings
from better_auth.legacy_credentials import checks, subjects
from tests.host.legacy_credentials import SECRET, settings_of

CHECKOUT = Path(__file__).resolve().parents[3]
Configure = Callable[..., None]


def told(one: str) -> list[str]:
    return [str(message.msg) for message in run_checks() if message.id == one]


def told_at_all() -> list[str]:
    return [str(one.id) for one in run_checks() if (one.id or "").startswith("better_auth.")]


@pytest.fixture(autouse=True)
def _sound(configure: Configure) -> None:
    configure(DUAL_AUTH=settings_of())


def test_every_check_is_registered() -> None:
    tree = ast.parse((CHECKOUT / "better_auth/legacy_credentials/checks.py").read_text())
    declared = {one.name for one in tree.body if isinstance(one, ast.FunctionDef) if one.decorator_list}
    registered = {one.__name__ for one in registry.registered_checks if one.__module__ == checks.__name__}
    assert registered == declared != set()


def test_good_settings_are_no_reason_to_speak(configure: Configure) -> None:
    assert told_at_all() == []
    configure(DUAL_AUTH={"ENABLED": False, "CUTOVER": None})
    assert told_at_all() == []


@pytest.mark.parametrize("cutover", ["2999-01-01", "2999-01-01T00:00:00", "tomorrow", ""])
def test_a_cutover_without_a_time_zone(configure: Configure, cutover: str) -> None:
    configure(DUAL_AUTH={"CUTOVER": cutover})
    assert told("better_auth.E030") == ["DUAL_AUTH.CUTOVER is no moment with a time zone."]


def test_for_good(configure: Configure) -> None:
    configure(DUAL_AUTH={"CUTOVER": None})
    assert told("better_auth.W012") == ["Credentials of the former system are taken for good."]


def test_enabled_for_nothing(configure: Configure) -> None:
    configure(DUAL_AUTH={name: {"ENABLED": False} for name in ("JWT", "SIMPLEJWT", "AUTHTOKEN", "SESSIONS")})
    assert told("better_auth.W013") == ["DUAL_AUTH is enabled, but none of its schemes is."]


def test_a_leeway_of_an_hour(configure: Configure) -> None:
    configure(DUAL_AUTH={"LEEWAY": 3600})
    assert told("better_auth.W014") == ["DUAL_AUTH.LEEWAY: tokens live 3600 seconds longer than they should."]


def test_no_journal(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subjects, "_connected", None)
    assert len(told("better_auth.E031")) == 4
    configure(DUAL_AUTH={name: {"SOURCE": "host"} for name in ("JWT", "SIMPLEJWT", "AUTHTOKEN", "SESSIONS")})
    assert told("better_auth.E031") == []


@pytest.mark.parametrize(
    "rules",
    [
        {"SECRET": SECRET, "KEYS": "/old.pem", "ALGORITHMS": ["RS256"]},
        {"SECRET": SECRET, "KEYS": "/old.pem", "ALGORITHMS": ["HS256"]},
        {"SECRET": SECRET, "ALGORITHMS": ["RS256"]},
        {"SECRET": SECRET, "ALGORITHMS": ["none"]},
        {"SECRET": SECRET, "ALGORITHMS": []},
        {"SECRET": None, "KEYS": "/old.pem", "ALGORITHMS": ["RS256", "HS256"]},
    ],
)
def test_keys_and_algorithms_that_do_not_fit(configure: Configure, rules: dict[str, Any]) -> None:
    configure(DUAL_AUTH={"JWT": rules})
    assert told("better_auth.E032") == ["DUAL_AUTH.JWT: keys and algorithms do not fit."]


def pem_of(bits: int) -> bytes:
    public = generate_private_key(public_exponent=65537, key_size=bits).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


class TestKeys:
    def rules(self, where: str) -> dict[str, Any]:
        return {"JWT": {"SECRET": None, "KEYS": where, "ALGORITHMS": ["RS256"]}}

    @pytest.mark.parametrize(
        "where",
        [
            "/no/such/file",
            "http://old.example.com/jwks.json",
            "https://old.example.com",
            "https://user:password@old.example.com/jwks.json",
            "https:///jwks.json",
        ],
    )
    def test_that_nobody_should_trust(self, configure: Configure, where: str) -> None:
        configure(DUAL_AUTH=self.rules(where))
        assert len(told("better_auth.E033")) == 1

    @pytest.mark.parametrize("content", [b"", b"{}", b'{"keys": []}', b"-----BEGIN nothing", pem_of(1024)])
    def test_files_without_a_key(self, configure: Configure, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "keys"
        path.write_bytes(content)
        configure(DUAL_AUTH=self.rules(str(path)))
        assert len(told("better_auth.E033")) == 1

    def test_good_ones(self, configure: Configure, tmp_path: Path) -> None:
        path = tmp_path / "key.pem"
        path.write_bytes(pem_of(2048))
        for where in (str(path), "https://old.example.com/jwks.json", "http://127.0.0.1:9/jwks"):
            configure(DUAL_AUTH=self.rules(where))
            assert told_at_all() == []


PUBLIC = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"


@pytest.mark.parametrize("secret", [None, "", "secret", "x" * 64, SECRET[:31], PUBLIC])
@pytest.mark.parametrize("scheme", ["JWT", "SIMPLEJWT"])
def test_a_secret_that_can_be_guessed(configure: Configure, scheme: str, secret: str | None) -> None:
    configure(DUAL_AUTH={scheme: {"SECRET": secret}})
    assert told("better_auth.E034") == [f"DUAL_AUTH.{scheme}.SECRET is missing, or can be guessed."]


@pytest.mark.parametrize("scheme", ["JWT", "SIMPLEJWT", "SESSIONS"])
def test_a_secret_of_ours(configure: Configure, scheme: str) -> None:
    shared = "shared-with-services-0123456789-abcdefgh"
    configure(JWT={"SECRET": shared})
    for secret in (auth_settings.secret, shared):
        configure(DUAL_AUTH={scheme: {"SECRET": secret}})
        assert told("better_auth.E035") == [f"DUAL_AUTH.{scheme}.SECRET is a secret of this server."]


def test_this_projects_own_key(configure: Configure, settings: Any) -> None:
    """H3: what signs something else, too."""
    configure(DUAL_AUTH={"SIMPLEJWT": {"SECRET": settings.SECRET_KEY}})
    assert len(told("better_auth.W015")) == 1


@pytest.mark.parametrize(
    "rules",
    [
        {"AUTHTOKEN": {"DATABASE": "nowhere"}},
        {"AUTHTOKEN": {"TABLE": "a; DROP TABLE b"}},
        {"SESSIONS": {"USERS_TABLE": 'x"y'}},
        {"SIMPLEJWT": {"DATABASE": "nowhere"}},
    ],
)
def test_tables_that_cannot_be_read(configure: Configure, rules: dict[str, Any]) -> None:
    configure(DUAL_AUTH=rules)
    assert len(told("better_auth.E036")) == 1


def test_sessions_that_outlive_a_password(configure: Configure) -> None:
    configure(DUAL_AUTH={"SESSIONS": {"USERS_TABLE": None}})
    assert len(told("better_auth.W016")) == 1
    configure(DUAL_AUTH={"SESSIONS": {"SOURCE": "host"}})
    assert told("better_auth.W016") == []


def test_a_check_of_revocations_that_is_not_there(configure: Configure) -> None:
    configure(DUAL_AUTH={"AUTHTOKEN": {"IS_REVOKED": "nowhere.is_revoked"}})
    assert [one.split(":")[0] for one in told("better_auth.E009")] == ["DUAL_AUTH"]


def test_no_secret_is_shown(configure: Configure) -> None:
    configure(
        DUAL_AUTH={"JWT": {"SECRET": "short-and-secret"}, "SIMPLEJWT": {"SECRET": auth_settings.secret}}
    )
    text = "".join(f"{one.msg} {one.hint}" for one in run_checks())
    assert "short-and-secret" not in text
    assert auth_settings.secret not in text
