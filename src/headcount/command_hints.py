"""Command hints: complete commands for the operator, with the database of this server.

Responsible for the text of a command and for who may see it. Must not know what a command does, nor how a hint is shown.

The path of the database is shown to clients on this machine only. A reverse proxy makes remote clients look local, so a request
with a sign of a proxy is remote, and so is every request if `public_url` is set.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from headcount.settings import Settings

_PROXY_HEADERS: Final = frozenset({"forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"})


@dataclass(frozen=True, slots=True)
class CommandHints:
    """Commands for a server with these settings."""

    settings: Settings

    def command(self, text: str) -> str:
        """Return a `headcount` command with the database of this server, for an operator."""
        return self.settings.command(text)

    def command_for(self, text: str, client: str, headers: Mapping[str, str]) -> str | None:
        """Return the command for a client that is not signed in, or None if it must not see the database."""
        is_local = (
            not self.settings["public_url"]
            and _is_loopback(client)
            and _is_loopback(_host_name(headers.get("host", "")))
            and _PROXY_HEADERS.isdisjoint(headers)
        )
        return self.command(text) if is_local else None


def _host_name(host: str) -> str:
    """Return the name or address in a `Host` header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
