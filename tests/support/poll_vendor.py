"""A small real server that answers as LiveKit does, or with a configured response."""

import json
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt

KEY, SECRET = "devkey", "a-secret-that-is-long-enough-for-anybody"


class LiveKit:
    """`rooms` has the participants by room and name. `answer` may be set to a function that answers all requests."""

    def __init__(self):
        self.rooms = {}
        self.requests = 0
        self.answer = None
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                vendor.requests += 1
                status, response, headers = (vendor.answer or vendor.lists)(self.path, self.headers, body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(response)))
                self.end_headers()
                with suppress(OSError):  # the client did not wait
                    self.wfile.write(response)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def join(self, room, name, **more):
        now = time.time_ns() // 1_000_000
        who = {
            "sid": f"PA_{name}",
            "identity": name,
            "name": name.title(),
            "state": "ACTIVE",
            "joined_at_ms": str(now),
        }
        self.rooms.setdefault(room, {})[name] = who | more

    def leave(self, room, name):
        del self.rooms[room][name]
        if not self.rooms[room]:
            del self.rooms[room]

    def lists(self, path, headers, body):
        claims = jwt.decode(headers["authorization"].removeprefix("Bearer "), SECRET, algorithms=["HS256"])
        assert claims["iss"] == KEY
        if path.endswith("/ListRooms"):
            assert claims["video"] == {"roomList": True}
            return json_response({"rooms": [{"name": room, "sid": f"RM_{room}"} for room in self.rooms]})
        assert claims["video"] == {"roomAdmin": True, "room": body["room"]}
        return json_response({"participants": list(self.rooms.get(body["room"], {}).values())})

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def json_response(payload, status=200):
    return status, json.dumps(payload).encode(), {"content-type": "application/json"}
