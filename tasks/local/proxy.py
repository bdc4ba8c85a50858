"""Proxies of the institute: the servers on this machine are reached without them.

``HTTP_PROXY`` and its relatives send every request to the proxy, which cannot reach this machine's
loopback addresses. So these are added to ``NO_PROXY``, for this process and those it starts.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import os
from collections.abc import MutableMapping
from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "localhost", "::1")
KINDS = ("http_proxy", "https_proxy", "all_proxy")
SERVERS = ("PREFECT_API_URL", "MLFLOW_TRACKING_URI")
"""Variables with addresses of servers, which may be on this machine."""


def spare_loopback(environment: MutableMapping[str, str] = os.environ) -> None:
    """Add this machine's addresses to ``NO_PROXY`` if there is a proxy, after the user's entries.

    A proxy that no client here can use, such as SOCKS without its package, is forgotten: Prefect's
    client would fail even for addresses that need no proxy.
    """
    proxies = {name: value for name, value in environment.items() if name.lower() in KINDS}
    if not any(proxies.values()):
        return
    for name, value in proxies.items():
        if value and not usable(value):
            del environment[name]
    own = ",".join(environment.get(name, "") for name in ("no_proxy", "NO_PROXY"))
    entries = [*(entry.strip() for entry in own.split(",")), *LOOPBACK, *_servers_here(environment)]
    # Programs differ in which of the two they read.
    environment["NO_PROXY"] = environment["no_proxy"] = ",".join(
        dict.fromkeys(entry for entry in entries if entry)
    )


def usable(proxy: str) -> bool:
    """Whether Prefect's client can use the proxy at that address."""
    try:
        address = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        address.port  # noqa: B018 - raises a ValueError if it is none
    except ValueError:
        return False
    if address.scheme in ("socks5", "socks5h"):
        return importlib.util.find_spec("socksio") is not None
    return address.scheme in ("http", "https") and bool(address.hostname)


def _servers_here(environment: MutableMapping[str, str]) -> list[str]:
    hosts = (urlsplit(environment.get(name, "")).hostname or "" for name in SERVERS)
    return [host for host in hosts if _is_here(host)]


def _is_here(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified
