"""Stream: the published messages as Server-Sent Events, as commands for a driver.

Responsible for parsing, for resuming after the last event, and for when to reconnect. It does no I/O: it yields what to do
and is sent the result. Must not know sockets, threads or event loops.
"""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from headcount.client.calls import Call, Query
from headcount.client.errors import (
    ApiError,
    ClientError,
    ConnectionFailed,
    EventsMissed,
    Unauthorized,
    UnexpectedAnswer,
)
from headcount.client.exchange import Failure, Policy, Response, Wait, api_error, target_of
from headcount.client.models import Message

READ_TIMEOUT_S: Final = 45.0
"""The server sends something every 15 seconds. A connection without anything for longer is dead."""
_MAX_BUFFER_BYTES: Final = 16_777_216
_OK: Final = 200
_TRANSIENT: Final = (429, 502, 503, 504)
_REVOKED: Final = "key_revoked"


@dataclass(frozen=True, slots=True)
class Open:
    """The command to close the connection, if there is one, and to open another. Its result is a `Response`, with a body only if its status is not 200, or a `Failure`."""

    target: str
    headers: Mapping[str, str]
    connect_timeout_s: float


@dataclass(frozen=True, slots=True)
class Read:
    """The command to read the next bytes: empty at the end; a `Failure` if the connection is broken."""


@dataclass(frozen=True, slots=True)
class Emit:
    """The command to hand a message to the caller."""

    message: Message


Streaming = Generator[Open | Read | Wait | Emit, Any, None]


class _Notice(msgspec.Struct):
    reason: str
    info: str


@dataclass(slots=True)
class EventParser:
    """Parser of Server-Sent Events. `feed` returns the events that are complete: each with its id, type and data."""

    last_id: str | None = None
    retry_s: float | None = None
    _buffer: bytes = b""

    def feed(self, chunk: bytes) -> Iterator[tuple[str | None, str, str]]:
        *blocks, self._buffer = (self._buffer + chunk).split(b"\n\n")
        if len(self._buffer) > _MAX_BUFFER_BYTES:
            raise UnexpectedAnswer("the stream has an event of more than 16 MB")
        for block in blocks:
            event, data = "message", []
            for line in block.decode("utf-8", "replace").split("\n"):
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                match name:
                    case "id":
                        self.last_id = value
                    case "event":
                        event = value
                    case "data":
                        data.append(value)
                    case "retry" if value.isascii() and value.isdigit():
                        self.retry_s = int(value) / 1_000
            if data:
                yield self.last_id, event, "\n".join(data)


@dataclass(slots=True)
class MessageStream:
    """A stream that reconnects. `last_id` is the position after the last message that was handed over."""

    prefix: str
    filters: Query
    policy: Policy
    last_id: str | None = None
    allow_gaps: bool = False
    max_silence_s: float | None = None
    _attempt: int = field(default=0, init=False)
    _retry_s: float = field(default=1.0, init=False)

    def commands(self) -> Streaming:
        """Yield the commands of the stream. Raise `ClientError` if reconnecting cannot help."""
        since = self.policy.now()
        while True:
            error = yield from self._connection()
            if self._attempt == 0:
                since = self.policy.now()
            if self.max_silence_s is not None and self.policy.now() - since >= self.max_silence_s:
                raise error
            yield Wait(self._pause(error))
            self._attempt += 1

    def _pause(self, error: ClientError) -> float:
        asked = getattr(error, "retry_after_s", None) or 0.0
        first = self._retry_s * self.policy.chance() if self._attempt == 0 else 0.0
        return max(asked, first, self.policy.backoff(self._attempt))

    def _connection(self) -> Generator[Open | Read | Wait | Emit, Any, ClientError]:
        """Read one connection and return why it ended."""
        headers = {} if self.last_id is None else {"Last-Event-ID": self.last_id}
        target = target_of(Call("GET", "/stream", object, self.filters), self.prefix)
        opened: Response | Failure = yield Open(target, headers, self.policy.connect_timeout_s)
        if isinstance(opened, Failure):
            return _failed(opened)
        if opened.status != _OK:
            error = api_error(opened)
            if isinstance(error, ApiError) and error.status in _TRANSIENT:
                return error
            raise error
        return (yield from self._events())

    def _events(self) -> Generator[Open | Read | Wait | Emit, Any, ClientError]:
        parser = EventParser(self.last_id)
        while True:
            chunk: bytes | Failure = yield Read()
            if isinstance(chunk, Failure):
                return _failed(chunk)
            if not chunk:
                return ConnectionFailed("the server ended the stream")
            for last_id, event, data in parser.feed(chunk):
                ended = self._notice(event, data)
                if ended is not None:
                    return ended
                if event == "gap":
                    continue
                message = _message(data, last_id or "")
                self.last_id = last_id
                yield Emit(message)
            # Also without events the position moves on: that of the preamble and of comments.
            self.last_id = parser.last_id
            self._attempt = 0
            self._retry_s = parser.retry_s or self._retry_s

    def _notice(self, event: str, data: str) -> ClientError | None:
        """Return why the connection ends, if it does. Raise what reconnecting cannot help against."""
        if event == "gap" and not self.allow_gaps:
            raise EventsMissed(
                "the events after the last one are no longer stored: read the meetings since then with list_meetings,"
                " then stream without last_event_id, or with allow_gaps=True"
            )
        if event != "disconnect":
            return None
        notice = msgspec.json.decode(data, type=_Notice)
        if notice.reason == _REVOKED:
            raise Unauthorized(401, "authentication-error", notice.info)
        return ConnectionFailed(notice.info)


def _message(data: str, cursor: str) -> Message:
    try:
        message = msgspec.json.decode(data, type=Message)
    except msgspec.DecodeError as error:
        raise UnexpectedAnswer(f"the stream has an event that is no message: {error}") from error
    message.__dict__["cursor"] = cursor
    return message


def _failed(failure: Failure) -> ConnectionFailed:
    return ConnectionFailed(f"the stream broke off: {failure.cause or type(failure.cause).__name__}")
