"""Captures: requests of a video server as they were received, one JSON object a line.

`{"body": "…"}`, with whatever else the receiver noted. This is how test data is kept, and how a
log of webhooks is read back.
"""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from headcount.errors import BadInput
from headcount.kernel.events import Event


class Request(msgspec.Struct):
    """One captured request; its other fields are not needed here."""

    body: str


_DECODER = msgspec.json.Decoder(Request)


def read_capture(
    lines: Iterable[bytes], read: Callable[[bytes], list[Event]], where: str = "the capture"
) -> Iterator[Event]:
    """The events in captured requests, as `read` of their source reads them.

    Raises `BadInput` with the line for what is no request, or not of that source.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield from read(_DECODER.decode(line).body.encode())
        except msgspec.DecodeError as error:
            raise BadInput(f"is no captured request: {error}", where=where, place=f"line {number}") from error
        except BadInput as error:
            raise BadInput(error.reason, where=where, place=f"line {number}") from error
