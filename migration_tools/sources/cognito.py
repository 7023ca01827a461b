"""``cognito``: tables of users, and lists that ``ListUsers`` gives. No hash ever leaves Cognito.

Source: Amazon's description of the import file, and of ``ListUsers``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from migration_tools import neutral
from migration_tools.records import LegacyUser
from migration_tools.sources.csv_table import Dialect
from migration_tools.sources.json_documents import Element
from migration_tools.sources.json_records import JsonRecords, table_elements
from migration_tools.sources.vendor_values import FACTOR_LEFT, account, full_name, objects_in, told
from migration_tools.values import truth_of

USERNAME = "cognito:username"
MFA = "cognito:mfa_enabled"
# Commas inside of a value have a backslash before them, and nothing is quoted.
DIALECT = Dialect(escape="\\", has_quotes=False)
PROVIDERS = {
    "Google": "google",
    "Facebook": "facebook",
    "SignInWithApple": "apple",
    "LoginWithAmazon": "amazon",
}
UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
# What else the vendor has a column for; the rest of them are the pool's own (custom:…).
MORE = ("nickname", "profile", "website", "gender", "birthdate", "zoneinfo", "locale", "address")
FEDERATED = "EXTERNAL_PROVIDER"
WAITING = frozenset({"FORCE_CHANGE_PASSWORD", "RESET_REQUIRED"})


class CognitoUsers(JsonRecords):
    default_name = "cognito"
    wanted = frozenset({"Users.*", "*"})
    has_lines = has_tables = has_own_fields = True
    id_key = "Username"

    def table_elements(self, path: str) -> Iterator[Element]:
        return table_elements(path, DIALECT, wanted=USERNAME)

    def user_from(self, row: Mapping[str, Any], around: Mapping[str, str]) -> LegacyUser:
        """Of a list; its attributes are those that a table has as columns."""
        attributes = {
            str(one.get("Name")): one.get("Value")
            for one in objects_in(row.get("Attributes") or row.get("UserAttributes"), "Attributes")
        }
        attributes[USERNAME] = row.get("Username")
        return _user(
            attributes,
            status=row.get("UserStatus"),
            has_factor=bool(row.get("MFAOptions") or row.get("UserMFASettingList")),
            more=told(
                created_at=row.get("UserCreateDate"),
                updated_at=row.get("UserLastModifiedDate"),
                disabled=row.get("Enabled") is False,
            ),
        )

    def user_from_cells(self, cells: Mapping[str, str | None]) -> LegacyUser:
        has_factor = truth_of(cells.get(MFA), MFA)
        return _user(cells, status=None, has_factor=has_factor, more=told(updated_at=cells.get("updated_at")))


def _user(row: Mapping[str, Any], *, status: Any, has_factor: bool, more: Mapping[str, Any]) -> LegacyUser:
    """``sub`` never changes; a table has it only under the user's name, which is often the same."""
    username = row.get(USERNAME)
    accounts = _accounts(row, username if status == FEDERATED else None)
    is_name = isinstance(username, str) and not UUID.fullmatch(username) and "@" not in username
    user = neutral.user_from(
        told(
            external_id=row.get("sub") or username,
            email=row.get("email"),
            email_verified=row.get("email_verified"),
            name=row.get("name") or full_name(row.get("given_name"), row.get("family_name")),
            image=row.get("picture"),
            username=row.get("preferred_username") or (username if is_name and not accounts else None),
            phone_number=row.get("phone_number"),
            phone_number_verified=row.get("phone_number_verified"),
            accounts=accounts,
            metadata=_metadata(row),
            **more,
        )
    )
    if has_factor:
        user.warnings.append(FACTOR_LEFT)
    if status in WAITING:
        user.warnings.append(
            "never-chose-a-password" if status != "RESET_REQUIRED" else "must-change-password"
        )
    return user


def _accounts(row: Mapping[str, Any], federated_name: Any) -> list[dict[str, Any]]:
    """An attribute tells them; else the name of one who comes from elsewhere, ``Google_1122``."""
    told_of = objects_in(row.get("identities"), "identities")
    if not told_of and isinstance(federated_name, str):
        provider, _, subject = federated_name.partition("_")
        told_of = [{"providerName": provider, "userId": subject}]
    found = (
        account(PROVIDERS.get(str(one.get("providerName")), one.get("providerName")), one.get("userId"))
        for one in told_of
    )
    return [one for one in found if one]


def _metadata(row: Mapping[str, Any]) -> dict[str, Any]:
    own = {name.removeprefix("custom:"): value for name, value in row.items() if name.startswith("custom:")}
    return told(**{name: row.get(name) for name in MORE}) | {
        k: v for k, v in own.items() if v not in (None, "")
    }
