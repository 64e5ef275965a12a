"""A receiver of webhooks: it responds with 200 at once, and lists on GET what it received.

Prints its port. Latency is the time from `event_ts`, when the message was written, to its arrival.
"""

import asyncio
import json
import re
import time

WRITTEN = re.compile(rb'"event_ts":([0-9.]+)\}$')
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
latencies: list[float] = []
last = 0.0


class Receiver(asyncio.Protocol):
    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (whole := self.whole()) is not None:
            method, body = whole
            self.transport.write(self.answered(method, body))

    def whole(self) -> tuple[bytes, bytes] | None:
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return None
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        size = int(length[1]) if length else 0
        if len(rest) < size:
            return None
        self.buffer = rest[size:]
        return head[:4], rest[:size]

    def answered(self, method: bytes, body: bytes) -> bytes:
        global last  # noqa: PLW0603 - one process, one number
        if method == b"GET ":
            body = json.dumps({"latencies": latencies, "last": last}).encode()
            latencies.clear()
            return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
        written = WRITTEN.search(body)
        if written:
            last = time.time()
            latencies.append(last - float(written[1]))
        return OK


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0, backlog=4_096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
