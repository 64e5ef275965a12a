"""Calls: what an operation sends and how its answer is read, and operations that both clients share.

An operation is written once, as a function that returns a `Call`. As an attribute of `Client` it returns the answer, as
an attribute of `AsyncClient` a coroutine of it. Responsible for these forms and for texts in URLs. Must not know how
requests are sent.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import (
    AsyncIterator,
    Callable,
    Coroutine,
    Generator,
    Hashable,
    Iterable,
    Iterator,
    Mapping,
)
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property, lru_cache, wraps
from typing import Any, Concatenate, Final, Generic, ParamSpec, TypeVar, cast, get_args, overload
from urllib.parse import quote

import msgspec

from headcount.errors import BadInput

P = ParamSpec("P")
T = TypeVar("T")

Time = datetime | float | str
"""A time in a request: a `datetime` with a time zone, unix seconds, or RFC 3339."""
Query = list[tuple[str, str]]
Steps = Generator["Call[Any]", Any, T]
"""An operation of several requests: it yields calls, gets their answers, and returns the result."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request and the type of its answer.

    `path` is beneath the prefix of the API, or beneath the root. A `repeatable` call can be sent again if it is not known
    whether the server has processed it. `if_absent` is the answer if the server answers 404 to such a repetition.
    """

    method: str
    path: str
    type: type[T]
    query: Query
    body: bytes | None = None
    repeatable: bool = True
    at_root: bool = False
    if_absent: T | None = None


@dataclass(frozen=True, slots=True)
class Paging(Generic[T]):
    """A list in pages. `items` are those of a page, `following` is the call for the next page, or None after the last.

    With `ends_absent`, an answer of 404 to a page after the first ends the list.
    """

    first: Call[Any]
    items: Callable[[Any], list[T]]
    following: Callable[[Any], Call[Any] | None]
    ends_absent: bool = False


class SyncDriver(ABC):
    """Sends calls and waits."""

    @abstractmethod
    def run(self, call: Call[T]) -> T: ...
    @abstractmethod
    def run_steps(self, steps: Steps[T]) -> T: ...
    @abstractmethod
    def run_pages(self, pages: Paging[T]) -> Iterator[T]: ...


class AsyncDriver(ABC):
    """Sends calls in an event loop."""

    @abstractmethod
    async def run(self, call: Call[T]) -> T: ...
    @abstractmethod
    async def run_steps(self, steps: Steps[T]) -> T: ...
    @abstractmethod
    def run_pages(self, pages: Paging[T]) -> AsyncIterator[T]: ...


class _Bound:
    """Passes what an operation returns to the driver's method `runner`."""

    runner: str

    def __init__(self, build: Callable[..., Any]) -> None:
        self._build = build
        self.__name__, self.__doc__, self.__wrapped__ = build.__name__, build.__doc__, build

    def _bind(self, client: Any) -> Any:
        build, run = self._build, getattr(client, self.runner)

        @wraps(build)
        def method(*arguments: Any, **options: Any) -> Any:
            return run(build(client, *arguments, **options))

        method.__signature__ = self._signature  # type: ignore[attr-defined]
        return method

    @cached_property
    def _signature(self) -> inspect.Signature:
        """What a console shows of the method: without the client, and with the answer as its result."""
        found = inspect.signature(self._build)
        answer = get_args(found.return_annotation)[-1]
        _, *parameters = found.parameters.values()
        return found.replace(parameters=parameters, return_annotation=answer)


class Operation(_Bound, Generic[P, T]):
    """An operation of one request."""

    runner = "run"

    def __init__(self, build: Callable[Concatenate[Any, P], Call[T]]) -> None:
        super().__init__(build)

    @overload
    def __get__(self, client: None, owner: type) -> "Operation[P, T]": ...
    @overload
    def __get__(self, client: SyncDriver, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: AsyncDriver, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, client: SyncDriver | AsyncDriver | None, owner: type) -> Any:
        return self if client is None else self._bind(client)


class SteppedOperation(_Bound, Generic[P, T]):
    """An operation of several requests."""

    runner = "run_steps"

    def __init__(self, build: Callable[Concatenate[Any, P], Steps[T]]) -> None:
        super().__init__(build)

    @overload
    def __get__(self, client: None, owner: type) -> "SteppedOperation[P, T]": ...
    @overload
    def __get__(self, client: SyncDriver, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: AsyncDriver, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, client: SyncDriver | AsyncDriver | None, owner: type) -> Any:
        return self if client is None else self._bind(client)


class PagedOperation(_Bound, Generic[P, T]):
    """An operation that iterates over a list in pages."""

    runner = "run_pages"

    def __init__(self, build: Callable[Concatenate[Any, P], Paging[T]]) -> None:
        super().__init__(build)

    @overload
    def __get__(self, client: None, owner: type) -> "PagedOperation[P, T]": ...
    @overload
    def __get__(self, client: SyncDriver, owner: type) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, client: AsyncDriver, owner: type) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, client: SyncDriver | AsyncDriver | None, owner: type) -> Any:
        return self if client is None else self._bind(client)


@lru_cache(128)
def decoder(type_: Hashable) -> msgspec.json.Decoder[Any]:
    """Return the decoder of a type."""
    return msgspec.json.Decoder(cast(Any, type_))


_encode: Final = msgspec.json.Encoder().encode


def to_json(value: Any) -> bytes:
    """Return a body. Raise `BadInput` for a value that JSON does not have."""
    try:
        return _encode(value)
    except (TypeError, ValueError) as error:
        raise BadInput(f"the request cannot be written as JSON: {error}") from error


def fields(**values: Any) -> dict[str, Any]:
    """Return the fields of a body that are not None. A final underscore is not part of a name."""
    return {
        name.removesuffix("_"): time_text(value) if isinstance(value, datetime) else value
        for name, value in values.items()
        if value is not None
    }


def query(**values: Any) -> Query:
    """Return the parameters that are not None. A list becomes a repeated parameter."""
    found: Query = []
    for name, value in values.items():
        several = value if isinstance(value, list | tuple) else [value]
        found += [(name.removesuffix("_"), _text(one)) for one in several if one is not None]
    return found


def attribute_query(attributes: Mapping[str, str] | None) -> Query:
    """Return the conditions on attributes."""
    return [(f"attribute.{key}", value) for key, value in (attributes or {}).items()]


def include(*, attributes: bool) -> str | None:
    """Return the parameter `include`."""
    return "attributes" if attributes else None


def path(*parts: str) -> str:
    """Return a path. Every second part is a name of the caller's, and is encoded."""
    return "".join(quote(part, safe="") if number % 2 else part for number, part in enumerate(parts))


def time_text(value: datetime) -> str:
    """Return a time as RFC 3339. Raise `BadInput` if it has no time zone."""
    if value.tzinfo is None:
        raise BadInput(
            f"the time {value.isoformat()} has no time zone: add one, for example datetime.now(timezone.utc)"
        )
    return value.isoformat()


def comma_list(values: Iterable[str] | None) -> str | None:
    """Return values of a closed set, separated by commas; None without any."""
    return ",".join(values or ()) or None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
