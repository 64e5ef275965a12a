"""Attack: the server on both databases, under random requests and under attacks by anonymous clients.

    python bench/attack.py [--requests 100000] [--seed 1] [--database sqlite|postgres] [--keep FOLDER]

Starts the server on loopback and sends random requests to every route: with valid and invalid keys, and with a session of
the dashboard. Then attacks it as an anonymous client can. A thread requests `/healthz` all the time. Prints the statuses,
the slowest response of `/healthz`, and the peak memory. The exit code is 1 if a response has a 5xx status, if `/healthz`
takes longer than a second, or if memory exceeds 300 MB.
"""

import argparse
import asyncio
import http.client
import resource
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlencode

sys.path[:0] = [str(Path(__file__).parents[1] / "tests")]

from support.fuzz import api_of, known_of
from support.hostile import Client, Hostile, attack
from support.running_service import Running
from support.servers import Postgres

MOST_HEALTHZ_S = 1.0
MOST_MEMORY_MB = 300.0
REQUEST_S = 5
LONG = 60_000
"""As long as the head of a request may just be."""
FEW_DESCRIPTORS = 512
REPORTED = 20


class Watch(threading.Thread):
    """Asks a probe again and again on new connections, and notes how long it took at most."""

    def __init__(self, url, path="/healthz", statuses=(200,)):
        super().__init__(daemon=True)
        self.address = url.removeprefix("http://")
        self.path = path
        self.statuses = statuses
        self.worst_s = 0.0
        self.asked = 0
        self.wrong = []
        self._over = threading.Event()

    def run(self):
        while not self._over.wait(0.05):
            began = time.monotonic()
            try:
                connection = http.client.HTTPConnection(self.address, timeout=30)
                connection.request("GET", self.path)
                status = connection.getresponse().status
                connection.close()
                if status not in self.statuses:
                    self.wrong.append(status)
            except OSError as error:
                self.wrong.append(str(error))
            self.worst_s = max(self.worst_s, time.monotonic() - began)
            self.asked += 1

    def end(self):
        self._over.set()
        self.join()


class Report:
    """The results of each attack."""

    def __init__(self):
        self.missed = []

    @contextmanager
    def of(self, service, what):
        """Watch the service while something is done to it; the values given to what is yielded are printed, too."""
        status = Path(f"/proc/{service.process.pid}/status")
        Path(f"/proc/{service.process.pid}/clear_refs").write_text("5")
        log_before = service.log.stat().st_size
        watch, seen, began = Watch(service.url), {}, time.monotonic()
        watch.start()
        yield seen
        took = time.monotonic() - began
        time.sleep(0.1)
        watch.end()
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        memory_mb = int(lines["VmHWM"].split()[0]) / 1_000
        log = service.log.read_bytes()[log_before:]
        counts = ", ".join(f"{name} {value}" for name, value in seen.items())
        print(f"  {what:<42} {took:6.1f} s  /healthz ≤ {watch.worst_s * 1_000:4.0f} ms of {watch.asked:>4}  memory ≤ {memory_mb:4.0f} MB"
              f"  log {len(log) / 1_000:,.0f} kB  {counts}", flush=True)  # fmt: skip
        if watch.worst_s > MOST_HEALTHZ_S or watch.wrong:
            self.missed.append(f"{what}: /healthz took {watch.worst_s:.2f} s {watch.wrong[:3]}")
        if memory_mb > MOST_MEMORY_MB:
            self.missed.append(f"{what}: memory {memory_mb:.0f} MB")
        if b"Traceback" in log:
            self.missed.append(f"{what}: a traceback in {service.log}")


def fuzz(report, service, requests, seed):
    hostile = Hostile(seed, known_of(service), api_of(service))
    with report.of(service, f"{requests:,} random requests") as seen:
        statuses, failures = asyncio.run(attack(service.url, hostile, requests))
        seen["responses"] = dict(sorted(statuses.items()))
    for (status, method, template), number in Counter(failure[:3] for failure in failures).most_common(
        REPORTED
    ):
        first = next(failure for failure in failures if failure[:3] == (status, method, template))
        print(
            f"    {status} {number} times: {method} {template}\n      {first[3][:500]!r}\n      {first[4][:300]!r}"
        )
    if failures:
        report.missed.append(f"{len(failures)} responses have a 5xx status")


def sent(service, requests, at_once=8):
    """Send these; how often each status was answered."""
    statuses = Counter()
    left = iter(requests)

    async def sender():
        client = Client(service.url)
        for request in left:
            statuses[(await client.send(request)).status] += 1
        client.close()

    async def all_of_them():
        async with asyncio.TaskGroup() as tasks:
            for _ in range(at_once):
                tasks.create_task(sender())

    asyncio.run(all_of_them())
    return dict(statuses)


def get(path, *lines):
    return "\r\n".join([f"GET {path} HTTP/1.1", "host: x", *lines]).encode() + b"\r\n\r\n"


def long_credentials(report, service, number=12_000):
    """Whatever is remembered of what somebody shows, there must be an end to it."""
    for what, form in {
        "long keys": lambda n: get("/v1/presence", f"authorization: Bearer hc_{n:08}{'x' * LONG}"),
        "short keys": lambda n: get("/v1/presence", f"authorization: Bearer hc_{n:032}"),
        "long cookies": lambda n: get("/dashboard", f"cookie: headcount={n:08}{'x' * LONG}"),
        "short cookies": lambda n: get("/dashboard", f"cookie: headcount={n:032}"),
        "long tokens of the stream": lambda n: get(f"/v1/stream?token={n:08}{'x' * LONG}"),
        "long tokens of sources": lambda n: get(f"/v1/ingest/generic/{n:08}{'x' * LONG}").replace(
            b"GET", b"POST", 1
        ),
        "short tokens of sources": lambda n: get(f"/v1/ingest/generic/{n:032}").replace(b"GET", b"POST", 1),
        "long tokens of shares": lambda n: get(f"/dashboard/shared/{n:08}{'x' * LONG}"),
        "long sign-in links": lambda n: get(f"/dashboard/sign-in?link={n:08}{'x' * LONG}"),
    }.items():
        with report.of(service, f"{number:,} {what}") as seen:
            seen["responses"] = sent(service, (form(n) for n in range(number)))


