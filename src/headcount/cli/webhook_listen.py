"""The command for those who develop what receives webhooks: listen."""

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import click

from headcount.cli.console import echo
from headcount.cli.group import main
from headcount.outbound.webhooks.verify import parse_secret, verify
from headcount.settings import cannot_listen, url_of

_MOST_BYTES: Final = 8_000_000
_PATIENCE_S: Final = 30


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=8081, show_default=True, help="0 takes a free one."
)
@click.option("--hmac", metavar="SECRET", help="The endpoint's hmac, to check signatures with.")
@click.option(
    "--status", type=click.IntRange(200, 599), default=200, show_default=True, help="What to answer with."
)
@click.option(
    "--delay", type=click.FloatRange(0, 600), default=0.0, metavar="S", help="Wait so long before it."
)
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for each delivery.")
def listen(*, host: str, port: int, hmac: str | None, status: int, delay: float, as_json: bool) -> None:
    """Receive webhooks and show each, with its signatures checked.

    For who develops a receiver: --status and --delay try what happens when one fails.
    """
    key = None if hmac is None else parse_secret(hmac)
    try:
        server = ThreadingHTTPServer((host, port), _handler(key, status, delay, as_json=as_json))
    except OSError as error:
        raise cannot_listen(host, port, error) from error
    server.daemon_threads = True
    echo(f"Listening on {url_of(host, server.server_address[1])}; Ctrl-C stops", err=True)
    with server:
        server.serve_forever()


def _handler(key: bytes | None, status: int, delay: float, *, as_json: bool) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Shows a delivery, and answers as it was asked to."""

        timeout = _PATIENCE_S

        def do_POST(self) -> None:
            length = self.headers.get("content-length", "")
            if not (length.isascii() and length.isdigit() and int(length) <= _MOST_BYTES):
                self._answer(411)
                return
            body = self.rfile.read(int(length))
            headers = {name.lower(): value for name, value in self.headers.items()}
            told = delivery(self.path, headers, body, key, round(time.time() * 1_000))
            echo(*([json.dumps(told, ensure_ascii=False)] if as_json else pretty(told)))
            time.sleep(delay)
            self._answer(status)

        def _answer(self, code: int) -> None:
            self.send_response(code)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """What came is shown already."""

    return Handler


def delivery(path: str, headers: dict[str, str], body: bytes, key: bytes | None, now: int) -> dict[str, Any]:
    """A delivery as it is shown: when it came (ms), what it says, and of each form of signature what is wrong (None: nothing)."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = body.decode("utf-8", "replace")
    checked = None if key is None else {one.form: one.problem for one in verify(headers, body, key, now)}
    return {"received": now, "path": path, "signatures": checked, "body": said}


def pretty(told: dict[str, Any]) -> list[str]:
    """The same for people, line by line."""
    body, checked = told["body"], told["signatures"]
    named = body if isinstance(body, dict) else {}
    lines = [
        f"{named.get('type', 'ping' if 'test' in named else 'something else')}  {named.get('id', '')}".rstrip()
    ]
    if checked is None:
        lines.append("  signatures: not checked; --hmac checks them")
    else:
        lines += [f"  {form}: {'good' if wrong is None else wrong}" for form, wrong in checked.items()]
    shown = json.dumps(named.get("payload", body), ensure_ascii=False, indent=2)
    return [*lines, *(f"  {line}" for line in shown.split("\n"))]
