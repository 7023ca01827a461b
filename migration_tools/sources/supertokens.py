"""``supertokens``: the file of SuperTokens' bulk import, and what its core lists of users.

A user has several login methods; here they are one account: the address is that of the password, which is
what people type, else that of the primary method.

Source: sources.md, section 2.19; SuperTokens' documentation, "Bulk import".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from migration_tools import neutral
from migration_tools.clear_text import hashed
from migration_tools.factors import totp_from
from migration_tools.records import LegacyUser, PassedOver, Refused
from migration_tools.sources.json_records import JsonRecords
from migration_tools.sources.vendor_values import account, full_name, object_in, objects_in, texts_in, told

MORE_ADDRESSES = "more-addresses-left"
NOT_EXPORTED = "hash-not-exported"
PASSWORD = "emailpassword"
FIREBASE = "$f_scrypt$"
IDS = ("externalUserId", "id", "userId", "superTokensUserId")
PUBLIC = ["public"]
Method = Mapping[str, Any]


class SuperTokensUsers(JsonRecords):
    default_name = "supertokens"
    wanted = frozenset({"*", "users.*"})
    has_own_fields = True
    id_key = "externalUserId"
    parameters = frozenset({"signer_key_env", "tenant"})

    def user_from(self, row: Mapping[str, Any], around: Mapping[str, str]) -> LegacyUser:
        methods = [one for one in objects_in(row.get("loginMethods"), "loginMethods") if self._is_here(one)]
        if not methods:
            if self.parameter("tenant") and row.get("loginMethods"):
                raise PassedOver("another-tenant", "a user of other tenants than the one the mapping names")
            raise Refused("invalid-record", "no loginMethods")
        main = _main(methods)
        phone = next((one for one in methods if one.get("phoneNumber")), {})
        external_id = _id_of(row, methods) or main.get("email") or phone.get("phoneNumber")
        metadata = object_in(row.get("userMetadata"), "userMetadata")
        user = neutral.user_from(
            told(
                external_id=external_id,
                email=main.get("email"),
                email_verified=_is_verified(main),
                name=metadata.get("name") or full_name(metadata.get("first_name"), metadata.get("last_name")),
                phone_number=phone.get("phoneNumber"),
                phone_number_verified=_is_verified(phone),
                created_at=_joined_at(methods),
                password=self._password(methods, str(external_id)),
                accounts=_accounts(methods),
                roles=self._roles(row),
                metadata=dict(metadata),
                totp=[
                    totp_from(one.get("secretKey"), period=one.get("period"))
                    for one in objects_in(row.get("totpDevices"), "totpDevices")
                ],
            )
        )
        user.warnings += _remarks(methods, user)
        return user

    def _is_here(self, one: Mapping[str, Any]) -> bool:
        wanted = self.parameter("tenant")
        return wanted is None or wanted in (texts_in(one.get("tenantIds")) or PUBLIC)

    def _roles(self, row: Mapping[str, Any]) -> list[str]:
        """Plain names in a list of users, objects with tenants in a file to be imported."""
        told_roles = row.get("userRoles") or row.get("roles") or []
        if texts_in(told_roles):
            return texts_in(told_roles)
        return [str(one.get("role")) for one in objects_in(told_roles, "userRoles") if self._is_here(one)]

    def _password(self, methods: Sequence[Method], owner: str) -> dict[str, Any] | None:
        """Of several methods with a password only one can be kept."""
        found: list[dict[str, Any]] = []
        for one in methods:
            stored, clear = one.get("passwordHash"), one.get("plaintextPassword")
            if one.get("recipeId") != PASSWORD or not (stored or clear):
                continue
            password = self._hash(str(stored)) if stored else hashed(str(clear), owner)
            if password not in found:
                found.append(password)
        if len(found) > 1:
            raise Refused("several-passwords", "the user has several methods with a password")
        return found[0] if found else None

    def _hash(self, stored: str) -> dict[str, Any]:
        signer_key = self.parameter("signer_key_env")
        params = {"signer_key_env": signer_key} if signer_key and stored.startswith(FIREBASE) else {}
        return {"scheme": "supertokens", "hash": stored, "params": params}


def _main(methods: Sequence[Method]) -> Method:
    """The method whose address becomes the user's."""
    with_address = [one for one in methods if one.get("email")]
    ranked = sorted(
        with_address, key=lambda one: (one.get("recipeId") != PASSWORD, one.get("isPrimary") is not True)
    )
    return ranked[0] if ranked else {}


def _id_of(row: Mapping[str, Any], methods: Sequence[Method]) -> Any:
    primary = sorted(methods, key=lambda one: one.get("isPrimary") is not True)
    found = (one.get(name) for one in (row, *primary) for name in (*IDS, "recipeUserId"))
    return next(filter(None, found), None)


def _is_verified(method: Method) -> bool:
    return method.get("isVerified", method.get("verified")) is True


def _joined_at(methods: Sequence[Method]) -> int | None:
    """Milliseconds."""
    times = [one.get("timeJoinedInMSSinceEpoch", one.get("timeJoined")) for one in methods]
    return min((one for one in times if isinstance(one, int)), default=None)


def _accounts(methods: Sequence[Method]) -> list[dict[str, Any]]:
    pairs = []
    for one in methods:
        listed = object_in(one.get("thirdParty"), "thirdParty")
        pairs.append(
            (one.get("thirdPartyId") or listed.get("id"), one.get("thirdPartyUserId") or listed.get("userId"))
        )
    return [found for pair in pairs if (found := account(*pair))]


def _remarks(methods: Sequence[Method], user: LegacyUser) -> list[str]:
    remarks = []
    if len({str(one["email"]).lower() for one in methods if one.get("email")}) > 1:
        remarks.append(MORE_ADDRESSES)
    if user.password is None and any(one.get("recipeId") == PASSWORD for one in methods):
        remarks.append(NOT_EXPORTED)
    return remarks