def many_headers(report, service):
    with report.of(service, "200 heads of 65,000 lines") as seen:
        seen["responses"] = sent(service, (get("/v1/presence", *["a:"] * 65_000) for _ in range(200)))
    with report.of(service, "8 headers of 100 MB that do not end") as seen:
        seen["responses"] = Counter(
            poured(service, b"GET / HTTP/1.1\r\nhost: x\r\nx: ", b"x" * 1_000_000, 100) for _ in range(8)
        )
    key = f"authorization: Bearer {service.key}"
    head = f"POST /v1/events HTTP/1.1\r\nhost: x\r\n{key}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    with report.of(service, "8 trailers of 100 MB that do not end") as seen:
        seen["responses"] = Counter(
            poured(service, head + b"1\r\n[\r\n0\r\nx: ", b"x" * 1_000_000, 100) for _ in range(8)
        )


def poured(service, head, chunk, times):
    """Send all of it, or what the other side puts up with; the status that it answers, or 0."""
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection, suppress(OSError):
        with suppress(OSError):
            connection.sendall(head)
            for _ in range(times):
                connection.sendall(chunk)
        return int(connection.recv(100)[9:12] or 0)
    return 0


def forms_that_stop(report, service, number=1_500):
    """More connections than the process has descriptors, each with a form that never ends."""
    form = (
        b"POST /dashboard/sign-in HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n"
    )
    for what, start in {
        "forms that stop": form + b"content-length: 900\r\n\r\nkey=x",
        "heads that stop": b"GET /dashboard HTTP/1.1\r\nhost: x\r\nx",
        "silent connections": b"",
    }.items():
        with report.of(service, f"{number:,} {what}, {FEW_DESCRIPTORS} descriptors"), ExitStack() as held:
            host, port = service.url.removeprefix("http://").split(":")
            for _ in range(number):
                connection = held.enter_context(socket.create_connection((host, int(port)), timeout=60))
                with suppress(OSError):
                    connection.sendall(start)
            time.sleep(REQUEST_S / 2)
    with report.of(service, f"{number:,} forms that break off"):
        for _ in range(number):
            with socket.create_connection((host, int(port)), timeout=60) as connection:
                connection.sendall(form + b"content-length: 900\r\n\r\nkey=x")


def failed_sign_ins(report, service, number=5_000):
    body = urlencode({"key": "hc_" + "x" * 32}).encode()
    request = (
        b"POST /dashboard/sign-in HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n"
        b"content-length: %d\r\n\r\n%s" % (len(body), body)
    )
    with report.of(service, f"{number:,} failed sign-ins") as seen:
        seen["responses"] = sent(service, [request] * number)


def paused_database(report, service, server):
    """The database stops for a while, in the middle of everything."""
    key = f"authorization: Bearer {service.key}"
    body = b'{"room": "r", "kind": "join", "participant_id": "paused"}'
    post = (
        f"POST /v1/events HTTP/1.1\r\nhost: x\r\n{key}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
    )
    probes = [Watch(service.url, "/readyz", (200, 503)), Watch(service.url, "/metrics")]
    with report.of(service, "PostgreSQL paused, 400 requests") as seen:
        server.pause()
        for probe in probes:
            probe.start()
        try:
            seen["responses"] = sent(service, [get("/v1/meetings", key), post, get("/dashboard", "cookie: headcount=x"), get("/v1/presence", "authorization: Bearer hc_wrong")] * 100, at_once=100)  # fmt: skip
        finally:
            for probe in probes:
                probe.end()
            server.resume()
        for probe in probes:
            seen[probe.path] = f"≤ {probe.worst_s * 1_000:.0f} ms"
            if probe.worst_s > MOST_HEALTHZ_S or probe.wrong:
                report.missed.append(
                    f"{probe.path} took {probe.worst_s:.2f} s while the database was paused {probe.wrong[:3]}"
                )


def attacked(report, name, folder, requests, seed, server):
    folder.mkdir()
    database = server.database() if server is not None else None
    service = Running(folder, database, reads_per_5s=0, events_per_5s=0, request_timeout_s=REQUEST_S)
    print(f"{name}:")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    service.start()
    try:
        if requests:
            fuzz(report, service, requests, seed)
        long_credentials(report, service)
        many_headers(report, service)
        failed_sign_ins(report, service)
        if server is not None:
            paused_database(report, service, server)
        service.stop()
        resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
        service.start(descriptors=FEW_DESCRIPTORS)
        forms_that_stop(report, service)
    finally:
        service.stop()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=["sqlite", "postgres"], action="append")
    parser.add_argument("--keep", type=Path, help="a folder for the stores and logs, which must not exist")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    report = Report()
    with ExitStack() as stack:
        folder = given.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(exist_ok=True)
        for name in given.database or ["sqlite", "postgres"]:
            server = None
            if name == "postgres":
                server = Postgres()
                stack.callback(server.end)
            attacked(report, name, folder / name, given.requests, given.seed, server)
    for missed in report.missed:
        print(f"FAILED: {missed}")
    sys.exit(1 if report.missed else 0)


if __name__ == "__main__":
    main()
