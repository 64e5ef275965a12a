"""Command `mcp`: the MCP server, with which agents ask Headcount.

Responsible for options and for the API key, which no option contains. Must not know tools.
"""

import os
from importlib.metadata import version
from importlib.util import find_spec
from typing import Final

import click

from headcount.cli.console import note
from headcount.cli.group import main
from headcount.errors import BadInput, MissingExtra
from headcount.secret_files import read_variable

_VARIABLE: Final = "HEADCOUNT_API_KEY"


@main.command(
    "mcp",
    examples=[
        "headcount mcp --url https://headcount.example",
        "headcount mcp --http 127.0.0.1:8090 --show-names",
    ],
)
@click.option(
    "--url",
    default="http://127.0.0.1:8080",
    metavar="URL",
    help="Address of the Headcount server.  [default: http://127.0.0.1:8080]",
)
@click.option(
    "--prefix",
    default="/v1",
    metavar="PATH",
    help="Path prefix of the server's REST API.  [default: /v1]",
)
@click.option(
    "--http",
    "address",
    metavar="HOST:PORT",
    help="Address to listen on for HTTP, at the path /mcp; port 0 selects a free port. Without it, the server uses stdin"
    " and stdout.  [default: none]",
)
@click.option(
    "--allowed-host",
    "allowed_hosts",
    multiple=True,
    metavar="NAME",
    help="Name under which clients reach the HTTP server, such as mcp.example.com. Repeatable.  [default: loopback]",
)
@click.option("--show-names", is_flag=True, help="Show names, user ids and attributes of people.")
@click.option("--allow-any-scope", is_flag=True, help="Accept API keys that may do more than read.")
def mcp_command(
    *,
    url: str,
    prefix: str,
    address: str | None,
    allowed_hosts: tuple[str, ...],
    show_names: bool,
    allow_any_scope: bool,
) -> None:
    """Answer questions of agents as an MCP server, over stdin and stdout or HTTP.

    All tools only read. With stdin and stdout, the API key is in the variable HEADCOUNT_API_KEY, or in the file that
    HEADCOUNT_API_KEY_FILE names. With HTTP, each client sends its own API key as a bearer token.
    """
    if find_spec("mcp") is None:
        raise MissingExtra("mcp", "mcp")
    place = None if address is None else _parse_address(address)
    api_key = None if place else _api_key()
    import anyio  # noqa: PLC0415 - help does not need it

    from headcount.mcp_server.server import Options, run_stdio, serve_http  # noqa: PLC0415 - the same

    options = Options(url, prefix, version("headcount"), show_names, allow_any_scope)
    if api_key is not None:
        anyio.run(run_stdio, options, api_key)
    elif place is not None:
        host, port = place
        serve_http(
            options,
            host,
            port,
            allowed_hosts,
            lambda bound: note(f"Listening on http://{_bracketed(host)}:{bound}/mcp. Press Ctrl-C to stop."),
        )


def _api_key() -> str:
    found = read_variable(os.environ, _VARIABLE)
    if found is None or not found[0].strip():
        raise BadInput(
            f"there is no API key: set {_VARIABLE}, or {_VARIABLE}_FILE to a file with it. Create a key with"
            " 'headcount key create --scope read'"
        )
    return found[0].strip()


def _parse_address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and int(port) < 65_536):
        raise click.UsageError(f"--http: expected HOST:PORT, such as 127.0.0.1:8090, got '{text}'")
    return host.strip("[]"), int(port)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
