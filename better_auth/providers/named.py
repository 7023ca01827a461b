"""The providers that the protocol describes itself. Source: core.md, section 8."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import jwt

from better_auth import clock
from better_auth.providers.described import Claims, Described, subject, text, truth
from better_auth.providers.records import Profile, ProfileRefused

# Microsoft's own tenant of personal accounts.
CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"
APPLE_SECRET_SECONDS = 3600


class Google(Described):
    name = "google"
    AUTHORIZATION_URL = "https://accounts.google.com/o/oauth2/v2/auth"
    ACCESS_TOKEN_URL = "https://oauth2.googleapis.com/token"
    JWKS_URL = "https://www.googleapis.com/oauth2/v3/certs"
    ISSUERS = ("https://accounts.google.com", "accounts.google.com")
    DEFAULT_SCOPE = ["email", "profile", "openid"]
    FIXED_PARAMS = {"include_granted_scopes": "true"}
    VERIFIES = TAKES_ID_TOKENS = True

    def accepts(self, claims: Claims) -> bool:
        """``HOSTED_DOMAIN``: the one whose people may sign in, or ``*`` for any that Google hosts."""
        wanted, said = self.setting("HOSTED_DOMAIN"), claims.get("hd")
        return not wanted or (isinstance(said, str) and bool(said) and wanted in ("*", said))


class GitHub(Described):
    name = "github"
    AUTHORIZATION_URL = "https://github.com/login/oauth/authorize"
    ACCESS_TOKEN_URL = "https://github.com/login/oauth/access_token"
    USERINFO_URL = "https://api.github.com/user"
    DEFAULT_SCOPE = ["read:user", "user:email"]

    def read_userinfo(self, access_token: str, **params: str) -> dict[str, Any]:
        """The profile, with its address and whether that is verified, which only the list of addresses
        tells."""
        data = super().read_userinfo(access_token)
        found: Any = self.get_json(
            f"{self.userinfo_url()}/emails",
            headers={"Authorization": f"Bearer {access_token}"},
            stage="user_info",
        )
        listed: list[dict[str, Any]] = [
            one for one in (found if isinstance(found, list) else []) if isinstance(one, dict)
        ]
        primary = next((one for one in listed if one.get("primary") is True), listed[0] if listed else {})
        email = data.get("email") or primary.get("email")
        verified = any(one.get("email") == email and one.get("verified") is True for one in listed)
        return {**data, "email": email, "email_verified": verified}

    def read_profile(self, data: Mapping[str, Any]) -> Profile:
        return Profile(
            subject=subject(data.get("id")),
            name=text(data.get("name")) or text(data.get("login")),
            email=text(data.get("email")) or None,
            email_verified=data.get("email_verified") is True,
            image=text(data.get("avatar_url")) or None,
            raw=data,
        )


class Microsoft(Described):
    """The subject is ``oid``, the same in all applications of a tenant; ``sub`` is another in each."""

    name = "microsoft"
    AUTHORITY = "https://login.microsoftonline.com"
    DEFAULT_SCOPE = ["openid", "profile", "email", "User.Read", "offline_access"]
    VERIFIES = TAKES_ID_TOKENS = True
    SHARED_TENANTS = ("common", "organizations", "consumers")

    def tenant(self) -> str:
        return str(self.setting("TENANT") or "common")

    def authorization_url(self) -> str:
        return str(self.setting("AUTHORIZATION_URL") or self._below("oauth2/v2.0/authorize"))

    def access_token_url(self) -> str:
        return str(self.setting("ACCESS_TOKEN_URL") or self._below("oauth2/v2.0/token"))

    def jwks_url(self) -> str:
        return str(self.setting("JWKS_URL") or self._below("discovery/v2.0/keys"))

    def accepts(self, claims: Claims) -> bool:
        """The issuer must name the token's own tenant, and that one must be among those that may sign in."""
        tenant, own = self.tenant(), claims.get("tid")
        authority = self.setting("AUTHORITY") or self.AUTHORITY
        if not isinstance(own, str) or claims.get("iss") != f"{authority}/{own}/v2.0":
            return False
        if tenant == "organizations":
            return own != CONSUMERS
        if tenant == "consumers":
            return own == CONSUMERS
        return tenant == "common" or own == tenant

    def read_profile(self, data: Mapping[str, Any]) -> Profile:
        email = text(data.get("email"))
        if "email_verified" in data:
            is_verified = truth(data["email_verified"])
        else:
            lists = (data.get("verified_primary_email"), data.get("verified_secondary_email"))
            is_verified = any(isinstance(one, list) and email in one for one in lists) and bool(email)
        return Profile(
            subject=subject(data.get("oid")).strip(),
            name=text(data.get("name")),
            email=email or None,
            email_verified=is_verified,
            image=text(data.get("picture")) or None,
            raw=data,
        )

    def refresh_token_params(self, token: str, *args: Any, **kwargs: Any) -> dict[str, str]:
        params = super().refresh_token_params(token, *args, **kwargs)
        return {**params, "scope": " ".join(self.get_scope())}

    def _below(self, path: str) -> str:
        return f"{self.setting('AUTHORITY') or self.AUTHORITY}/{self.tenant()}/{path}"


