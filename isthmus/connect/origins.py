"""Which hosts may be spoken to, and what of an answer may be shown."""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from isthmus.kernel.errors import Misconfigured

_TOKENS = re.compile(r"(00D[0-9A-Za-z]{12,15}![^\s\"'<>]+)|((?i:bearer|basic)\s+)[^\s\"',<>]+", re.ASCII)


def is_loopback(host: str) -> bool:
    """Is this the machine we run on, by name or address?"""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def origin_of(url: str, where: str) -> str:
    """``https://host[:port]`` of an address, lower case; Misconfigured for anything but https, or http at home."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        host, port = "", None
        parts = urlsplit("")
    if not host or parts.username is not None or parts.password is not None:
        raise Misconfigured(where, "the address is not of the form https://host", "correct the connection")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise Misconfigured(where, f"{host} is asked for without encryption", "use https; plain http is for 127.0.0.1")
    usual = {"https": 443, "http": 80}[parts.scheme]
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port not in (None, usual) else "")


def redact(text: str, secrets: Collection[str] = ()) -> str:
    """The text without tokens, without the given secrets, on one line and not longer than 300 characters."""
    for secret in secrets:
        if len(secret) > 3:
            text = text.replace(secret, "***")
    text = _TOKENS.sub(lambda match: (match[2] or "") + "***", text)
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:300]
