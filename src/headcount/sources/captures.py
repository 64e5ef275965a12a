"""Captured requests of a video server: JSON objects in a file.

An object is `{"body": "…"}`, with other fields that the receiver recorded: `headers`, `url` and `t`, the time of receipt in seconds, are
used. Test data has this format, and so have logs of webhooks. An object may also be the bare JSON body of a request, or a line
that a container runtime logged, `{"log": "…", "stream": "stdout", …}`, with either of them.
Responsible for parsing such objects with their source. Must not know the domain or the store of the events.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from headcount.errors import BadInput
from headcount.sources import fields
from headcount.sources.api import (
    InboundRequest,
    ParsedEvent,
    Source,
    expand_server_ends,
    parse_trusted,
    raise_error,
)
from headcount.sources.fields import Value
from headcount.sources.json_values import split_objects


class CapturedRequest(msgspec.Struct):
    """One captured request; its other fields are ignored."""

    body: Value = None
    headers: Value = None
    url: Value = None
    t: Value = None


_OBJECT_DECODER = msgspec.json.Decoder(dict[str, Any])


def parse_capture(
    content: bytes,
    source: Source,
    name: str = "the capture",
    on_error: Callable[[BadInput], None] = raise_error,
    on_unrelated: Callable[[int], None] = lambda _: None,
) -> Iterator[ParsedEvent]:
    """Return the events of captured requests, as their source parses them; they are trusted, not verified.

    Whatever is no request, or not of that source, is passed to `on_error` with its line; the default raises it as
    `BadInput`. The line of each request without an event is passed to `on_unrelated`. A server-wide end ends the rooms
    of the requests before it.
    """
    return expand_server_ends(_parse_requests(content, source, name, on_error, on_unrelated))


def _parse_requests(
    content: bytes,
    source: Source,
    name: str,
    on_error: Callable[[BadInput], None],
    on_unrelated: Callable[[int], None],
) -> Iterator[ParsedEvent]:
    for line, text in split_objects(content, name, on_error):
        problems: list[BadInput] = []
        events: list[ParsedEvent] = []
        try:
            events = parse_trusted(source, _request(text), problems.append)
        except BadInput as error:
            problems.append(error)
        for problem in problems:
            place = ", ".join(part for part in (f"line {line}", problem.place) if part)
            on_error(BadInput(problem.reason, where=name, place=place))
        if not events and not problems:
            on_unrelated(line)
        yield from events


def _request(text: bytes) -> InboundRequest:
    try:
        decoded = fields.decode_json(_OBJECT_DECODER, text)
        logged = decoded.get("log")
        if isinstance(logged, str) and "stream" in decoded:  # a line of a container's log file
            text = logged.encode()
            decoded = fields.decode_json(_OBJECT_DECODER, text)
        captured = fields.struct(decoded, CapturedRequest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"not a captured request: {error}") from error
    if not isinstance(captured.body, str):
        return InboundRequest({"content-type": "application/json"}, text)
    received_at = fields.optional_time(captured.t or None, fields.ms_from_seconds, "t") or 0
    headers = captured.headers if isinstance(captured.headers, dict) else {}
    texts = {str(name).lower(): fields.text(value) for name, value in headers.items()}
    return InboundRequest(texts, captured.body.encode(), fields.text(captured.url), received_at)
