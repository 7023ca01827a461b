"""Which origins may call us, and which URLs we may send people to.

Browsers repair the URLs they are given: backslashes become slashes, tabs vanish, dots may be percent-encoded,
full-width letters turn into ASCII. An open redirect is a URL that a server and a browser read differently, so
nothing is repaired here: text that leaves room for two readings is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import parse_qsl, quote_plus, unquote

# Control characters, which browsers strip or servers choke on; the backslash, which browsers read as a slash;
# lone surrogates, which no header can carry.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\\\ud800-\udfff]")
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
_WHITE_SPACE = re.compile(r"\s")
_ENCODED_SLASH = re.compile(r"%(?:2[fF]|5[cC])")
_STILL_ENCODED = re.compile(r"%(?:2[eEfF]|5[cC])")

# Letter cases are spelled out: IGNORECASE would let the Kelvin sign pass for a "k".
_ABSOLUTE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(?:[?#].*)?")
_WEB_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)(?::([0-9]{1,5}))?")
_APP_AUTHORITY = re.compile(r"[A-Za-z0-9._~:\[\]-]*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORT = re.compile(r":[0-9]+$")
_PORT_PATTERN = re.compile(r":[0-9*?]*$")
_IP_LOOKING = re.compile(r"(?=.*[0-9])[0-9.*?]+")

_DEFAULT_PORTS = {"http": 80, "https": 443}
# Never a way back into an app: they run script, read local files, or follow web rules not applied to them.
_REFUSED_SCHEMES = frozenset(
    {
        "about",
        "blob",
        "data",
        "file",
        "filesystem",
        "ftp",
        "javascript",
        "vbscript",
        "view-source",
        "ws",
        "wss",
    }
)
_LONGEST_URL = 8192
_LONGEST_HOST = 253


@dataclass(frozen=True, slots=True)
class _Target:
    """An absolute URL that every reader takes apart the same way.

    The authority of a web URL is spelled as a browser does. The path matters to custom schemes only, and has
    no dot segments or escapes left.
    """

    scheme: str
    authority: str
    path: str

    @property
    def is_web(self) -> bool:
        return self.scheme in _DEFAULT_PORTS

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def has_ipv4_host(self) -> bool:
        try:
            IPv4Address(_PORT.sub("", self.authority))
        except ValueError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class _Pattern:
    """One entry of the trusted origins, taken apart."""

    text: str
    scheme: str
    authority: str
    path: str
    has_wildcard: bool
    is_ip_looking: bool


def origin_of(url: str) -> str | None:
    """Return the WHATWG origin of an http(s) URL, or None unless every browser reads it the same way."""
    target = _parse(url)
    return target.origin if target is not None and target.is_web else None


def is_trusted_origin(value: str, patterns: Sequence[str]) -> bool:
    """Tell whether an ``Origin`` or ``Referer`` names a trusted caller; a path and ``null`` never do."""
    target = _parse(value)
    return target is not None and any(_matches(target, _compiled(pattern)) for pattern in patterns)


def is_trusted_url(value: str, patterns: Sequence[str]) -> bool:
    """Tell whether people may be sent to this callback: a path of our own, or a trusted absolute URL."""
    if value.startswith("/"):
        return _is_local_path(value)
    return is_trusted_origin(value, patterns)


def with_query(url: str, /, **parameters: str) -> str:
    """Set query parameters as ``URLSearchParams.set`` does; other parameters and the fragment stay.

    The URL may be relative, and is not judged here.
    """
    address, hash_mark, fragment = url.partition("#")
    address, _, query = address.partition("?")
    pairs = parse_qsl(_LONE_SURROGATE.sub("\ufffd", query), keep_blank_values=True)
    for name, value in parameters.items():
        pairs = _with_parameter(pairs, name, value)
    query = "&".join(f"{_form_encoded(name)}={_form_encoded(value)}" for name, value in pairs)
    return f"{address}{'?' if query else ''}{query}{hash_mark}{fragment}"


def resolve(url: str, base: str) -> str:
    """Make a callback path absolute on the base URL's origin; an absolute URL comes back unchanged.

    Raises ValueError for a base that has no origin: that is a wrong setting, never a visitor's doing.
    """
    origin = origin_of(base)
    if origin is None:
        raise ValueError(f"{base!r} is not an absolute http(s) URL")
    # Joined as text: as a relative reference "//evil.example" would take the place of our host.
    return f"{origin}{url}" if url.startswith("/") else url


def _parse(url: str) -> _Target | None:
    """Take an absolute URL apart, or return None when there is more than one way to read it."""
    if len(url) > _LONGEST_URL or _UNSAFE.search(url) or _WHITE_SPACE.search(url):
        return None
    parts = _ABSOLUTE.fullmatch(url)
    if parts is None:
        return None
    scheme, authority, path = parts[1].lower(), parts[2], parts[3]
    if scheme in _DEFAULT_PORTS:
        host_and_port = _web_authority(scheme, authority)
        return None if host_and_port is None else _Target(scheme, host_and_port, "")
    if scheme in _REFUSED_SCHEMES or _APP_AUTHORITY.fullmatch(authority) is None:
        return None
    plain_path = _plain_path(path)
    # An app that decodes once more than we did must not arrive in another folder.
    if plain_path is None or _STILL_ENCODED.search(plain_path):
        return None
    return _Target(scheme, authority, plain_path)


def _web_authority(scheme: str, authority: str) -> str | None:
    """Spell host and port as a browser does; None for user info, escapes, or an invalid host."""
    parts = _WEB_AUTHORITY.fullmatch(authority)
    if parts is None:
        return None
    host, port = _host(parts[1].lower()), int(parts[2] or _DEFAULT_PORTS[scheme])
    if host is None or port > 65535:
        return None
    return host if port == _DEFAULT_PORTS[scheme] else f"{host}:{port}"


def _host(host: str) -> str | None:
    try:
        if host.startswith("["):
            return f"[{_compressed(IPv6Address(host[1:-1]))}]"
        if _NUMBER.fullmatch(host.rpartition(".")[2]):
            # Browsers read "0x7f.1" and "2130706433" as addresses too; only the plain spelling passes.
            return str(IPv4Address(host))
    except ValueError:
        return None
    return host if len(host) <= _LONGEST_HOST else None


def _compressed(address: IPv6Address) -> str:
    mapped = address.ipv4_mapped
    if mapped is None:
        return address.compressed
    # Python 3.13 writes these with dots, browsers never do.
    return f"::ffff:{int(mapped) >> 16:x}:{int(mapped) & 0xFFFF:x}"


def _is_local_path(value: str) -> bool:
    """Tell whether a browser stays on our origin, also when it is sent on to the path it arrived at."""
    if len(value) > _LONGEST_URL or value.startswith("//") or _UNSAFE.search(value):
        return False
    path = _plain_path(re.split(r"[?#]", value, maxsplit=1)[0])
    return path is not None and not path.startswith("//")


def _plain_path(path: str) -> str | None:
    """Decode a path and remove its dot segments; None if an escape hides a slash or an unsafe character."""
    if _ENCODED_SLASH.search(path):
        return None
    decoded = unquote(path)
    if _UNSAFE.search(decoded):
        return None
    segments = decoded.split("/")[1:]
    kept: list[str] = []
    for segment in segments:
        if segment == "..":
            kept[-1:] = []
        elif segment != ".":
            kept.append(segment)
    if segments[-1:] in ([".."], ["."]):
        kept.append("")
    return "/" + "/".join(kept)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> _Pattern:
    scheme, separator, rest = pattern.partition("://")
    if not separator:
        scheme, rest = "", pattern
    authority, slash, path = rest.partition("/")
    host = _PORT_PATTERN.sub("", authority)
    return _Pattern(
        text=pattern,
        scheme=scheme.lower(),
        authority=authority,
        path=slash + path,
        has_wildcard=_has_wildcard(pattern),
        # It means addresses, so "10.*" must not let "10.evil.com" in.
        is_ip_looking=_has_wildcard(host) and _IP_LOOKING.fullmatch(host) is not None,
    )


def _matches(target: _Target, pattern: _Pattern) -> bool:
    if pattern.is_ip_looking and not target.has_ipv4_host:
        return False
    if not target.is_web:
        return _matches_app(target, pattern)
    if not pattern.has_wildcard:
        return pattern.text == target.origin
    return _matches_wildcards(pattern.text, target.origin if pattern.scheme else target.authority)


def _matches_app(target: _Target, pattern: _Pattern) -> bool:
    """Match a custom scheme; whatever part the pattern leaves out at the end is free.

    A pattern with a path but no authority asks for an empty authority: ``myapp:///cb`` does not trust
    ``myapp://evil/cb``.
    """
    if pattern.scheme != target.scheme:
        return False
    if (pattern.authority or pattern.path) and not _matches_wildcards(pattern.authority, target.authority):
        return False
    if _has_wildcard(pattern.path):
        return _matches_wildcards(pattern.path, target.path)
    # On a segment boundary: "/callback" is no prefix of "/callback.attacker".
    return target.path == pattern.path or target.path.startswith(pattern.path.removesuffix("/") + "/")


def _has_wildcard(text: str) -> bool:
    return "*" in text or "?" in text


def _matches_wildcards(pattern: str, text: str) -> bool:
    """Match ``?`` and ``*`` within a segment between slashes, and ``**`` over any number of segments."""
    return _matches_sequence(pattern.split("/"), text.split("/"), star="**", same=_matches_segment)


def _matches_segment(pattern: str, text: str) -> bool:
    return _matches_sequence(
        pattern, text, star="*", same=lambda wanted, character: wanted in ("?", character)
    )


def _matches_sequence(
    pattern: Sequence[str], items: Sequence[str], *, star: str, same: Callable[[str, str], bool]
) -> bool:
    """Match one kind of star, going back to the latest one only.

    That is enough to find a match if there is one, and no text a visitor sends takes exponential time.
    """
    at = position = resume_at = 0
    latest_star: int | None = None
    while position < len(items):
        if at < len(pattern) and pattern[at] == star:
            latest_star, resume_at = at, position
            at += 1
        elif at < len(pattern) and same(pattern[at], items[position]):
            at += 1
            position += 1
        elif latest_star is not None:
            resume_at += 1
            at, position = latest_star + 1, resume_at
        else:
            return False
    return all(rest == star for rest in pattern[at:])


def _with_parameter(pairs: list[tuple[str, str]], name: str, value: str) -> list[tuple[str, str]]:
    """Put the value where the name first stood and drop its other values, or append it."""
    first = next((place for place, (known, _) in enumerate(pairs) if known == name), len(pairs))
    return [*pairs[:first], (name, value), *(pair for pair in pairs[first:] if pair[0] != name)]


def _form_encoded(text: str) -> str:
    # URLSearchParams keeps "*" and escapes "~"; Python does the reverse.
    return quote_plus(_LONE_SURROGATE.sub("\ufffd", text), safe="*").replace("~", "%7E")