class Apple(Described):
    """Tells the name once, at the first consent, and beside the token. The secret is a token, too: given as
    one, or made from ``OPTIONS``: ``TEAM_ID``, ``KEY_ID`` and ``PRIVATE_KEY`` (PEM)."""

    name = "apple"
    AUTHORIZATION_URL = "https://appleid.apple.com/auth/authorize"
    ACCESS_TOKEN_URL = "https://appleid.apple.com/auth/token"
    JWKS_URL = "https://appleid.apple.com/auth/keys"
    ISSUERS = ("https://appleid.apple.com",)
    DEFAULT_SCOPE = ["email", "name"]
    RESPONSE_TYPE = "code id_token"
    RESPONSE_MODE = "form_post"
    VERIFIES = TAKES_ID_TOKENS = HASHED_NONCE = True

    def get_key_and_secret(self) -> tuple[str, str]:
        client_id, secret = super().get_key_and_secret()
        if not secret and self.setting("PRIVATE_KEY"):
            secret = self._made_secret(client_id)
        return client_id, secret

    def user_data(self, access_token: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        claims = super().user_data(access_token, *args, **kwargs)
        return {**claims, "name": self._told_name() or text(claims.get("name"))}

    def _told_name(self) -> str:
        try:
            told = json.loads(self.data.get("user") or "{}")
        except (ValueError, RecursionError):
            return ""
        name = told.get("name") if isinstance(told, dict) else None
        parts = (name.get("firstName"), name.get("lastName")) if isinstance(name, dict) else ()
        return " ".join(filter(None, map(text, parts))).replace("\x00", "")

    def _made_secret(self, client_id: str) -> str:
        now = int(clock.timestamp())
        claims = {
            "iss": self.setting("TEAM_ID"),
            "iat": now,
            "exp": now + APPLE_SECRET_SECONDS,
            "aud": self.ISSUERS[0],
            "sub": client_id,
        }
        key, kid = self.setting("PRIVATE_KEY"), self.setting("KEY_ID")
        return jwt.encode(claims, key, algorithm="ES256", headers={"kid": kid})


class Facebook(Described):
    """Says of no address that it is verified. ID tokens are those of its Limited Login."""

    name = "facebook"
    AUTHORIZATION_URL = "https://www.facebook.com/v24.0/dialog/oauth"
    ACCESS_TOKEN_URL = "https://graph.facebook.com/v24.0/oauth/access_token"
    USERINFO_URL = "https://graph.facebook.com/me"
    JWKS_URL = "https://limited.facebook.com/.well-known/oauth/openid/jwks/"
    ISSUERS = ("https://www.facebook.com",)
    DEFAULT_SCOPE = ["email", "public_profile"]
    SENDS_PKCE = False
    TAKES_ID_TOKENS = True
    FIELDS = "id,name,email,picture"

    def issuer(self) -> str | None:
        return None  # of Limited Login only, which leads nobody back here

    def read_userinfo(self, access_token: str, **params: str) -> dict[str, Any]:
        return super().read_userinfo(access_token, fields=self.FIELDS)

    def read_profile(self, data: Mapping[str, Any]) -> Profile:
        picture = data.get("picture")
        inner = picture.get("data") if isinstance(picture, dict) else None
        return Profile(
            subject=subject(data.get("sub")) or subject(data.get("id")),
            name=text(data.get("name")),
            email=text(data.get("email")) or None,
            image=text(inner.get("url") if isinstance(inner, dict) else picture) or None,
            raw=data,
        )


class GitLab(Described):
    """``ISSUER``: the address of a GitLab of one's own."""

    name = "gitlab"
    DEFAULT_SCOPE = ["read_user"]

    def authorization_url(self) -> str:
        return str(self.setting("AUTHORIZATION_URL") or self._below("oauth/authorize"))

    def access_token_url(self) -> str:
        return str(self.setting("ACCESS_TOKEN_URL") or self._below("oauth/token"))

    def userinfo_url(self) -> str:
        return str(self.setting("USERINFO_URL") or self._below("api/v4/user"))

    def issuer(self) -> str | None:
        return None

    def read_profile(self, data: Mapping[str, Any]) -> Profile:
        if data.get("state") != "active" or data.get("locked"):
            raise ProfileRefused("not an active user there")
        return Profile(
            subject=subject(data.get("id")),
            name=text(data.get("name")) or text(data.get("username")),
            email=text(data.get("email")) or None,
            email_verified=data.get("email_verified") is True,
            image=text(data.get("avatar_url")) or None,
            raw=data,
        )

    def _below(self, path: str) -> str:
        return f"{str(self.setting('ISSUER') or 'https://gitlab.com').rstrip('/')}/{path}"


class Discord(Described):
    name = "discord"
    AUTHORIZATION_URL = "https://discord.com/api/oauth2/authorize"
    ACCESS_TOKEN_URL = "https://discord.com/api/oauth2/token"
    USERINFO_URL = "https://discord.com/api/users/@me"
    DEFAULT_SCOPE = ["identify", "email"]
    PROMPT = "none"
    SENDS_PKCE = False
    REQUEST_SCOPES_FIRST = True

    def read_profile(self, data: Mapping[str, Any]) -> Profile:
        found = subject(data.get("id"))
        return Profile(
            subject=found,
            name=text(data.get("global_name")) or text(data.get("username")),
            email=text(data.get("email")) or None,
            email_verified=data.get("verified") is True,
            image=self._picture(found, data),
            raw=data,
        )

    def _picture(self, found: str, data: Mapping[str, Any]) -> str | None:
        avatar = text(data.get("avatar"))
        if avatar:
            ending = "gif" if avatar.startswith("a_") else "png"
            return f"https://cdn.discordapp.com/avatars/{found}/{avatar}.{ending}"
        if not found.isdecimal():
            return None
        # Discord's own rule for those who have none: of the id's age, or of the old number of a name.
        number = text(data.get("discriminator"))
        old = number.isdecimal() and int(number) != 0
        index = int(number) % 5 if old else (int(found) >> 22) % 6
        return f"https://cdn.discordapp.com/embed/avatars/{index}.png"


class LinkedIn(Described):
    name = "linkedin"
    AUTHORIZATION_URL = "https://www.linkedin.com/oauth/v2/authorization"
    ACCESS_TOKEN_URL = "https://www.linkedin.com/oauth/v2/accessToken"
    USERINFO_URL = "https://api.linkedin.com/v2/userinfo"
    DEFAULT_SCOPE = ["profile", "email", "openid"]
    SENDS_PKCE = False


class Slack(Described):
    name = "slack"
    AUTHORIZATION_URL = "https://slack.com/openid/connect/authorize"
    ACCESS_TOKEN_URL = "https://slack.com/api/openid.connect.token"
    USERINFO_URL = "https://slack.com/api/openid.connect.userInfo"
    DEFAULT_SCOPE = ["openid", "profile", "email"]
    SENDS_PKCE = False
    REQUEST_SCOPES_FIRST = True

    def read_profile(self, data: Mapping[str, Any]) -> Profile:
        profile = super().read_profile(data)
        image = profile.image or text(data.get("https://slack.com/user_image_512")) or None
        found = subject(data.get("https://slack.com/user_id"))
        return Profile(found, profile.name, profile.email, profile.email_verified, image, data)


NAMED: Mapping[str, type[Described]] = {
    one.name: one for one in (Google, GitHub, Microsoft, Apple, Facebook, GitLab, Discord, LinkedIn, Slack)
}
