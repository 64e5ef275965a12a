"""The gate that LiveKit sends to: keeps every request as it came, and lets it through, or not."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support.waiting import wait_until


class Gate:
    """`behind` is given each request that is let through, and gives the status to answer.

    `deliveries` are all requests, let through or not, as captures hold them.
    """

    def __init__(self, behind):
        self.behind = behind
        self.deliveries = []
        self.refusing = threading.Event()
        self.port = 0
        self.open()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def open(self):
        """Listen, on the same port as before."""
        gate = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                at = time.time()
                body = self.rfile.read(int(self.headers["content-length"]))
                self.send_response(gate.takes(at, self.path, dict(self.headers), body))
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        """Nobody listens any more: connections are refused."""
        self.server.shutdown()
        self.server.server_close()

    def takes(self, at, path, headers, body):
        status = 503 if self.refusing.is_set() else self.behind(path, headers, body)
        self.deliveries.append(
            {"t": round(at, 6), "path": path, "headers": headers, "body": body.decode(), "answered": status}
        )
        return status

    def said(self, event, room, **participant):
        """The deliveries that were let through, of one kind of event in one room, of whom is asked about."""
        return [
            (one, told)
            for one in list(self.deliveries)
            if one["answered"] == 200
            for told in [json.loads(one["body"])]
            if told["event"] == event and told["room"]["name"] == room
            and participant.items() <= told.get("participant", {}).items()
        ]  # fmt: skip

    def refused(self, room):
        """The requests about one room that were not let through."""
        return [
            one for one in list(self.deliveries)
            if one["answered"] == 503 and json.loads(one["body"])["room"]["name"] == room
        ]  # fmt: skip

    def keep(self, file):
        """Write the deliveries down as a capture."""
        file.write_text("".join(json.dumps(one) + "\n" for one in self.deliveries))

    def hears(self, event, room, **participant):
        """Wait for the first such delivery."""
        return wait_until(
            lambda: self.said(event, room, **participant),
            told=lambda: f"no {event} of {participant} in {room}; there came {self.all_said(room)}",
        )[0]

    def all_said(self, room):
        told = [json.loads(one["body"]) for one in list(self.deliveries) if one["answered"] == 200]
        return [
            (one["event"], one.get("participant", {}).get("identity"))
            for one in told if one["room"]["name"] == room
        ]  # fmt: skip
