"""Errors as the API tells them: `{"error": TYPE, "info": SENTENCE}`. All of them are mapped here, once."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from headcount.errors import BadInput, MalformedJson, TooLarge
from headcount.kernel.events import InvalidEvent
from headcount.store.database import StoreBusy, StoreError, StoreRejected
from headcount.telemetry.logging import refused_somebody

log = structlog.get_logger("headcount.http")


class ApiError(Exception):
    """An answer that is not 200. `error` is a stable word for programs, `info` a sentence for people.

    `about` is for the log alone: whose key was refused, say.
    """

    def __init__(
        self,
        status: int,
        error: str,
        info: str,
        headers: dict[str, str] | None = None,
        *,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        self.status = status
        self.error = error
        self.info = info
        self.headers = headers or {}
        self.about = about or {}
        super().__init__(info)


def invalid(info: str) -> ApiError:
    """A parameter is missing or wrong."""
    return ApiError(HTTPStatus.BAD_REQUEST, "invalid-request-error", info)


def not_json(info: str) -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, "json-parsing-error", info)


def not_found(info: str) -> ApiError:
    return ApiError(HTTPStatus.NOT_FOUND, "not-found", info)


_WORDS: Final = {
    404: ("not-found", "there is nothing at {path}; /docs lists what there is"),
    405: ("method-not-allowed", "{path} cannot be asked with {method}"),
    413: ("request-too-large", "the body is too large"),
    415: ("unsupported-media-type", "send JSON or NDJSON"),
}


def answer_with(status: int, error: str, info: str, headers: dict[str, str] | None = None) -> Response:
    body = msgspec.json.encode({"error": error, "info": info})
    return Response(body, status, headers, "application/json")


async def on_api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    if error.status == HTTPStatus.UNAUTHORIZED:
        route = request.scope.get("headcount.route", "other")
        refused_somebody("authentication_failed", route=route, reason=error.info, **error.about)
    return answer_with(error.status, error.error, error.info, error.headers)


async def on_http_error(request: Request, error: Exception) -> Response:
    """What Starlette refuses by itself."""
    assert isinstance(error, HTTPException)
    word, info = _WORDS.get(error.status_code, ("invalid-request-error", str(error.detail)))
    told = info.format(path=request.scope["path"], method=request.method)
    return answer_with(error.status_code, word, told, dict(error.headers or {}))


async def on_bad_input(_: Request, error: Exception) -> Response:
    return answer_with(HTTPStatus.BAD_REQUEST, "invalid-request-error", str(error))


async def on_malformed_json(_: Request, error: Exception) -> Response:
    return answer_with(HTTPStatus.BAD_REQUEST, "json-parsing-error", str(error))


async def on_too_large(_: Request, error: Exception) -> Response:
    return answer_with(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "request-too-large", str(error))


async def on_busy(_: Request, error: Exception) -> Response:
    assert isinstance(error, StoreBusy)
    log.warning("the store is busy", reason=str(error))
    return answer_with(HTTPStatus.SERVICE_UNAVAILABLE, "server-error", error.reason, {"retry-after": "1"})


async def on_rejected(_: Request, error: Exception) -> Response:
    """The same request would be rejected again, so the answer does not ask the client to retry."""
    assert isinstance(error, StoreRejected)
    log.error("the database rejected a request", reason=str(error))
    return answer_with(HTTPStatus.BAD_REQUEST, "invalid-request-error", f"{error.reason}; nothing was stored")


async def on_store_error(_: Request, error: Exception) -> Response:
    """The file is damaged, cannot be written, or the like: an operator must see to it."""
    log.error("the store refused", reason=str(error))
    info = "the store cannot do that; nothing was taken. 'headcount doctor' and the log tell why"
    return answer_with(HTTPStatus.SERVICE_UNAVAILABLE, "server-error", info, {"retry-after": "30"})


async def on_our_fault(request: Request, _: Exception) -> Response:
    told = getattr(request.state, "request_id", "")
    info = f"something went wrong on our side; the log tells more under request {told}"
    return answer_with(HTTPStatus.INTERNAL_SERVER_ERROR, "server-error", info)


HANDLERS: Final[dict[Any, Callable[[Request, Exception], Awaitable[Response]]]] = {
    ApiError: on_api_error,
    HTTPException: on_http_error,
    BadInput: on_bad_input,
    MalformedJson: on_malformed_json,
    TooLarge: on_too_large,
    InvalidEvent: on_bad_input,
    StoreBusy: on_busy,
    StoreRejected: on_rejected,
    StoreError: on_store_error,
    Exception: on_our_fault,
}


async def answer_to(request: Request, error: Exception) -> Response:
    """What to answer to an error, for who handles a request outside the framework."""
    for kind in type(error).__mro__:
        if kind in HANDLERS:
            if kind is Exception:
                log.error(
                    "request failed", exc_info=error, request_id=getattr(request.state, "request_id", "")
                )
            return await HANDLERS[kind](request, error)
    raise error
