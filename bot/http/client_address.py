"""Which address a request comes from, when proxies of ours stand before us."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address

REMEMBERED = 1000  # addresses; each request's is read several times


def client_address(peer: str, forwarded_for: Iterable[str], trusted: Sequence[IPv4Network | IPv6Network]) -> str:
    """The rightmost address that is not a proxy of ours; everything left of it could be made up by the client.

    Args:
        peer: the address at the other end of the connection.
        forwarded_for: the X-Forwarded-For header's values, in order.
        trusted: networks of our own proxies.
    """
    address = parse_address(peer)
    if address is None or not is_trusted(address, trusted):
        return str(address) if address else ""
    hops = [hop.strip() for value in forwarded_for for hop in value.split(",")]
    for hop in reversed(hops):
        candidate = parse_address(hop)
        if candidate is None:
            break  # unreadable: the nearest proxy is all that is known
        address = candidate
        if not is_trusted(address, trusted):
            break
    return str(address)


def is_trusted(address: Address | None, trusted: Sequence[IPv4Network | IPv6Network]) -> bool:
    """True when the address is one of our proxies."""
    return address is not None and any(address in network for network in trusted)


def limit_key(address: str) -> str:
    """What per-address limits count by: an IPv4 address, or an IPv6 /64 (one household or ward has a whole /64)."""
    parsed = parse_address(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, 64), strict=False).network_address)
    return str(parsed) if parsed else "unknown"


@lru_cache(REMEMBERED)
def parse_address(text: str) -> Address | None:
    """An address without port, zone or brackets; an IPv4 address written as IPv6 counts as IPv4."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
