"""``Provider``: one configured provider, whatever backend of social-core is behind it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.utils.module_loading import import_string
from social_core.backends.oauth import BaseOAuth2
from social_core.exceptions import SocialAuthBaseException

from better_auth import clock
from better_auth.conf import auth_settings
from better_auth.conf.social_schema import ProviderSettings
from better_auth.crypto.jose import base64url_encode
from better_auth.providers import library
from better_auth.providers.described import Described, Discovered, text
from better_auth.providers.guard import guarded
from better_auth.providers.id_tokens import IdTokenRefused
from better_auth.providers.named import NAMED
from better_auth.providers.records import (
    Answer,
    AuthorizationRequest,
    CodeRefused,
    Identity,
    Profile,
    ProfileRefused,
    ProviderFailed,
    Tokens,
)
from better_auth.providers.strategy import FlowStrategy

LONGEST_SUBJECT = 255
LONGEST_NAME = 1000
LONGEST_IMAGE = 8192
LONGEST_TOKEN = 32 * 1024
LONGEST_LIFE = timedelta(days=3650)
# Steps of the library after which there are tokens, but nobody knows whose.
AFTER_THE_EXCHANGE = frozenset({"user_info", "token_validation", "pipeline"})
NAMES_ON_THE_WAY = ("response_type", "client_id", "state", "scope", "redirect_uri")


@dataclass(frozen=True)
class Provider:
    """``id``: how the protocol and the accounts call it."""

    id: str
    rules: ProviderSettings

    @cached_property
    def backend_class(self) -> type[BaseOAuth2[Any]]:
        """Raises ``UnknownBackend``."""
        if self.rules.backend:
            return library.find_backend(self.rules.backend)
        if self.id in NAMED and not self.rules.discovery_url:
            return NAMED[self.id]
        if self.rules.discovery_url or self.rules.authorization_url:
            return Discovered
        return library.find_backend(self.id)

    @property
    def is_described(self) -> bool:
        return issubclass(self.backend_class, Described)

    @property
    def redirect_uri(self) -> str:
        """Exactly what the provider must know, and what the exchange repeats."""
        own = f"{auth_settings.base_url}{auth_settings.base_path}/callback/{self.id}"
        return self.rules.redirect_uri or own

    @property
    def audiences(self) -> tuple[str, ...]:
        return (self.rules.client_id, *self.rules.further_client_ids)

    def binds_nonce(self) -> bool:
        """Raises ``ProviderFailed``."""
        with _failures():
            if self.is_described:
                return bool(self._backend().BINDS_NONCE)
            return library.binds_nonce(self.backend_class)

    def issuer(self) -> str | None:
        """Raises ``ProviderFailed``."""
        with _failures():
            return self._backend().issuer() if self.is_described else None

    def is_answer_of(self, issuer: str | None) -> bool:
        """Whether an answer that names this issuer, or none, can be this provider's (RFC 9207)."""
        with _failures():
            if not self.is_described:
                return True
            backend = self._backend()
            expected = backend.issuer()
            if issuer:
                return not expected or issuer == expected
            return not backend.must_name_issuer()

    def authorization_url(self, request: AuthorizationRequest) -> str:
        """Where to send somebody. Raises ``ProviderFailed``.

        The parameters stand in the protocol's order (oauth-and-providers.md, section A2).
        """
        with _failures():
            backend = self._backend(state=request.state)
            address = backend.authorization_url()
            params = self._params(backend, request)
            further = {**backend.auth_params(request.state), **backend.auth_extra_arguments()}
            params |= {name: str(value) for name, value in further.items() if name not in params}
        params |= {name: str(value) for name, value in self.rules.authorization_params.items()}
        params |= {name: value for name, value in request.params.items() if name not in NAMES_ON_THE_WAY}
        return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(params)}"

    def exchange(self, answer: Answer) -> Identity:
        """Who came back, with their tokens. Raises ``CodeRefused`` and ``ProfileRefused``."""
        data = {"code": answer.code, "state": answer.state}
        data |= {"user": answer.user} if answer.user else {}
        data |= {"device_id": answer.device_id} if answer.device_id else {}
        backend = self._backend(state=answer.state, data=data)
        backend.code_verifier = answer.code_verifier if self.sends_pkce() else None
        backend.nonce = answer.nonce
        with _failures(exchange=True, had_tokens=lambda: backend.token_response is not None):
            response = backend.auth_complete()
            if not isinstance(response, dict):
                raise ProfileRefused("no response")
            tokens = _tokens_in(backend.token_response or response)
            profile = self._profile(backend, response)
            return Identity(self.id, profile, tokens, self._issuer_of(backend))

    def identify(self, id_token: str, *, nonce: str | None) -> Profile:
        """Who an ID token is about that a client shows. Raises ``IdTokenRefused`` and ``ProviderFailed``."""
        backend = self._backend()
        with _failures():
            claims = backend.verified_claims(id_token, nonce=nonce)
            return self._profile(backend, dict(claims), data=dict(claims))

    def takes_id_tokens(self) -> bool:
        """Raises ``ProviderFailed``."""
        if self.rules.disable_id_token_sign_in or not self.is_described:
            return False
        with _failures():
            return bool(self._backend().TAKES_ID_TOKENS)

    def refresh(self, refresh_token: str) -> Tokens:
        """New tokens; a refresh token only where the provider gave a new one. Raises ``ProviderFailed``."""
        backend = self._backend()
        with _failures():
            return _tokens_in(backend.refresh_token(refresh_token))

    def profile_of(self, tokens: Tokens) -> Profile:
        """What the provider says now of somebody whose tokens we have. Raises ``ProviderFailed``."""
        backend = self._backend()
        backend.is_stored = True
        response = {"id_token": tokens.id_token, "access_token": tokens.access_token}
        with _failures():
            data = backend.user_data(tokens.access_token or "", response=response)
            return self._profile(backend, {**response, **(data or {})}, data=data)

    def keys_url(self) -> str | None:
        """Where the keys of its ID tokens are published, if it has any. Raises ``ProviderFailed``."""
        with _failures():
            return (self._backend().jwks_url() or None) if self.is_described else None

    def sends_pkce(self) -> bool:
        if self.rules.pkce is not None:
            return self.rules.pkce
        return bool(getattr(self.backend_class, "SENDS_PKCE", True))

    def _params(self, backend: Any, request: AuthorizationRequest) -> dict[str, str]:
        rules = self.rules
        scopes = self._scopes(backend, request.scopes)
        separator = backend.SCOPE_SEPARATOR if backend.SCOPE_SEPARATOR in (" ", ",", ";") else " "
        wanted = {
            "response_type": backend.RESPONSE_TYPE or "code",
            "client_id": rules.client_id,
            "state": request.state,
            backend.SCOPE_PARAMETER_NAME: separator.join(scopes),
            "redirect_uri": self.redirect_uri,
            "display": rules.display,
            "login_hint": request.login_hint,
            "nonce": request.nonce,
            "prompt": rules.prompt or getattr(backend, "PROMPT", None),
            "hd": rules.hosted_domain if self.id == "google" else None,
            "access_type": rules.access_type,
            "response_mode": rules.response_mode or getattr(backend, "RESPONSE_MODE", None),
        }
        if self.sends_pkce():
            digest = hashlib.sha256(request.code_verifier.encode()).digest()
            wanted |= {"code_challenge_method": "S256", "code_challenge": base64url_encode(digest)}
        wanted |= dict(getattr(backend, "FIXED_PARAMS", {}))
        return {name: str(value) for name, value in wanted.items() if value}

    def _scopes(self, backend: Any, asked: tuple[str, ...]) -> list[str]:
        if isinstance(backend, Discovered):
            return [*dict.fromkeys((*backend.get_scope(), *asked))]
        usual = [] if self.rules.disable_default_scopes else list(backend.DEFAULT_SCOPE or [])
        last_two = (self.rules.scopes, asked)
        if getattr(backend, "REQUEST_SCOPES_FIRST", False):
            last_two = (asked, self.rules.scopes)
        return [*dict.fromkeys((*usual, *last_two[0], *last_two[1]))]

    def _backend(self, *, state: str | None = None, data: Mapping[str, str] | None = None) -> Any:
        """A backend for one step. Raises ``UnknownBackend``."""
        backend_class = self.backend_class
        guard = library.guard_of(backend_class)
        backend = guarded(backend_class, guard)(FlowStrategy(self._library_settings, data), self.redirect_uri)
        backend.flow_state = state
        return backend

    @cached_property
    def _library_settings(self) -> Mapping[str, Any]:
        """Ours, under the names by which backends ask."""
        rules = self.rules
        ours = {
            "AUTHORIZATION_URL": rules.authorization_url,
            "ACCESS_TOKEN_URL": rules.token_url,
            "USERINFO_URL": rules.userinfo_url,
            "JWKS_URL": rules.jwks_url,
            "JWKS_URI": rules.jwks_url,
            "ISSUER": rules.issuer,
            "ID_TOKEN_ISSUER": rules.issuer,
            "DISCOVERY_URL": rules.discovery_url,
            "TENANT": rules.tenant,
            "HOSTED_DOMAIN": rules.hosted_domain,
            "AUTHENTICATION": rules.authentication if rules.authentication != "auto" else None,
            "TOKEN_PARAMS": dict(rules.token_params),
        }
        return {
            **rules.options,
            **{name: value for name, value in ours.items() if value},
            "KEY": rules.client_id,
            "SECRET": rules.client_secret or None,
            "SCOPE": list(rules.scopes),
            "IGNORE_DEFAULT_SCOPE": rules.disable_default_scopes,
            "AUDIENCES": self.audiences,
            "USE_PKCE": False,  # the library's own; ours is in its place
        }

    def _profile(
        self, backend: Any, response: Mapping[str, Any], *, data: Mapping[str, Any] | None = None
    ) -> Profile:
        if isinstance(backend, Described):
            profile = backend.read_profile(data if data is not None else backend.profile_data or {})  # type: ignore[attr-defined]
        else:
            profile = library.read_profile(backend, response)
        return _bounded(self._mapped(profile))

    def _mapped(self, profile: Profile) -> Profile:
        """With what the host's callable makes of it; never another subject."""
        if not self.rules.map_profile:
            return profile
        made = import_string(self.rules.map_profile)(dict(profile.raw))
        known = {name: made[name] for name in ("name", "email", "email_verified", "image") if name in made}
        return replace(profile, **known)

    def _issuer_of(self, backend: Any) -> str | None:
        said = (backend.profile_data or {}).get("iss")
        return said if isinstance(said, str) else None


