"""Body: the bytes of a request, never more than allowed."""

from http import HTTPStatus
from typing import Final

from starlette.requests import Request

from headcount.http.errors import ApiError, invalid

_NOT_TEXT: Final = ("multipart/", "image/", "audio/", "video/", "application/octet-stream", "application/zip")


async def read_body(request: Request, most: int) -> bytes:
    """The body, up to `most` bytes. It is taken as JSON whatever text it says to be.

    Raises `ApiError`: 413 for more, 415 for what cannot be JSON.
    """
    headers = request.headers
    encoding = headers.get("content-encoding", "identity")
    kind = headers.get("content-type", "")
    if encoding != "identity":
        raise _unsupported(f"content-encoding '{encoding}' is not understood: send the body as it is")
    if kind.startswith(_NOT_TEXT):
        raise _unsupported(
            f"content-type '{kind}' is not understood: send application/json or application/x-ndjson"
        )
    length = headers.get("content-length", "0")
    if length.isdigit() and int(length) > most:
        raise _too_large(most)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise _too_large(most)
        chunks.append(chunk)
    if not size:
        raise invalid("the body is empty: send an event, an array of events, or one event a line")
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _too_large(most: int) -> ApiError:
    return ApiError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "request-too-large",
        f"the body is larger than {most:,} bytes: send less at once",
    )


def _unsupported(info: str) -> ApiError:
    return ApiError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", info)
