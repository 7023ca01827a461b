"""Trusted origins and callbacks: the protocol's matrix, known attacks, and what a browser's parser says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from better_auth.http.trusted_urls import is_trusted_origin, is_trusted_url, origin_of, resolve, with_query
from tests.patience import no_hang

APP = "https://app.example.com"

# Every case of the protocol's observed matrix, value against pattern.
ACCEPTED = [
    ("https://a.trusted.com", "https://*.trusted.com"),
    ("https://a.b.trusted.com", "https://*.trusted.com"),
    ("https://a.trusted.com/path?q=1", "https://*.trusted.com"),
    ("http://a.trusted.com", "*.trusted.com"),
    ("http://localhost:5173", "http://localhost:*"),
    ("http://LOCALHOST:3000", "http://localhost:3000"),
    ("http://10.1.2.3", "http://10.*.*.*"),
    ("myapp://cb", "myapp://"),
    ("myapp://cb/x", "myapp://cb"),
    ("exp://1.2.3.4:8081/--/x", "exp://**"),
    ("https://x.com", "*"),
]
REJECTED = [
    ("https://trusted.com", "https://*.trusted.com"),
    ("http://a.trusted.com", "https://*.trusted.com"),
    ("https://a.trusted.com:8443", "https://*.trusted.com"),
    ("https://evil.com?.trusted.com", "https://*.trusted.com"),
    ("http://a.trusted.com:8080", "*.trusted.com"),
    ("http://localhost:3000", "http://localhost:3000/"),
    ("http://10.evil.com", "http://10.*"),
    ("myapp://cbx", "myapp://cb"),
    ("data:text/html,x", "*"),
    *[
        (value, pattern)
        for value in ("javascript:alert(1)", "notaurl")
        for pattern in ("*", "**", "http://*", "https://*", "http://**", APP, "http://localhost:3000")
    ],
]
RELATIVE_ACCEPTED = ["/x", "/a?b=%2f", "/a#//x", "/@evil.com", "/x y"]
RELATIVE_REJECTED = ["//x", "/\\x", "/a%2fb", "/\tx"]

# What the matrix leaves open, decided here.
MORE_ACCEPTED = [
    ("https://app.example.com:443/x", APP),
    ("HTTPS://App.Example.Com", APP),
    ("https://[2001:DB8:0:0::1]:8443/x", "https://[2001:db8::1]:8443"),
    ("http://[::1]:3000", "http://[::1]:*"),
    ("http://10.1.2.3:8080", "http://10.*.*.*:*"),
    ("https://a1.trusted.com", "https://a?.trusted.com"),
    ("https://anything.example:99", "https://**"),
    ("https://anything.example", "**"),
    ("https://trusted.com", "https://trusted.com/**"),
    ("MyApp://cb", "myapp://cb"),
    ("myapp://cb?x=1#y", "MYAPP://cb"),
    ("myapp:///cb/x", "myapp:///cb"),
    ("myapp://cb/x", "myapp://cb/"),
    ("myapp://cb", "myapp://cb/"),
    ("myapp://cb/%61/b", "myapp://cb/a"),
    ("myapp://cb/z/../a/b", "myapp://cb/a"),
    ("myapp://cb/a/b", "myapp://cb/**"),
    ("myapp://one.example/x", "myapp://*.example"),
    ("exp://192.168.0.7:8081/--/x", "exp://192.168.*.*:*/**"),
    ("chrome-extension://abcdef", "chrome-extension://abcdef"),
]
MORE_REJECTED = [
    ("https://app.example.com", "https://App.Example.Com"),
    ("https://app.example.com:8443", APP),
    ("http://app.example.com", APP),
    ("https://app.example.com.", APP),
    ("https://app.example.com:", APP),
    ("https://app.example.com:99999", "https://app.example.com:*"),
    ("https://a.trusted.com", "https://*.TRUSTED.com"),
    ("https://.trusted.com", "https://*.trusted.com"),
    ("https://10.1.2.3.evil.com", "10.*"),
    ("http://0x0a.1.2.3", "http://*"),
    ("http://167838211", "http://*"),
    ("http://10.1.2.3.", "http://10.*"),
    ("http://127.1", "http://*"),
    ("exp://192.168.evil.com:8081/x", "exp://192.168.*.*:*"),
    ("exp://192.168.0.1:8081.evil.com", "exp://192.168.*"),
    ("myapp://x", "*"),
    ("myapp://x", "**"),
    ("myapp://x", "*://*"),
    ("myapp://x", "myapp:"),
    ("myapp:x", "myapp://"),
    ("otherapp://cb", "myapp://"),
    ("myapp://evil/cb", "myapp:///cb"),
    ("myapp://cb/x/y", "myapp://cb/*"),
    ("myapp://cb/ab", "myapp://cb/a"),
    ("myapp://cb/a", "myapp://cb/a/"),
    ("myapp://cb/a/../b", "myapp://cb/a"),
    ("myapp://cb/a/%2e%2e/b", "myapp://cb/a"),
    ("myapp://cb/a/..%2fb", "myapp://cb/a"),
    ("myapp://cb/a/%252e%252e/b", "myapp://cb/a"),
    ("myapp://cb/a%00", "myapp://cb/a"),
    ("myapp://user@cb", "myapp://*"),
    ("myapp://user@cb", "myapp://"),
    ("myapp://c\u0431", "myapp://*"),
    ("javascript://%0aalert(1)", "javascript://"),
    ("data://text/html,x", "data://**"),
    ("file:///etc/passwd", "file://"),
    ("", "*"),
    ("", ""),
    ("https://", "https://"),
    ("https://*", "https://*"),
]

# Tried against patterns a developer is likely to write.
TRUSTED = ["https://trusted.example", "https://*.trusted.example", "*.trusted.example", "http://localhost:*"]
ATTACKS = [
    # A2: the trusted name somewhere else than in the host
    "https://trusted.example.evil.com",
    "https://eviltrusted.example",
    "https://evil.com/?x=https://trusted.example",
    "https://trusted.example@evil.com",
    "https://trusted.example:x@evil.com",
    "https://a.trusted.example:443@evil.com",
    "https://evil.com#.trusted.example",
    "https://evil.com?.trusted.example",
    "https://evil.com/.trusted.example",
    "https://evil.com\\.trusted.example",
    "https://evil.com:.trusted.example",
    "https://evil.com;.trusted.example",
    "https://evil.com,.trusted.example",
    "https://evil.com%2f.trusted.example",
    "https://evil.com%00.trusted.example",
    "https://evil.com\x00.trusted.example",
    "https://evil.com\n.trusted.example",
    "https://evil.com .trusted.example",
    "http://localhost:3000@evil.com",
    "http://localhost:@evil.com",
    "http://localhost:.evil.com",
    # A3
    "https://evil.com",
    # A4: other ways to say "another host"
    "//evil.com",
    "///evil.com",
    "////evil.com",
    "//..",
    "//evil.com/..",
    "/\\evil.com",
    "\\\\evil.com",
    "\\/evil.com",
    "/%2F/evil.com",
    "/%2f/evil.com",
    "/%5cevil.com",
    "/%5C/evil.com",
    "/%09/evil.com",
    "/%0a/evil.com",
    "/\t/evil.com",
    "/\n/evil.com",
    "/\r\n/evil.com",
    "\t//evil.com",
    " //evil.com",
    "\u00a0//evil.com",
    "/\x00/evil.com",
    "/\x7f/evil.com",
    "/\x85/evil.com",
    "/x\r\nSet-Cookie: a=b",
    "/x?y=\\z",
    "http:evil.com",
    "https:evil.com",
    "http:/evil.com",
    "http:///evil.com",
    "https:/\\evil.com",
    "https:\\\\evil.com",
    "ht\ntps://evil.com",
    "https://\tevil.com",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    "javascript://trusted.example/%0aalert(1)",
    "vbscript:x",
    "data:text/html,<script>alert(1)</script>",
    "data:text/html;base64,aHR0cHM6Ly90cnVzdGVkLmV4YW1wbGU=",
    "blob:https://trusted.example/x",
    "view-source:https://trusted.example",
    "evil.com",
    "?next=//evil.com",
    "#x",
    ".",
    "..//evil.com",
    # the path left over after the dot segments
    "/.//evil.example",
    "/%2e//evil",
    "/%2E//evil",
    "/..//evil",
    "/%2e%2e//evil",
    "/.%2e//evil",
    "/a/..//evil",
    "/a/%2e%2e//evil",
    "/a/b/../..//evil",
    "/././/evil?x",
    # letters that only look like ours, or that become ours
    "https://tr\u0443sted.example",
    "https://trusted\u3002example",
    "https://evil.com\uff0f.trusted.example",
    "https://evil.com\u2044.trusted.example",
    "https://evil.com\u2100.trusted.example",
    "https://\uff54rusted.example",
    "http\u017f://trusted.example",
    "http://localho\u017ft:3000",
    "https://trusted.example\u200b",
    # white space and halves of characters, which break the Location header
    "https://trusted.example/a b",
    "https://trusted.example/\u2028",
    "https://trusted.example/\ud800",
    "https://trusted.example/\\x",
    "/\ud800",
    "/" + "a" * 9000,
]


@pytest.mark.parametrize(("value", "pattern"), ACCEPTED + MORE_ACCEPTED)
def test_accepts(value: str, pattern: str) -> None:
    assert is_trusted_url(value, [pattern])
    assert is_trusted_origin(value, ["https://another.example", pattern])


@pytest.mark.parametrize(("value", "pattern"), REJECTED + MORE_REJECTED)
def test_rejects(value: str, pattern: str) -> None:
    assert not is_trusted_url(value, [pattern])
    assert not is_trusted_origin(value, [pattern])


@pytest.mark.parametrize("value", RELATIVE_ACCEPTED)
def test_accepts_a_path_whatever_the_patterns_but_never_as_an_origin(value: str) -> None:
    assert is_trusted_url(value, [])
    assert is_trusted_url(value, ["https://elsewhere.example"])
    assert not is_trusted_origin(value, ["*", "**", value, "/**"])


@pytest.mark.parametrize("value", RELATIVE_REJECTED)
def test_rejects_a_path_that_leaves_the_origin(value: str) -> None:
    assert not is_trusted_url(value, ["*", "**", value])


@pytest.mark.parametrize(
    "value", ["/%C3%A9t%C3%A9", "/\u00e9t\u00e9", "/a//b", "/a/../b", "/", "/?x=//y", "/100%", "/..a//b"]
)
def test_accepts_unusual_but_plain_paths(value: str) -> None:
    assert is_trusted_url(value, [])


@pytest.mark.parametrize("value", ATTACKS)
def test_refuses_attacks(value: str) -> None:
    assert not is_trusted_url(value, TRUSTED)


@pytest.mark.parametrize(
    "value",
    [
        "myapp://callback.attacker.tld",
        "myapp://callback.attacker.tld/callback",
        "myapp://callbackx",
        "myapp:callback",
    ],
)
def test_refuses_a_custom_scheme_by_mere_prefix(value: str) -> None:
    assert is_trusted_url("myapp://callback", ["myapp://callback"])
    assert is_trusted_url("myapp://callback/done", ["myapp://callback"])
    assert not is_trusted_url(value, ["myapp://callback"])


@pytest.mark.parametrize(
    "value", ["null", "NULL", "", "/", "//app.example.com", "app.example.com", "https://"]
)
def test_no_origin_header(value: str) -> None:
    assert not is_trusted_origin(value, [APP, "*", "**", "null", value])


def test_compares_the_origin_of_a_referer() -> None:
    assert is_trusted_origin("https://app.example.com/deep/path?next=https://evil.com#x", [APP])
    assert not is_trusted_origin("https://evil.com/https://app.example.com", [APP])
    assert not is_trusted_origin("https://app.example.com@evil.com/", [APP])


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Example.COM/path?q#f", "https://example.com"),
        ("HTTP://example.com:80", "http://example.com"),
        ("http://example.com:443", "http://example.com:443"),
        ("https://example.com:0443", "https://example.com"),
        ("http://[2001:0DB8::0:1]:8080/", "http://[2001:db8::1]:8080"),
        ("http://[::ffff:1.2.3.4]", "http://[::ffff:102:304]"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://under_score", "http://under_score"),
        ("myapp://callback", None),
        ("null", None),
        ("", None),
        ("example.com", None),
        ("//example.com", None),
        ("https://user:pw@example.com", None),
        ("https://@example.com", None),
        ("https://example.com\\", None),
        ("https://example.com/\\", None),
        ("https://exa mple.com", None),
        (" https://example.com", None),
        ("https://example.com\n", None),
        ("https://example.com:65536", None),
        ("https://example.com:+80", None),
        ("https://example.com:\u0661", None),
        ("https://ex%61mple.com", None),
        ("https://b\u00fccher.example", None),
        ("https://a..b", None),
        ("http://1.2.3", None),
        ("http://256.1.1.1", None),
        ("http://[::1", None),
        ("http://[::1%eth0]", None),
        ("http://[1.2.3.4]", None),
        ("https://" + "a" * 254, None),
    ],
)
def test_origin_of(url: str, origin: str | None) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    ("url", "parameters", "expected"),
    [
        ("/x", {"error": "INVALID_TOKEN"}, "/x?error=INVALID_TOKEN"),
        ("/x?a=1#part?no", {"b": "2"}, "/x?a=1&b=2#part?no"),
        ("/x?error=a&k=v&error=b", {"error": "c"}, "/x?error=c&k=v"),
        ("https://app.example.com?e=1", {"e": "2"}, "https://app.example.com?e=2"),
        ("myapp://cb", {"token": "a b&c=d~*\u00e9"}, "myapp://cb?token=a+b%26c%3Dd%7E*%C3%A9"),
        ("/x?next=%2Fa+b&flag", {"t": "1"}, "/x?next=%2Fa+b&flag=&t=1"),
        ("/x?", {}, "/x"),
        ("", {"a": "\ud800"}, "?a=%EF%BF%BD"),
        ("/x", {"url": "u"}, "/x?url=u"),
    ],
)
def test_with_query(url: str, parameters: dict[str, str], expected: str) -> None:
    assert with_query(url, **parameters) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/x?y#z", "https://auth.example.com:8443/x?y#z"),
        ("//evil.example", "https://auth.example.com:8443//evil.example"),
        ("https://app.example.com/x", "https://app.example.com/x"),
        ("myapp://cb", "myapp://cb"),
    ],
)
def test_resolve(url: str, expected: str) -> None:
    assert resolve(url, "https://Auth.example.com:8443/api/auth") == expected


def test_resolve_needs_a_base_with_an_origin() -> None:
    with pytest.raises(ValueError, match="not-a-base"):
        resolve("/x", "not-a-base")


def test_many_stars_take_no_exponential_time() -> None:
    pattern = "myapp://" + "a*" * 30 + "/" + "**/a*b*" * 30
    with no_hang():
        assert not is_trusted_url("myapp://" + "a" * 200 + "/" + "a/" * 1000 + "c", [pattern])
        assert not is_trusted_url("https://" + "a" * 200 + ".c", ["https://" + "*a" * 30 + "b"])


# --- the same questions put to a browser's parser ---

ORACLE_SCRIPT = """
const lines = require("readline").createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const { value, base, parameters } = JSON.parse(line);
  let answer = null;
  try {
    const url = new URL(value, base);
    for (const [name, text] of parameters) url.searchParams.set(name, text);
    const { origin, hostname, pathname, search, hash } = url;
    answer = { origin, hostname, pathname, search, hash };
  } catch (error) {}
  process.stdout.write(JSON.stringify(answer) + "\\n");
});
"""


@dataclass(frozen=True)
class BrowserUrl:
    """A URL as Node's WHATWG parser reads it."""

    origin: str
    hostname: str
    pathname: str
    search: str
    hash: str


