"""Clients: `Client` and `AsyncClient`, which carry out the commands of exchanges and streams.

Responsible for sockets, waiting and closing, by httpx2. Must not know operations, nor when something is repeated.
"""

import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Sequence
from contextlib import aclosing, closing
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar
from urllib.parse import urlsplit

from headcount.client.calls import AsyncDriver, Call, Paging, Query, Steps, SyncDriver, query
from headcount.client.errors import DeadlineExceeded, NotFound
from headcount.client.exchange import Exchange, Failure, Policy, Response, Send, Wait, exchange
from headcount.client.models import Message
from headcount.client.operations import Operations
from headcount.client.sse import READ_TIMEOUT_S, Emit, MessageStream, Open, Read
from headcount.errors import BadInput

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")

_DEFAULT: Final = Policy()


class _Settings:
    """What both clients have: the address, the headers and the policy of repetitions."""

    def __init__(
        self, base_url: str, api_key: str | None, prefix: str, policy: Policy, user_agent: str | None
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise BadInput(f"the base URL must begin with http:// or https:// [Received {base_url!r}]")
        if parts.query or parts.fragment or parts.username:
            raise BadInput("the base URL must have no query, fragment or user: pass the key as api_key")
        self.base_url = base_url.rstrip("/")
        self.is_encrypted = parts.scheme == "https"
        self.prefix = "/" + prefix.strip("/") if prefix.strip("/") else ""
        self.policy = policy
        self.headers = {"user-agent": _user_agent(user_agent), "accept": "application/json"}
        if api_key is not None:
            if not api_key.isascii() or not api_key.strip() or any(char.isspace() for char in api_key):
                raise BadInput("the API key must be one word: remove spaces and line breaks from it")
            self.headers["authorization"] = f"Bearer {api_key}"

    def stream(
        self,
        rooms: Sequence[str] | None,
        types: Sequence[str] | None,
        last_event_id: str | None,
        *,
        allow_gaps: bool,
        give_up_after_s: float | None,
    ) -> MessageStream:
        filters: Query = query(room=list(rooms or ()), types=",".join(types or ()) or None)
        return MessageStream(self.prefix, filters, self.policy, last_event_id, allow_gaps, give_up_after_s)


class Client(Operations, SyncDriver):
    """A client of a Headcount server. It can be used from several threads.

    `base_url` is the address without the prefix, `api_key` a key with the scopes of the operations, and `prefix` the
    setting `api_prefix` of the server. `timeout_s` is the total time of a call with all attempts, of which there are
    `retries` after the first. `http_client` has connections of its own kind, for example with a proxy or a certificate;
    the caller closes it.
    """

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8080",
        api_key: str | None = None,
        *,
        prefix: str = "/v1",
        timeout_s: float = _DEFAULT.timeout_s,
        retries: int = _DEFAULT.retries,
        user_agent: str | None = None,
        http_client: "httpx2.Client | None" = None,
    ) -> None:
        import httpx2  # noqa: PLC0415 - importing the module must be cheap

        self._settings = _Settings(base_url, api_key, prefix, Policy(timeout_s, retries), user_agent)
        self._owned = http_client is None
        self._http = http_client or httpx2.Client(verify=_tls(self._settings))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, place: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        if self._owned:
            self._http.close()

    def stream_events(
        self,
        *,
        rooms: Sequence[str] | None = None,
        types: Sequence[str] | None = None,
        last_event_id: str | None = None,
        allow_gaps: bool = False,
        give_up_after_s: float | None = None,
    ) -> "EventStream":
        """Return an iterator over the messages of the stream, from now on or after `last_event_id`.

        The stream reconnects and continues after the last message, for any time unless `give_up_after_s` limits it.
        Raise `Unauthorized` if the key is not valid or was revoked, and `EventsMissed` after a gap, unless `allow_gaps`.
        """
        stream = self._settings.stream(
            rooms, types, last_event_id, allow_gaps=allow_gaps, give_up_after_s=give_up_after_s
        )
        return EventStream(self._http, self._settings, stream)

    def run(self, call: Call[T]) -> T:
        """Send a call and return its answer."""
        return self._carry_out(exchange(call, self._settings.prefix, self._settings.policy))

    def run_steps(self, steps: Steps[T]) -> T:
        """Send the calls of an operation and return its result."""
        answer = None
        while True:
            try:
                call = steps.send(answer)
            except StopIteration as end:
                result: T = end.value
                return result
            answer = self.run(call)

    def run_pages(self, pages: Paging[T]) -> Iterator[T]:
        """Iterate over the items of all pages."""
        call: Call[Any] | None = pages.first
        while call is not None:
            try:
                page = self.run(call)
            except NotFound:
                if pages.ends_absent and call is not pages.first:
                    return
                raise
            yield from pages.items(page)
            call = pages.following(page)

    def _carry_out(self, commands: Exchange[T]) -> T:
        result: Response | Failure | None = None
        while True:
            try:
                command = commands.send(result)
            except StopIteration as end:
                answer: T = end.value
                return answer
            if isinstance(command, Wait):
                time.sleep(command.seconds)
                result = None
            else:
                result = self._send(command)

    def _send(self, command: Send) -> Response | Failure:
        now, end = time.monotonic, time.monotonic() + command.timeout_s
        try:
            with self._http.stream(**_request(self._settings, command)) as response:
                chunks = []
                for chunk in response.iter_bytes():
                    chunks.append(chunk)
                    if now() > end:
                        return Failure(DeadlineExceeded("the answer arrives too slowly"), reached=True)
                return Response(response.status_code, _headers(response), b"".join(chunks))
        except _transport_errors() as error:
            return _failure(error)


