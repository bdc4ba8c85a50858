"""Addresses of servers and databases: whether they are on this machine, and without passwords."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import unquote, urlsplit

_USER_AND_PASSWORD = re.compile(r"(?<=://)[^/?#\s]*@")


def is_http_here(address: str) -> bool:
    """Whether it is plain http on a loopback address of this machine, without a password."""
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018 - raises a ValueError if it is none
    except ValueError:
        return False
    return parts.scheme == "http" and "@" not in parts.netloc and is_loopback(parts.hostname or "")


def is_loopback(host: str) -> bool:
    """Whether a host name or IP address can only be this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def credentials(address: str) -> tuple[str, str, str] | None:
    """Split a server's address into itself, user and password; None if it holds none."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or "@" not in parts.netloc:
        return None
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    return without_password(address), unquote(user), unquote(password)


def without_password(text: str) -> str:
    """Return a text without the users and passwords of the addresses in it."""
    return _USER_AND_PASSWORD.sub("", text)
