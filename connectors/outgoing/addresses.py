"""Which addresses of the internet a merchant's service may have. PURE.

Whoever may write a webhook's address could otherwise make us call our own network. The list is the
IANA special-purpose registries', as Svix applies it (svix-server, webhook_http_client.rs).
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

_REFUSED_4 = tuple(
    (IPv4Network(network), what)
    for network, what in {
        "0.0.0.0/8": "this network",
        "10.0.0.0/8": "private",
        "100.64.0.0/10": "shared by carriers",
        "127.0.0.0/8": "loopback",
        "169.254.0.0/16": "link-local",
        "172.16.0.0/12": "private",
        "192.0.0.0/24": "reserved",
        "192.0.2.0/24": "documentation",
        "192.88.99.0/24": "reserved",
        "192.168.0.0/16": "private",
        "198.18.0.0/15": "benchmarking",
        "198.51.100.0/24": "documentation",
        "203.0.113.0/24": "documentation",
        "224.0.0.0/4": "multicast",
        "240.0.0.0/4": "reserved",
    }.items()
)
_REFUSED_6 = tuple(
    (IPv6Network(network), what)
    for network, what in {
        "::/128": "unspecified",
        "::1/128": "loopback",
        "::/96": "an embedded IPv4 address",
        "64:ff9b::/96": "an embedded IPv4 address",
        "64:ff9b:1::/48": "an embedded IPv4 address",
        "100::/64": "discarded",
        "2001::/23": "reserved",
        "2001:db8::/32": "documentation",
        "2002::/16": "an embedded IPv4 address",
        "3fff::/20": "documentation",
        "5f00::/16": "reserved",
        "fc00::/7": "private",
        "fe80::/10": "link-local",
        "fec0::/10": "private",
        "ff00::/8": "multicast",
    }.items()
)
_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


def refusal(address: str, *, allow_loopback: bool = False) -> str | None:
    """Why a resolved address must not be called, or None where it may."""
    literal = address.partition("%")[0]  # a zone says only which of our interfaces it is on
    parsed = ip_address(literal)
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    if allow_loopback and any(parsed in network for network in _LOOPBACK):
        return None
    for network, what in _REFUSED_4 if isinstance(parsed, IPv4Address) else _REFUSED_6:
        if parsed in network:
            return f"{address} is {what}"
    return None