@contextmanager
def _failures(*, exchange: bool = False, had_tokens: Any = None) -> Iterator[None]:
    """Whatever a backend raises, as one of ours. Its own text may hold what the provider wrote, so the log
    gets the kind of the fault only."""
    try:
        yield
    except (IdTokenRefused, library.UnknownBackend) as fault:
        if not exchange:
            raise
        raise _of_exchange(fault, had_tokens) from None
    except ProviderFailed as fault:
        if not exchange:
            raise
        raise _of_exchange(fault, had_tokens) from None
    except SocialAuthBaseException as fault:
        kind = f"{type(fault).__name__} {fault.code} at {fault.stage}"
        if not exchange:
            raise ProviderFailed(kind) from None
        raise (ProfileRefused if fault.stage in AFTER_THE_EXCHANGE else CodeRefused)(kind) from None
    except Exception as fault:  # a backend that takes a provider's odd answer apart can fail in any way
        kind = f"a backend failed: {type(fault).__name__}"
        if not exchange:
            raise ProviderFailed(kind) from None
        raise _of_exchange(ProviderFailed(kind), had_tokens) from None


def _of_exchange(fault: Exception, had_tokens: Any) -> ProviderFailed:
    if isinstance(fault, CodeRefused | ProfileRefused):
        return fault
    has_tokens = isinstance(fault, IdTokenRefused) or (had_tokens and had_tokens())
    return (ProfileRefused if has_tokens else CodeRefused)(str(fault))


