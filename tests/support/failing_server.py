"""A socket between clients and a real server that fails as networks and proxies do, by a script."""

import socket
from contextlib import suppress
from threading import Lock, Thread
from urllib.parse import urlsplit

PATIENCE_S = 60
DROP = "drop"
"""Close the connection before anything of the request is read."""
LOSE = "lose"
"""Pass the request on, and close the connection instead of passing the answer on."""
HANG = "hang"
"""Read the request and answer nothing."""
PASS = "pass"
"""Pass the request and the answer on."""


def answer(status, headers="", body=""):
    """A canned answer."""
    text = f"HTTP/1.1 {status} X\r\n{headers}content-length: {len(body)}\r\nconnection: close\r\n\r\n{body}"
    return text.encode()


class FailingServer:
    """Treats connection after connection as the script has it, and passes those after its end on.

    `requests` are the heads of what arrived. `cut` ends all connections that are open.
    """

    def __init__(self, url, *script):
        self._target = (urlsplit(url).hostname, urlsplit(url).port)
        self._script = list(script)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = Lock()
        self._open = set()
        self.requests = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()
        self.cut()

    def cut(self):
        with self._lock:
            open_ones, self._open = self._open, set()
        for one in open_ones:
            _end(one)

    def _accept(self):
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.settimeout(PATIENCE_S)
                with self._lock:
                    step = self._script.pop(0) if self._script else PASS
                    self._open.add(connection)
                Thread(target=self._treat, args=(connection, step), daemon=True).start()

    def _treat(self, connection, step):
        with suppress(OSError):
            if step == DROP:
                _end(connection)
                return
            request = _request(connection)
            self.requests.append(request)
            if step == HANG:
                connection.recv(1)
            elif isinstance(step, bytes):
                connection.sendall(step)
            else:
                self._pass_on(connection, request, loses=step == LOSE)
        _end(connection)

    def _pass_on(self, connection, request, *, loses):
        with socket.create_connection(self._target, PATIENCE_S) as upstream:
            with self._lock:
                self._open.add(upstream)
            head, _, body = request.partition(b"\r\n\r\n")
            upstream.sendall(head + b"\r\nconnection: close\r\n\r\n" + body)
            while chunk := upstream.recv(65_536):
                if not loses:
                    connection.sendall(chunk)


def _request(connection):
    """One request, complete."""
    text = b""
    while b"\r\n\r\n" not in text:
        chunk = connection.recv(65_536)
        if not chunk:
            return text
        text += chunk
    head, _, body = text.partition(b"\r\n\r\n")
    lengths = [
        line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
    ]
    while len(body) < int(lengths[0] if lengths else 0):
        body += connection.recv(65_536)
    kept = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection")]
    return b"\r\n".join(kept) + b"\r\n\r\n" + body


def _end(connection):
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
