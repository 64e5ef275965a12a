"""Request bodies: their bytes, up to a limit and within a time, and their JSON.

Responsible for sizes, content types, timeouts and the errors of the JSON. It must not know what a body means.
"""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, TypeVar

import msgspec
from starlette.types import Receive

from headcount.http.errors import ApiError, invalid, not_json

T = TypeVar("T")

_MAX_DIGITS: Final = 15
_CLOSE: Final = {"connection": "close"}
"""The client need not send the rest of the body."""
_BINARY_TYPES: Final = (
    b"multipart/",
    b"image/",
    b"audio/",
    b"video/",
    b"application/octet-stream",
    b"application/zip",
)


async def read_body(
    headers: Mapping[bytes, bytes], receive: Receive, max_bytes: int, timeout_s: float
) -> bytes:
    """Return the body of a request. It is JSON or NDJSON, whatever text its content type names.

    Raise `ApiError`: 413 for more than `max_bytes`, 415 for a type that cannot be JSON, 408 after the timeout.
    """
    require_text(headers)
    body = await read_bytes(headers, receive, max_bytes, timeout_s)
    require_length(body, max_bytes)
    return body


def require_text(headers: Mapping[bytes, bytes]) -> None:
    """Raise `ApiError` 415 if the body cannot be JSON."""
    encoding = headers.get(b"content-encoding", b"identity")
    content_type = headers.get(b"content-type", b"")
    if encoding != b"identity":
        raise _unsupported(
            f"Content-encoding '{encoding.decode('latin-1')}' is not understood: send the body as it is"
        )
    if content_type.startswith(_BINARY_TYPES):
        raise _unsupported(
            f"Content-type '{content_type.decode('latin-1')}' is not understood:"
            " send application/json or application/x-ndjson"
        )


def require_length(body: bytes, max_bytes: int) -> None:
    """Raise `ApiError`: 400 for an empty body, 413 for one that is too large."""
    if not body:
        raise invalid("The body is empty: send an event, an array of events, or one event per line")
    if len(body) > max_bytes:
        raise _too_large(max_bytes)


async def read_bytes(
    headers: Mapping[bytes, bytes], receive: Receive, max_bytes: int, timeout_s: float
) -> bytes:
    """Return the body of any type; the timeout starts with its first bytes.

    Raise `ApiError`: 413 for more than `max_bytes`, 408 after the timeout.
    """
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and (len(length) > _MAX_DIGITS or int(length) > max_bytes):
        raise _too_large(max_bytes)
    message = await receive()
    if message["type"] == "http.disconnect":
        raise _disconnected()
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        body = await _read_rest(body, receive, max_bytes, timeout_s)
    return body


def decode(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Return the value of a JSON body. Raise `ApiError` 400."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise invalid(f"Invalid body: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise not_json(f"The body is not JSON: {error}") from error


async def _read_rest(first: bytes, receive: Receive, max_bytes: int, timeout_s: float) -> bytes:
    chunks, size = [first], len(first)
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _disconnected()
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                if size > max_bytes:
                    raise _too_large(max_bytes)
                if not message.get("more_body"):
                    return b"".join(chunks)
    except TimeoutError:
        raise ApiError(
            HTTPStatus.REQUEST_TIMEOUT,
            "invalid-request-error",
            f"The body took longer than {timeout_s:g} s",
            _CLOSE,
        ) from None


def _disconnected() -> ApiError:
    return ApiError(
        HTTPStatus.BAD_REQUEST, "invalid-request-error", "The body is incomplete: the connection was closed"
    )


def _too_large(max_bytes: int) -> ApiError:
    return ApiError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "request-too-large",
        f"The body is larger than {max_bytes:,} bytes: send it in several requests",
        _CLOSE,
    )


def _unsupported(info: str) -> ApiError:
    return ApiError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", info)
