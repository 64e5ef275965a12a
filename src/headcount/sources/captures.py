"""Captured requests of a video server, one JSON object per line.

A line is `{"body": "…"}`, with other fields that the receiver recorded: `headers`, `url` and `t`, the time of receipt in seconds, are
used. Test data has this format, and so have logs of webhooks. A line may also be the bare JSON body of a request.
Responsible for parsing such lines with their source. Must not know the domain or the store of the events.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from headcount.errors import BadInput
from headcount.sources.api import (
    InboundRequest,
    ParsedEvent,
    Source,
    expand_server_ends,
    parse_trusted,
    raise_error,
)


class CapturedRequest(msgspec.Struct):
    """One captured request; its other fields are ignored."""

    body: str
    headers: dict[str, str] = {}
    url: str = ""
    t: float = 0


_DECODER = msgspec.json.Decoder(CapturedRequest)
_OBJECT_DECODER = msgspec.json.Decoder(dict[str, Any])


def parse_capture(
    lines: Iterable[bytes],
    source: Source,
    name: str = "the capture",
    on_error: Callable[[BadInput], None] = raise_error,
) -> Iterator[ParsedEvent]:
    """Return the events of captured requests, as their source parses them; they are trusted, not verified.

    A line that is no request, or not of that source, is passed to `on_error` with its number; the default raises it as
    `BadInput`. A server-wide end ends the rooms of the lines before it.
    """
    return expand_server_ends(_parse_lines(lines, source, name, on_error))


def _parse_lines(
    lines: Iterable[bytes], source: Source, name: str, on_error: Callable[[BadInput], None]
) -> Iterator[ParsedEvent]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        problems: list[BadInput] = []
        try:
            yield from parse_trusted(source, _request(line), problems.append)
        except BadInput as error:
            problems.append(error)
        for problem in problems:
            place = ", ".join(part for part in (f"line {number}", problem.place) if part)
            on_error(BadInput(problem.reason, where=name, place=place))


def _request(line: bytes) -> InboundRequest:
    try:
        if isinstance(_OBJECT_DECODER.decode(line).get("body"), str):
            captured = _DECODER.decode(line)
            headers = {name.lower(): value for name, value in captured.headers.items()}
            return InboundRequest(headers, captured.body.encode(), captured.url, round(captured.t * 1_000))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"not a captured request: {error}") from error
    return InboundRequest({"content-type": "application/json"}, line)