def _tokens_in(response: Mapping[str, Any]) -> Tokens:
    """Of a token response (RFC 6749, section 5.1)."""
    scope = response.get("scope")
    names = scope.replace(",", " ").split() if isinstance(scope, str) else scope
    scopes = tuple(one for one in names if isinstance(one, str)) if isinstance(names, list) else ()
    return Tokens(
        access_token=_token(response.get("access_token")),
        refresh_token=_token(response.get("refresh_token")),
        id_token=_token(response.get("id_token")),
        access_token_expires_at=_after(response.get("expires_in")),
        refresh_token_expires_at=_after(response.get("refresh_token_expires_in")),
        scopes=tuple(one for one in scopes if _is_storable(one) and "," not in one),
    )


def _token(value: object) -> str | None:
    """Printable ASCII (RFC 6749, appendix A.12); anything else could be neither kept nor shown again."""
    token = text(value)
    return (
        token if token and token.isascii() and token.isprintable() and len(token) <= LONGEST_TOKEN else None
    )


def _after(seconds: object) -> datetime | None:
    if isinstance(seconds, str) and seconds.isdecimal() and len(seconds) < 12:
        seconds = int(seconds)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < 10**12:
        return None
    return clock.now() + min(timedelta(seconds=float(seconds)), LONGEST_LIFE)


def _bounded(profile: Profile) -> Profile:
    """As our columns can hold it. Raises ``ProfileRefused`` for what is no subject."""
    if not isinstance(profile.subject, str) or not 0 < len(profile.subject) <= LONGEST_SUBJECT:
        raise ProfileRefused("no subject")
    if not _is_storable(profile.subject):
        raise ProfileRefused("no subject")
    name = profile.name if isinstance(profile.name, str) else ""
    name = "".join(char if char.isprintable() else " " for char in name).strip()
    image = profile.image
    if not isinstance(image, str) or not _is_storable(image) or len(image) > LONGEST_IMAGE:
        image = None
    email = profile.email if isinstance(profile.email, str) and _is_storable(profile.email) else None
    is_verified = profile.email_verified is True and email is not None
    return replace(profile, name=name[:LONGEST_NAME], image=image, email=email, email_verified=is_verified)


def _is_storable(value: str) -> bool:
    return "\x00" not in value and value.isprintable()
