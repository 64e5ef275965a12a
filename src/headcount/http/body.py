"""Body: the bytes of a request, never more than allowed."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from starlette.types import Receive

from headcount.http.errors import ApiError, invalid

_DIGITS: Final = 15
_CLOSE: Final = {"connection": "close"}
"""Whoever has not sent all of a body need not go on."""
_NOT_TEXT: Final = (
    b"multipart/",
    b"image/",
    b"audio/",
    b"video/",
    b"application/octet-stream",
    b"application/zip",
)


async def read_body(headers: Mapping[bytes, bytes], receive: Receive, most: int, seconds: float) -> bytes:
    """The body, up to `most` bytes, within so many seconds. It is taken as JSON whatever text it says to be.

    Raises `ApiError`: 413 for more, 415 for what cannot be JSON, 408 for what is too slow.
    """
    require_text(headers)
    body = await read_bytes(headers, receive, most, seconds)
    require_length(body, most)
    return body


def require_text(headers: Mapping[bytes, bytes]) -> None:
    """Raises `ApiError` 415 if the body cannot be JSON."""
    encoding = headers.get(b"content-encoding", b"identity")
    kind = headers.get(b"content-type", b"")
    if encoding != b"identity":
        raise _unsupported(
            f"content-encoding '{encoding.decode('latin-1')}' is not understood: send the body as it is"
        )
    if kind.startswith(_NOT_TEXT):
        raise _unsupported(
            f"content-type '{kind.decode('latin-1')}' is not understood:"
            " send application/json or application/x-ndjson"
        )


def require_length(body: bytes, most: int) -> None:
    """Raises `ApiError`: 400 for an empty body, 413 for one that is too large."""
    if not body:
        raise invalid("the body is empty: send an event, an array of events, or one event a line")
    if len(body) > most:
        raise _too_large(most)


async def read_bytes(headers: Mapping[bytes, bytes], receive: Receive, most: int, seconds: float) -> bytes:
    """The body as it is, up to `most` bytes, within so many seconds of its first.

    Raises `ApiError`: 413 for more, 408 for what is too slow.
    """
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and (len(length) > _DIGITS or int(length) > most):
        raise _too_large(most)
    message = await receive()
    if message["type"] == "http.disconnect":
        raise _broken_off()
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        body = await _rest(body, receive, most, seconds)
    return body


async def _rest(begun: bytes, receive: Receive, most: int, seconds: float) -> bytes:
    chunks, size = [begun], len(begun)
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _broken_off()
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                if size > most:
                    raise _too_large(most)
                if not message.get("more_body"):
                    return b"".join(chunks)
    except TimeoutError:
        raise ApiError(
            HTTPStatus.REQUEST_TIMEOUT,
            "invalid-request-error",
            f"the body took longer than {seconds:g} s",
            _CLOSE,
        ) from None


def _broken_off() -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, "invalid-request-error", "the body broke off")


def _too_large(most: int) -> ApiError:
    return ApiError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "request-too-large",
        f"the body is larger than {most:,} bytes: send less at once",
        _CLOSE,
    )


def _unsupported(info: str) -> ApiError:
    return ApiError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", info)
