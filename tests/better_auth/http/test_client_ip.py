"""Whose address a request comes from: spellings, proxies, and headers written by the other side."""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Network, IPv6Network, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from better_auth.http.client_ip import parse_proxies, resolve_client_ip

PROXIES = parse_proxies(["10.0.0.0/8", "2001:db8:aaaa::/48"])
PROXY = "10.0.0.1"
CLIENT = "203.0.113.9"


def behind_proxy(forwarded_for: str | None) -> str:
    return resolve_client_ip(PROXY, forwarded_for, PROXIES)


@pytest.mark.parametrize(
    ("remote_addr", "expected"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9:555", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("::FFFF:cb00:7109", "203.0.113.9"),
        ("0:0:0:0:0:ffff:203.0.113.9", "203.0.113.9"),
        ("[::ffff:203.0.113.9]:80", "203.0.113.9"),
        ("2001:db8:1:2:3::9", "2001:0db8:0001:0002:0000:0000:0000:0000"),
        ("2001:DB8:1:2:FFFF:FFFF:FFFF:FFFF", "2001:0db8:0001:0002:0000:0000:0000:0000"),
        ("[2001:db8:1:2::1]:555", "2001:0db8:0001:0002:0000:0000:0000:0000"),
        ("[2001:db8:1:2::1]", "2001:0db8:0001:0002:0000:0000:0000:0000"),
        ("fe80::1%eth0", "fe80:0000:0000:0000:0000:0000:0000:0000"),
        ("", ""),
        ("unix:", ""),
        ("/run/app.sock", ""),
        ("localhost", ""),
        ("1.2.3", ""),
        ("1.2.3.4.5", ""),
        ("01.2.3.4", ""),
        ("256.2.3.4", ""),
        ("1.2.3.4:", ""),
        ("1.2.3.4:123456", ""),
        ("[1.2.3.4]:80", ""),
        ("[2001:db8::1", ""),
        ("[2001:db8::1]x", ""),
        ("\u0661.2.3.4", ""),
        ("1.2.3.4\n", ""),
        ("::g", ""),
        ("16909060", ""),
    ],
)
def test_one_spelling_per_address(remote_addr: str, expected: str) -> None:
    assert resolve_client_ip(remote_addr, None, ()) == expected
    # The header cannot change what the connection says, nor fill in what it does not say.
    assert resolve_client_ip(remote_addr, "198.51.100.1", ()) == expected
    assert resolve_client_ip(remote_addr, "198.51.100.1", PROXIES) == expected


@pytest.mark.parametrize(
    ("subnet", "expected"),
    [
        (128, "2001:0db8:0001:0002:0003:0000:0000:0009"),
        (64, "2001:0db8:0001:0002:0000:0000:0000:0000"),
        (56, "2001:0db8:0001:0000:0000:0000:0000:0000"),
        (48, "2001:0db8:0001:0000:0000:0000:0000:0000"),
    ],
)
def test_masks_ipv6_to_the_subnet_and_leaves_ipv4_whole(subnet: int, expected: str) -> None:
    assert resolve_client_ip("2001:db8:1:2:3::9", None, (), ipv6_subnet=subnet) == expected
    assert resolve_client_ip("::ffff:203.0.113.9", None, (), ipv6_subnet=subnet) == CLIENT


@pytest.mark.parametrize(
    ("forwarded_for", "expected"),
    [
        (CLIENT, CLIENT),
        (f"  {CLIENT}\t", CLIENT),
        (f"198.51.100.1, {CLIENT}", CLIENT),
        (f"198.51.100.1, {CLIENT}, 10.1.1.1,10.2.2.2:443", CLIENT),
        (f"garbage, {CLIENT}:4711, [2001:db8:aaaa::7]:443", CLIENT),
        (f"{CLIENT}, ::ffff:10.0.0.2", CLIENT),
        ("2001:db8:1:2::9", "2001:0db8:0001:0002:0000:0000:0000:0000"),
        (f"{CLIENT}, garbage", ""),
        (f"{CLIENT}, unknown, 10.0.0.2", ""),
        (f"{CLIENT},", ""),
        (f"{CLIENT},,10.0.0.2", ""),
        ("10.0.0.2, 10.0.0.3", ""),
        ("10.0.0.2", ""),
        ("", ""),
        (" ", ""),
        (None, ""),
        ("_hidden", ""),
        ("<svg onload=alert(1)>", ""),
    ],
)
def test_walks_the_header_from_the_right(forwarded_for: str | None, expected: str) -> None:
    assert behind_proxy(forwarded_for) == expected


