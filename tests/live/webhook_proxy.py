"""Proxy between a video server and Headcount: records every request, and forwards or refuses it."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support.waiting import wait_until


class WebhookProxy:
    """A proxy. `forward` is called with each request that is let through, and returns the status of the response.

    `requests` are all requests, forwarded or refused, in the format of captures.
    """

    def __init__(self, forward):
        self.forward = forward
        self.requests = []
        self.refusing = threading.Event()
        self.port = 0
        self.open()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def open(self):
        """Listen, on the same port as before."""
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                at = time.time()
                body = self.rfile.read(int(self.headers["content-length"]))
                self.send_response(proxy.receive(at, self.path, dict(self.headers), body))
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        """Stop listening: connections are refused."""
        self.server.shutdown()
        self.server.server_close()

    def receive(self, at, path, headers, body):
        status = 503 if self.refusing.is_set() else self.forward(path, headers, body)
        self.requests.append(
            {"t": round(at, 6), "path": path, "headers": headers, "body": body.decode(), "answered": status}
        )
        return status

    def received(self, event, room, **participant):
        """Return the forwarded requests with one kind of event in one room, about a participant with these fields."""
        return [
            (one, payload)
            for one in list(self.requests)
            if one["answered"] == 200
            for payload in [json.loads(one["body"])]
            if payload["event"] == event and payload["room"]["name"] == room
            and participant.items() <= payload.get("participant", {}).items()
        ]  # fmt: skip

    def refused_requests(self, room):
        """Return the refused requests about one room."""
        return [
            one for one in list(self.requests)
            if one["answered"] == 503 and json.loads(one["body"])["room"]["name"] == room
        ]  # fmt: skip

    def save(self, file):
        """Write the requests to a capture file."""
        file.write_text("".join(json.dumps(one) + "\n" for one in self.requests))

    def wait_for(self, event, room, **participant):
        """Wait for the first such request."""
        return wait_until(
            lambda: self.received(event, room, **participant),
            message=lambda: f"no {event} of {participant} in {room}; received: {self.all_events(room)}",
        )[0]

    def all_events(self, room):
        payloads = [json.loads(one["body"]) for one in list(self.requests) if one["answered"] == 200]
        return [
            (one["event"], one.get("participant", {}).get("identity"))
            for one in payloads if one["room"]["name"] == room
        ]  # fmt: skip
