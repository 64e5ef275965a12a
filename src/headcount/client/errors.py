"""Errors of the client.

Responsible for the tree of exceptions: `ClientError` is the parent of all. Must not know how requests are sent.
"""

from typing import Final

from headcount.errors import HeadcountError


class ClientError(HeadcountError):
    """A call that failed."""


class ConnectionFailed(ClientError):
    """The server could not be reached, or the connection broke off. The last error is the cause."""


class DeadlineExceeded(ConnectionFailed):
    """The call took longer than its timeout, with all attempts. The last error is the cause, if there was one."""


class UnexpectedAnswer(ClientError):
    """An answer that is not one of Headcount's API, such as the page of a reverse proxy."""


class EventsMissed(ClientError):
    """The stream continues after a gap: the events after the last one are no longer stored."""


class ApiError(ClientError):
    """An answer with an error.

    `status` is the HTTP status, `error` the type, which is stable, and `info` a sentence. `request_id` finds the request
    in the log of the server. `retry_after_s` is the time to wait before the next attempt, if the server sent it.
    """

    def __init__(
        self,
        status: int,
        error: str,
        info: str,
        request_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        self.status = status
        self.error = error
        self.info = info
        self.request_id = request_id
        self.retry_after_s = retry_after_s
        super().__init__(f"{info} [{status} {error}]")


class InvalidRequest(ApiError):
    """A parameter or field is missing or invalid (400, 405, 408, 415)."""


class Unauthorized(ApiError):
    """The API key is missing, not valid, or was revoked (401)."""


class Forbidden(ApiError):
    """The API key lacks the scope (403)."""


class NotFound(ApiError):
    """There is no such meeting, room, webhook or path (404)."""


class RequestTooLarge(ApiError):
    """The body or the headers are too large (413, 431)."""


class RateLimited(ApiError):
    """Too many requests, active rooms or streams (429)."""


class ServerError(ApiError):
    """The server failed, or is busy (500 and more)."""


class RoomQuarantined(ServerError):
    """The events are stored, but their room could not be processed."""


_OF_TYPE: Final = {
    "authorization-header-error": Unauthorized,
    "room-quarantined-error": RoomQuarantined,
}
_OF_STATUS: Final[dict[int, type[ApiError]]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    413: RequestTooLarge,
    429: RateLimited,
    431: RequestTooLarge,
}
_SERVER: Final = 500


def error_class(status: int, error: str) -> type[ApiError]:
    """Return the class of an error."""
    default = ServerError if status >= _SERVER else InvalidRequest
    return _OF_TYPE.get(error) or _OF_STATUS.get(status, default)
