"""What a Salesforce connection says, in the names that Airflow's own Salesforce connections use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from isthmus.connect.origins import is_loopback, origin_of
from isthmus.kernel.connection import Connection
from isthmus.kernel.errors import Misconfigured

#: Spring '26. Bulk results are read with the version that made the job, so it is one constant per connection.
API_VERSION = "66.0"
_PREFIX = "extra__salesforce__"
SECRETS = ("password", "security_token", "session_id", "consumer_secret", "private_key")


@dataclass(frozen=True, slots=True)
class Config:
    """One Salesforce organisation and who we are there. ``instance`` and ``token_host`` are origins (https://host)."""

    where: str
    instance: str | None
    token_host: str
    audience: str
    username: str | None = None
    consumer_key: str | None = None
    consumer_secret: str | None = field(default=None, repr=False)
    private_key: str | None = field(default=None, repr=False)
    session_id: str | None = field(default=None, repr=False)
    version: str = API_VERSION
    client_id: str = "isthmus"
    settle: timedelta = timedelta(seconds=5)
    bulk_above: int = 20_000
    low_percent: int = 80
    percent: int = 95
    currency: str | None = None
    external_ids: Mapping[str, str] = field(default_factory=dict)
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca_file: str | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.consumer_secret, self.private_key, self.session_id)))


class _Extra:
    """The extras of a connection under their short or their prefixed name; empty counts as not given."""

    def __init__(self, connection: Connection) -> None:
        self._extra = connection.extra
        self.where = f"connection {connection.name}"

    def text(self, name: str) -> str | None:
        value = self._extra.get(name, self._extra.get(_PREFIX + name))
        if value in (None, ""):
            return None
        if not isinstance(value, str | int | float):
            raise Misconfigured(self.where, f"extra {name!r} is not text", f"give {name!r} as text")
        return str(value)

    def number(self, name: str, default: int) -> int:
        text = self.text(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit()):
            raise Misconfigured(self.where, f"extra {name!r} is not a whole number", "write it in digits")
        return int(text)

    def table(self, name: str) -> dict[str, str]:
        value: Any = self._extra.get(name, self._extra.get(_PREFIX + name)) or {}
        if not isinstance(value, Mapping) or not all(isinstance(one, str) for pair in value.items() for one in pair):
            raise Misconfigured(
                self.where, f"extra {name!r} is not a table of texts", f'write it as {{"{name}": {{…}}}}'
            )
        return dict(value)


def read_config(connection: Connection) -> Config:
    """The connection as a Config; Misconfigured when it cannot work, without any secret in the text."""
    extra = _Extra(connection)
    instance = _instance(extra)
    domain = extra.text("domain")
    version = (extra.text("version") or API_VERSION).removeprefix("v")
    config = Config(
        where=extra.where,
        instance=instance,
        token_host=instance or f"https://{domain or 'login'}.salesforce.com",
        audience=_audience(domain, instance),
        username=connection.login,
        consumer_key=extra.text("consumer_key"),
        consumer_secret=extra.text("consumer_secret"),
        private_key=_private_key(extra),
        session_id=extra.text("session_id"),
        version=version,
        client_id=extra.text("client_id") or "isthmus",
        settle=timedelta(seconds=extra.number("settle_seconds", 5)),
        bulk_above=extra.number("bulk_above", 20_000),
        low_percent=extra.number("api_percent_low", 80),
        percent=extra.number("api_percent", 95),
        currency=extra.text("currency"),
        external_ids=extra.table("external_ids"),
        proxies=extra.table("proxies"),
        ca_file=extra.text("ca_file"),
    )
    _refuse_incomplete(config, connection, extra)
    return config


def _instance(extra: _Extra) -> str | None:
    """The My Domain address, from ``instance_url`` or the bare host name ``instance``."""
    given = extra.text("instance_url") or extra.text("instance")
    if given is None:
        return None
    origin = origin_of(given if "://" in given else f"https://{given}", extra.where)
    if origin.endswith(".lightning.force.com"):
        raise Misconfigured(
            extra.where,
            "instance_url names the Lightning host, which accepts no API session",
            f"use {origin.removesuffix('.lightning.force.com')}.my.salesforce.com",
        )
    return origin


def _audience(domain: str | None, instance: str | None) -> str:
    """Whom a JWT is addressed to, less ``.salesforce.com``: External Client Apps want the organisation's own name."""
    if domain:
        return domain
    host = urlsplit(instance or "").hostname or ""
    return host.removesuffix(".salesforce.com") if host.endswith(".salesforce.com") else "login"


def _private_key(extra: _Extra) -> str | None:
    path = extra.text("private_key_file_path")
    if path is None:
        return extra.text("private_key")
    try:
        return Path(path).read_text(encoding="ascii")
    except (OSError, ValueError):
        raise Misconfigured(
            extra.where, "the file of private_key_file_path cannot be read", "check path and rights"
        ) from None


def _refuse_incomplete(config: Config, connection: Connection, extra: _Extra) -> None:
    """Names what is missing, or why a way of logging in that Salesforce is retiring is not offered."""
    if config.session_id:
        if not config.instance:
            raise Misconfigured(config.where, "session_id is given without instance_url", "add instance_url")
        return
    if config.consumer_key and config.private_key and config.username:
        return
    if config.consumer_key and config.consumer_secret:
        host = urlsplit(config.token_host).hostname or ""
        if host in ("login.salesforce.com", "test.salesforce.com") and not is_loopback(host):
            raise Misconfigured(
                config.where,
                "client credentials need the organisation's own address",
                "add instance_url, for example https://acme.my.salesforce.com",
            )
        return
    if connection.password or extra.text("security_token"):
        raise Misconfigured(
            config.where,
            "username and password are not enough: SOAP login does not exist in API 65.0 and later and is retired "
            "with Summer '27",
            "use consumer_key with private_key (JWT bearer) or with consumer_secret (client credentials); see "
            "docs/salesforce-setup.md",
        )
    raise Misconfigured(
        config.where,
        "it says neither how to log in nor brings a session",
        "give login, consumer_key and private_key; or consumer_key, consumer_secret and instance_url; or session_id "
        "and instance_url",
    )
