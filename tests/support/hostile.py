"""Hostile requests: random ones from a seed, for every route, and a plain client that sends bytes as they are.

Nothing here knows what the right answer is, except that it is never a server error.
"""

import asyncio
import json
import random
import re
import time
from typing import NamedTuple
from urllib.parse import quote

from headcount.dashboard.app import routes

BASE = "/dashboard"
LASTING = ("/v1/stream", "/dashboard/updates")
PATIENCE_S = 120
HUGE = "9" * 5_000
DEEP = "[" * 3_000
TEXTS = (
    "", "a", "standup", "\0", "a\0b", "\ud800", "\udfff\ud800", "\U0001f600" * 300, "\u202ereversed", "\r\nx: y", "x" * 600,
    "%", "%00", "../../etc/passwd", "{}", "<script>alert(1)</script>", "' or 1=1 --", "-", "--help", "\x7f\x01", "\ufeff",
    "ß" * 70_000, "OLDEST", "null", "None",
)  # fmt: skip
NUMBERS = (
    "0", "-1", "1", HUGE, "-" + HUGE, "1e400", "NaN", "Infinity", "1_000", "٣", "²", "0x10", "9223372036854775807",
    "9223372036854775808", "-9223372036854775809", "1.5", "1" + "0" * 308, " 7 ", "+5", "0.1",
)  # fmt: skip
TIMES = (
    "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59.999999Z", "0000-00-00", "2026-02-30",
    "1969-12-31T23:59:59Z", "2026-01-01T24:00:00Z", "2026-01-01", "2026-01-01T10:00", "2026-W01-1", "10:05", "25:61", "00:00",
    "1970-01-01T00:00:00Z", "253402300800", "-62135596801", "2026-06-01T10:00:00+99:99", "2099-12-31", "2000-01-01",
)  # fmt: skip
ZONES = (
    "UTC",
    "Europe/Berlin",
    "Pacific/Apia",
    "+14:00",
    "-23:59",
    "+99:99",
    "../UTC",
    "localtime",
    "a" * 500,
)
WORDS = (
    "hour", "day", "month", "room", "true", "false", "asc", "desc", "start", "longest", "ongoing", "over", "people", "events",
    "decisions", "corrections", "deliveries", "pending", "failed", "1", "7", "30", "never", "meeting", "masked", "admin", "viewer",
)  # fmt: skip
PARAMETERS = (
    "room", "user", "user_id", "id", "name", "q", "from", "to", "at", "day", "time", "timezone", "zone", "group_by", "limit", "state",
    "timeframe_start", "timeframe_end", "starting_after", "ending_before", "ongoing", "no_participants", "min_participants",
    "min_duration", "order", "joined_after", "joined_before", "userId", "userName", "expected",
    "starts_at", "ends_at", "min_attendance_ratio", "late_after_seconds", "left_early_before_seconds", "types", "token", "last_event_id", "wait", "after",
    "before", "sort", "min_minutes", "min_people", "attributes", "attribute.role", "include", "people", "tab", "was", "like", "done", "rooms", "link", "next", "length",
)  # fmt: skip
FIELDS = (
    "name", "scope.read", "scope.admin", "scope.nothing", "role", "id", "about", "lasts", "digest", "masked", "url", "retry",
    "basic", "secret", "unasked", "zone", "key", "link", "next", "type.meeting.started",
)  # fmt: skip
HEADERS = (
    "host", "cookie", "accept", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-prefix", "last-event-id",
    "hx-request", "sec-fetch-site", "content-encoding", "range", "if-none-match", "origin", "upgrade", "expect", "user-agent",
    "webhook-id", "webhook-timestamp", "webhook-signature", "x-twilio-signature", "x-zm-signature", "transfer-encoding",
)  # fmt: skip
METHODS = (
    "GET",
    "GET",
    "GET",
    "POST",
    "POST",
    "POST",
    "HEAD",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "BREW",
)
TYPES = (
    "application/json", "application/x-ndjson", "application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x",
    "application/webhook+json", "application/json; charset=utf-16", "\xff",
)  # fmt: skip
KINDS = (
    "agora", "bigbluebutton", "chime", "daily", "generic", "hundredms", "jaas", "janus", "jitsi", "livekit", "realtimekit", "twilio",
    "videosdk", "vonage", "whereby", "zoom", "nothing",
)  # fmt: skip
PARTS = re.compile(r"\{[^}]*\}")


class Known(NamedTuple):
    """What is true of the service under attack, so that some requests get behind the doors.

    `keys` may be valid or not; `cookie` and `csrf` are of somebody who signed in; `sources` are paths.
    """

    keys: tuple[str, ...]
    cookie: str
    csrf: str
    meetings: tuple[str, ...]
    rooms: tuple[str, ...]
    webhooks: tuple[str, ...]
    sources: tuple[str, ...]