def test_a_connection_that_is_no_proxy_is_the_client() -> None:
    assert resolve_client_ip(CLIENT, "198.51.100.1", PROXIES) == CLIENT


def test_a_proxy_is_known_by_its_mapped_address_too() -> None:
    assert resolve_client_ip("::ffff:10.0.0.1", CLIENT, PROXIES) == CLIENT
    assert resolve_client_ip("10.0.0.1", CLIENT, parse_proxies(["::ffff:10.0.0.0/104"])) == CLIENT


def test_two_clients_behind_the_proxy_are_two() -> None:
    assert behind_proxy("198.51.100.1, 203.0.113.9") != behind_proxy("198.51.100.1, 203.0.113.10")


def test_a_stuffed_header_neither_hides_the_client_nor_is_read_whole() -> None:
    assert behind_proxy("198.51.100.1, " * 100_000 + CLIENT) == CLIENT
    assert behind_proxy("x" * 1_000_000 + "," + CLIENT) == CLIENT
    assert behind_proxy(CLIENT + ", 10.0.0.2" * 1000) == ""
    # A hop cut in the middle would be another address.
    whole = CLIENT + "," + "10.0.0.222," * 372
    assert behind_proxy(whole + "10.0") == ""
    for length in range(4080, 4112):
        assert behind_proxy((CLIENT + "," + "10.0.0.2," * 460)[: -len("10.0.0.2,")].rjust(length, " ")) in (
            CLIENT,
            "",
        )


@given(hops=st.text(max_size=40), client=st.ip_addresses())
@settings(max_examples=400, deadline=None, database=None)
def test_nothing_left_of_the_last_untrusted_hop_counts(hops: str, client: object) -> None:
    alone = behind_proxy(str(client))
    if alone:
        assert behind_proxy(f"{hops}, {client}, 10.9.9.9") == alone


@given(address=st.ip_addresses(v=6), host=st.integers(0, 2**64 - 1))
@settings(max_examples=400, deadline=None, database=None)
def test_every_spelling_in_one_subnet_is_one_client(address: object, host: int) -> None:
    packed = socket.inet_pton(socket.AF_INET6, str(address))
    if packed[:12] == bytes(10) + b"\xff\xff":
        expected = socket.inet_ntop(socket.AF_INET, packed[12:])
        neighbour = packed
    else:
        neighbour = packed[:8] + host.to_bytes(8, "big")
        if neighbour[:12] == bytes(10) + b"\xff\xff":
            neighbour = packed
        expected = ":".join((packed[:8] + bytes(8)).hex()[place : place + 4] for place in range(0, 32, 4))
    compressed = socket.inet_ntop(socket.AF_INET6, neighbour)
    spelled_out = ":".join(neighbour.hex()[place : place + 4] for place in range(0, 32, 4))
    for spelling in (compressed, compressed.upper(), spelled_out, spelled_out.upper(), f"[{compressed}]:1"):
        assert resolve_client_ip(spelling, None, ()) == expected


@given(
    remote_addr=st.text(),
    forwarded_for=st.none() | st.text() | st.from_regex(r"[0-9a-f:.,\[\] %]*", fullmatch=True),
)
@settings(max_examples=400, deadline=None, database=None)
def test_nothing_raises(remote_addr: str, forwarded_for: str | None) -> None:
    resolve_client_ip(remote_addr, forwarded_for, PROXIES)
    resolve_client_ip(PROXY, forwarded_for, PROXIES)


def test_parse_proxies() -> None:
    parsed = parse_proxies([" 10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "::1", "::ffff:192.0.2.0/120"])
    assert parsed == (
        IPv4Network("10.0.0.0/8"),
        IPv4Network("192.0.2.1/32"),
        IPv6Network("2001:db8::/32"),
        IPv6Network("::1/128"),
        ip_network("192.0.2.0/24"),
    )
    assert parse_proxies([]) == ()


@pytest.mark.parametrize(
    "bad", ["", "proxy.internal", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.*", "fe80::1%eth0", "::1/129"]
)
def test_parse_proxies_names_the_bad_one(bad: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(bad))):
        parse_proxies(["10.0.0.0/8", bad])