Browse = Callable[..., "BrowserUrl | None"]


@pytest.fixture(scope="module")
def browse() -> Iterator[Browse]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    with subprocess.Popen(
        [node, "-e", ORACLE_SCRIPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        requests, answers = process.stdin, process.stdout

        def ask(value: str, base: str | None = None, **parameters: str) -> BrowserUrl | None:
            question: dict[str, object] = {"value": value, "parameters": list(parameters.items())}
            if base is not None:
                question["base"] = base
            requests.write(json.dumps(question) + "\n")
            requests.flush()
            answer = json.loads(answers.readline())
            return None if answer is None else BrowserUrl(**answer)

        yield ask
        requests.close()


STARTS = [
    "",
    "/",
    "//",
    "/.",
    "/a/",
    "http:",
    "https:",
    "https://",
    "HTTPS://",
    APP,
    "https://app.example.com:443",
    "https://APP.example.com/",
    "https://a.example.com",
    "https://[::1]",
    "myapp://cb",
    " ",
]
# fmt: off
PIECES = [
    "/", "/", "\\", ".", "..", "/..", "/./", "%2e", "%2E%2e", "%2f", "%5C", "%252e", "%09", "%00", "%25", "%",
    "\t", "\n", "\r", " ", "\x00", "\x0b", "\x1f", "\x7f", "\x85", "\u00a0", "\u200b", "\u2028", "\ufeff",
    "@", "#", "?", "&", "=", "+", ":", ":80", ":443", ":0", ":65536", ":x", ";", ",", "*", "~", "|", "^", "<",
    "\u3002", "\uff0e", "\uff61", "\uff0f", "\u2044", "\u2100", "\uff20", "\u017f", "\u212a", "\u00df",
    "[::1]", "[", "]", "::", "1.2.3.4", "127.1", "0x7f", "10", "ffff", "xn--a", "xn--bcher-kva", "_", "-",
    "a", "evil.com", "evil", ".example.com", "app.example.com", "APP", "com", "javascript:", "data:", "https://",
    '"', "%zz", "'", "\ud800", "\ufeff", "\u00ad",
]
# fmt: on
nasty_urls = st.one_of(
    st.builds(
        lambda start, pieces: start + "".join(pieces),
        st.sampled_from(STARTS),
        st.lists(st.sampled_from(PIECES), max_size=9),
    ),
    st.builds(lambda start, rest: start + rest, st.sampled_from(STARTS), st.text(max_size=12)),
    st.from_regex(r"https?://[a-z0-9x.:\[\]-]{1,16}(/[a-z.%2eE]{0,8})?", fullmatch=True),
)
thorough = settings(
    max_examples=400,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@thorough
@given(value=nasty_urls)
@example("//..")
@example("/.//evil.example")
@example("/\uff0fevil.example")
def test_what_is_accepted_stays_on_the_trusted_origin(browse: Browse, value: str) -> None:
    if not is_trusted_url(value, [APP]):
        return
    arrived = browse(value, APP + "/x")
    assert arrived is not None
    assert arrived.origin == APP
    if value.startswith("/"):
        assert not arrived.pathname.startswith("//")
        # A page that navigates to the path it was given, rather than to the URL, stays as well.
        again = browse(arrived.pathname + arrived.search + arrived.hash, APP + "/x")
        assert again is not None
        assert again.origin == APP
        absolute = browse(resolve(value, APP))
        assert absolute == arrived


@thorough
@given(value=nasty_urls)
def test_what_a_wildcard_accepts_ends_in_its_domain(browse: Browse, value: str) -> None:
    if value.startswith("/") or not is_trusted_url(value, ["https://*.example.com", "*.example.com"]):
        return
    arrived = browse(value, "https://elsewhere.example/x")
    assert arrived is None or re.fullmatch(r"https?://[^/?#@]+\.example\.com", arrived.origin)


@thorough
@given(value=nasty_urls)
def test_what_an_address_pattern_accepts_is_an_address(browse: Browse, value: str) -> None:
    if value.startswith("/") or not is_trusted_url(value, ["http://1*", "https://1*"]):
        return
    arrived = browse(value)
    assert arrived is not None
    assert re.fullmatch(r"1[0-9]*(\.[0-9]+){3}", arrived.hostname)


@thorough
@given(value=nasty_urls)
def test_origin_of_agrees_with_the_browser(browse: Browse, value: str) -> None:
    origin = origin_of(value)
    if origin is None:
        return
    arrived = browse(value)
    if arrived is None:
        assert "xn--" in origin  # a browser refuses bad punycode; then nobody goes anywhere
    else:
        assert arrived.origin == origin


@thorough
@given(host=st.ip_addresses(), scheme=st.sampled_from(["http", "https"]), port=st.integers(0, 65535))
def test_origin_of_knows_every_address(browse: Browse, host: object, scheme: str, port: int) -> None:
    url = f"{scheme}://[{host}]:{port}" if ":" in str(host) else f"{scheme}://{host}:{port}"
    arrived = browse(url)
    assert arrived is not None
    assert origin_of(url) == arrived.origin


@thorough
@given(
    query=st.one_of(st.text(max_size=12), nasty_urls), error=st.text(max_size=8), token=st.text(max_size=8)
)
def test_with_query_writes_what_url_search_params_writes(
    browse: Browse, query: str, error: str, token: str
) -> None:
    # The browser strips and escapes what surrounds the query; only its own part is compared.
    query = re.sub(r"[\x00-\x20#]", "", query)
    arrived = browse(f"{APP}/x?error=a&{query}&error=b#end", None, error=error, token=token)
    assert arrived is not None
    for address in (APP + "/x", "/x"):
        written = with_query(f"{address}?error=a&{query}&error=b#end", error=error, token=token)
        assert written == f"{address}{arrived.search}#end"


@thorough
@given(value=st.one_of(nasty_urls, st.text()), pattern=st.one_of(nasty_urls, st.text()), parameter=st.text())
def test_nothing_raises(value: str, pattern: str, parameter: str) -> None:
    origin_of(value)
    is_trusted_origin(value, [pattern, value])
    is_trusted_url(value, [pattern, value])
    with_query(value, parameter=parameter)
    resolve(value, APP)