class EventStream(Iterator[Message]):
    """The messages of a stream. Close it, or use it in a `with` statement; it is for one thread."""

    def __init__(self, http: "httpx2.Client", settings: _Settings, stream: MessageStream) -> None:
        self._state = stream
        self._messages = _messages(http, settings, stream)

    @property
    def last_event_id(self) -> str | None:
        """The position after the last message, to continue from later."""
        return self._state.last_id

    def __next__(self) -> Message:
        return next(self._messages)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, place: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._messages.close()


def _messages(
    http: "httpx2.Client", settings: _Settings, stream: MessageStream
) -> Generator[Message, None, None]:
    result: Any = None
    with closing(stream.commands()) as commands, closing(_Connection()) as connection:
        while True:
            command = commands.send(result)
            result = None
            match command:
                case Emit(message):
                    yield message
                case Wait(seconds):
                    connection.close()
                    time.sleep(seconds)
                case Read():
                    result = connection.read()
                case Open():
                    result = connection.open(http, _opening(settings, command))


class _Connection:
    """The connection of a stream."""

    def __init__(self) -> None:
        self._response: httpx2.Response | None = None
        self._chunks: Iterator[bytes] = iter(())

    def open(self, http: "httpx2.Client", request: dict[str, Any]) -> Response | Failure:
        self.close()
        try:
            self._response = response = http.send(http.build_request(**request), stream=True)
            body = b"" if response.status_code == 200 else response.read()
        except _transport_errors() as error:
            return _failure(error)
        self._chunks = response.iter_bytes()
        return Response(response.status_code, _headers(response), body)

    def read(self) -> bytes | Failure:
        try:
            return next(self._chunks, b"")
        except _transport_errors() as error:
            return _failure(error)

    def close(self) -> None:
        if self._response is not None:
            self._response.close()


class AsyncClient(Operations, AsyncDriver):
    """A client of a Headcount server for asyncio. Its methods are those of `Client`, as coroutines and async iterators."""

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8080",
        api_key: str | None = None,
        *,
        prefix: str = "/v1",
        timeout_s: float = _DEFAULT.timeout_s,
        retries: int = _DEFAULT.retries,
        user_agent: str | None = None,
        http_client: "httpx2.AsyncClient | None" = None,
    ) -> None:
        import httpx2  # noqa: PLC0415 - importing the module must be cheap

        self._settings = _Settings(base_url, api_key, prefix, Policy(timeout_s, retries), user_agent)
        self._owned = http_client is None
        self._http = http_client or httpx2.AsyncClient(verify=_tls(self._settings))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, place: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        if self._owned:
            await self._http.aclose()

    def stream_events(
        self,
        *,
        rooms: Sequence[str] | None = None,
        types: Sequence[str] | None = None,
        last_event_id: str | None = None,
        allow_gaps: bool = False,
        give_up_after_s: float | None = None,
    ) -> "AsyncEventStream":
        """Return an async iterator over the messages of the stream, as `Client.stream_events` does."""
        stream = self._settings.stream(
            rooms, types, last_event_id, allow_gaps=allow_gaps, give_up_after_s=give_up_after_s
        )
        return AsyncEventStream(self._http, self._settings, stream)

    async def run(self, call: Call[T]) -> T:
        """Send a call and return its answer."""
        return await self._carry_out(exchange(call, self._settings.prefix, self._settings.policy))

    async def run_steps(self, steps: Steps[T]) -> T:
        """Send the calls of an operation and return its result."""
        answer = None
        while True:
            try:
                call = steps.send(answer)
            except StopIteration as end:
                result: T = end.value
                return result
            answer = await self.run(call)

    async def run_pages(self, pages: Paging[T]) -> AsyncIterator[T]:
        """Iterate over the items of all pages."""
        call: Call[Any] | None = pages.first
        while call is not None:
            try:
                page = await self.run(call)
            except NotFound:
                if pages.ends_absent and call is not pages.first:
                    return
                raise
            for item in pages.items(page):
                yield item
            call = pages.following(page)

    async def _carry_out(self, commands: Exchange[T]) -> T:
        import asyncio  # noqa: PLC0415 - importing the module must be cheap

        result: Response | Failure | None = None
        while True:
            try:
                command = commands.send(result)
            except StopIteration as end:
                answer: T = end.value
                return answer
            if isinstance(command, Wait):
                await asyncio.sleep(command.seconds)
                result = None
            else:
                result = await self._send(command)

    async def _send(self, command: Send) -> Response | Failure:
        import asyncio  # noqa: PLC0415 - importing the module must be cheap

        try:
            async with (
                asyncio.timeout(command.timeout_s),
                self._http.stream(**_request(self._settings, command)) as response,
            ):
                body = await response.aread()
                return Response(response.status_code, _headers(response), body)
        except TimeoutError:
            return Failure(DeadlineExceeded("the answer arrives too slowly"), reached=True)
        except _transport_errors() as error:
            return _failure(error)


