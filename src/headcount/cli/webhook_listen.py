"""Command `webhook listen`: receive webhooks and print them, for developers of a receiver.

Responsible for the HTTP server and the output. Must not know the store.
"""

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import click

from headcount.cli.console import echo, note
from headcount.cli.param_types import DURATION
from headcount.cli.webhooks import webhook
from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.settings import cannot_listen, url_of

_MAX_BODY_BYTES: Final = 8_000_000
_REQUEST_TIMEOUT_S: Final = 30
_MAX_DELAY_MS: Final[Ms] = 600_000


@webhook.command(
    "listen",
    examples=[
        "headcount webhook listen",
        "headcount webhook listen --port 9000 --hmac SECRET --status 503 --delay 2s",
    ],
)
@click.option(
    "--host", default="127.0.0.1", metavar="ADDRESS", help="Address to listen on.  [default: 127.0.0.1]"
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8081,
    metavar="N",
    help="Port to listen on; 0 selects a free port.  [default: 8081]",
)
@click.option(
    "--hmac", metavar="BASE64", help="Signing secret of the endpoint, to verify signatures.  [default: none]"
)
@click.option(
    "--status",
    type=click.IntRange(200, 599),
    default=200,
    metavar="CODE",
    help="Status to answer with, from 200 to 599.  [default: 200]",
)
@click.option(
    "--delay",
    type=DURATION,
    default=0,
    metavar="DURATION",
    help="Delay before the answer, up to 10m.  [default: 0s]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for each request.")
def listen(*, host: str, port: int, hmac: str | None, status: int, delay: Ms, as_json: bool) -> None:
    """Receive webhooks and print each one with its verified signatures.

    For developers of a receiver: --status and --delay simulate failures.
    """
    from headcount.client.signatures import parse_secret  # noqa: PLC0415 - help does not need it

    if delay > _MAX_DELAY_MS:
        raise click.UsageError("--delay: expected a duration of 10m or less")
    try:
        key = None if hmac is None else parse_secret(hmac)
    except BadInput as error:
        raise click.UsageError(f"--hmac: {error}") from error
    try:
        server = ThreadingHTTPServer((host, port), _handler(key, status, delay / 1_000, as_json=as_json))
    except OSError as error:
        raise cannot_listen(host, port, error) from error
    server.daemon_threads = True
    note(f"Listening on {url_of(host, server.server_address[1])}. Press Ctrl-C to stop.")
    with server:
        server.serve_forever()


def _handler(
    key: bytes | None, status: int, delay_s: float, *, as_json: bool
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Prints a request and answers with the configured status."""

        timeout = _REQUEST_TIMEOUT_S

        def do_POST(self) -> None:
            length = self.headers.get("content-length", "")
            if not (length.isascii() and length.isdigit() and int(length) <= _MAX_BODY_BYTES):
                self._answer(411)
                return
            body = self.rfile.read(int(length))
            headers = {name.lower(): value for name, value in self.headers.items()}
            received = _received(self.path, headers, body, key, round(time.time() * 1_000))
            echo(*([json.dumps(received, ensure_ascii=False)] if as_json else _received_lines(received)))
            time.sleep(delay_s)
            self._answer(status)

        def _answer(self, code: int) -> None:
            self.send_response(code)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """The request is printed already."""

    return Handler


def _received(path: str, headers: dict[str, str], body: bytes, key: bytes | None, now: int) -> dict[str, Any]:
    """Return a request as it is printed. For each form, `signatures` has the problem, or None if it is valid."""
    from headcount.client.signatures import verify  # noqa: PLC0415 - help does not need it

    try:
        decoded = json.loads(body)
    except (ValueError, RecursionError):
        decoded = body.decode("utf-8", "replace")
    signatures = None if key is None else {one.form: one.problem for one in verify(headers, body, key, now)}
    return {"received": now, "path": path, "signatures": signatures, "body": decoded}


def _received_lines(received: dict[str, Any]) -> list[str]:
    body, signatures = received["body"], received["signatures"]
    fields = body if isinstance(body, dict) else {}
    kind = fields.get("type", "ping" if "test" in fields else "unknown type")
    lines = [f"{kind}  {fields.get('id', '')}".rstrip()]
    if signatures is None:
        lines.append("  signatures: not verified; set --hmac to verify them")
    else:
        lines += [
            f"  {form}: {'valid' if problem is None else problem}" for form, problem in signatures.items()
        ]
    payload = json.dumps(fields.get("payload", body), ensure_ascii=False, indent=2)
    return [*lines, *(f"  {line}" for line in payload.split("\n"))]
