"""Whose address a request comes from: the key of rate limits, and what a session remembers.

Anyone can write an ``X-Forwarded-For`` header. It is believed only as far as our own proxies wrote it, which
is from the right, and only when the connection itself comes from one of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

_IPV4_WITH_PORT = re.compile(r"([0-9.]+):[0-9]{1,5}")
_BRACKETED_IPV6 = re.compile(r"\[([0-9A-Fa-f]*:[0-9A-Fa-f:.]*)\](?::[0-9]{1,5})?")
# Some eighty full IPv6 hops; no honest chain of proxies is longer.
_LONGEST_HEADER = 4096


def parse_proxies(values: Iterable[str]) -> tuple[IPv4Network | IPv6Network, ...]:
    """Read addresses and CIDR networks from the settings; a ValueError names the first that is neither."""
    return tuple(_network(value) for value in values)


def resolve_client_ip(
    remote_addr: str,
    forwarded_for: str | None,
    trusted_proxies: Sequence[IPv4Network | IPv6Network],
    *,
    ipv6_subnet: int = 64,
) -> str:
    """Return the client's address in its one canonical spelling, or "" when nobody we trust vouches for it.

    IPv6 is masked to the subnet: whoever owns a /64 has too many addresses to give each its own limit.
    """
    connection = _address(remote_addr)
    if connection is None:
        return ""
    if not _is_trusted(connection, trusted_proxies):
        return _canonical(connection, ipv6_subnet)
    for hop in _hops_from_the_right(forwarded_for or ""):
        address = _address(hop)
        if address is None:
            return ""
        if not _is_trusted(address, trusted_proxies):
            return _canonical(address, ipv6_subnet)
    return ""


def _network(value: str) -> IPv4Network | IPv6Network:
    try:
        network = ip_network(value.strip())
    except ValueError as error:
        raise ValueError(f"{value!r} is not an IP address or a CIDR network: {error}") from error
    if "%" in value:
        raise ValueError(f"{value!r} has a zone, which no address is compared by")
    # Addresses are compared in their IPv4 spelling, so the networks must be as well.
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if mapped is not None and network.prefixlen >= 96:
        return IPv4Network((int(mapped), network.prefixlen - 96))
    return network


def _hops_from_the_right(header: str) -> Iterator[str]:
    """Yield the hops nearest to us first.

    The oldest hops of an overlong header are left out rather than the whole refused: otherwise a client could
    leave its own rate limit by stuffing the header.
    """
    hops = header[-_LONGEST_HEADER:].split(",")
    if len(header) > _LONGEST_HEADER:
        del hops[0]  # it may have been cut in the middle
    return reversed(hops)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address with or without a port; an IPv4 address written as IPv6 comes back as IPv4."""
    text = text.strip(" \t")
    with_port = _IPV4_WITH_PORT.fullmatch(text) or _BRACKETED_IPV6.fullmatch(text)
    try:
        address = ip_address(with_port[1] if with_port else text)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    return address.ipv4_mapped or IPv6Address(int(address))  # the number leaves a zone like "%eth0" behind


def _is_trusted(address: IPv4Address | IPv6Address, proxies: Sequence[IPv4Network | IPv6Network]) -> bool:
    return any(address in network for network in proxies)


def _canonical(address: IPv4Address | IPv6Address, ipv6_subnet: int) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return IPv6Network((int(address), ipv6_subnet), strict=False).network_address.exploded
