"""Errors of the API: `{"error": TYPE, "info": SENTENCE}`.

Responsible for the mapping of all exceptions to answers, once. It must not know which operation raised them.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from headcount.errors import BadInput, MalformedJson, TooLarge
from headcount.http.schemas import Error
from headcount.http.serializer import encode
from headcount.kernel.events import InvalidEvent
from headcount.store.database import StoreBusy, StoreError, StoreRejected
from headcount.telemetry.logging import log_refusal

log = structlog.get_logger("headcount.http")


class ApiError(Exception):
    """An answer with a status other than 200.

    `error` is the type, which is stable; `info` a sentence for people. `log_context` is logged only: the key that was
    refused, for example. With `key_scope`, the answer shows how to create an API key with this scope.
    """

    def __init__(
        self,
        status: int,
        error: str,
        info: str,
        headers: dict[str, str] | None = None,
        *,
        log_context: Mapping[str, Any] | None = None,
        key_scope: str | None = None,
    ) -> None:
        self.status = status
        self.error = error
        self.info = info
        self.headers = headers or {}
        self.log_context = log_context or {}
        self.key_scope = key_scope
        super().__init__(info)


def invalid(info: str) -> ApiError:
    """Return the error for a parameter or field that is missing or invalid."""
    return ApiError(HTTPStatus.BAD_REQUEST, "invalid-request-error", info)


def not_json(info: str) -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, "json-parsing-error", info)


def not_found(info: str) -> ApiError:
    return ApiError(HTTPStatus.NOT_FOUND, "not-found", info)


_FRAMEWORK_ERRORS: Final = {
    404: ("not-found", "No route matches {path}. See /docs"),
    405: ("method-not-allowed", "Method {method} is not allowed for {path}. See /docs"),
    413: ("request-too-large", "The body is too large"),
    415: ("unsupported-media-type", "Send JSON or NDJSON"),
}
_FIELDS: Final = ("at", "id", "kind", "room")
_BAD_REQUEST: Final = "invalid-request-error"
_SERVER_ERROR: Final = "server-error"


def sentence_case(info: str) -> str:
    """Return a text of any layer as the API writes it: with a capital letter first and no period last.

    In other layers, texts start in lower case, because the CLI prints them after a colon. Names of fields and places, such
    as `events[0]`, stay as they are.
    """
    first = re.match(r"[a-z]+(?= )", info)
    return (info[0].upper() + info[1:] if first and first[0] not in _FIELDS else info).removesuffix(".")


def _response(status: int, error: str, info: str, headers: dict[str, str] | None = None) -> Response:
    return Response(encode(Error(error, sentence_case(info))), status, headers, "application/json")


async def _on_api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    if error.status == HTTPStatus.UNAUTHORIZED:
        route = request.scope.get("headcount.route", "other")
        log_refusal("authentication_failed", route=route, reason=error.info, **error.log_context)
    info = error.info if error.key_scope is None else f"{error.info}. {_key_hint(request, error.key_scope)}"
    return _response(error.status, error.error, info, error.headers)


def _key_hint(request: Request, key_scope: str) -> str:
    """Return how to get an API key. Only a client on this machine is shown the path of the database."""
    text = f"key create --scope {key_scope}"
    hints, client = request.scope.get("headcount.command_hints"), request.client
    command = hints and client and hints.command_for(text, client.host, request.headers)
    if command:
        return f"Create one with: {command}"
    return f"The operator of this server creates one with: headcount {text} --database DATABASE"


async def _on_framework_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    type_, info = _FRAMEWORK_ERRORS.get(error.status_code, (_BAD_REQUEST, str(error.detail)))
    info = info.format(path=request.scope["path"], method=request.method)
    return _response(error.status_code, type_, info, dict(error.headers or {}))


async def _on_bad_input(_: Request, error: Exception) -> Response:
    return _response(HTTPStatus.BAD_REQUEST, _BAD_REQUEST, str(error))


async def _on_malformed_json(_: Request, error: Exception) -> Response:
    return _response(HTTPStatus.BAD_REQUEST, "json-parsing-error", str(error))


async def _on_too_large(_: Request, error: Exception) -> Response:
    return _response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "request-too-large", str(error))


async def _on_busy(_: Request, error: Exception) -> Response:
    assert isinstance(error, StoreBusy)
    log.warning("database busy", reason=str(error))
    return _response(HTTPStatus.SERVICE_UNAVAILABLE, _SERVER_ERROR, error.reason, {"retry-after": "1"})


async def _on_rejected(_: Request, error: Exception) -> Response:
    """Return an answer without a request to retry: the database would reject it again."""
    assert isinstance(error, StoreRejected)
    log.error("the database rejected a request", reason=str(error))
    return _response(HTTPStatus.BAD_REQUEST, _BAD_REQUEST, f"{error.reason}; nothing was stored")


async def _on_store_error(_: Request, error: Exception) -> Response:
    """Return an answer for a damaged or read-only file, which an operator must repair."""
    log.error("database error", reason=str(error))
    info = "The database is unavailable; no events were stored. Run 'headcount doctor' and see the log"
    return _response(HTTPStatus.SERVICE_UNAVAILABLE, _SERVER_ERROR, info, {"retry-after": "30"})


async def _on_internal_error(request: Request, _: Exception) -> Response:
    request_id = getattr(request.state, "request_id", "")
    info = f"Internal error. See the log entries of request {request_id}"
    return _response(HTTPStatus.INTERNAL_SERVER_ERROR, _SERVER_ERROR, info)


HANDLERS: Final[dict[Any, Callable[[Request, Exception], Awaitable[Response]]]] = {
    ApiError: _on_api_error,
    HTTPException: _on_framework_error,
    MalformedJson: _on_malformed_json,
    TooLarge: _on_too_large,
    BadInput: _on_bad_input,
    InvalidEvent: _on_bad_input,
    StoreBusy: _on_busy,
    StoreRejected: _on_rejected,
    StoreError: _on_store_error,
    Exception: _on_internal_error,
}


async def error_response(request: Request, error: Exception) -> Response:
    """Return the answer to an error, for applications that do without the framework."""
    for kind in type(error).__mro__:
        if kind in HANDLERS:
            if kind is Exception:
                request_id = getattr(request.state, "request_id", "")
                log.error("request failed", exc_info=error, request_id=request_id)
            return await HANDLERS[kind](request, error)
    raise error
