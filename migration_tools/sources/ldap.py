"""``ldap``: people of a directory, from an LDIF file.

Source: sources.md, section 2.18; the attributes are those of RFC 4519 and 4524, of OpenLDAP's password
policy, of 389 Directory Server, and of Active Directory, which gives no hashes.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from better_auth import clock
from migration_tools import neutral
from migration_tools.clear_text import hashed
from migration_tools.records import LegacyUser, PassedOver, Read, Refused
from migration_tools.sources.files import identity, opened
from migration_tools.sources.ldif import Entry, entries, first_names
from migration_tools.sources.source import Share, Source, SourceFault, Told
from migration_tools.sources.vendor_values import full_name, told
from migration_tools.values import decoded, ensure_storable

IDS = ("entryuuid", "nsuniqueid", "ipauniqueid", "guid")
USER_NAMES = ("uid", "samaccountname")
PEOPLE = frozenset(
    {"person", "organizationalperson", "inetorgperson", "user", "posixaccount", "account", "mailuser"}
)
MACHINES = frozenset({"computer"})
HASH = re.compile(r"\{[A-Za-z0-9_./-]{1,40}\}.*|\$(?:2[abxy]?|1|5|6|argon2(?:id|i|d))\$.*", re.DOTALL)
CLEAR = re.compile(r"\{(?:clear|cleartext|plain)\}(?P<text>.*)", re.DOTALL | re.IGNORECASE)
# What /etc/shadow has in the place of a hash.
SHUT = re.compile(r"\{crypt\}(?:[!*].*|x)", re.DOTALL | re.IGNORECASE)
TIME = re.compile(r"(\d{8})(\d{2})(\d{2})?(\d{2})?(?:[.,]\d+)?(Z|[+-]\d{2}(?:\d{2})?)")
FOR_EVER = "000001010000Z"
LOCKED, EXPIRED = "migrated:locked", "migrated:expired"
SHUT_OUT = 2  # of userAccountControl
MORE_ADDRESSES = "more-addresses-left"
NO_HASH = "password-shut"
PARAMETERS = ("id_attribute", "username_attribute", "email_attribute")


class LdapEntries(Source):
    default_name = "ldap"
    has_own_fields = True
    parameters = frozenset({*PARAMETERS, "several_passwords", "lockout_duration", "mail_is_verified"})

    def __init__(self, told: Told) -> None:
        super().__init__(told)
        if self.parameter("several_passwords") not in (None, "refuse", "first"):
            raise SourceFault("[parameters]: several_passwords wants refuse or first")
        if type(self.parameter("lockout_duration") or 0) is not int:
            raise SourceFault("[parameters]: lockout_duration wants seconds")

    def read(self, after: str = "", share: Share | None = None) -> Iterator[Read]:
        is_empty = not after
        with opened(self.ensure_file()) as file:
            for entry in entries(file, after):
                is_empty = False
                yield self._read_entry(entry)
        if is_empty:
            raise SourceFault(f"{self.told.input}: there is no entry in it")

    def identity(self) -> Mapping[str, Any]:
        return identity(self.ensure_file())

    def _read_entry(self, entry: Entry) -> Read:
        place, external_id = f"line {entry.line}", ""
        try:
            if entry.refusal:
                raise entry.refusal
            external_id = self._id_of(entry)[:255]
            return Read(place, entry.position, user=self._user_from(entry, external_id))
        except Refused as refusal:
            return Read(place, entry.position, refusal=refusal, external_id=external_id)

    def _user_from(self, entry: Entry, external_id: str) -> LegacyUser:
        if not _is_person(entry):
            raise PassedOver("no-person", "an entry of another kind")
        warnings: list[str] = []
        emails = _texts(entry, str(self.parameter("email_attribute") or "mail"))
        username = self._username(entry)
        groups = [next(iter(first_names(dn).values()), dn) for dn in _texts(entry, "memberOf")]
        user = neutral.user_from(
            told(
                external_id=external_id,
                email=emails[0] if emails else None,
                email_verified=bool(emails) and self.parameter("mail_is_verified") is True,
                name=_name(entry),
                username=None if "@" in (username or "") else username,
                phone_number=re.sub(r"[ ()./-]", "", _text(entry, "mobile") or ""),
                created_at=_moment(_text(entry, "createTimestamp") or _text(entry, "whenCreated")),
                updated_at=_moment(_text(entry, "modifyTimestamp") or _text(entry, "whenChanged")),
                password=self._password(entry, external_id, warnings),
                groups=groups,
                metadata=self._metadata(entry),
            )
        )
        self._lock(user, entry)
        if len({one.lower() for one in emails}) > 1:
            warnings.append(MORE_ADDRESSES)
        user.warnings += warnings
        return user

    def _id_of(self, entry: Entry) -> str:
        """What stays when somebody is renamed; else the name of the entry."""
        named = self.parameter("id_attribute")
        for name in (str(named),) if named else IDS:
            if found := _text(entry, name):
                return found
        octets = entry.values.get("objectguid", [b""])[0]
        if len(octets) == 16 and not named:
            return str(uuid.UUID(bytes_le=octets))
        if named:
            raise Refused("missing-id", f"no {named}")
        ensure_storable(entry.dn, "dn")
        return entry.dn

    def _username(self, entry: Entry) -> str | None:
        named = self.parameter("username_attribute")
        return next(
            filter(None, (_text(entry, one) for one in ([str(named)] if named else USER_NAMES))), None
        )

    def _password(self, entry: Entry, owner: str, warnings: list[str]) -> dict[str, Any] | None:
        if "userpassword" in entry.elsewhere:
            raise Refused("value-elsewhere", "userPassword stands in another file, which is not opened")
        values = list(dict.fromkeys(one for one in _texts(entry, "userPassword") if one))
        open_ones = [one for one in values if not SHUT.fullmatch(one)]
        if values and not open_ones:
            warnings.append(NO_HASH)
        if len(open_ones) > 1 and self.parameter("several_passwords") != "first":
            raise Refused(
                "several-passwords", "several values, of which one can be kept: several_passwords = 'first'"
            )
        return _hash(open_ones[0], owner) if open_ones else None

    def _metadata(self, entry: Entry) -> dict[str, Any]:
        """What the mapping names, in whatever case the attribute is written."""
        mapping = self.told.mapping
        if not mapping or not mapping.metadata:
            return {}
        row = {column: _text(entry, column) for column in mapping.columns}
        found = {name: rule(row) for name, rule in mapping.metadata.items()}
        return {name: one for name, one in found.items() if one is not None}

    def _lock(self, user: LegacyUser, entry: Entry) -> None:
        now = clock.now()
        told_time = _text(entry, "pwdAccountLockedTime")
        if told_time:
            seconds = int(self.parameter("lockout_duration") or 0)
            since = None if told_time == FOR_EVER else _moment(told_time)
            until = since + timedelta(seconds=seconds) if since and seconds else None
            if until is None or until > now:
                user.disabled, user.ban_reason, user.ban_expires = True, LOCKED, until
        is_shut = any(
            (_text(entry, name) or "").upper() == "TRUE" for name in ("nsAccountLock", "loginDisabled")
        )
        control = _text(entry, "userAccountControl") or ""
        if is_shut or (control.isdecimal() and int(control) & SHUT_OUT):
            user.disabled, user.ban_reason, user.ban_expires = True, LOCKED, None
        days = _text(entry, "shadowExpire") or ""
        if days.isdecimal() and len(days) < 7 and timedelta(days=int(days)).total_seconds() < now.timestamp():
            user.disabled, user.ban_reason, user.ban_expires = True, EXPIRED, None


def _hash(value: str, owner: str) -> dict[str, Any]:
    """Without a scheme it is the password itself, unless it begins as hashes do."""
    if clear := CLEAR.fullmatch(value):
        return hashed(clear["text"], owner)
    if HASH.fullmatch(value):
        return {"scheme": "ldap", "hash": value}
    return hashed(value, owner)


def _is_person(entry: Entry) -> bool:
    classes = {one.lower() for one in _texts(entry, "objectClass")}
    if not classes:  # an export of a few attributes
        return bool({"mail", "uid", "userpassword"} & entry.values.keys())
    return bool(classes & PEOPLE) and not classes & MACHINES


def _name(entry: Entry) -> str:
    name = _text(entry, "displayName") or _text(entry, "cn")
    name = name or full_name(_text(entry, "givenName"), _text(entry, "sn"))
    return name or first_names(entry.dn).get("cn", "")


def _texts(entry: Entry, name: str) -> list[str]:
    found = [decoded(one, name) for one in entry.values.get(name.lower(), ())]
    for one in found:
        ensure_storable(one, name)
    return found


def _text(entry: Entry, name: str) -> str | None:
    return next((one.strip() for one in _texts(entry, name) if one.strip()), None)


def _moment(text: str | None) -> datetime | None:
    """RFC 4517, 3.3.13."""
    found = TIME.fullmatch(text or "")
    if found is None:
        return None
    day, hour, minute, second, zone = found.groups()
    sign = -1 if zone[0] == "-" else 1
    try:
        moment = datetime.strptime(f"{day}{hour}{minute or '00'}{second or '00'}", "%Y%m%d%H%M%S")
        distance = (
            timedelta(0)
            if zone == "Z"
            else sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5] or 0))
        )
        return moment.replace(tzinfo=timezone(distance)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
