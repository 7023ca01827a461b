"""The providers that the protocol describes (core.md, section 8; oauth-and-providers.md, A5), and those that
social-core knows by their names."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest

from better_auth.models import Account
from better_auth.providers.library import UnknownBackend, find_backend
from better_auth.providers.named import CONSUMERS
from tests.better_auth.features.social.conftest import come_back, go
from tests.conftest import ApiClient
from tests.protocol import answered, query_of
from tests.scripted_provider import CLIENT_ID, CLIENT_SECRET, Key, ScriptedProvider

pytestmark = pytest.mark.django_db
Configure = Callable[..., None]


def use(configure: Configure, acme: ScriptedProvider, name: str, **more: Any) -> None:
    """A named provider, with its own rules at the scripted one's addresses."""
    own = {
        "CLIENT_ID": CLIENT_ID,
        "CLIENT_SECRET": CLIENT_SECRET,
        "TOKEN_URL": f"{acme.origin}/token",
        "USERINFO_URL": f"{acme.origin}/userinfo",
        "JWKS_URL": f"{acme.origin}/jwks",
    }
    configure(SOCIAL={"PROVIDERS": {name: {**own, **more}}})


def travel(browser: ApiClient, acme: ScriptedProvider, name: str, **more: str) -> Any:
    return come_back(browser, acme.consent(go(browser, provider=name), **more), provider=name)


WAYS_THERE = {
    "google": (
        "accounts.google.com/o/oauth2/v2/auth",
        "email profile openid",
        True,
        {"include_granted_scopes": "true"},
    ),
    "github": ("github.com/login/oauth/authorize", "read:user user:email", True, {}),
    "microsoft": (
        "login.microsoftonline.com/common/oauth2/v2.0/authorize",
        "openid profile email User.Read offline_access",
        True,
        {},
    ),
    "apple": (
        "appleid.apple.com/auth/authorize",
        "email name",
        True,
        {"response_type": "code id_token", "response_mode": "form_post"},
    ),
    "facebook": ("www.facebook.com/v24.0/dialog/oauth", "email public_profile", False, {}),
    "gitlab": ("gitlab.com/oauth/authorize", "read_user", True, {}),
    "discord": ("discord.com/api/oauth2/authorize", "identify email", False, {"prompt": "none"}),
    "linkedin": ("www.linkedin.com/oauth/v2/authorization", "profile email openid", False, {}),
    "slack": ("slack.com/openid/connect/authorize", "openid profile email", False, {}),
}


@pytest.mark.parametrize("name", WAYS_THERE)
def test_the_way_there_is_the_protocols(browser: ApiClient, configure: Configure, name: str) -> None:
    address, scope, sends_pkce, more = WAYS_THERE[name]
    configure(SOCIAL={"PROVIDERS": {name: {"CLIENT_ID": "c", "CLIENT_SECRET": "s"}}})
    url = go(browser, provider=name)
    query = query_of(url)
    assert (urlsplit(url).scheme, urlsplit(url).netloc + urlsplit(url).path) == ("https", address)
    assert (query["scope"], "code_challenge" in query, "nonce" in query) == (scope, sends_pkce, False)
    assert query["redirect_uri"] == f"http://testserver/api/auth/callback/{name}"
    assert {"response_type": "code", **more}.items() <= query.items()


def test_scopes_are_the_usual_ones_the_settings_and_the_requests(
    browser: ApiClient, configure: Configure
) -> None:
    settings = {
        "CLIENT_ID": "c",
        "SCOPES": ["drive"],
        "HOSTED_DOMAIN": "example.com",
        "ACCESS_TYPE": "offline",
    }
    configure(SOCIAL={"PROVIDERS": {"google": settings}})
    query = query_of(go(browser, provider="google", scopes=["mail", "email"]))
    assert query["scope"] == "email profile openid drive mail"
    assert (query["hd"], query["access_type"]) == ("example.com", "offline")
    configure(SOCIAL={"PROVIDERS": {"google": {"DISABLE_DEFAULT_SCOPES": True}}})
    assert query_of(go(browser, provider="google"))["scope"] == "drive"


