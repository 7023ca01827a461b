"""docs/zero-trust.md says what the code does: every policy on it is put in force, and every row is tried."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from better_auth import clock, rate_limits, sessions
from better_auth import events as core
from better_auth.authentication.authenticators import session_cookie
from better_auth.authentication.cookie_names import SESSION_TOKEN, cookie_name
from better_auth.authentication.credentials import Credentials
from better_auth.authentication.principal import Principal
from better_auth.conf import auth_settings
from better_auth.conf.loading import load
from better_auth.crypto.signing import sign_value
from better_auth.events import AuthMethod
from better_auth.http.known_devices import ID_LENGTH, KNOWN_DEVICE
from better_auth.models import AuditEntry, Session
from better_auth.storage import shared_sessions
from better_auth.storage.records import UserRecord, carrier_model
from better_auth.storage.subscription import subscription
from better_auth.zero_trust import gate, policies
from tests.host.trust import MIDDLEWARE
from tests.server import wait_for

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.host.trust_urls")]

CHECKOUT = Path(__file__).resolve().parents[2]
PAGE = (CHECKOUT / "docs/zero-trust.md").read_text()
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"
ADDRESS = "192.0.2.10"
EXAMPLE = re.compile(
    r"^### (?P<title>.+)\n(?:(?!^##)[\s\S])*?```python\n(?P<rule>\{.*\})\n```\n\n"
    r"\| request \| who \| answer \|\n\|---\|---\|---\|\n(?P<rows>(?:\|.*\|\n)+)",
    re.MULTILINE,
)
EXAMPLES = {found["title"]: found for found in EXAMPLE.finditer(PAGE)}
FACTORS: list[str] = []


def stronger(credentials: Credentials) -> Principal | None:
    """As an authenticator would that knows of second factors."""
    principal = session_cookie.authenticate(credentials)
    return replace(principal, factors=tuple(FACTORS)) if principal else None


@dataclass
class Visitor:
    """Somebody who is signed in, and what they send."""

    user: UserRecord
    address: str = ADDRESS
    user_agent: str = FIREFOX
    bearer: str = ""
    cookies: dict[str, str] = field(default_factory=dict)
    issued: Any = None

    def sign_in(self) -> None:
        client = core.Client(ADDRESS, FIREFOX)
        self.issued = sessions.issue(self.user, client=client, method=AuthMethod.PASSWORD)
        signed = sign_value(self.issued.token, secret=auth_settings.secret)
        self.cookies = {cookie_name(SESSION_TOKEN): signed}

    def send(self, method: str, path: str) -> Any:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"cookie": cookies, "user-agent": self.user_agent, "origin": "http://testserver"}
        if self.bearer:
            headers["authorization"] = f"Bearer {self.bearer}"
        content = {"data": b"{}", "content_type": "application/json"} if method != "GET" else {}
        return Client(REMOTE_ADDR=self.address).generic(method, path, headers=headers, **content)

    def answer(self, method: str, path: str) -> str:
        response = self.send(method, path)
        if response.status_code == 200 or "code" not in response.json():
            return str(response.status_code)
        assert response.json().keys() == {"message", "code"}
        return f"{response.status_code} {response.json()['code']}"


def nobody(visitor: Visitor) -> None:
    visitor.cookies = {}


def signed_in(visitor: Visitor) -> None:
    pass


def signed_in_two_hours_ago(visitor: Visitor) -> None:
    Session.objects.filter(pk=visitor.issued.session.id).update(
        created_at=clock.now() - timedelta(hours=2), updated_at=clock.now()
    )


def with_a_jwt(visitor: Visitor) -> None:
    visitor.bearer = visitor.send("GET", "/api/auth/token").json()["token"]
    visitor.cookies = {}


def with_a_bearer_token(visitor: Visitor) -> None:
    visitor.bearer, visitor.cookies = visitor.issued.token, {}


def be_remembered(visitor: Visitor) -> None:
    wait_for(lambda: shared_sessions.client() is None or subscription.is_live(), "the subscription")
    assert visitor.answer("GET", "/elsewhere") == "200"


def whose_row_is_gone(visitor: Visitor) -> None:
    """Nobody is told: as after a fault of the network, or by a hand in the database."""
    be_remembered(visitor)
    rows = Session.objects.filter(pk=visitor.issued.session.id)
    rows._raw_delete(rows.db)


def banned(visitor: Visitor) -> None:
    be_remembered(visitor)
    carrier_model()._default_manager.filter(pk=visitor.user.key).update(banned=True)


def from_another_network(visitor: Visitor) -> None:
    visitor.address = "198.51.100.7"


def from_the_same_24(visitor: Visitor) -> None:
    visitor.address = "192.0.2.200"


def from_the_same_16(visitor: Visitor) -> None:
    visitor.address = "192.0.77.1"


def with_a_newer_version(visitor: Visitor) -> None:
    visitor.user_agent = FIREFOX.replace("120.0", "128.0.1")


def with_another_browser(visitor: Visitor) -> None:
    visitor.user_agent = "curl/8.5.0"


def from_elsewhere_with_another(visitor: Visitor) -> None:
    from_another_network(visitor)
    with_another_browser(visitor)


def on_a_known_device(visitor: Visitor) -> None:
    device = "d" * ID_LENGTH
    payload = f"{device}:{rate_limits.account_tag(device, visitor.user.email)}"
    visitor.cookies[cookie_name(KNOWN_DEVICE)] = sign_value(payload, secret=auth_settings.secret)


def with_a_second_factor(visitor: Visitor) -> None:
    FACTORS[:] = ["second_factor"]


def with_a_passkey(visitor: Visitor) -> None:
    FACTORS[:] = ["passkey"]


WHO: dict[str, Callable[[Visitor], None]] = {
    "nobody": nobody,
    "signed in": signed_in,
    "signed in two hours ago": signed_in_two_hours_ago,
    "with a JWT": with_a_jwt,
    "with a bearer token": with_a_bearer_token,
    "whose row is gone, unheard": whose_row_is_gone,
    "banned, unheard": banned,
    "from another network": from_another_network,
    "from the same /24": from_the_same_24,
    "from the same /16": from_the_same_16,
    "with a newer version of the browser": with_a_newer_version,
    "with another browser": with_another_browser,
    "from another network and with another browser": from_elsewhere_with_another,
    "on a known device": on_a_known_device,
    "with a second factor": with_a_second_factor,
    "with a passkey": with_a_passkey,
}


def rows() -> Iterator[Any]:
    for title, found in EXAMPLES.items():
        for line in found["rows"].splitlines():
            request, who, answer = (cell.strip() for cell in line.strip("|").split("|"))
            # Within a transaction nothing is remembered.
            marks = [pytest.mark.django_db(transaction=True)] if "unheard" in who else []
            name = f"{title}: {who}, {request}"
            yield pytest.param(title, request.strip("`"), who, answer, id=name, marks=marks)


@pytest.fixture
def visitor(
    make_user: Callable[..., UserRecord], settings: Any, configure: Callable[..., None]
) -> Iterator[Visitor]:
    settings.MIDDLEWARE = MIDDLEWARE
    others = [one for one in auth_settings.authenticators if not one.endswith("session_cookie.authenticate")]
    configure(
        AUTHENTICATORS=[*others, "tests.docs.test_zero_trust.stronger"],
        FEATURES=["bearer", "jwt"],
        USER={"DELETE_USER": True},
        RATE_LIMIT={"ENABLED": True},
    )
    gate.forget()
    found = Visitor(make_user())
    found.sign_in()
    yield found
    FACTORS.clear()


@pytest.mark.parametrize(("title", "request_line", "who", "answer"), rows())
def test_the_policy_does_what_its_table_says(
    visitor: Visitor, configure: Callable[..., None], title: str, request_line: str, who: str, answer: str
) -> None:
    rule = ast.literal_eval(EXAMPLES[title]["rule"])
    configure(ZERO_TRUST={"POLICIES": [rule]})
    WHO[who](visitor)
    assert visitor.answer(*request_line.split()) == answer
    refusals = AuditEntry.objects.filter(event_type="trust_refused")
    assert refusals.count() == (1 if answer.startswith("403") else 0)


def test_every_example_is_found() -> None:
    section = PAGE.split("## Policies\n")[1].split("\n## ")[0]
    assert set(re.findall(r"^### (.+)$", section, re.MULTILINE)) == set(EXAMPLES)
    assert len(list(rows())) == section.count("| `GET /") + section.count("| `POST /")


def test_the_settings_can_be_used() -> None:
    (block,) = [one for one in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "# settings.py" in one]
    known: dict[str, Any] = {}
    exec(block, known)  # noqa: S102, our own page
    loaded = load(known["BETTER_AUTH"]).zero_trust
    assert policies.read(loaded).problems == ()
    assert loaded.mode == "report"
    assert known["MIDDLEWARE"] == [one for one in MIDDLEWARE if "better_auth." in one]


def test_every_key_and_reason_is_told() -> None:
    section = PAGE.split("## Policies\n")[1].split("\n### ")[0]
    keys = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
    inner = set(re.findall(r"\(`(ipv\d_prefix)`\)", section))
    assert keys | inner == set(policies.Policy.__slots__)
    told = set(re.findall(r"\| `(\w+)` \|$", section, re.MULTILINE))
    source = (CHECKOUT / "better_auth/zero_trust/verdicts.py").read_text()
    reasons = set(re.findall(r'Verdict\([\w.]+, "(\w+)"\)', source)) - {"nobody"}
    assert told == reasons


def test_every_code_and_check_is_one() -> None:
    for name in re.findall(r"\((?:`better_auth\.)?`?([EW]\d{3})`\)", PAGE):
        assert f"`better_auth.{name}`" in (CHECKOUT / "docs/configuration.md").read_text(), name
