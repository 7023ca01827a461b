"""``/introspect`` and ``/revoke``."""

from __future__ import annotations

from better_auth.features.introspection.callers import identify_service
from better_auth.features.introspection.introspect import introspect
from better_auth.features.introspection.revoke import revoke
from better_auth.http.credentials import shown_secret
from better_auth.http.endpoint import Call, endpoint
from better_auth.http.fields import Body, StrictText
from better_auth.http.reply import Reply


class IntrospectBody(Body):
    token = StrictText()
    token_type_hint = StrictText(required=False)
    client_id = StrictText(required=False)
    client_secret = StrictText(required=False)


@endpoint("POST", "/introspect", body=IntrospectBody, accepts_form=True, renews=False, is_hot=True)
def introspect_token(call: Call) -> Reply:
    """Our addition: what a token stands for (RFC 7662), for services that show a secret or an API key."""
    service = identify_service(shown_secret(call.request, call.body), call.key_holder)
    return Reply(dict(introspect(call.body["token"], asked_by=service)))


class RevokeBody(Body):
    token = StrictText()
    token_type_hint = StrictText(required=False)
    client_id = StrictText(required=False)


@endpoint("POST", "/revoke", body=RevokeBody, accepts_form=True, renews=False)
def revoke_token(call: Call) -> Reply:
    """Our addition: end a token (RFC 7009). Always a success, so that nobody learns whether there was one."""
    revoke(call.body["token"], client=call.client)
    return Reply({})
