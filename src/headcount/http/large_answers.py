"""Large answers: their memory is bounded, for each domain and in all.

A domain has so many of its questions answered at once; the others wait. A large answer is written to a temporary
file and sent from there, so that whoever reads slowly holds a file and no memory.
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
_AT_ONCE: Final = 4
"""So many questions of a domain are answered at once."""
_SENT_AT_ONCE: Final = 32
"""So many large answers may be on their way to a domain's clients."""

Body = bytes | IO[bytes]


def spooled(pieces: Iterable[bytes]) -> Body:
    """The pieces one after the other; in a file if they are large."""
    file: IO[bytes] = SpooledTemporaryFile(max_size=LARGE_BYTES)  # noqa: SIM115 - whoever sends it closes it
    for piece in pieces:
        file.write(piece)
    if file.tell() > LARGE_BYTES:
        return file
    file.seek(0)
    with file:
        return file.read()


class Turns:
    """Which questions of which domains are being answered. The store is waited for `patience_s` seconds."""

    def __init__(
        self, patience_s: float = 30, at_once: int = _AT_ONCE, sent_at_once: int = _SENT_AT_ONCE
    ) -> None:
        self._patience_s = patience_s
        self._at_once = at_once
        self._sent_at_once = sent_at_once
        self._asking: Counter[str] = Counter()
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._sending: Counter[str] = Counter()

    async def answer(self, domain: str, ask: Callable[[], tuple[Body, dict[str, str]]]) -> Response:
        """Ask in a thread, when it is this domain's turn. Raise `ApiError` 429 if too many large answers are on their way."""
        turn = self._turns.setdefault(domain, asyncio.Semaphore(self._at_once))
        self._asking[domain] += 1
        try:
            async with time_limit(self._patience_s), turn:
                body, headers = await asyncio.to_thread(_asked, ask)
        finally:
            _less(self._asking, domain)
            if domain not in self._asking:
                del self._turns[domain]
        if isinstance(body, bytes):
            return Response(body, HTTPStatus.OK, headers, "application/json")
        if self._sending[domain] >= self._sent_at_once:
            body.close()
            told = f"{self._sent_at_once} large answers are on their way to your domain: read them, then ask again"
            raise ApiError(HTTPStatus.TOO_MANY_REQUESTS, "rate-limit-error", told, {"retry-after": "5"})
        self._sending[domain] += 1
        return _FromFile(body, headers, lambda: _less(self._sending, domain))


class _FromFile(Response):
    """An answer that is sent from a file, which is closed then."""

    def __init__(self, file: IO[bytes], headers: dict[str, str], sent: Callable[[], None]) -> None:
        super().__init__(
            headers=headers | {"content-length": str(file.tell())}, media_type="application/json"
        )
        self._file = file
        self._sent = sent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's
        try:
            self._file.seek(0)
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            while chunk := await run_in_threadpool(self._file.read, _CHUNK_BYTES):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._file.close()
            self._sent()


def _asked(ask: Callable[[], tuple[Body, dict[str, str]]]) -> tuple[Body, dict[str, str]]:
    body, headers = ask()
    if isinstance(body, bytes) and len(body) > LARGE_BYTES:
        return spooled((body,)), headers
    return body, headers


def _less(counter: Counter[str], domain: str) -> None:
    counter[domain] -= 1
    if not counter[domain]:
        del counter[domain]
