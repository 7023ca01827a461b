"""Sockets of a service that trusts an auth server elsewhere: the token alone speaks, in a header, among the
protocols or as the first message. Cookies are no affair of such a service.

    "websocket": ResourceServerMiddleware(URLRouter([...]))

A socket is closed when the auth server says that its token is over: at once where the two share a Redis, else
within ``RESOURCE_SERVER.TOKEN_CACHE_SECONDS``. JWTs are asked about as well, where the service has a name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from better_auth import clock
from better_auth.conf import auth_settings
from better_auth.crypto.identifiers import token_digest
from better_auth.crypto.jose import InvalidToken
from better_auth.errors import AuthServerUnavailable
from better_auth.resource_server import introspection
from better_auth.resource_server.authentication import TokenRefused, aauthenticate
from better_auth.resource_server.principal import Principal
from better_auth.resource_server.waiting import afollow
from better_auth.websocket.closing import CloseCode, Ending, Refused
from better_auth.websocket.gate import Gate
from better_auth.websocket.handshake import Shown
from better_auth.websocket.identity import Identity, Verdict
from better_auth.websocket.shared_word import SharedWord

THREADS = 2
# Questions to the auth server at one time.
AT_ONCE = 8


class AuthServerElsewhere:
    """It is asked as for requests; ``SharedWord`` says when to ask again."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, "better-auth-sockets")
        self._word = SharedWord()

    async def identify(
        self, shown: Shown, *, with_row: bool, lease: Callable[[Identity | None], None]
    ) -> Identity | None:
        turn, identity = self._word.turn, None
        if shown.token:
            identity = identity_of(await _verified(shown.token), shown.token, turn=turn)
        await self.in_thread(lambda: lease(identity))
        return identity

    async def recheck(self, identities: Sequence[Identity]) -> list[Verdict]:
        """Each token is asked about once."""
        turn, room = self._word.turn, asyncio.Semaphore(AT_ONCE)
        tokens = {one.credentials: one for one in identities}

        async def ask(identity: Identity) -> Verdict:
            async with room:
                return await _ask_again(identity, turn)

        verdicts = await asyncio.gather(*map(ask, tokens.values()))
        told = dict(zip(tokens, verdicts, strict=True))
        return [told[one.credentials] for one in identities]

    def is_current(self, identity: Identity) -> bool:
        return identity.turn == self._word.turn

    async def in_thread(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def listen(self, heard: Callable[[Iterable[str] | None], None]) -> None:
        self._word.listen(heard)

    def check_pause(self) -> float:
        return float(max(1, auth_settings.resource_server.token_cache_seconds))

    def note_refusal(self, shown: Shown, refusal: Refused) -> None:
        """The audit log is the auth server's."""

    def note_opening(self, shown: Shown, identity: Identity) -> None: ...

    def note_closing(self, shown: Shown, identity: Identity, ending: Ending | None) -> None: ...


class ResourceServerMiddleware(Gate):
    """``scope["principal"]`` is the resource server's ``Principal``, ``scope["user"]`` its user."""

    authority = AuthServerElsewhere()


def identity_of(principal: Principal, token: str, *, turn: int) -> Identity:
    claims, user = principal.claims, principal.user
    end, session_id = claims.get("exp"), claims.get("sid")
    # A session's token is announced by its digest; of a signed one the part before the signature.
    digests = {token_digest(token), token_digest(token.partition(".")[0])}
    return Identity(
        user_id=user.id,
        principal=principal,
        method=str(principal.method),
        names=(f"user {user.id}", f"of {user.id}", *digests),
        good_until=float(end) if isinstance(end, int | float) else None,
        user={"id": user.id, "name": user.name, "email": user.email, "emailVerified": user.email_verified},
        session={"id": session_id} if isinstance(session_id, str) else None,
        row=user,
        credentials=token,
        turn=turn,
    )


async def _verified(token: str) -> Principal:
    """Raises ``Refused``."""
    try:
        return await aauthenticate(token)
    except TokenRefused:
        raise Refused(CloseCode.UNAUTHORIZED, "INVALID_TOKEN", "Invalid token") from None
    except AuthServerUnavailable as fault:
        raise Refused(CloseCode.UNAVAILABLE, "AUTH_SERVER_UNAVAILABLE", fault.message or "") from None


async def _ask_again(identity: Identity, turn: int) -> Verdict:
    token: str = identity.credentials
    if not (auth_settings.auth_server.client_id and auth_settings.auth_server.client_secret):
        return Verdict(identity)  # a JWT, which is good until its end as far as we can tell
    introspection.forget_token(token)
    try:
        principal = await afollow(introspection.verify(token))
    except InvalidToken:
        is_late = identity.good_until is not None and identity.good_until <= clock.timestamp()
        return Verdict(None, "expired" if is_late else "revoked")
    except AuthServerUnavailable:
        return Verdict(identity)  # nobody can tell at the moment
    if principal.user.id != identity.user_id:
        return Verdict(None, "revoked")
    if identity.principal.claims.items() >= principal.claims.items():
        return Verdict(identity)
    return Verdict(identity_of(principal, token, turn=turn))