class AsyncEventStream(AsyncIterator[Message]):
    """The messages of a stream. Close it, or use it in an `async with` statement."""

    def __init__(self, http: "httpx2.AsyncClient", settings: _Settings, stream: MessageStream) -> None:
        self._state = stream
        self._messages = _async_messages(http, settings, stream)

    @property
    def last_event_id(self) -> str | None:
        """The position after the last message, to continue from later."""
        return self._state.last_id

    async def __anext__(self) -> Message:
        return await anext(self._messages)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, place: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection."""
        await self._messages.aclose()


async def _async_messages(
    http: "httpx2.AsyncClient", settings: _Settings, stream: MessageStream
) -> AsyncGenerator[Message, None]:
    import asyncio  # noqa: PLC0415 - importing the module must be cheap

    result: Any = None
    async with aclosing(_AsyncConnection()) as connection:
        with closing(stream.commands()) as commands:
            while True:
                command = commands.send(result)
                result = None
                match command:
                    case Emit(message):
                        yield message
                    case Wait(seconds):
                        await connection.aclose()
                        await asyncio.sleep(seconds)
                    case Read():
                        result = await connection.read()
                    case Open():
                        result = await connection.open(http, _opening(settings, command))


class _AsyncConnection:
    """The connection of a stream."""

    def __init__(self) -> None:
        self._response: httpx2.Response | None = None
        self._chunks: AsyncIterator[bytes] | None = None

    async def open(self, http: "httpx2.AsyncClient", request: dict[str, Any]) -> Response | Failure:
        await self.aclose()
        try:
            self._response = response = await http.send(http.build_request(**request), stream=True)
            body = b"" if response.status_code == 200 else await response.aread()
        except _transport_errors() as error:
            return _failure(error)
        self._chunks = response.aiter_bytes()
        return Response(response.status_code, _headers(response), body)

    async def read(self) -> bytes | Failure:
        assert self._chunks is not None
        try:
            return await anext(self._chunks, b"")
        except _transport_errors() as error:
            return _failure(error)

    async def aclose(self) -> None:
        if self._response is not None:
            await self._response.aclose()


def _request(settings: _Settings, command: Send) -> dict[str, Any]:
    import httpx2  # noqa: PLC0415 - importing the module must be cheap

    headers = dict(settings.headers)
    if command.body is not None:
        headers["content-type"] = "application/json"
    return {
        "method": command.method,
        "url": settings.base_url + command.target,
        "content": command.body,
        "headers": headers,
        "timeout": httpx2.Timeout(command.timeout_s, connect=command.connect_timeout_s),
    }


def _opening(settings: _Settings, command: Open) -> dict[str, Any]:
    import httpx2  # noqa: PLC0415 - importing the module must be cheap

    return {
        "method": "GET",
        "url": settings.base_url + command.target,
        "headers": {**settings.headers, "accept": "text/event-stream", **command.headers},
        "timeout": httpx2.Timeout(READ_TIMEOUT_S, connect=command.connect_timeout_s),
    }


def _transport_errors() -> tuple[type[Exception], ...]:
    import httpx2  # noqa: PLC0415 - importing the module must be cheap

    return (httpx2.TransportError, httpx2.DecodingError)


def _failure(error: Exception) -> Failure:
    import httpx2  # noqa: PLC0415 - importing the module must be cheap

    unsent = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)
    return Failure(error, reached=not isinstance(error, unsent))


def _headers(response: "httpx2.Response") -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def _tls(settings: _Settings) -> Any:
    """Return how certificates are verified. Without encryption none is read, which takes a while."""
    import ssl  # noqa: PLC0415 - importing the module must be cheap

    return True if settings.is_encrypted else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _user_agent(prefix: str | None) -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - importing the module must be cheap

    try:
        own = version("headcount")
    except PackageNotFoundError:
        own = "unknown"
    name = f"headcount-client/{own} python/{sys.version_info.major}.{sys.version_info.minor}"
    return f"{prefix} {name}" if prefix else name