class Answer(NamedTuple):
    """`status` is 0 if the other side hung up without a word."""

    status: int
    body: bytes


def paths_of_pages():
    """Every path of the dashboard, as the route table has it."""
    return sorted({route.path for route in routes(None, None)})


class Hostile:
    """Makes requests from a seed. `api` are the paths of the API's document, without the prefix, and what may be done with them."""

    def __init__(self, seed, known, api):
        self.chance = random.Random(seed)
        self.known = known
        self.ways = {f"/v1{path}": sorted(way.upper() for way in ways) for path, ways in api.items()}
        self.templates = [*self.ways, *paths_of_pages()]
        self.templates += [
            "/v1/ingest/{kind}/{token}",
            "/healthz",
            "/readyz",
            "/version",
            "/metrics",
            "/docs",
            "/llms.txt",
            "/",
            "/nowhere",
        ]
        self.templates += list(known.sources) * 3

    def request(self):
        """The bytes of a request, and its method and path with names for its parts."""
        chance = self.chance
        template = chance.choice(self.templates)
        is_page = template.startswith(BASE)
        path = PARTS.sub(self._part, template)
        method = chance.choice(self.ways.get(template, ("GET", "POST")) if chance.random() < 0.8 else METHODS)
        target = path + ("?" + self._query() if chance.random() < 0.6 else "")
        headers = [("host", "127.0.0.1")]
        if is_page:
            headers.append(
                ("cookie", f"headcount={self.known.cookie}" if chance.random() < 0.9 else self.text())
            )
        elif chance.random() < 0.95:
            headers.append(("authorization", f"Bearer {chance.choice(self.known.keys)}"))
        headers += [(chance.choice(HEADERS), self.header()) for _ in range(chance.choice((0, 0, 0, 1, 2)))]
        body = b""
        if method in ("POST", "PUT", "PATCH") or chance.random() < 0.05:
            body = self._form(template) if is_page else self._body()
            if is_page or chance.random() < 0.5:
                headers.append(("content-type", TYPES[2] if is_page else chance.choice(TYPES)))
            headers.append(("content-length", str(len(body))))
        lines = [f"{method} {target[:50_000]} HTTP/1.1"] + [f"{name}: {value}" for name, value in headers]
        head = "\r\n".join(lines).encode("latin-1", "replace")
        return head + b"\r\n\r\n" + body, method, template

    def text(self):
        chance = self.chance
        kind = chance.random()
        if kind < 0.35:
            return chance.choice(TEXTS)
        if kind < 0.5:
            return chance.choice(NUMBERS)
        if kind < 0.65:
            return chance.choice(TIMES)
        if kind < 0.7:
            return chance.choice(ZONES)
        if kind < 0.85:
            return chance.choice(WORDS)
        return chance.choice(self.known.meetings + self.known.rooms + self.known.webhooks + self.known.keys)

    def header(self):
        """A value that may stand in a line of the head."""
        return (
            re.sub(r"[\x00-\x1f\x7f]", "?", self.text())[:9_000].encode("utf-8", "replace").decode("latin-1")
        )

    def _part(self, found):
        chance, name = self.chance, found[0].strip("{}").partition(":")[0]
        of_it = {
            "id": self.known.meetings,
            "room": self.known.rooms,
            "uuid": self.known.webhooks,
            "kind": KINDS,
        }
        if name in of_it and chance.random() < 0.6:
            return quote(chance.choice(of_it[name]), safe="")
        return self._quoted(self.text()[:2_000]) or "x"

    def _quoted(self, text):
        """Percent-encoded, now and then as what is no UTF-8."""
        if self.chance.random() < 0.05:
            return "%ff%fe%c0%80" + quote(text[:20].encode("utf-8", "surrogatepass"), safe="")
        return quote(text.encode("utf-8", "surrogatepass"), safe="")

    def _query(self):
        chance = self.chance
        names = [chance.choice(PARAMETERS) for _ in range(chance.randint(1, 4))]
        return "&".join(f"{name}={self._quoted(self.text()[:8_000])}" for name in names)

    def _form(self, template):
        chance = self.chance
        fields = [(chance.choice(FIELDS), self.text()) for _ in range(chance.randint(0, 6))]
        # Who signs out, or revokes the key that they signed in with, is out for the rest of the attack.
        if not template.endswith(("sign-out", "keys/revoke")) and chance.random() < 0.8:
            fields.append(("csrf", self.known.csrf))
        if "webhooks" in template and chance.random() < 0.5:
            fields.append(("url", "http://127.0.0.1:9/nobody"))
        return "&".join(f"{self._quoted(name)}={self._quoted(value)}" for name, value in fields).encode()

    def _body(self):
        chance = self.chance
        kind = chance.random()
        if kind < 0.1:
            return chance.choice(
                (
                    b"",
                    b"\xff\xfe",
                    b"{",
                    DEEP.encode(),
                    b'{"a":' * 3_000,
                    b"\0",
                    b"[1e999]",
                    b'"\\ud800"',
                    HUGE.encode(),
                )
            )
        sent = self._value(3)
        if kind < 0.6:
            sent = self._event()
        if kind < 0.3:
            sent = [self._event() for _ in range(chance.randint(0, 5))]
        if kind > 0.9:
            sent = {chance.choice(("url", "eventTypes", "retryType", "hmac", "secrets", "extensions", "basicAuth", "ids", "from", "to", "room", "failed", "expected", "starts_at", "ends_at", "min_attendance_ratio")): self._value(2) for _ in range(3)}  # fmt: skip
        # Numbers that JSON has and Python does not print are put in afterwards.
        body = json.dumps(sent, ensure_ascii=chance.random() < 0.7).encode("utf-8", "surrogatepass")
        return (
            body.replace(b'"HUGE"', HUGE.encode())
            if chance.random() < 0.8
            else body[: chance.randint(0, len(body))]
        )

    def _event(self):
        chance, known = self.chance, self.known
        event = {
            "room": chance.choice(known.rooms),
            "kind": chance.choice(("join", "join", "leave", "end", "snapshot")),
            "participant_id": chance.choice(("a", "b", "c")),
        }
        for name in (
            "at",
            "joined_at",
            "user_id",
            "user_name",
            "id",
            "source_session",
            "participants",
            "unknown",
            "room",
            "event",
        ):
            if chance.random() < 0.15:
                event[name] = self._value(1)
        return event

    def _value(self, depth):
        chance = self.chance
        kind = chance.random()
        if depth and kind < 0.2:
            return [self._value(depth - 1) for _ in range(chance.randint(0, 4))]
        if depth and kind < 0.4:
            return {self.text()[:100]: self._value(depth - 1) for _ in range(chance.randint(0, 4))}
        return chance.choice(
            (
                self.text(),
                self.text(),
                None,
                True,
                "HUGE",
                10**30,
                -1,
                0,
                1.5,
                1e308,
                time.time(),
                4_102_444_800,
            )
        )


