"""Addresses on the web: one strict reading of a URL, and which network addresses a stranger may send us to.

Two readers of one URL are two meanings (stack facts F, SSRF): what this grammar does not know is refused, never mended,
and whoever connects takes the parts from here.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urljoin

from orchestrator.domain.errors import FieldError, InvalidParams

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network

LONGEST = 2048
HTTPS, HTTP = "https", "http"
PORTS = {HTTPS: 443, HTTP: 80}
PORT_NUMBERS = range(1, 2**16)

# RFC 3986 without user names (no `@` may end the host) and without anything that some reader would repair.
URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<target>[/?][A-Za-z0-9._~:/?@!$&'()*+,;=%\[\]-]*)?(?:#[!-~]*)?",
    re.IGNORECASE | re.ASCII,
)
NUMERIC = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)\.?", re.ASCII)

# Forms of IPv6 that carry an IPv4 address. No honest name has one of them, but for NAT64, which is judged by its cargo.
NAT64 = IPv6Network("64:ff9b::/96")
CARRIERS = tuple(
    map(IPv6Network, ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "2001::/32", "2002::/16"))
)


@dataclass(frozen=True, slots=True)
class WebAddress:
    """Where a URL points: ``host`` is a name in small letters or an IP address without brackets."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"

    def follow(self, location: str) -> "WebAddress":
        """Where a redirect leads.

        Raises:
            InvalidParams: as for `parse_web_address`.
        """
        return parse_web_address(urljoin(str(self), location))


def parse_web_address(url: str, *, name: str = "input.url") -> WebAddress:
    """Read an http or https URL; ``name`` is that of the field in which it came.

    Raises:
        InvalidParams: it is no such URL, or one that could be read in two ways.
    """
    found = URL.fullmatch(url) if len(url) <= LONGEST else None
    if found is None:
        raise _unfit(name, "must be a plain https URL without user name, spaces or unusual characters")
    scheme, host = found["scheme"].lower(), found["host"].lower().strip("[]")
    if ":" in host or NUMERIC.fullmatch(host.rstrip(".").rpartition(".")[2]):
        _require_canonical(host, name)  # decimal, octal and shortened addresses are somebody else's reading of a name
    port = int(found["port"]) if found["port"] else PORTS[scheme]
    if port not in PORT_NUMBERS:
        raise _unfit(name, f"must name a port from {PORT_NUMBERS[0]} to {PORT_NUMBERS[-1]}")
    target = found["target"] or "/"
    return WebAddress(scheme, host, port, target if target.startswith("/") else f"/{target}")


def without_secrets(url: str) -> str:
    """The URL as it may be shown and logged: a query often holds a signature."""
    address, has_query, _ = url.partition("?")
    return f"{address}?…" if has_query else address


def is_public(address: IpAddress) -> bool:
    """Whether everybody reaches the same host at this address, and it is no group of hosts and no tunnel."""
    if isinstance(address, IPv6Address):
        if address in NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        if address.is_site_local or any(address in carrier for carrier in CARRIERS):
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


@dataclass(frozen=True, slots=True)
class Reach:
    """Where this node goes for strangers: public addresses over https, and what an operator adds."""

    allows_http: bool = False
    private_networks: tuple[IpNetwork, ...] = ()

    def allows_scheme(self, address: WebAddress) -> bool:
        return address.scheme == HTTPS or self.allows_http

    def allows(self, host: IpAddress, port: int) -> bool:
        """On public addresses only the ports of the web; in the networks that were named, all."""
        if any(host in network for network in self.private_networks):
            return True
        return is_public(host) and self._is_of_the_web(port)

    def could_lead_to(self, address: WebAddress) -> bool:
        """Whether it may be allowed, for all that can be told before its name is looked up."""
        if not self.allows_scheme(address):
            return False
        try:
            return self.allows(ip_address(address.host), address.port)
        except ValueError:
            return bool(self.private_networks) or self._is_of_the_web(address.port)

    def _is_of_the_web(self, port: int) -> bool:
        return port == PORTS[HTTPS] or (self.allows_http and port == PORTS[HTTP])


PUBLIC_HTTPS = Reach()


def _require_canonical(host: str, name: str) -> None:
    try:
        ip_address(host)
    except ValueError as error:
        raise _unfit(name, "names its host by a number that is not a plain IP address") from error


def _unfit(name: str, why: str) -> InvalidParams:
    return InvalidParams(f"{name} {why}", fields=[FieldError(name, why)])
