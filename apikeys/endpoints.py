"""``/api-key/*``. Source: api-key.md, section 4."""

from __future__ import annotations

from typing import Any

from apikeys import keys, ownership, usage, wire
from apikeys.bodies import (
    SERVER_ONLY,
    CreateBody,
    GetQuery,
    KeyBody,
    ListQuery,
    RotateBody,
    UpdateBody,
    UsageQuery,
)
from apikeys.configuration import Configuration, configuration, configurations
from apikeys.errors import ErrorCode
from apikeys.keys import By
from apikeys.ownership import Action
from apikeys.records import KeyRecord, key_record
from better_auth import clock
from better_auth.conf import auth_settings
from better_auth.errors import BadRequest, Unauthorized
from better_auth.http.endpoint import Access, Call, endpoint
from better_auth.http.reply import Reply
from better_auth.storage.records import UserRecord

# Members that owners may set, and what they are called within.
OWNERS = {"name": "name", "prefix": "prefix", "expiresIn": "expires_in", "metadata": "metadata"}
DAYS = 30
# Keys in one answer: as many as the protocol reads if nobody says, and the most that anybody may ask for.
SHOWN, MOST_SHOWN = 100, 1000


@endpoint("POST", "/api-key/create", body=CreateBody, aliases=("/api-key",), changes_credentials=True)
def create_api_key(call: Call) -> Reply:
    """The only answer that shows the key."""
    keys.purge()
    _ensure_nothing_of_servers({**call.body, "remaining": call.body.get("remaining")})
    if call.body.get("userId") is not None:
        raise Unauthorized(ErrorCode.UNAUTHORIZED_SESSION)
    user, chosen = _user(call), configuration(call.body.get("configId"))
    owner = ownership.owner_of_new(chosen, user, call.body.get("organizationId"))
    key, secret = keys.create(owner, chosen, _wanted(call.body), by=_by(call))
    return Reply({**wire.key_object(key), "key": secret})


@endpoint("GET", "/api-key/get", access=Access.SIGNED_IN, query=GetQuery)
def get_api_key(call: Call) -> Reply:
    keys.purge()
    key, _ = _own(call, call.query["id"], call.query.get("configId"), "read")
    return Reply(wire.key_object(key))


@endpoint("POST", "/api-key/update", body=UpdateBody, changes_credentials=True)
def update_api_key(call: Call) -> Reply:
    keys.purge()
    user = _user(call)
    if call.body.get("userId") is not None and call.body["userId"] != user.id:
        raise Unauthorized(ErrorCode.UNAUTHORIZED_SESSION)
    _ensure_nothing_of_servers(call.body)
    key, chosen = _own(call, call.body["keyId"], call.body.get("configId"), "update")
    wanted = _wanted(call.body)
    wanted |= {"enabled": call.body["enabled"]} if "enabled" in call.body else {}
    return Reply(wire.key_object(keys.update(key, chosen, wanted, by=_by(call))))


@endpoint("POST", "/api-key/delete", access=Access.SIGNED_IN, body=KeyBody, changes_credentials=True)
def delete_api_key(call: Call) -> Reply:
    keys.purge()
    key, _ = _own(call, call.body["keyId"], call.body.get("configId"), "delete")
    keys.delete(key, by=_by(call))
    return Reply({"success": True})


@endpoint("GET", "/api-key/list", access=Access.SIGNED_IN, query=ListQuery)
def list_api_keys(call: Call) -> Reply:
    """Of one organization, or the caller's own; of all configurations, unless one is named. ``total`` counts
    those, too, that this answer has no room for."""
    keys.purge()
    query, organization_id = call.query, call.query.get("organizationId")
    if organization_id:
        ownership.ensure_authority(call.user, organization_id, "read")
    kind = "organization" if organization_id else "user"
    chosen = [configuration(query["configId"])] if query.get("configId") else configurations().values()
    fitting = [one for one in chosen if one.rules.references == kind]
    rows = keys.owned(organization_id or call.user.id, fitting)
    total = rows.count()
    if query.get("sortBy") in wire.SORTABLE:
        direction = "-" if query.get("sortDirection") == "desc" else ""
        rows = rows.order_by(direction + wire.SORTABLE[query["sortBy"]], "id")
    first = query.get("offset", 0)
    paging = {"limit": min(query["limit"], MOST_SHOWN)} if "limit" in query else {}
    shown = [wire.key_object(key_record(row)) for row in rows[first : first + paging.get("limit", SHOWN)]]
    paging |= {"offset": first} if "offset" in query else {}
    return Reply({"apiKeys": shown, "total": total, **paging})


@endpoint("POST", "/api-key/rotate", access=Access.SIGNED_IN, body=RotateBody, changes_credentials=True)
def rotate_api_key(call: Call) -> Reply:
    """Our addition: another key in the place of this one, which stays good for ``overlap`` seconds."""
    key, chosen = _own(call, call.body["keyId"], call.body.get("configId"), "update")
    overlap = call.body.get("overlap")
    longest = auth_settings.api_keys.usage_days * 86400
    if overlap is not None and overlap > longest:
        raise BadRequest(ErrorCode.EXPIRES_IN_IS_TOO_LARGE)
    changed, secret = keys.rotate(
        key, chosen, overlap=None if overlap is None else int(overlap), by=_by(call)
    )
    return Reply({**wire.key_object(changed), "key": secret, "previousKeyExpiresAt": _previous(changed)})


@endpoint("GET", "/api-key/usage", access=Access.SIGNED_IN, query=UsageQuery)
def api_key_usage(call: Call) -> Reply:
    """Our addition: how often a key was used on each of the last days, today (by UTC) last."""
    key, _ = _own(call, call.query["id"], call.query.get("configId"), "read")
    days = min(max(call.query.get("days", DAYS), 1), auth_settings.api_keys.usage_days)
    counts = usage.per_day(key.id, days=days, today=usage.today())
    return Reply(
        {
            "id": key.id,
            "total": sum(counts.values()),
            "days": [{"day": day.isoformat(), "count": count} for day, count in counts.items()],
        }
    )


def _user(call: Call) -> UserRecord:
    """Raises ``UNAUTHORIZED_SESSION``, where other endpoints say ``UNAUTHORIZED``."""
    if call.principal is None:
        raise Unauthorized(ErrorCode.UNAUTHORIZED_SESSION)
    return call.user


def _own(call: Call, key_id: str, config_id: str | None, action: Action) -> tuple[KeyRecord, Configuration]:
    chosen = configuration(config_id)
    return ownership.ensure_own(keys.find(key_id), chosen, call.user, action), chosen


def _ensure_nothing_of_servers(body: dict[str, Any]) -> None:
    """Raises ``SERVER_ONLY_PROPERTY``; a ``remaining`` of null is passed over."""
    if any(name in body and not (name == "remaining" and body[name] is None) for name in SERVER_ONLY):
        raise BadRequest(ErrorCode.SERVER_ONLY_PROPERTY)


def _wanted(body: dict[str, Any]) -> dict[str, Any]:
    return {own: body[name] for name, own in OWNERS.items() if name in body}


def _by(call: Call) -> By:
    return By(call.user.id, call.client)


def _previous(key: KeyRecord) -> str | None:
    return clock.iso(key.previous_until) if key.previous_until else None
