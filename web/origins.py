"""From where does a request come, if a proxy stands between?

Only what a proxy that DUBAN_TRUSTED_PROXIES names has added counts: the header X-Forwarded-For is read from its right
end, where the nearest proxy writes, as long as the one who wrote is named. Whatever a client put there himself stands
further left and is not looked at. Caller: web/signing_in.py.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.requests import Request

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: whoever has IPv6 at home has as many addresses as this leaves open
HOUSEHOLD = 64


def origin_of(request: Request, proxies: Sequence[Network]) -> str:
    """Return whose tries are counted together: an IPv4 address, or the IPv6 network of a household."""
    peer = request.client.host if request.client else ""
    forwarded = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    return origin(peer, forwarded, proxies)


def origin(peer: str, forwarded: Sequence[str], proxies: Sequence[Network]) -> str:
    """Return the nearest address that no proxy of ours has.

    >>> proxies = [ip_network("127.0.0.1"), ip_network("10.0.0.0/8")]
    >>> origin("127.0.0.1", ["6.6.6.6", " 203.0.113.7", "10.0.0.2"], proxies)
    '203.0.113.7'
    >>> origin("203.0.113.7", ["6.6.6.6"], proxies)
    '203.0.113.7'
    >>> origin("127.0.0.1", ["6.6.6.6", "no address"], proxies), origin("127.0.0.1", [""], proxies)
    ('127.0.0.1', '127.0.0.1')
    >>> origin("127.0.0.1", ["2001:db8:1:2:3::4"], proxies)
    '2001:db8:1:2::/64'
    """
    address = _address(peer)
    if address is None:
        return peer
    for text in reversed(forwarded):
        if not any(address in network for network in proxies):
            break
        before = _address(text)
        if before is None:
            break
        address = before
    return str(address) if address.version == 4 else str(ip_network((address, HOUSEHOLD), strict=False))  # noqa: PLR2004


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    # A socket that takes both kinds tells of IPv4 in this form.
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
