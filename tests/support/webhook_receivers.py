"""Webhook receivers on the loopback interface, in threads: each behaves as configured and records requests."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

PATIENCE_S = 120


class ReceivedRequest(NamedTuple):
    """A request that a receiver got."""

    headers: dict
    body: bytes
    at: float

    @property
    def payload(self):
        return json.loads(self.body)

    @property
    def id(self):
        return self.payload.get("id", "ping")


def answers(status=200, text=b"ok", **headers):
    """Return a behavior that answers with this status, body and headers."""

    def behave(handler):
        handler.send_response(status)
        for name, value in {"content-length": str(len(text)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(text)

    return behave


def closes_midway(handler):
    """Send less than the content-length."""
    handler.send_response(200)
    handler.send_header("content-length", "100")
    handler.end_headers()
    handler.wfile.write(b"half")
    handler.close_connection = True


def never_ends(handler):
    """Answer 200 with a body that never ends."""
    handler.send_response(200)
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    while True:
        handler.wfile.write(b"1000\r\n" + b"x" * 4_096 + b"\r\n")


class Receiver:
    """A server on a port of its own. `behave` may be changed at any time; pings are always answered 200."""

    def __init__(self, behave=None, *, port=0, tls=None):
        self.behave = behave or answers()
        self.came = []
        self.changed = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def do_POST(self):
                length = int(self.headers["content-length"])
                body = self.body = self.rfile.read(length)
                if len(body) < length:  # the sender was killed
                    self.close_connection = True
                    return
                headers = {name.lower(): value for name, value in self.headers.items()}
                with receiver.changed:
                    receiver.came.append(ReceivedRequest(headers, body, time.monotonic()))
                    receiver.changed.notify_all()
                try:
                    (answers() if body == b'{"test":"test"}' else receiver.behave)(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128
            daemon_threads = True

            def handle_error(self, *_):
                """Broken connections are part of the tests."""

        self.server = Server(("127.0.0.1", port), Handler)
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self.port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def messages(self):
        """The requests without pings."""
        with self.changed:
            return [one for one in self.came if one.body != b'{"test":"test"}']

    def ids(self):
        return [one.id for one in self.messages]

    def wait(self, condition, patience=PATIENCE_S):
        """Wait until the condition is true of the messages, and return them."""
        until = time.monotonic() + patience
        with self.changed:
            while not condition(self.messages_here()):
                left = until - time.monotonic()
                assert left > 0, [one.id for one in self.messages_here()]
                self.changed.wait(left)
            return self.messages_here()

    def messages_here(self):
        return [one for one in self.came if one.body != b'{"test":"test"}']

    def wait_for(self, number, patience=PATIENCE_S):
        return self.wait(lambda came: len({one.id for one in came}) >= number, patience)

    def end(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(PATIENCE_S)


@contextmanager
def receiving(*given, **options):
    receiver = Receiver(*given, **options)
    try:
        yield receiver
    finally:
        receiver.end()
