"""Large answers: their memory is bounded, for each domain and in total.

A domain has a few of its queries answered at the same time; the others wait. A large answer is written to a temporary
file and sent from there, so that a slow client uses a file and no memory. Responsible for these bounds. It must not
know what an answer contains.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from http import HTTPStatus
from tempfile import SpooledTemporaryFile
from typing import IO, Final

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from headcount.http.errors import ApiError
from headcount.store.database import time_limit

LARGE_BYTES: Final = 1_000_000
_CHUNK_BYTES: Final = 262_144
_MAX_CONCURRENT: Final = 4
"""Queries of a domain that are answered at the same time."""
_MAX_SENDING: Final = 32
"""Large answers that are being sent to the clients of a domain."""

Body = bytes | IO[bytes]


def spool(chunks: Iterable[bytes]) -> Body:
    """Return the chunks joined; in a file if they are large."""
    file: IO[bytes] = SpooledTemporaryFile(max_size=LARGE_BYTES)  # noqa: SIM115 - the response closes it
    for chunk in chunks:
        file.write(chunk)
    if file.tell() > LARGE_BYTES:
        return file
    file.seek(0)
    with file:
        return file.read()


class QueryLimiter:
    """Limits the queries of each domain that run, and its large answers that are being sent."""

    def __init__(
        self, timeout_s: float = 30, max_concurrent: int = _MAX_CONCURRENT, max_sending: int = _MAX_SENDING
    ) -> None:
        self._timeout_s = timeout_s
        self._max_concurrent = max_concurrent
        self._max_sending = max_sending
        self._pending: Counter[str] = Counter()
        self._semaphores: dict[str, asyncio.Semaphore] = {}
        self._sending: Counter[str] = Counter()

    async def answer(self, domain: str, query: Callable[[], tuple[Body, dict[str, str]]]) -> Response:
        """Return the response of a query, which runs in a thread.

        Raise `ApiError` 429 if too many large responses are being sent.
        """
        semaphore = self._semaphores.setdefault(domain, asyncio.Semaphore(self._max_concurrent))
        self._pending[domain] += 1
        try:
            async with time_limit(self._timeout_s), semaphore:
                body, headers = await asyncio.to_thread(_run, query)
        finally:
            _decrement(self._pending, domain)
            if domain not in self._pending:
                del self._semaphores[domain]
        if isinstance(body, bytes):
            return Response(body, HTTPStatus.OK, headers, "application/json")
        if self._sending[domain] >= self._max_sending:
            body.close()
            info = f"{self._max_sending} large responses are being sent to your domain, the maximum: read them, then retry"
            raise ApiError(HTTPStatus.TOO_MANY_REQUESTS, "rate-limit-error", info, {"retry-after": "5"})
        self._sending[domain] += 1
        return _FileResponse(body, headers, lambda: _decrement(self._sending, domain))


class _FileResponse(Response):
    """An answer that is sent from a file, which is then closed."""

    def __init__(self, file: IO[bytes], headers: dict[str, str], on_end: Callable[[], None]) -> None:
        super().__init__(
            headers=headers | {"content-length": str(file.tell())}, media_type="application/json"
        )
        self._file = file
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's
        try:
            self._file.seek(0)
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            while chunk := await run_in_threadpool(self._file.read, _CHUNK_BYTES):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._file.close()
            self._on_end()


def _run(query: Callable[[], tuple[Body, dict[str, str]]]) -> tuple[Body, dict[str, str]]:
    body, headers = query()
    if isinstance(body, bytes) and len(body) > LARGE_BYTES:
        return spool((body,)), headers
    return body, headers


def _decrement(counter: Counter[str], domain: str) -> None:
    counter[domain] -= 1
    if not counter[domain]:
        del counter[domain]
