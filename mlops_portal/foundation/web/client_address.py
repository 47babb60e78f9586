"""Whose request this is: the address that trusted proxies report, and nobody else's word.

`REMOTE_ADDR` becomes the client's address, so that sign-in limits and the access log see people, not the proxy.
"""

from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
# What a proxy says about who asked; from anybody else it is a claim and is dropped before something believes it.
SAID_BY_PROXIES = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_REAL_IP",
    "HTTP_FORWARDED",
)


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Read networks such as ``10.0.0.0/8`` or single addresses.

    Raises:
        ImproperlyConfigured: naming the one that is none.
    """
    found = []
    for text in texts:
        try:
            found.append(ip_network(text))
        except ValueError as error:
            raise ImproperlyConfigured(f"PORTAL_TRUSTED_PROXIES holds {text}, which is no network") from error
    return tuple(found)


def read_address(text: str) -> Address | None:
    """Read an address as proxies write it (also with a port or in brackets); None when it is none."""
    bare = text.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        found = ip_address(bare)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def client_of(peer: str, forwarded_for: str, trusted: tuple[Network, ...]) -> str:
    """Return the client's address: the first from the right that no trusted proxy has.

    Whatever stands further left was written by the client. A part that is no address ends the search at the proxy
    that wrote it.
    """
    nearest = read_address(peer)
    if nearest is None:
        return peer
    hops = forwarded_for.split(",") if forwarded_for else []
    while hops and _is_trusted(nearest, trusted):
        further = read_address(hops.pop())
        if further is None:
            break
        nearest = further
    return str(nearest)


def _is_trusted(address: Address, trusted: tuple[Network, ...]) -> bool:
    return any(address in network for network in trusted)


class ClientAddressMiddleware:
    """Puts the client's address in the place of the proxy's, first of all."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.trusted = networks(settings.PORTAL_TRUSTED_PROXIES)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        meta = request.META
        request.came_directly = not any(name in meta for name in SAID_BY_PROXIES)
        peer = read_address(meta.get("REMOTE_ADDR", ""))
        if peer is not None and _is_trusted(peer, self.trusted):
            meta["REMOTE_ADDR"] = client_of(str(peer), meta.get("HTTP_X_FORWARDED_FOR", ""), self.trusted)
        else:
            for name in SAID_BY_PROXIES:
                meta.pop(name, None)
        return self.get_response(request)
