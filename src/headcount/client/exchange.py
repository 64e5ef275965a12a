"""Exchange: one call with its attempts, as commands for a driver.

Responsible for which attempts are repeated and when, for the total deadline, and for the meaning of an answer. It does no
I/O: it yields what to do and is sent the result. Must not know sockets, threads or event loops.
"""

import random
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar
from urllib.parse import unquote, urlencode

import msgspec

from headcount.client.calls import Call, decoder
from headcount.client.errors import (
    ApiError,
    ConnectionFailed,
    DeadlineExceeded,
    UnexpectedAnswer,
    error_class,
)
from headcount.client.models import Meta, Model, Presence, PresentParticipant

T = TypeVar("T")

_OK: Final = 200
_NOT_FOUND: Final = 404
_TOO_MANY: Final = 429
_TRANSIENT: Final = (502, 503, 504)
_REDIRECTS: Final = range(300, 400)
_FIRST_BACKOFF_S: Final = 0.1
_MAX_BACKOFF_S: Final = 8.0
_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Policy:
    """How long a call may take and how often it is attempted. `now` is a monotonic clock, `chance` is random."""

    timeout_s: float = 30.0
    retries: int = 5
    connect_timeout_s: float = 5.0
    now: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random

    def backoff(self, attempt: int) -> float:
        """Return the pause after an attempt, of which half is random, so that clients do not return all at once."""
        longest: float = min(_FIRST_BACKOFF_S * 2**attempt, _MAX_BACKOFF_S)
        return longest * (1 + self.chance()) / 2


@dataclass(frozen=True, slots=True)
class Send:
    """The command to send a request and read its answer, within `timeout_s`. Its result is a `Response` or a `Failure`."""

    method: str
    target: str
    body: bytes | None
    timeout_s: float
    connect_timeout_s: float


@dataclass(frozen=True, slots=True)
class Wait:
    """The command to wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """No answer. `reached` is whether the server may have received the request."""

    cause: Exception
    reached: bool


Exchange = Generator[Send | Wait, Any, T]


class _ErrorBody(msgspec.Struct):
    error: str
    info: str


def exchange(call: Call[T], prefix: str, policy: Policy) -> Exchange[T]:
    """Yield the commands of a call and return its answer. Raise `ClientError`."""
    deadline = policy.now() + policy.timeout_s
    target = target_of(call, prefix)
    attempt, uncertain = 0, False
    while True:
        left = deadline - policy.now()
        connect_s = min(left, policy.connect_timeout_s)
        result = yield Send(call.method, target, call.body, left, connect_s)
        if isinstance(result, Response) and result.status == _OK:
            return _answer(call, result)
        if uncertain and call.if_absent is not None and _status(result) == _NOT_FOUND:
            return call.if_absent
        uncertain = uncertain or _may_have_worked(result)
        error = _error(result, policy, is_late=policy.now() >= deadline)
        pause = max(policy.backoff(attempt), getattr(error, "retry_after_s", None) or 0)
        if attempt >= policy.retries or not _can_repeat(call, result) or policy.now() + pause >= deadline:
            raise error from _cause(result)
        yield Wait(pause)
        attempt += 1


def target_of(call: Call[Any], prefix: str) -> str:
    """Return the path and the query of a call."""
    path = call.path if call.at_root else prefix + call.path
    return f"{path}?{urlencode(call.query)}" if call.query else path


def api_error(response: Response) -> ApiError | UnexpectedAnswer:
    """Return the error of an answer other than 200."""
    status, headers = response.status, response.headers
    if status in _REDIRECTS or status < _OK:
        place = headers.get("location", "elsewhere")
        return UnexpectedAnswer(f"the server answered {status} and refers to {place}: correct the base URL")
    try:
        body = msgspec.json.decode(response.body, type=_ErrorBody)
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = response.body.decode("utf-8", "replace")[:_SHOWN].strip()
        body = _ErrorBody(
            "", f"the server answered {status} without an error of the API: {text or 'no text'}"
        )
    kind = error_class(status, body.error)
    return kind(
        status, body.error, body.info, headers.get("x-request-id"), _seconds(headers.get("retry-after"))
    )


def _status(result: Response | Failure) -> int | None:
    return result.status if isinstance(result, Response) else None


def _cause(result: Response | Failure) -> Exception | None:
    return result.cause if isinstance(result, Failure) else None


def _may_have_worked(result: Response | Failure) -> bool:
    """Return whether the server may have processed a request, whatever came back."""
    return result.reached if isinstance(result, Failure) else result.status in _TRANSIENT


def _can_repeat(call: Call[Any], result: Response | Failure) -> bool:
    if isinstance(result, Failure):
        return call.repeatable or not result.reached
    if result.status in _TRANSIENT:
        return call.repeatable and b"room-quarantined-error" not in result.body
    return result.status == _TOO_MANY


def _error(result: Response | Failure, policy: Policy, *, is_late: bool) -> Exception:
    if isinstance(result, Response):
        return api_error(result)
    if is_late:
        return DeadlineExceeded(f"no answer within {policy.timeout_s:g} s: {_text(result.cause)}")
    return ConnectionFailed(f"the server could not be reached: {_text(result.cause)}")


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__


def _answer(call: Call[T], response: Response) -> T:
    try:
        answer: T = _decode(call.type, response.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnexpectedAnswer(
            f"{call.method} {call.path}: the answer is not the expected JSON ({error}):"
            " check the base URL, and whether the server is older than this client"
        ) from error
    return _with_meta(answer, _meta(response.headers))


def _decode(type_: Any, body: bytes) -> Any:
    if type_ is Presence:  # no type of msgspec
        return Presence(decoder(dict[str, list[PresentParticipant]]).decode(body))
    return decoder(type_).decode(body)


def _with_meta(answer: T, meta: Meta) -> T:
    """Attach what an answer states beside its body: to the answer, and to the items of a page."""
    if isinstance(answer, Model):
        for one in (answer, *(getattr(answer, "data", ()))):
            one.__dict__["meta"] = meta
    elif isinstance(answer, Presence):
        answer.meta = meta
    return answer


def _meta(headers: Mapping[str, str]) -> Meta:
    until, sender = headers.get("headcount-complete-until"), headers.get("headcount-held-back-by")
    return Meta(
        None if until is None else datetime.fromisoformat(until),
        None if sender is None else "/".join(map(unquote, sender.split("/"))),
        headers.get("x-request-id"),
        "content-location" in headers,
    )


def _seconds(text: str | None) -> float | None:
    """Return the seconds of `Retry-After`. A date, which Headcount never sends, counts as absent."""
    return float(text) if text is not None and text.isascii() and text.isdigit() else None