GOOGLE = {"iss": "https://accounts.google.com"}
TENANT = "11111111-2222-3333-4444-555555555555"
MICROSOFT = {"iss": f"https://login.microsoftonline.com/{TENANT}/v2.0", "tid": TENANT, "oid": "object-1"}
APPLE = {"iss": "https://appleid.apple.com", "name": None, "picture": None, "email_verified": "true"}
ID_TOKEN_PROVIDERS = [
    ("google", GOOGLE, "subject-1", True, "Ann of the Provider"),
    ("google", {"iss": "accounts.google.com"}, "subject-1", True, "Ann of the Provider"),
    ("microsoft", MICROSOFT, "object-1", True, "Ann of the Provider"),
    ("microsoft", {**MICROSOFT, "email_verified": None}, "object-1", False, "Ann of the Provider"),
    (
        "microsoft",
        {**MICROSOFT, "email_verified": None, "verified_primary_email": ["Ann@Example.com"]},
        "object-1",
        True,
        "Ann of the Provider",
    ),
    ("apple", APPLE, "subject-1", True, "Ann Lee"),
]


def with_rsa(acme: ScriptedProvider) -> None:
    """They sign with RS256."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    class RsaKey(Key):
        @property
        def jwk(self) -> dict[str, Any]:
            members = jwt.algorithms.RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
            return {**members, "kid": self.kid, "alg": "RS256", "use": "sig"}

    acme.key, acme.algorithm = RsaKey("rsa-1", key), "RS256"
    acme.published = [acme.key]


@pytest.mark.parametrize(("name", "claims", "subject", "is_verified", "known_as"), ID_TOKEN_PROVIDERS)
def test_who_somebody_is_by_the_id_token(
    browser: ApiClient,
    acme: ScriptedProvider,
    configure: Configure,
    name: str,
    claims: dict[str, Any],
    subject: str,
    is_verified: bool,
    known_as: str,
) -> None:
    with_rsa(acme)
    use(configure, acme, name)
    acme.claims |= claims
    told = {"user": json.dumps({"name": {"firstName": "Ann", "lastName": "Lee"}})} if name == "apple" else {}
    assert travel(browser, acme, name, **told).headers["Location"] == "/in"
    user = browser.session()["user"]
    assert (user["email"], user["emailVerified"], user["name"]) == ("ann@example.com", is_verified, known_as)
    assert Account.objects.get().account_id == subject
    assert acme.called("/userinfo") == []
    shown = {"provider": name, "idToken": {"token": acme.id_token()}}
    assert browser.api("POST", "/sign-in/social", shown).json()["user"]["id"] == user["id"]


@pytest.mark.parametrize(
    ("name", "claims", "options"),
    [
        ("google", {"iss": "https://evil.example"}, {}),
        ("google", {**GOOGLE, "iat": 1}, {}),
        ("google", {**GOOGLE, "hd": "evil.example"}, {"HOSTED_DOMAIN": "example.com"}),
        ("google", GOOGLE, {"HOSTED_DOMAIN": "*"}),
        ("microsoft", {**MICROSOFT, "tid": "other"}, {}),
        ("microsoft", {**MICROSOFT, "tid": None}, {}),
        ("microsoft", {**MICROSOFT, "oid": " "}, {}),
        ("microsoft", MICROSOFT, {"TENANT": "consumers"}),
        ("microsoft", MICROSOFT, {"TENANT": "22222222-2222-3333-4444-555555555555"}),
        (
            "microsoft",
            {"iss": f"https://login.microsoftonline.com/{CONSUMERS}/v2.0", "tid": CONSUMERS, "oid": "o"},
            {"TENANT": "organizations"},
        ),
        ("apple", {"iss": "https://evil.example"}, {}),
    ],
)
def test_whoever_a_provider_would_not_mean_stays_outside(
    browser: ApiClient,
    acme: ScriptedProvider,
    configure: Configure,
    name: str,
    claims: dict[str, Any],
    options: dict[str, Any],
) -> None:
    with_rsa(acme)
    use(configure, acme, name, **options)
    acme.claims |= claims
    assert "error=unable_to_get_user_info" in travel(browser, acme, name).headers["Location"]


PROFILES = {
    "github": (
        {"id": 4711, "login": "ann", "name": None, "email": None, "avatar_url": "https://a.example/ann"},
        ("4711", "ann", "https://a.example/ann", True),
    ),
    "facebook": (
        {
            "id": "fb-1",
            "name": "Ann",
            "email": "ann@example.com",
            "picture": {"data": {"url": "https://f.example/a"}},
        },
        ("fb-1", "Ann", "https://f.example/a", False),
    ),
    "gitlab": (
        {"id": 5, "username": "ann", "email": "ann@example.com", "email_verified": True, "state": "active"},
        ("5", "ann", None, True),
    ),
    "discord": (
        {
            "id": "80351110224678912",
            "username": "ann",
            "email": "ann@example.com",
            "verified": True,
            "avatar": "a_b",
        },
        ("80351110224678912", "ann", "https://cdn.discordapp.com/avatars/80351110224678912/a_b.gif", True),
    ),
    "linkedin": (
        {
            "sub": "li-1",
            "name": "Ann",
            "email": "ann@example.com",
            "email_verified": True,
            "picture": "https://l.example/",
        },
        ("li-1", "Ann", "https://l.example/", True),
    ),
    "slack": (
        {
            "https://slack.com/user_id": "U1",
            "sub": "x",
            "name": "Ann",
            "email": "ann@example.com",
            "email_verified": True,
        },
        ("U1", "Ann", None, True),
    ),
}


@pytest.mark.parametrize("name", PROFILES)
def test_who_somebody_is_by_the_profile(
    browser: ApiClient, acme: ScriptedProvider, configure: Configure, name: str
) -> None:
    from tests.scripted_provider import answering

    profile, (subject, known_as, image, is_verified) = PROFILES[name]
    use(configure, acme, name)
    acme.sends_id_token = False
    acme.claims, acme.profile = {}, profile
    emails = [
        {"email": "old@example.com", "primary": False, "verified": False},
        {"email": "ann@example.com", "primary": True, "verified": True},
    ]
    acme.replies["/userinfo/emails"] = answering(200, emails)
    assert travel(browser, acme, name).headers["Location"] == "/in"
    assert Account.objects.get().account_id == subject
    user = browser.session()["user"]
    assert (user["email"], user["name"], user["image"]) == ("ann@example.com", known_as, image)
    assert user["emailVerified"] is is_verified


def test_nobody_who_is_blocked_at_gitlab_comes_in(
    browser: ApiClient, acme: ScriptedProvider, configure: Configure
) -> None:
    use(configure, acme, "gitlab")
    acme.sends_id_token = False
    acme.claims, acme.profile = {}, {"id": 5, "email": "ann@example.com", "state": "blocked"}
    assert "error=unable_to_get_user_info" in travel(browser, acme, "gitlab").headers["Location"]


def test_apples_secret_can_be_made_from_its_key(
    browser: ApiClient, acme: ScriptedProvider, configure: Configure
) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    with_rsa(acme)
    own = Key.new("ours").private
    pem = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    options = {"TEAM_ID": "TEAM", "KEY_ID": "KEY", "PRIVATE_KEY": pem}
    use(configure, acme, "apple", CLIENT_SECRET="", OPTIONS=options)
    acme.claims |= APPLE
    assert travel(browser, acme, "apple").headers["Location"] == "/in"
    secret = acme.called("/token")[0]["client_secret"]
    claims = jwt.decode(secret, own.public_key(), algorithms=["ES256"], audience="https://appleid.apple.com")
    assert (claims["iss"], claims["sub"], jwt.get_unverified_header(secret)["kid"]) == (
        "TEAM",
        CLIENT_ID,
        "KEY",
    )


def test_what_apple_posts_beside_goes_into_no_address(browser: ApiClient) -> None:
    posted = {"code": "c", "state": "s", "id_token": "secret"}
    response = browser.api("POST", "/callback/apple", posted)
    assert "secret" not in response.headers["Location"]


class TestOneTap:
    def show(self, browser: ApiClient, token: str) -> Any:
        return browser.api("POST", "/one-tap/callback", {"idToken": token, "callbackURL": "/in"})

    def test_it_signs_in(self, browser: ApiClient, acme: ScriptedProvider, configure: Configure) -> None:
        with_rsa(acme)
        use(configure, acme, "google", DISABLE_IMPLICIT_SIGN_UP=True)
        response = self.show(browser, acme.id_token(**GOOGLE))
        assert (response.status_code, response.json().keys()) == (200, {"token", "user"})
        assert browser.session()["user"]["email"] == "ann@example.com"

    @pytest.mark.parametrize(
        ("claims", "options", "status", "message"),
        [
            ({**GOOGLE, "aud": "other"}, {}, 400, "invalid id token"),
            ({**GOOGLE, "email": None}, {}, 400, "Email not available in token"),
            (GOOGLE, {"DISABLE_SIGN_UP": True}, 401, "signup disabled"),
        ],
    )
    def test_refusals(
        self,
        browser: ApiClient,
        acme: ScriptedProvider,
        configure: Configure,
        claims: dict[str, Any],
        options: dict[str, Any],
        status: int,
        message: str,
    ) -> None:
        with_rsa(acme)
        use(configure, acme, "google", **options)
        assert answered(self.show(browser, acme.id_token(**claims))) == (status, {"message": message})

    def test_without_google_there_is_none(self, browser: ApiClient) -> None:
        assert self.show(browser, "x").status_code == 404


class TestLibrary:
    def test_a_backend_of_the_library_by_its_name(
        self, browser: ApiClient, acme: ScriptedProvider, configure: Configure
    ) -> None:
        from tests.scripted_provider import answering

        own = {
            "BACKEND": "gitea",
            "CLIENT_ID": CLIENT_ID,
            "CLIENT_SECRET": CLIENT_SECRET,
            "OPTIONS": {"API_URL": acme.origin},
        }
        configure(SOCIAL={"PROVIDERS": {"work": own}})
        acme.replies["/login/oauth/access_token"] = answering(200, {"access_token": "access-1"})
        profile = {"id": 7, "login": "ann", "full_name": "Ann", "email": "ann@example.com"}
        acme.replies["/api/v1/user"] = answering(200, profile)
        url = go(browser, provider="work")
        assert url.startswith(
            f"{acme.origin}/login/oauth/authorize?response_type=code&client_id={CLIENT_ID}&"
        )
        response = come_back(browser, acme.consent(url), provider="work")
        assert response.headers["Location"] == "/in"
        account, user = Account.objects.get(), browser.session()["user"]
        assert (account.provider_id, account.account_id) == ("work", "7")
        assert (user["email"], user["emailVerified"]) == ("ann@example.com", False)
        (call,) = acme.called("/login/oauth/access_token")
        assert (len(call["code_verifier"]), call["redirect_uri"]) == (128, query_of(url)["redirect_uri"])

    def test_an_openid_backend_of_the_library_is_held_to_the_same(
        self, browser: ApiClient, acme: ScriptedProvider, configure: Configure
    ) -> None:
        own = {
            "BACKEND": "oidc",
            "CLIENT_ID": CLIENT_ID,
            "CLIENT_SECRET": CLIENT_SECRET,
            "OPTIONS": {"OIDC_ENDPOINT": acme.origin},
        }
        configure(SOCIAL={"PROVIDERS": {"work": own}})
        assert travel(browser, acme, "work").headers["Location"] == "/in"
        assert Account.objects.get().account_id == "subject-1"
        acme.claims["nonce"] = "of another flow"
        assert "error=unable_to_get_user_info" in travel(browser, acme, "work").headers["Location"]

    @pytest.mark.parametrize(
        ("name", "found"),
        [
            ("spotify", "SpotifyOAuth2"),
            ("dropbox", "DropboxOAuth2V2"),
            ("twitter-oauth2", "TwitterOAuth2"),
            ("zoom", "ZoomOAuth2"),
            ("social_core.backends.gitea.GiteaOAuth2", "GiteaOAuth2"),
        ],
    )
    def test_names(self, name: str, found: str) -> None:
        assert find_backend(name).__name__ == found

    @pytest.mark.parametrize(
        "name", ["nobody", "openid", "flickr", "os.path", "better_auth.users.create", "../x"]
    )
    def test_what_is_none(self, name: str) -> None:
        with pytest.raises(UnknownBackend):
            find_backend(name)
