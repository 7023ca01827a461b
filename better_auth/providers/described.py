"""Backends of social-core that are described by their addresses: a generic OpenID or OAuth provider, and what
the named ones share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from social_core.backends.oauth import BaseOAuth2
from social_core.exceptions import AuthResponseError

from better_auth.providers import documents, id_tokens
from better_auth.providers.id_tokens import ALGORITHMS, Expectations
from better_auth.providers.records import Profile, ProfileRefused, ProviderFailed

Claims = Mapping[str, Any]


def truth(value: object) -> bool:
    """True, or the text that some providers write instead."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


def text(value: object) -> str:
    return value if isinstance(value, str) else ""


def subject(value: object) -> str:
    """The id of somebody at a provider, as text: a number of theirs is one, too; nothing else is (B27)."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return str(value)
    return value if isinstance(value, str) else ""


class Described(BaseOAuth2[Any]):
    """A backend whose addresses are attributes, or settings in their place.

    ``VERIFIES``: who somebody is, is read from the ID token, which is verified.
    """

    USERINFO_URL = ""
    JWKS_URL = ""
    ISSUERS: tuple[str, ...] = ()
    SCOPE_SEPARATOR = " "
    SENDS_PKCE = True
    VERIFIES = False
    # A nonce goes along, and must come back in the ID token (oauth-and-providers.md, section A2).
    BINDS_NONCE = False
    # Clients may show an ID token that they got elsewhere (core.md, section 8).
    TAKES_ID_TOKENS = False
    HASHED_NONCE = False
    MAX_AGE: int | None = id_tokens.HOUR
    FIXED_PARAMS: Mapping[str, str] = {}
    REQUEST_SCOPES_FIRST = False

    nonce: str | None = None
    is_stored = False

    def client_ids(self) -> tuple[str, ...]:
        return tuple(self.setting("AUDIENCES", ()))

    def issuer(self) -> str | None:
        """Whose answers these must be, where that is known."""
        return self.setting("ISSUER") or (self.ISSUERS[0] if self.ISSUERS else None)

    def must_name_issuer(self) -> bool:
        """Whether the provider promises to name itself when it sends people back (RFC 9207)."""
        return False

    def userinfo_url(self) -> str:
        return str(self.setting("USERINFO_URL", self.USERINFO_URL) or "")

    def jwks_url(self) -> str:
        return str(self.setting("JWKS_URL", self.JWKS_URL) or "")

    def expectations(self) -> Expectations:
        issuer = self.setting("ISSUER")
        return Expectations(
            jwks_url=self.jwks_url(),
            issuers=(issuer,) if issuer else self.ISSUERS,
            audiences=self.client_ids(),
            max_age=self.MAX_AGE,
            hashed_nonce=self.HASHED_NONCE,
            accepts=self.accepts,
        )

    def accepts(self, claims: Claims) -> bool:
        """What a provider's ID tokens must fulfil beside the standard."""
        return True

    def verified_claims(self, token: str, *, nonce: str | None) -> Claims:
        """Raises ``IdTokenRefused``."""
        return id_tokens.verify(token, self.expectations(), nonce=nonce)

    def claims_in(self, response: Mapping[str, Any]) -> dict[str, Any]:
        """Of the ID token in a token response. One that was stored was verified when it came."""
        token = response.get("id_token")
        if not isinstance(token, str) or not token:
            raise ProfileRefused("no ID token")
        if self.is_stored:
            return dict(id_tokens.read_unverified(token))
        return dict(self.verified_claims(token, nonce=self.nonce))

    def user_data(self, access_token: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        if self.VERIFIES:
            return self.claims_in(kwargs.get("response") or {})
        return self.read_userinfo(access_token)

    def read_userinfo(self, access_token: str, **params: str) -> dict[str, Any]:
        return self.get_object(self.userinfo_url(), access_token, **params)

    def get_object(self, url: str, access_token: str, **params: str) -> dict[str, Any]:
        found = self.get_json(
            url,
            headers={"Authorization": f"Bearer {access_token}"},
            params=params or None,
            stage="user_info",
        )
        if not isinstance(found, dict):
            raise AuthResponseError(self, code="malformed_response", stage="user_info")
        return found

    def read_profile(self, data: Mapping[str, Any]) -> Profile:
        """Of the claims of OpenID Connect Core 1.0, section 5.1."""
        full = " ".join(filter(None, (text(data.get("given_name")), text(data.get("family_name")))))
        name = text(data.get("name")) or full or text(data.get("preferred_username"))
        return Profile(
            subject=subject(data.get("sub")),
            name=name,
            email=text(data.get("email")) or None,
            email_verified=truth(data.get("email_verified")),
            image=text(data.get("picture")) or None,
            raw=data,
        )


class Discovered(Described):
    """Any OpenID provider by its discovery document, and any OAuth 2.0 server by its addresses.

    Source: oauth-and-providers.md, section A6.
    """

    name = "generic"
    MAX_AGE = None

    def document(self) -> documents.Document:
        url = self.setting("DISCOVERY_URL")
        return documents.discovered(url, issuer=self.setting("ISSUER")) if url else {}

    def is_openid(self) -> bool:
        return bool(self.document().get("id_token_signing_alg_values_supported")) or bool(self.jwks_url())

    @property
    def BINDS_NONCE(self) -> bool:  # type: ignore[override]
        return self.is_openid()

    @property
    def TAKES_ID_TOKENS(self) -> bool:  # type: ignore[override]
        return self.is_openid()

    def get_scope(self) -> list[str]:
        scopes: list[str] = list(self.setting("SCOPE", ()))
        if self.setting("IGNORE_DEFAULT_SCOPE"):
            return scopes
        usual = ["openid"] if self.is_openid() else []
        usual += ["profile", "email"] if usual and not scopes else []
        return [*usual, *(one for one in scopes if one not in usual)]

    def authorization_url(self) -> str:
        return self._address("AUTHORIZATION_URL", "authorization_endpoint")

    def access_token_url(self) -> str:
        return self._address("ACCESS_TOKEN_URL", "token_endpoint")

    def userinfo_url(self) -> str:
        found = self.setting("USERINFO_URL") or self.document().get("userinfo_endpoint")
        return found if isinstance(found, str) else ""

    def jwks_url(self) -> str:
        found = self.setting("JWKS_URL") or self.document().get("jwks_uri")
        return found if isinstance(found, str) else ""

    def issuer(self) -> str | None:
        found = self.setting("ISSUER") or self.document().get("issuer")
        return found if isinstance(found, str) else None

    def must_name_issuer(self) -> bool:
        return self.document().get("authorization_response_iss_parameter_supported") is True

    def use_basic_auth(self) -> bool:
        """In the body, unless the provider takes the secret in the header only."""
        offered = self.document().get("token_endpoint_auth_methods_supported")
        return (
            isinstance(offered, list)
            and "client_secret_basic" in offered
            and not ({"client_secret_post", "none"} & {str(one) for one in offered})
        )

    def expectations(self) -> Expectations:
        offered = self.document().get("id_token_signing_alg_values_supported", ["RS256"])
        names = offered if isinstance(offered, list) else []
        issuer = self.issuer()
        if not issuer or not self.jwks_url():
            raise ProviderFailed("nobody can tell whose ID tokens are good: ISSUER or JWKS_URL is missing")
        return Expectations(
            jwks_url=self.jwks_url(),
            issuers=(issuer,),
            audiences=self.client_ids(),
            algorithms=tuple(one for one in ALGORITHMS if one in names),
        )

    def user_data(self, access_token: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The claims of the verified ID token where they tell an address, else what userinfo says of the same
        person."""
        if not self.is_openid():
            data = self.read_userinfo(access_token)
            return {"sub": subject(data.get("sub")) or subject(data.get("id")), **data}
        claims = self.claims_in(kwargs.get("response") or {})
        if claims.get("email") or not self.userinfo_url() or not access_token:
            return claims
        told = self.read_userinfo(access_token)
        if told.get("sub") != claims["sub"]:
            raise ProfileRefused("userinfo is about somebody else")
        return {**claims, **told}

    def _address(self, setting: str, member: str) -> str:
        found = self.setting(setting) or self.document().get(member)
        if not isinstance(found, str):
            raise ProviderFailed(f"no {member} is known")
        return found
