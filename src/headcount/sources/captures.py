"""Captures: requests of a video server as they were received, one JSON object a line.

`{"body": "…"}`, with whatever else the receiver noted (`headers`, `url`, and `t`, when it came in seconds, are read).
This is how test data is kept, and how a log of webhooks is read back. A line may also be the bare JSON
body of a request itself: then that is what is read.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn

import msgspec

from headcount.errors import BadInput
from headcount.sources.api import InboundRequest, ParsedEvent, Source, expand_server_ends, parse_trusted


class Request(msgspec.Struct):
    """One captured request; its other fields are not needed here."""

    body: str
    headers: dict[str, str] = {}
    url: str = ""
    t: float = 0


_DECODER = msgspec.json.Decoder(Request)
_ANYTHING = msgspec.json.Decoder(dict[str, Any])


def _refuse(wrong: BadInput) -> NoReturn:
    raise wrong


def parse_capture(
    lines: Iterable[bytes],
    source: Source,
    where: str = "the capture",
    complain: Callable[[BadInput], None] = _refuse,
) -> Iterator[ParsedEvent]:
    """What captured requests say, as their source reads them; they are trusted, not verified.

    What is no request, or not of that source, is complained of with its line: unless somebody else
    is told, by raising `BadInput`. The end of a whole server ends the rooms spoken of before it.
    """
    return expand_server_ends(_heard(lines, source, where, complain))


def _heard(
    lines: Iterable[bytes], source: Source, where: str, complain: Callable[[BadInput], None]
) -> Iterator[ParsedEvent]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            heard = parse_trusted(source, _delivery(line))
        except BadInput as error:
            complain(BadInput(error.reason, where=where, place=f"line {number}"))
        else:
            yield from heard


def _delivery(line: bytes) -> InboundRequest:
    try:
        if isinstance(_ANYTHING.decode(line).get("body"), str):
            request = _DECODER.decode(line)
            headers = {name.lower(): value for name, value in request.headers.items()}
            return InboundRequest(headers, request.body.encode(), request.url, round(request.t * 1_000))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"is no captured request: {error}") from error
    return InboundRequest({"content-type": "application/json"}, line)