class Client:
    """One connection to a service, made again whenever it is closed."""

    def __init__(self, url):
        self.host, _, port = url.removeprefix("http://").partition(":")
        self.port = int(port)
        self.reader = self.writer = None

    async def send(self, request, method="GET", *, lasting=False):
        """Send the bytes and read the answer; of one that lasts, the head."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                if self.writer is None:
                    self.reader, self.writer = await asyncio.open_connection(
                        self.host, self.port, limit=10_000_000
                    )
                self.writer.write(request)
                return await self._answer(method, lasting=lasting)
            except (ConnectionError, asyncio.IncompleteReadError):
                self.close()
                return Answer(0, b"")

    async def _answer(self, method, *, lasting):
        status, head = 100, b""
        while status == 100:
            head = await self.reader.readuntil(b"\r\n\r\n")
            status = int(head[9:12])
        head = head.lower()
        body = b""
        if lasting and status == 200:
            self.close()
            return Answer(status, body)
        length = re.search(rb"content-length: (\d+)", head)
        if method != "HEAD" and b"transfer-encoding: chunked" in head:
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                body += await self.reader.readexactly(size + 2)
            await self.reader.readexactly(2)
        elif method != "HEAD" and length:
            body = await self.reader.readexactly(int(length[1]))
        if b"connection: close" in head:
            self.close()
        return Answer(status, body)

    def close(self):
        if self.writer is not None:
            self.writer.transport.abort()
        self.reader = self.writer = None


async def attack(url, hostile, number, at_once=8):
    """Send so many requests; how often each status was answered, and the requests that were answered with 5xx."""
    statuses, failures = {}, []
    left = iter(range(number))

    async def sender():
        client = Client(url)
        for _ in left:
            request, method, template = hostile.request()
            answer = await client.send(request, method, lasting=template in LASTING)
            statuses[answer.status] = statuses.get(answer.status, 0) + 1
            if answer.status >= 500:
                failures.append((answer.status, method, template, request, answer.body))
        client.close()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(at_once):
            tasks.create_task(sender())
    return statuses, failures
